"""Pictures by plan and with alarms: when, of what, by whom, and never too many at a time."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cambus.bus.metrics import Metrics
from cambus.recorder.layout import StreamKey
from cambus.recorder.observe import RecorderMetrics
from cambus.recorder.pictures import Pictures, slot_of
from cambus.recorder.policies import PolicyBook
from cambus.schemas.errors import Offline
from cambus.schemas.events.alarm import AlarmRaised
from cambus.schemas.ids import new_ulid
from cambus.schemas.matching import DeviceMatch
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.presence import Presence
from cambus.schemas.state.recording_policy import AlarmRecording, PicturePlan, RecordingPolicy

START = datetime(2026, 2, 2, 12, tzinfo=UTC)
CHANNELS = [0, 1]


class Book(PolicyBook):
    """Policies without a bus."""

    def __init__(self, *policies: RecordingPolicy, online: bool = True) -> None:
        self.policies = {policy.id: policy for policy in policies}
        self.devices = {"gate-1": DeviceRecord(id="gate-1", protocol="dvrip", address="127.0.0.1")}
        self.presence = {"gate-1": Presence(device="gate-1", online=online, since=START)}
        self.orders = {}


class Connector:
    """Takes pictures when it is told to go on."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.away = False

    async def call(self, _: object, request: Any, *, device: str) -> None:
        self.asked.append((device, request))
        await self.may_go_on.wait()
        if self.away:
            raise Offline("away")


class Rig:
    """Pictures on a clock that is set by hand."""

    def __init__(self, *policies: RecordingPolicy, mine: bool = True, online: bool = True) -> None:
        self.connector = Connector()
        self.now = START.timestamp()
        self.metrics = Metrics()
        self.pictures = Pictures(
            self.connector,  # type: ignore[arg-type]  # calls are all that is needed of it
            Book(*policies, online=online),
            lambda _: mine,
            RecorderMetrics(self.metrics),
            lambda: self.now,
        )

    async def pass_s(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.now += 1
            self.pictures.look()
            await self.settle()

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    @property
    def channels(self) -> list[int]:
        return [request.channel for _, request in self.connector.asked]


def policy(**plan: Any) -> RecordingPolicy:
    match = DeviceMatch(channels=CHANNELS)
    return RecordingPolicy(id="p", mode="pictures", match=match, pictures=PicturePlan(**plan))


def alarm(channel: int | None = 0, type_: str = "motion") -> AlarmRaised:
    return AlarmRaised(
        id=new_ulid(),
        device="gate-1",
        protocol="dvrip",
        at=START,
        channel=channel,
        type=type_,  # type: ignore[arg-type]
        severity="info",  # type: ignore[arg-type]
        key="k",
    )


async def test_each_channel_is_pictured_once_in_each_time_of_the_plan() -> None:
    rig = Rig(policy(every_s=60, width=320))
    await rig.pass_s(300)
    assert rig.channels.count(0) in {4, 5}
    assert rig.channels.count(1) in {4, 5}
    device, request = rig.connector.asked[0]
    assert (device, request.stream, request.width, request.cause) == ("gate-1", "main", 320, "schedule")


def test_the_streams_of_many_cameras_are_spread_over_the_time() -> None:
    keys = [StreamKey("nvr", channel, "main") for channel in range(64)]
    at = START.timestamp()
    due = [
        sum(slot_of(key, 60, at + second) != slot_of(key, 60, at + second - 1) for key in keys)
        for second in range(60)
    ]
    assert sum(due) == 64
    assert max(due) <= 8


async def test_those_of_others_and_of_devices_that_are_away_are_not_taken() -> None:
    for rig in (Rig(policy(every_s=5), mine=False), Rig(policy(every_s=5), online=False)):
        await rig.pass_s(30)
        assert rig.connector.asked == []


@pytest.mark.parametrize(
    ("raised", "channels"),
    [(alarm(1), [1]), (alarm(None), []), (alarm(7), []), (alarm(0, "io"), [])],
)
async def test_an_alarm_that_fits_is_pictured_at_once(raised: AlarmRaised, channels: list[int]) -> None:
    plan = policy(on_alarm=True).model_copy(update={"alarm": AlarmRecording(types=["motion"])})
    rig = Rig(plan)
    rig.pictures.alarm(raised, START)
    await rig.settle()
    assert rig.channels == channels
    assert all(request.alarm == raised.id and request.cause == "alarm" for _, request in rig.connector.asked)


async def test_an_alarm_of_long_ago_is_not() -> None:
    rig = Rig(policy(on_alarm=True))
    rig.pictures.alarm(alarm(), START - timedelta(minutes=2))
    await rig.settle()
    assert rig.connector.asked == []


async def test_a_camera_is_not_asked_again_before_it_has_answered_and_may_fail() -> None:
    rig = Rig(policy(on_alarm=True))
    rig.connector.may_go_on.clear()
    rig.connector.away = True
    for _ in range(5):
        rig.pictures.alarm(alarm(), START)
        await rig.settle()
    assert len(rig.connector.asked) == 1
    rig.connector.may_go_on.set()
    await rig.settle()
    rig.pictures.alarm(alarm(), START)
    await rig.settle()
    assert len(rig.connector.asked) == 2
    text = rig.metrics.render().decode()
    assert 'recorder_pictures_total{cause="alarm",outcome="failed"} 2' in text
    assert 'recorder_pictures_total{cause="alarm",outcome="skipped"} 4' in text
