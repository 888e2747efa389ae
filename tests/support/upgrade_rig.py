"""A connector with devices that take firmware, as far as the bus can tell, and what tests ask of a manager."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cambus.bus.connection import Bus
from cambus.bus.endpoints import Endpoints
from cambus.bus.firmware import FirmwareStore
from cambus.bus.in_process import RunningService
from cambus.client.calling import BusClient
from cambus.client.kv import KeyValue
from cambus.client.objects import ObjectStore
from cambus.client.tasks import end
from cambus.schemas import assets
from cambus.schemas.codec import MSGPACK, encode
from cambus.schemas.commands import upgrade
from cambus.schemas.commands import upgrade_manager as commands
from cambus.schemas.errors import CambusError, Conflict
from cambus.schemas.events import upgrade as events
from cambus.schemas.ids import new_ulid
from cambus.schemas.model import Done
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.firmware import FirmwareImage
from cambus.schemas.state.presence import Presence
from cambus.schemas.state.upgrades import FirmwareRef, UpgradeAttempt, UpgradeCampaign
from cambus.schemas.upgrades import UpgradeState
from cambus.upgrade_manager.campaign import CampaignRunner
from cambus.upgrade_manager.images import Images
from cambus.upgrade_manager.service import UpgradeManager
from cambus.upgrade_manager.settings import UpgradeManagerSettings
from cambus.upgrade_manager.store import CampaignStore

OLD, NEW = "V1.0", "V2.0"
IMAGE = b"firmware " * 1000
STEPS = (
    UpgradeState.PREPARING,
    UpgradeState.TRANSFERRING,
    UpgradeState.FLASHING,
    UpgradeState.REBOOTING,
    UpgradeState.VERIFYING,
)


@dataclass
class FakeDevice:
    """What a device does with an upgrade; change it at any time.

    Attributes:
        version: what it runs.
        becomes: what it runs after the image was flashed.
        refusal: what it answers to an order.
        holds: states in which it stays until `go_on` is called.
        told: what its connector says in the end instead of success.
        model, hardware: what it is.
        tags: what its record says, if there is to be one.
    """

    id: str
    version: str = OLD
    model: str = ""
    hardware: str = ""
    tags: list[str] | None = None
    becomes: str = NEW
    refusal: CambusError | None = None
    supported: bool = True
    holds: set[UpgradeState] = field(default_factory=set)
    told: dict[str, Any] = field(default_factory=dict)
    state: UpgradeState | None = None
    job: str | None = None
    reached: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def enter(self, state: UpgradeState) -> None:
        """Be in a state, and stay there as long as it is held."""
        async with self.reached:
            self.state = state
            self.reached.notify_all()
            await self.reached.wait_for(lambda: state not in self.holds)

    async def until(self, state: UpgradeState) -> None:
        """Wait until it is in that state."""
        async with asyncio.timeout(20), self.reached:
            await self.reached.wait_for(lambda: self.state is state)

    async def go_on(self) -> None:
        """Hold it no longer."""
        async with self.reached:
            self.holds.clear()
            self.reached.notify_all()


class FakeConnector:
    """Holds devices on the bus: answers orders, tells events, shows presence."""

    def __init__(self, url: str, settings: UpgradeManagerSettings, devices: Iterable[FakeDevice]) -> None:
        self._settings = settings.model_copy(update={"instance": "connector-1", "nats_url": url})
        self.devices = {device.id: device for device in devices}
        self.orders: list[str] = []
        self.requests: list[upgrade.UpgradeStartRequest] = []
        self.cancelled: list[str] = []
        self.most_at_once = 0
        self.answers = asyncio.Event()
        self.answers.set()
        self.ordered = asyncio.Event()
        self.asked = asyncio.Event()
        self.tells = asyncio.Event()
        self.tells.set()
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._online: set[str] = set()

    # --- life -------------------------------------------------------------------------------------------

    async def start(self, *, online: bool = True) -> "FakeConnector":
        """Connect, and hold every device."""
        self.bus = await Bus.connect(self._settings, name="connector")
        self._endpoints = Endpoints(self.bus, "connector", "1.0.0", device_concurrency=4)
        self._endpoints.add(upgrade.START, self._start)
        self._endpoints.add(upgrade.INFO, self._info, exclusive=False)
        self._endpoints.add(upgrade.CANCEL, self._cancel, exclusive=False)
        await self._endpoints.start()
        for device in self.devices.values():
            if device.tags is not None:
                await self.write_down(device.id, tags=device.tags)
        for device in self.devices if online else ():
            await self.come(device)
        return self

    async def crash(self) -> None:
        """End without a word: jobs are forgotten, and presence shows what it showed."""
        await self.bus.nc.close()
        await end(*self._jobs.values())
        self._jobs.clear()
        for device in self.devices.values():
            device.job = None
            device.holds.clear()
        await self.bus.close()

    async def stop(self) -> None:
        """End it all."""
        await end(*self._jobs.values())
        await self._endpoints.drain(1.0)
        await self.bus.close()

    async def come(self, device: str) -> None:
        """A session with the device begins."""
        await self._show(device, online=True)
        if device not in self._endpoints.held:
            await self._endpoints.hold(device)

    async def go(self, device: str) -> None:
        """The session with the device ends."""
        await self._endpoints.release(device)
        await self._show(device, online=False)

    async def write_down(self, device: str, **fields: Any) -> None:
        """Say that there is to be such a device."""
        record = DeviceRecord(id=device, protocol="fake", **fields)
        await KeyValue(self.bus, assets.KV_DEVICES, DeviceRecord).put(device, record)

    async def _show(self, device: str, *, online: bool) -> None:
        presence = Presence(
            device=device,
            online=online,
            since=datetime.now(UTC),
            replica=self._settings.instance,
            software_version=self.devices[device].version,
            model=self.devices[device].model,
        )
        await KeyValue(self.bus, assets.KV_PRESENCE, Presence).put(device, presence)

    # --- commands ---------------------------------------------------------------------------------------

    async def _start(self, context: Any, request: upgrade.UpgradeStartRequest) -> upgrade.UpgradeStartReply:
        device = self.devices[context.device]
        self.orders.append(device.id)
        self.requests.append(request)
        self.ordered.set()
        if device.refusal is not None:
            raise device.refusal
        joined = device.job == request.job
        if not joined:
            if device.job is not None:
                raise Conflict("another upgrade is under way")
            device.job = request.job
            self._jobs[device.id] = asyncio.create_task(self._upgrade(device, request.job))
            self.most_at_once = max(self.most_at_once, sum(not job.done() for job in self._jobs.values()))
        await self.answers.wait()
        return upgrade.UpgradeStartReply(job=request.job, state=UpgradeState.PREPARING, joined=joined)

    async def _info(self, context: Any, _: Any) -> upgrade.UpgradeInfoReply:
        device = self.devices[context.device]
        self.asked.set()
        await self.tells.wait()
        state = device.state if device.job is not None else None
        return upgrade.UpgradeInfoReply(
            software_version=device.version,
            job=device.job,
            state=state,
            hardware=device.hardware,
            supported=device.supported,
        )

    async def _cancel(self, context: Any, request: upgrade.UpgradeCancelRequest) -> Done:
        device = self.devices[context.device]
        self.cancelled.append(device.id)
        if device.job == request.job and device.state in {UpgradeState.PREPARING, UpgradeState.TRANSFERRING}:
            await end(self._jobs.pop(device.id))
            await self.finish(device, state="cancelled", reason="cancelled")
        return Done()

    # --- the upgrade ------------------------------------------------------------------------------------

    async def _upgrade(self, device: FakeDevice, job: str) -> None:
        for state in STEPS:
            if state is UpgradeState.REBOOTING:
                await self.progress(device, state)
                await self.go(device.id)
                await device.enter(state)
                device.version = device.becomes
                await self.come(device.id)
                continue
            await self.progress(device, state, percent=0.0)
            await device.enter(state)
            await self.progress(device, state, percent=100.0)
        outcome = {"state": "succeeded", "version_after": device.version, "image_sent": True} | device.told
        await self.finish(device, **outcome)

    async def break_off(self, device: FakeDevice, **outcome: Any) -> None:
        """End what is under way, and tell how it ended."""
        await end(self._jobs.pop(device.id))
        await self.finish(device, **outcome)

    async def progress(self, device: FakeDevice, state: UpgradeState, percent: float | None = None) -> None:
        await self.tell(
            events.PROGRESSED,
            events.UpgradeProgressed,
            device.id,
            job=device.job,
            state=state,
            percent=percent,
        )

    async def finish(self, device: FakeDevice, **fields: Any) -> None:
        facts = {"version_before": OLD, "job": device.job} | fields
        await self.tell(events.FINISHED, events.UpgradeFinished, device.id, **facts)
        device.job = None

    async def tell(self, spec: Any, model: Any, device: str, **fields: Any) -> None:
        """Publish an event."""
        event = model(id=new_ulid(), device=device, protocol="fake", at=datetime.now(UTC), **fields)
        headers = {"Nats-Msg-Id": event.id, "Content-Type": MSGPACK}
        await self.bus.jetstream.publish(spec.subject(device), encode(event, MSGPACK), headers=headers)


@asynccontextmanager
async def running_manager(url: str, **given: float) -> AsyncIterator[RunningService[UpgradeManagerSettings]]:
    """An upgrade manager beside real connectors: it looks often, and leaves the verdict to their events."""
    patience: dict[str, Any] = {"silence_s": 20.0, "settle_s": 20.0, **given}
    settings = UpgradeManagerSettings(
        nats_url=url, instance="manager-1", look_interval_s=0.05, lease_ttl_s=5.0, **patience
    )
    async with RunningService(UpgradeManager, settings) as running:
        yield running


class Campaigns:
    """Orders campaigns and looks at them; runs managers."""

    def __init__(self, bus: Bus, settings: UpgradeManagerSettings) -> None:
        self.bus = bus
        self.settings = settings
        self.client = BusClient(bus)
        self._managers: list[RunningService[UpgradeManagerSettings]] = []

    def manager(self, **settings: object) -> RunningService[UpgradeManagerSettings]:
        """A manager, not started yet."""
        manager = RunningService(UpgradeManager, self.settings.model_copy(update=settings))
        self._managers.append(manager)
        return manager

    async def close(self) -> None:
        """End the managers that a test left running because it failed."""
        for manager in self._managers:
            await manager.crash()

    @asynccontextmanager
    async def runner(self, campaign: str, may_act: Callable[[], bool]) -> AsyncIterator[None]:
        """Run a campaign without a manager around it."""
        store = CampaignStore(self.bus)
        found = await store.campaign(campaign)
        images = Images(self.bus, None)
        runner = CampaignRunner(found, store, self.bus, self.client, images, self.settings, may_act)
        running = asyncio.create_task(runner.run())
        try:
            yield
        finally:
            await end(running)

    async def store_image(self, name: str = "image.bin", data: bytes = IMAGE) -> str:
        stored = await ObjectStore(self.bus, assets.OBJECTS_FIRMWARE).put(name, data)
        return stored.sha256

    async def describe_image(self, about: FirmwareImage, name: str = "image.bin") -> None:
        """Store the image again, with what is said about it."""

        async def content() -> AsyncIterator[bytes]:
            yield IMAGE

        await FirmwareStore(self.bus).put(name, content(), about)

    async def start(self, *devices: str, firmware: dict | None = None, **fields: object) -> str:
        """Order a campaign; returns its id."""
        wanted = {"object": "image.bin", "version": NEW} | (firmware or {})
        request = commands.CampaignStartRequest(
            firmware=wanted, devices=list(devices), confirm=True, **fields
        )
        return (await self.client.call(commands.UPGRADE_START, request)).campaign

    async def write(self, *devices: str, **fields: object) -> str:
        """Order a campaign while there is no manager; returns its id."""
        campaign = UpgradeCampaign(
            id=new_ulid(),
            firmware=FirmwareRef(
                object="image.bin", sha256=await self.store_image(), size_bytes=len(IMAGE), version=NEW
            ),
            devices=list(devices),
            created_at=datetime.now(UTC),
            **fields,
        )
        await CampaignStore(self.bus).create(campaign)
        return campaign.id

    async def refused(self, *devices: str, **fields: object) -> CambusError:
        """Order a campaign that is to be refused; the refusal."""
        try:
            await self.start(*devices, **fields)
        except CambusError as error:
            return error
        raise AssertionError("the campaign was taken")

    async def plan(self, *devices: str, **fields: object) -> commands.PlanReply:
        """Ask what a campaign would do."""
        fields = {"firmware": {"object": "image.bin", "version": NEW}} | fields
        request = commands.PlanRequest(devices=list(devices), **fields)
        return await self.client.call(commands.UPGRADE_PLAN, request)

    async def pause(self, campaign: str, note: str = "") -> None:
        request = commands.CampaignPauseRequest(campaign=campaign, note=note)
        await self.client.call(commands.UPGRADE_PAUSE, request)

    async def resume(self, campaign: str) -> None:
        await self.client.call(commands.UPGRADE_RESUME, commands.CampaignResumeRequest(campaign=campaign))

    async def resolve(self, campaign: str, device: str, decision: str) -> None:
        request = commands.ResolveRequest(
            campaign=campaign, device=device, decision=decision, note="looked at it", confirm=True
        )
        await self.client.call(commands.UPGRADE_RESOLVE, request)

    async def cancel(self, campaign: str) -> None:
        await self.client.call(commands.UPGRADE_CANCEL, commands.CampaignCancelRequest(campaign=campaign))

    async def status(self, campaign: str) -> commands.CampaignStatus:
        request = commands.CampaignStatusRequest(campaign=campaign)
        return (await self.client.call(commands.UPGRADE_STATUS, request)).campaigns[0]

    # --- past the manager -------------------------------------------------------------------------------

    async def attempts(self, campaign: str) -> dict[str, UpgradeAttempt]:
        """What is written of each device, whether a manager runs or not."""
        entries = await KeyValue(self.bus, assets.KV_UPGRADES, UpgradeAttempt).items(f"attempt.{campaign}.*")
        return {entry.value.device: entry.value for entry in entries.values()}

    async def states(self, campaign: str) -> dict[str, str]:
        return {device: attempt.state.value for device, attempt in (await self.attempts(campaign)).items()}

    def over(self, campaign: str) -> Callable[[], Any]:
        """A condition: the campaign is over."""

        async def is_over() -> bool:
            entry = await KeyValue(self.bus, assets.KV_UPGRADES, UpgradeCampaign).get(f"campaign.{campaign}")
            return entry is not None and entry.value.finished_at is not None

        return is_over

    def shows(self, campaign: str, **states: str) -> Callable[[], Any]:
        """A condition: these devices are in these states (`_` in a device's name stands for `-`)."""

        async def does() -> bool:
            known = await self.states(campaign)
            return all(known.get(device.replace("_", "-")) == state for device, state in states.items())

        return does

    async def latest(self, limit: int) -> list[str]:
        request = commands.CampaignStatusRequest(limit=limit)
        reply = await self.client.call(commands.UPGRADE_STATUS, request)
        return [status.campaign.id for status in reply.campaigns]
