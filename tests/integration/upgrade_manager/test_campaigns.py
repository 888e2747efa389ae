"""Campaigns on a real bus, with connectors played by the test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import pytest

from cambus.bus.assets import ensure_assets
from cambus.bus.client import BusClient
from cambus.bus.connection import Bus
from cambus.bus.endpoints import Endpoints
from cambus.bus.in_process import RunningService
from cambus.bus.kv import KeyValue
from cambus.bus.objects import ObjectStore
from cambus.bus.testing import NatsServer
from cambus.schemas import assets
from cambus.schemas.codec import MSGPACK, encode
from cambus.schemas.commands import upgrade
from cambus.schemas.commands import upgrade_manager as commands
from cambus.schemas.errors import BadRequest, CambusError, DeviceRefused, NotFound
from cambus.schemas.events.upgrade import FINISHED, PROGRESSED, UpgradeFinished, UpgradeProgressed
from cambus.schemas.ids import new_ulid
from cambus.schemas.model import Done
from cambus.schemas.state.presence import Presence
from cambus.schemas.state.upgrades import FirmwareRef, UpgradeAttempt
from cambus.schemas.upgrades import UpgradeState
from cambus.upgrade_manager.service import UpgradeManager
from cambus.upgrade_manager.settings import UpgradeManagerSettings

Eventually = Callable[..., Awaitable[None]]


class Device:
    """A device and its connector: counts orders, tells what the test wants told."""

    def __init__(self, bus: Bus, name: str) -> None:
        self.bus = bus
        self.name = name
        self.orders: list[str] = []
        self.refusal: CambusError | None = None
        self.state: UpgradeState | None = None
        self.cancelled: list[str] = []
        self._endpoints = Endpoints(bus, "fake-connector")

    async def online(self, version: str = "1.0") -> None:
        for spec, handler in (
            (upgrade.START, self._start),
            (upgrade.INFO, self._info),
            (upgrade.CANCEL, self._end),
        ):
            self._endpoints.add(spec, handler)
        if self.name not in self._endpoints.held:
            await self._endpoints.hold(self.name)
        await self.show(version)

    async def show(self, version: str, *, online: bool = True) -> None:
        presence = Presence(
            device=self.name, online=online, since=datetime.now(UTC), software_version=version
        )
        await KeyValue(self.bus, assets.KV_PRESENCE, Presence).put(self.name, presence)

    async def offline(self) -> None:
        await self._endpoints.release(self.name)
        await self.show("1.0", online=False)

    async def _start(self, _: object, request: upgrade.UpgradeStartRequest) -> upgrade.UpgradeStartReply:
        if self.refusal is not None:
            raise self.refusal
        self.orders.append(request.job)
        self.state = UpgradeState.PREPARING
        return upgrade.UpgradeStartReply(job=request.job, state=self.state)

    async def _info(self, _: object, __: object) -> upgrade.UpgradeInfoReply:
        return upgrade.UpgradeInfoReply(state=self.state, job=self.orders[-1] if self.orders else None)

    async def _end(self, _: object, request: upgrade.UpgradeCancelRequest) -> Done:
        self.cancelled.append(request.job)
        return Done()

    async def tell(self, state: UpgradeState, **fields: object) -> None:
        """Publish a step, or the end."""
        spec, model = (FINISHED, UpgradeFinished) if state.final else (PROGRESSED, UpgradeProgressed)
        self.state = None if state.final else state
        event = model(
            id=new_ulid(),
            device=self.name,
            protocol="test",
            at=datetime.now(UTC),
            job=self.orders[-1],
            state=state,
            **fields,
        )
        headers = {"Nats-Msg-Id": event.id, "Content-Type": MSGPACK}
        await self.bus.jetstream.publish(spec.subject(self.name), encode(event, MSGPACK), headers=headers)

    async def close(self) -> None:
        await self._endpoints.drain(1.0)


class Fleet:
    """Devices, the manager's settings, and what an operator asks."""

    def __init__(self, bus: Bus, unique: str, settings: UpgradeManagerSettings) -> None:
        self.bus = bus
        self.client = BusClient(bus)
        self.settings = settings
        self.image = f"{unique}.bin"
        self.devices = [Device(bus, f"{unique}-{number}") for number in range(3)]

    def manager(self, instance: str = "manager-0") -> RunningService[UpgradeManagerSettings]:
        changed = {"instance": f"{instance}-{self.image[:12]}"}
        return RunningService(UpgradeManager, self.settings.model_copy(update=changed))

    async def order(self, count: int = 1, *, version: str | None = None, **options: object) -> str:
        request = commands.CampaignStartRequest(
            firmware=FirmwareRef(object=self.image, version=version),
            devices=[device.name for device in self.devices[:count]],
            confirm=True,
            **options,
        )
        return (await self.client.call(commands.UPGRADE_START, request)).campaign

    async def attempts(self, campaign: str) -> list[UpgradeAttempt]:
        request = commands.CampaignStatusRequest(campaign=campaign)
        return (await self.client.call(commands.UPGRADE_STATUS, request)).campaigns[0].attempts

    async def state(self, campaign: str) -> str:
        request = commands.CampaignStatusRequest(campaign=campaign)
        return (await self.client.call(commands.UPGRADE_STATUS, request)).campaigns[0].campaign.state.value

    def has(self, campaign: str, *states: UpgradeState) -> Callable[[], Awaitable[bool]]:
        async def holds() -> bool:
            return [attempt.state for attempt in await self.attempts(campaign)] == list(states)

        return holds


