"""All links to upper platforms: each is served by one replica at a time, which holds its lease."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from cambus.bus.calls import CallContext
from cambus.bus.connection import Bus
from cambus.bus.endpoints import Endpoints
from cambus.bus.leases import HeldLease, LeaseKeeper
from cambus.bus.metrics import Metrics
from cambus.client.calling import BusClient
from cambus.client.errors import BusError
from cambus.client.kv import KeyValue
from cambus.client.tasks import end
from cambus.connector.errors import SessionEnd
from cambus.connector_gb28181.cascade.alarms import forget_durable
from cambus.connector_gb28181.cascade.commands import CascadeCommands
from cambus.connector_gb28181.cascade.context import LinkContext
from cambus.connector_gb28181.cascade.directory import Directory
from cambus.connector_gb28181.cascade.metrics import CascadeMetrics
from cambus.connector_gb28181.cascade.nodes import Planner
from cambus.connector_gb28181.cascade.settings import CascadeSettings
from cambus.connector_gb28181.cascade.upper import UpperLink, is_for
from cambus.schemas import keys
from cambus.schemas.assets import KV_POLICIES
from cambus.schemas.commands import cascade as commands
from cambus.schemas.errors import NotFound
from cambus.schemas.model import Done
from cambus.schemas.state.cascade import CascadeLink, CascadeNumbers, CascadeStatus
from cambus.schemas.state.credentials import Credentials

logger = logging.getLogger(__name__)

ACQUIRE_S = 2.0
"""How often a link somebody else holds is asked for: a dead replica is followed within its lease and so long."""
STATUS_S = 30.0


class CredentialSource(Protocol):
    """Opens sealed credentials; `cambus.connector.credentials.CredentialStore` is one."""

    def open(self, name: str) -> Credentials:
        """Return a credential in clear. Raises SessionEnd."""


@dataclass(slots=True)
class _Run:
    """A link that is wanted, and the task that serves it, or waits until it may."""

    link: CascadeLink
    again: asyncio.Event = field(default_factory=asyncio.Event)
    upper: UpperLink | None = None
    task: asyncio.Task[None] | None = None


class CascadeLinks:
    """Serves the links that are in `cambus-policies`.

    Args:
        bus: the connection.
        client: commands go to devices through it.
        leases: whose `run` somebody else runs.
        credentials: opens the passwords; call `credential_changed` when one does.
        settings: where we are.
        metrics: where it is counted.
    """

    def __init__(
        self,
        bus: Bus,
        client: BusClient,
        leases: LeaseKeeper,
        credentials: CredentialSource,
        settings: CascadeSettings,
        metrics: Metrics,
    ) -> None:
        self.links = KeyValue(bus, KV_POLICIES, CascadeLink)
        self.numbers = KeyValue(bus, KV_POLICIES, CascadeNumbers)
        self.statuses = KeyValue(bus, KV_POLICIES, CascadeStatus)
        self._bus = bus
        self._client = client
        self._leases = leases
        self._credentials = credentials
        self._settings = settings
        self._metrics = CascadeMetrics(metrics)
        self._runs: dict[str, _Run] = {}
        self._directory = Directory(bus, client, self._devices_changed)
        self._following: asyncio.Task[None] | None = None
        self._replanning = asyncio.Event()
        self._released = False

    # --- life -------------------------------------------------------------------------------------------

    def register(self, endpoints: Endpoints) -> None:
        """Answer the commands about links, whoever serves them."""
        CascadeCommands(self._bus).register(endpoints)
        endpoints.add(commands.ALARM, self.tell_alarm)

    async def tell_alarm(self, _: CallContext, request: commands.CascadeAlarmRequest) -> Done:
        """Tell the platform of a link an alarm, if we serve it.

        Raises:
            NotFound: we do not.
            BadRequest: the platform does not see the device.
            Offline: the platform is away.
        """
        upper = self.held.get(request.link)
        if upper is None:
            raise NotFound(f"no replica serves a link {request.link}", reason="no-such-link")
        await upper.tell_alarm(request.alarm)
        return Done()

    async def run(self) -> None:
        """Serve the links until cancelled; then leave the platforms."""
        try:
            async for key, entry in self.links.watch(f"{keys.CASCADE_LINKS}>"):
                name = key.removeprefix(keys.CASCADE_LINKS)
                await self._forget(name)
                if entry is None:
                    await forget_durable(self._bus, name)
                elif entry.value.enabled and not self._released:
                    self._begin(entry.value)
        finally:
            await self.release()

    async def release(self) -> None:
        """Leave all platforms, and let other replicas have the links."""
        self._released = True
        await asyncio.gather(*(self._forget(name) for name in list(self._runs)))
        if self._following is not None:
            await end(self._following)
            self._following = None

    def credential_changed(self, name: str) -> None:
        """A credential came, changed or went: links that use it begin anew with it."""
        for run in self._runs.values():
            if is_for(run.link, name):
                run.again.set()

    @property
    def held(self) -> dict[str, UpperLink]:
        """The links this replica serves now."""
        return {name: run.upper for name, run in self._runs.items() if run.upper is not None}

    # --- one link ---------------------------------------------------------------------------------------

    def _begin(self, link: CascadeLink) -> None:
        run = self._runs[link.id] = _Run(link)
        run.task = asyncio.create_task(self._serve(run), name=f"cascade {link.id}")

    async def _forget(self, name: str) -> None:
        run = self._runs.pop(name, None)
        if run is not None and run.task is not None:
            await end(run.task)

    async def _serve(self, run: _Run) -> None:
        """Hold the lease of a link and serve it, again and again."""
        link = run.link
        key = keys.cascade_link(link.id)
        while True:
            lease = None
            with suppress(BusError):
                lease = await self._leases.acquire(key)
            if lease is not None:
                run.again.clear()
                try:
                    await self._serve_held(run, lease)
                except SessionEnd as error:
                    logger.warning(
                        "a link waits for its password", extra={"link": link.id, "reason": str(error)}
                    )
                except BusError as error:
                    logger.warning("a link is interrupted", extra={"link": link.id, "reason": str(error)})
                except Exception:
                    logger.exception("a link failed, and begins anew", extra={"link": link.id})
                finally:
                    await self._leases.release(key)
            with suppress(TimeoutError):
                async with asyncio.timeout(0 if run.again.is_set() else ACQUIRE_S):
                    await run.again.wait()

    async def _serve_held(self, run: _Run, lease: HeldLease) -> None:
        """Serve a link for as long as the lease is ours, and its password the same."""
        link = run.link
        credentials = self._credentials.open(link.credentials.name) if link.credentials else Credentials()
        self._follow()
        await self._directory.synced.wait()
        context = LinkContext(link, self._bus, self._client, self._settings, self._metrics)
        stored = await self.numbers.get(keys.cascade_numbers(link.id))
        planner = Planner(link, dict(stored.value.numbers) if stored is not None else {})
        told = asyncio.Event()
        upper = UpperLink(context, credentials, self._leases.holder, told.set)
        work = [
            asyncio.create_task(self._keep_planned(upper, planner), name=f"cascade {link.id} catalog"),
            asyncio.create_task(self._tell(upper, told), name=f"cascade {link.id} status"),
            asyncio.create_task(self._run_planned(upper), name=f"cascade {link.id} platform"),
            asyncio.create_task(_told(lease.lost), name=f"cascade {link.id} lease"),
            asyncio.create_task(_told(run.again), name=f"cascade {link.id} password"),
        ]
        run.upper = upper
        try:
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            run.upper = None
            upper.unregisters = not lease.lost.is_set()
            await end(*work)
            self._count()
            with suppress(BusError):
                await self._write_status(upper)

    async def _run_planned(self, upper: UpperLink) -> None:
        """The platform asks for the catalog as soon as we are there: first it must be known."""
        await upper.planned.wait()
        await upper.run()

    # --- what they see ----------------------------------------------------------------------------------

    def _follow(self) -> None:
        if self._following is None:
            self._following = asyncio.create_task(self._directory.run(), name="cascade directory")

    def _devices_changed(self) -> None:
        self._replanning.set()
        self._replanning = asyncio.Event()

    async def _keep_planned(self, upper: UpperLink, planner: Planner) -> None:
        """Show the platform what there is, under codes that are written down before it sees them."""
        link, known = upper.context.link, dict(planner.numbers)
        while True:
            changed = self._replanning
            shared = await asyncio.to_thread(planner.plan, self._directory.snapshot())
            if planner.numbers != known:
                await self.numbers.put(keys.cascade_numbers(link.id), CascadeNumbers(numbers=planner.numbers))
                known = dict(planner.numbers)
            upper.see(shared)
            await changed.wait()
            await asyncio.sleep(self._settings.settle_s)

    # --- how they are -----------------------------------------------------------------------------------

    async def _tell(self, upper: UpperLink, told: asyncio.Event) -> None:
        """Write the status whenever it is another."""
        written: CascadeStatus | None = None
        while True:
            self._count()
            if upper.status != written:
                written = upper.status
                with suppress(BusError):
                    await self._write_status(upper)
            with suppress(TimeoutError):
                async with asyncio.timeout(STATUS_S):
                    await told.wait()
            told.clear()
            await asyncio.sleep(0.1)

    async def _write_status(self, upper: UpperLink) -> None:
        await self.statuses.put(keys.cascade_status(upper.context.link.id), upper.status)

    def _count(self) -> None:
        registered = sum(upper.registered for upper in self.held.values())
        self._metrics.links("registered").set(registered)
        self._metrics.links("away").set(len(self.held) - registered)


async def _told(event: asyncio.Event) -> None:
    await event.wait()
