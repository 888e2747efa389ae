"""Replicas of a connector as processes, simulated recorders in this one, and what is done to the replicas."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from connector_process import launcher
from ownership_history import Fate, OwnershipHistory, fate, read

from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.leases import sleepless_clock
from cambus.bus.rendezvous import preferred_owner
from cambus.bus.sealing import KeyRing
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.bus.testing_cluster import NatsCluster
from cambus.client.calling import BusClient
from cambus.client.kv import KeyValue
from cambus.schemas import assets, keys
from cambus.schemas.state.credentials import Credentials, SealedCredentials
from cambus.schemas.state.devices import CredentialsRef, DeviceRecord
from cambus.schemas.state.presence import Presence
from cambus.simulators.dvrip import DvripSimulator

USER, PASSWORD = "operator", "0wned-by-0ne"


class OwnershipRig:
    """What runs, and what was done to it.

    Attributes:
        devices: the simulated recorders, by device id.
        shown: the presence of each, as it is now.
        fates: what was done to which process.
        replicas: the processes that run, by name.
    """

    def __init__(self, bus: Bus, nats: NatsServer | NatsCluster, folder: Path, start: Callable) -> None:
        self.bus = bus
        self.nats = nats
        self.client = BusClient(bus)
        self.devices: dict[str, DvripSimulator] = {}
        self.shown: dict[str, Presence] = {}
        self.fates: list[Fate] = []
        self.replicas: dict[str, object] = {}
        self._folder = folder
        self._start = start
        self._changed = asyncio.Event()

    # --- devices ----------------------------------------------------------------------------------------

    async def populate(self, stack: contextlib.AsyncExitStack, count: int) -> None:
        """Have so many recorders, known to the bus."""
        key = KeyRing.load_or_create(self._folder / "credentials.key")
        sealed = KeyValue(self.bus, assets.KV_CREDENTIALS, SealedCredentials)
        await sealed.put("all", key.seal(Credentials(username=USER, password=PASSWORD), "all"))
        records = KeyValue(self.bus, assets.KV_DEVICES, DeviceRecord)
        for number in range(count):
            device = f"recorder-{number}"
            simulator = DvripSimulator(user=USER, password=PASSWORD, channels=1, index=number)
            self.devices[device] = await stack.enter_async_context(simulator)
            await records.put(
                device,
                DeviceRecord(
                    id=device,
                    protocol="dvrip",
                    address=f"127.0.0.1:{simulator.port}",
                    credentials=CredentialsRef(name="all"),
                ),
            )

    async def follow(self) -> None:
        """Keep `shown` up to date until cancelled."""
        async for device, entry in KeyValue(self.bus, assets.KV_PRESENCE, Presence).watch():
            if entry is not None:
                self.shown[device] = entry.value
            self._changed.set()

    async def until(self, condition: Callable[[], object], within_s: float = 120.0) -> None:
        """Wait until what is shown is as it should be."""
        try:
            async with asyncio.timeout(within_s):
                while not condition():
                    self._changed.clear()
                    with contextlib.suppress(
                        TimeoutError
                    ):  # a process may have ended, which is shown nowhere
                        async with asyncio.timeout(0.2):
                            await self._changed.wait()
        except TimeoutError:
            held = {device: (shown.replica, shown.state) for device, shown in self.shown.items()}
            raise AssertionError(f"not within {within_s:g} s; now: {held}") from None

    async def spread_over(self, *names: str) -> None:
        """Wait until each device is online at the replica that should have it when exactly these are alive."""
        await self.until(lambda: all(self._is_at_its_place(device, names) for device in self.devices))

    def _is_at_its_place(self, device: str, names: tuple[str, ...]) -> bool:
        shown = self.shown.get(device)
        wanted = preferred_owner(keys.shard_of(device), names)
        return shown is not None and shown.online and shown.replica == wanted

    def of(self, *names: str) -> list[str]:
        """The devices that are with these replicas, as is shown."""
        return [device for device, shown in self.shown.items() if shown.online and shown.replica in names]

    # --- replicas ---------------------------------------------------------------------------------------

    async def start(self, *names: str) -> None:
        """Start replicas."""
        for name in names:
            self.replicas[name] = await self._start(name, CAMBUS_LEASE_HISTORY=str(self._file(name)))

    async def kill(self, name: str) -> float:
        """SIGKILL; when it certainly was dead."""
        return await self._end(name, signal.SIGKILL)

    async def stop(self, name: str) -> float:
        """SIGTERM; when the process was told."""
        told = sleepless_clock()
        await self._end(name, signal.SIGTERM)
        return told

    async def _end(self, name: str, how: signal.Signals) -> float:
        replica = self.replicas.pop(name)
        await replica.end(how)
        self.fates.append(fate("killed", replica.process.pid))
        return self.fates[-1].at

    async def freeze(self, name: str) -> float:
        """SIGSTOP; when it certainly stood still."""
        pid = self.replicas[name].process.pid
        os.kill(pid, signal.SIGSTOP)
        await self.until(lambda: _state(pid) == "T")
        self.fates.append(fate("frozen", pid))
        return self.fates[-1].at

    def thaw(self, name: str) -> float:
        """SIGCONT; when, at the latest, it could go on."""
        pid = self.replicas[name].process.pid
        self.fates.append(fate("continued", pid))
        os.kill(pid, signal.SIGCONT)
        return self.fates[-1].at

    def log(self, name: str) -> str:
        """What a replica that runs has logged."""
        return "".join(self.replicas[name].lines)

    # --- afterwards -------------------------------------------------------------------------------------

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.leases.jsonl"

    def history(self) -> OwnershipHistory:
        """Everything all replicas did until now."""
        return OwnershipHistory(
            read(sorted(self._folder.glob("*.leases.jsonl"))), self.fates, sleepless_clock()
        )


def _state(pid: int) -> str:
    """The state of a process: R, S, T …"""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@contextlib.asynccontextmanager
async def ownership_rig(
    nats: NatsServer | NatsCluster, folder: Path, devices: int, **environment: str
) -> AsyncIterator[OwnershipRig]:
    """A rig on a server or a cluster, with so many devices; replicas are started by the test."""
    replicas = len(nats.servers) if isinstance(nats, NatsCluster) else 1
    settings = BusSettings(nats_url=nats.url, jetstream_replicas=replicas)
    variables = {"CAMBUS_JETSTREAM_REPLICAS": str(replicas), **environment}
    async with contextlib.AsyncExitStack() as stack:
        bus = await stack.enter_async_context(await Bus.connect(settings, name="rig"))
        await ensure_assets(bus)
        rig = OwnershipRig(bus, nats, folder, None)
        await rig.populate(stack, devices)
        launch = await stack.enter_async_context(launcher("cambus.connector_dvrip", rig, folder))

        async def start(name: str, **more: str) -> object:
            return await launch(name, **variables, **more)

        rig._start = start
        following = asyncio.create_task(rig.follow())
        try:
            yield rig
        finally:
            following.cancel()
            await asyncio.wait({following})