@pytest.fixture
async def fleet(bus: Bus, unique: str, nats_server: NatsServer) -> AsyncIterator[Fleet]:
    await ensure_assets(bus)
    settings = UpgradeManagerSettings(
        nats_url=nats_server.url, look_interval_s=0.1, silence_s=0.3, device_deadline_s=600
    )
    fleet = Fleet(bus, unique, settings)
    await ObjectStore(bus, assets.OBJECTS_FIRMWARE).put(fleet.image, b"firmware" * 1000)
    for device in fleet.devices:
        await device.online()
    yield fleet
    for device in fleet.devices:
        await device.close()


async def test_an_upgrade_runs_to_success_with_its_progress(fleet: Fleet, eventually: Eventually) -> None:
    (device, *_) = fleet.devices
    async with fleet.manager():
        campaign = await fleet.order(version="2.0")
        await eventually(lambda: len(device.orders) == 1)
        await device.tell(UpgradeState.TRANSFERRING, percent=40.0)
        await eventually(fleet.has(campaign, UpgradeState.TRANSFERRING))
        assert (await fleet.attempts(campaign))[0].percent == 40.0
        await device.tell(UpgradeState.SUCCEEDED, version_after="2.0", image_sent=True)
        await eventually(fleet.has(campaign, UpgradeState.SUCCEEDED))

        async def over() -> bool:
            return await fleet.state(campaign) == "finished"

        await eventually(over)
    assert len(device.orders) == 1


async def test_a_refusal_is_a_failure_with_the_devices_reason(fleet: Fleet, eventually: Eventually) -> None:
    fleet.devices[0].refusal = DeviceRefused("wrong hardware", reason="wrong-hardware", device_code="513")
    async with fleet.manager():
        campaign = await fleet.order()
        await eventually(fleet.has(campaign, UpgradeState.FAILED))
        (attempt,) = await fleet.attempts(campaign)
        assert (attempt.reason, attempt.device_code) == ("wrong-hardware", "513")


async def test_no_more_devices_than_allowed_are_under_way(fleet: Fleet, eventually: Eventually) -> None:
    first, second, third = fleet.devices
    async with fleet.manager():
        campaign = await fleet.order(3, concurrency=2)
        await eventually(lambda: first.orders and second.orders)
        await eventually(
            fleet.has(campaign, UpgradeState.PREPARING, UpgradeState.PREPARING, UpgradeState.QUEUED)
        )
        assert third.orders == []
        await first.tell(UpgradeState.SUCCEEDED, version_after="2.0")
        await eventually(lambda: third.orders)


async def test_a_device_that_is_away_waits_for_its_turn(fleet: Fleet, eventually: Eventually) -> None:
    (device, *_) = fleet.devices
    await device.offline()
    async with fleet.manager():
        campaign = await fleet.order()
        await eventually(fleet.has(campaign, UpgradeState.QUEUED))
        await device.online()
        await eventually(lambda: device.orders)


