"""When devices are asked what they are, on a clock that jumps (GB-044, GB-104, GB-106, GB-263)."""

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from cambus.connector_gb28181.channels import ChannelTable
from cambus.connector_gb28181.survey import AGAIN_S, AT_MOST_EVERY_S, Survey
from cambus.gb28181.catalog_assembly import CatalogResult, Outcome
from cambus.gb28181.errors import Unreachable
from cambus.gb28181.manscdp.catalog import CatalogItem
from cambus.gb28181.manscdp.presence import DeviceInfo
from cambus.gb28181.times import Times
from cambus.schemas.state.registrations import KnownDevice

NVR = "34020000001180000001"
CODES = [f"3402000000131000000{number}" for number in range(4)]
DAY_S = 86_400.0


def result(outcome, *codes):
    return CatalogResult(outcome, {code: CatalogItem(code, code, (NVR,)) for code in codes}, len(codes))


class Device:
    """A session, its device and what the device answers."""

    def __init__(self, hub, answers, takes_s=1.0):
        self.device, self.session, self.remote, self.memory, self.context, self.hooks = (self,) * 6
        self.hub = hub
        self.id = "gate"
        self.known = KnownDevice(device="gate")
        self.known_now = lambda: (self.known, ())
        self.channels = ChannelTable(NVR, {}, ())
        self.answers = iter(answers)
        self.takes_s = takes_s
        self.listing = asyncio.Lock()
        self.asked_at = []
        self.late = []
        self.written = 0
        self.spawned = set()

    async def info(self):
        return DeviceInfo(manufacturer="Acme")

    async def catalog(self, *, now, on_late, retry):
        assert not retry
        self.asked_at.append(now())
        self.late.append(on_late)
        self.hub.inside += 1
        self.hub.most = max(self.hub.most, self.hub.inside)
        await asyncio.sleep(self.takes_s)
        self.hub.inside -= 1
        answer = next(self.answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def described(self):
        pass

    async def write(self, now):
        self.written += 1

    def spawn(self, coroutine, name):
        task = asyncio.create_task(coroutine, name=name)
        self.spawned.add(task)
        task.add_done_callback(self.spawned.discard)

    def listed(self):
        return [info.native_id for info in self.channels.channels]


@pytest.fixture
def hub():
    times = SimpleNamespace(settings=SimpleNamespace(times=Times()))
    return SimpleNamespace(
        settings=SimpleNamespace(gb28181_catalog_max_age_s=DAY_S),
        syncs=asyncio.Semaphore(20),
        signalling=SimpleNamespace(platform=times),
        inside=0,
        most=0,
    )


@asynccontextmanager
async def surveyed(*devices):
    surveys = [Survey(device) for device in devices]
    tasks = [asyncio.create_task(survey.run()) for survey in surveys]
    try:
        yield surveys[0]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_device_is_asked_when_it_comes_and_once_a_day(hub, loop):
    device = Device(hub, [result(Outcome.COMPLETE, *CODES)] * 4)
    began = loop.time()
    async with surveyed(device):
        await asyncio.sleep(DAY_S * 2.5)
    first, second, third = (at - began for at in device.asked_at)
    assert first == pytest.approx(0)
    assert 0.9 * DAY_S <= second <= 1.11 * DAY_S
    assert 0.9 * DAY_S <= third - second <= 1.11 * DAY_S
    assert device.known.vendor == "Acme"
    assert device.known.synced_at is not None


@pytest.mark.parametrize("failure", [result(Outcome.FAILED), Unreachable("it is silent")])
async def test_a_device_that_tells_nothing_is_asked_after_ten_seconds_a_minute_and_then_seldom(hub, failure):
    device = Device(hub, [result(Outcome.COMPLETE, *CODES), *[failure] * 100])
    async with surveyed(device) as survey:
        await asyncio.sleep(AT_MOST_EVERY_S + 10)
        survey.again()
        await asyncio.sleep(3 * AGAIN_S)
    times = [at - device.asked_at[1] for at in device.asked_at[1:]]
    assert times[:4] == pytest.approx([0, 11, 72, 73 + AGAIN_S], abs=0.1)
    assert len(times) == 6  # twice ten minutes are not over yet
    assert device.listed() == CODES


async def test_a_catalog_that_did_not_come_whole_removes_nothing_and_is_asked_for_again(hub):
    whole = result(Outcome.COMPLETE, *CODES)
    device = Device(hub, [whole, result(Outcome.PARTIAL, CODES[0]), result(Outcome.COMPLETE, CODES[0])])
    async with surveyed(device) as survey:
        await asyncio.sleep(AT_MOST_EVERY_S + 10)
        survey.again()
        await asyncio.sleep(10)
        assert device.listed() == CODES
        assert len(device.asked_at) == 2
        await asyncio.sleep(AGAIN_S)
        assert device.listed() == CODES[:1]


async def test_wishes_for_a_catalog_are_granted_now_and_then(hub):
    device = Device(hub, [result(Outcome.COMPLETE, *CODES)] * 100)
    async with surveyed(device) as survey:
        for _ in range(600):
            survey.again()
            await asyncio.sleep(1)
    assert 2 <= len(device.asked_at) <= 1 + 600 / AT_MOST_EVERY_S


async def test_late_parts_are_taken_in_unless_the_catalog_was_asked_for_again(hub):
    device = Device(hub, [result(Outcome.PARTIAL, *CODES[:2]), result(Outcome.COMPLETE, *CODES[:2])])
    async with surveyed(device) as survey:
        await asyncio.sleep(5)
        assert device.listed() == CODES[:2]
        written = device.written
        for count in (3, 4):
            device.late[0](result(Outcome.PARTIAL, *CODES[:count]))
        await asyncio.sleep(1)
        assert device.listed() == CODES
        assert device.written == written + 1  # both parts at once
        survey.again()
        await asyncio.sleep(AT_MOST_EVERY_S)
        assert device.listed() == CODES[:2]
        device.late[0](result(Outcome.COMPLETE, *CODES))
        await asyncio.sleep(1)
        assert device.listed() == CODES[:2]


async def test_only_so_many_are_asked_at_a_time_and_all_get_their_turn(hub):
    hub.syncs = asyncio.Semaphore(5)
    devices = [Device(hub, [result(Outcome.COMPLETE, *CODES)], takes_s=3.0) for _ in range(100)]
    async with surveyed(*devices):
        await asyncio.sleep(100 / 5 * 3.0 + 1)
    assert hub.most == 5
    assert all(len(device.asked_at) == 1 for device in devices)


async def test_those_that_wait_to_be_asked_again_hold_nobody_up(hub):
    hub.syncs = asyncio.Semaphore(2)
    silent = [Device(hub, [result(Outcome.FAILED)] * 9, takes_s=30.0) for _ in range(2)]
    other = Device(hub, [result(Outcome.COMPLETE, *CODES)])
    async with surveyed(*silent, other) as survey:
        assert not survey.asked.is_set()
        await asyncio.sleep(32)
        assert survey.asked.is_set()
        assert other.listed() == CODES
    assert hub.most == 2