@pytest.mark.parametrize(
    "reached",
    [UpgradeState.TRANSFERRING, UpgradeState.FLASHING, UpgradeState.REBOOTING, UpgradeState.VERIFYING],
)
async def test_a_manager_that_dies_goes_on_and_orders_nothing_twice(
    fleet: Fleet, eventually: Eventually, reached: UpgradeState
) -> None:
    (device, *_) = fleet.devices
    first = await fleet.manager().start()
    campaign = await fleet.order(version="2.0")
    await eventually(lambda: device.orders)
    await device.tell(reached)
    await eventually(fleet.has(campaign, reached))
    await first.crash()
    async with fleet.manager():
        await asyncio.gather(*(fleet.attempts(campaign) for _ in range(3)))
        await device.tell(UpgradeState.SUCCEEDED, version_after="2.0", image_sent=True)
        await eventually(fleet.has(campaign, UpgradeState.SUCCEEDED))
    assert len(device.orders) == 1


@pytest.mark.parametrize(
    ("reached", "version", "verdict"),
    [
        (UpgradeState.TRANSFERRING, "1.0", UpgradeState.FAILED),
        (UpgradeState.FLASHING, "1.0", UpgradeState.UNCHANGED),
        (UpgradeState.REBOOTING, "2.0", UpgradeState.SUCCEEDED),
    ],
)
async def test_a_job_nobody_knows_any_more_is_decided_by_the_version(
    fleet: Fleet, eventually: Eventually, reached: UpgradeState, version: str, verdict: UpgradeState
) -> None:
    (device, *_) = fleet.devices
    async with fleet.manager():
        campaign = await fleet.order(version="2.0")
        await eventually(lambda: device.orders)
        await device.tell(reached)
        await eventually(fleet.has(campaign, reached))
        device.state = None  # its connector was restarted and has forgotten
        await device.show(version)
        await eventually(fleet.has(campaign, verdict))
    assert len(device.orders) == 1


async def test_a_device_that_never_comes_back_is_given_up(fleet: Fleet, eventually: Eventually) -> None:
    (device, *_) = fleet.devices
    fleet.settings = fleet.settings.model_copy(update={"device_deadline_s": 1.0})
    async with fleet.manager():
        campaign = await fleet.order()
        await eventually(lambda: device.orders)
        await device.tell(UpgradeState.REBOOTING)
        await device.offline()
        await eventually(fleet.has(campaign, UpgradeState.NOT_BACK))


async def test_too_many_failures_stop_the_campaign(fleet: Fleet, eventually: Eventually) -> None:
    fleet.devices[0].refusal = DeviceRefused("no")
    async with fleet.manager():
        campaign = await fleet.order(3, max_failures=1)
        await eventually(
            fleet.has(campaign, UpgradeState.FAILED, UpgradeState.CANCELLED, UpgradeState.CANCELLED)
        )
        assert await fleet.state(campaign) in {"running", "stopped"}
    assert fleet.devices[1].orders == fleet.devices[2].orders == []


async def test_cancelling_ends_what_is_not_wholly_sent(fleet: Fleet, eventually: Eventually) -> None:
    (device, *_) = fleet.devices
    async with fleet.manager():
        campaign = await fleet.order(2)
        await eventually(lambda: device.orders)
        await fleet.client.call(commands.UPGRADE_CANCEL, commands.CampaignCancelRequest(campaign=campaign))
        await eventually(lambda: device.cancelled == device.orders)
        await device.tell(UpgradeState.CANCELLED)
        await eventually(fleet.has(campaign, UpgradeState.CANCELLED, UpgradeState.CANCELLED))


async def test_a_device_that_runs_the_version_is_skipped(fleet: Fleet, eventually: Eventually) -> None:
    await fleet.devices[0].show("2.0")
    async with fleet.manager():
        campaign = await fleet.order(version="2.0")
        await eventually(fleet.has(campaign, UpgradeState.SKIPPED))
    assert fleet.devices[0].orders == []


async def test_orders_that_cannot_be_carried_out_are_refused(fleet: Fleet) -> None:
    async with fleet.manager():
        for firmware, error in (
            (FirmwareRef(object="nowhere.bin"), NotFound),
            (FirmwareRef(object=fleet.image, sha256="0" * 64), BadRequest),
            (FirmwareRef(object=fleet.image, size_bytes=1), BadRequest),
        ):
            request = commands.CampaignStartRequest(firmware=firmware, devices=["gate-1"], confirm=True)
            with pytest.raises(error):
                await fleet.client.call(commands.UPGRADE_START, request)
        with pytest.raises(NotFound):
            await fleet.attempts("nobody")
