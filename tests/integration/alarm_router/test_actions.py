"""Rules act on alarms: once, in bounded time, and every outcome is on record."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from alarm_rig import AlarmBus, Receiver
from mail_server import MailServer

from cambus.bus.endpoints import Endpoints
from cambus.client.kv import KeyValue
from cambus.client.objects import ObjectStore
from cambus.schemas import assets, keys
from cambus.schemas.commands import alarm_cases as cases
from cambus.schemas.commands import native, ptz, recorder_streams, snapshot
from cambus.schemas.errors import DeviceRefused, Overloaded, Unsupported
from cambus.schemas.model import Done
from cambus.schemas.objects import PictureRef
from cambus.schemas.state.alarm_actions import ActionRecord
from cambus.schemas.state.recorders import ManualRecording

Hook = Callable[..., dict]
Eventually = Callable[..., Awaitable[None]]

JPEG = b"\xff\xd8\xff\xe0 a picture \xff\xd9"


class Device:
    """Answers commands as scripted, and keeps what it was asked."""

    def __init__(self, router: AlarmBus) -> None:
        self.router = router
        self.asked: list[tuple[str, object]] = []
        self.scripts: dict[str, Callable[[int], object]] = {}
        self._numbers: Counter[str] = Counter()

    @asynccontextmanager
    async def held(self, *specs, device: str = "gate-1") -> AsyncIterator["Device"]:
        endpoints = Endpoints(self.router.bus, "fake", "0.1.0")
        for spec in specs:
            endpoints.add(spec, self._handler(spec))
        await endpoints.start()
        await endpoints.hold(device)
        try:
            yield self
        finally:
            await endpoints.drain(timeout_s=0)

    def _handler(self, spec):
        async def handle(_, request):
            self.asked.append((spec.key, request))
            self._numbers[spec.key] += 1
            outcome = self.scripts[spec.key](self._numbers[spec.key])
            if isinstance(outcome, Awaitable):
                outcome = await outcome
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        return handle


@pytest.fixture
def device(router: AlarmBus) -> Device:
    return Device(router)


async def acted(router: AlarmBus, event: str, count: int) -> list[tuple[str, str, str]]:
    """What is on record of an alarm's actions, once there is so much of it."""
    async with asyncio.timeout(60):
        while True:
            case = await router.client.call(cases.ALARMS_SHOW, cases.AlarmsShowRequest(id=event))
            if len(case.actions) >= count:
                return sorted((each.action, each.outcome.value, each.error) for each in case.actions)


def recorded(request: recorder_streams.RecordingStartRequest) -> ManualRecording:
    now = datetime.now(UTC)
    fields = {"device": request.device, "channel": request.channel, "claimant": request.claimant}
    return ManualRecording(**fields, since=now, until=now + timedelta(seconds=request.duration_s))


async def test_every_kind_of_action_is_carried_out_and_its_outcome_told(
    router: AlarmBus, device: Device
) -> None:
    device.scripts = {
        "ptz.preset.goto": lambda _: Done(),
        "native.call": lambda _: native.NativeCallReply(),
        "recorder.recording.start": lambda _: recorded(device.asked[-1][1]),
        "ptz.move": lambda _: Unsupported("no motors"),
    }
    specs = (ptz.PRESET_GOTO, native.CALL, recorder_streams.RECORDING_START, ptz.MOVE)
    async with device.held(*specs), router.in_process():
        actions = [
            {"kind": "preset", "preset": 3},
            {"kind": "record", "duration_s": 30.0, "pre_roll_s": 5.0},
            {
                "kind": "call",
                "command": "native.call",
                "args": {
                    "protocol": "dvrip",
                    "confirm": True,
                    "message": {"Channel": "{channel}", "Why": "{text}"},
                },
            },
            {"kind": "call", "command": "ptz.move", "args": {"channel": "{channel}", "pan": 1.0}},
        ]
        await router.put("act", actions=actions)
        event = await router.raise_alarm("gate-1", channel=2, text="{device}", momentary=True)
        outcomes = await acted(router, event, 4)
    assert outcomes == [
        ("native.call", "done", ""),
        ("preset", "done", ""),
        ("ptz.move", "failed", "no motors"),
        ("record", "done", ""),
    ]
    asked = dict(device.asked)
    assert (asked["ptz.preset.goto"].channel, asked["ptz.preset.goto"].preset) == (2, 3)
    start = asked["recorder.recording.start"]
    assert (start.device, start.channel, start.claimant, start.pre_roll_s) == ("gate-1", 2, "act", 5.0)
    assert asked["native.call"].message == {"Channel": 2, "Why": "{device}"}


async def test_a_mail_carries_the_picture_that_was_taken(router: AlarmBus, device: Device) -> None:
    store = ObjectStore(router.bus, assets.OBJECTS_PICTURES)
    sent = asyncio.Event()

    async def take() -> PictureRef:
        await sent.wait()
        stored = await store.put("gate-1/0/now.jpg", JPEG)
        return PictureRef(
            bucket=assets.OBJECTS_PICTURES,
            object="gate-1/0/now.jpg",
            sha256=stored.sha256,
            bytes=len(JPEG),
            content_type="image/jpeg",
            taken_at=datetime.now(UTC),
        )

    device.scripts["snapshot.take"] = lambda _: take()
    async with MailServer() as server, device.held(snapshot.TAKE), router.in_process():
        sink = {"kind": "email", "host": "localhost", "port": server.port, "security": "none"}
        sink |= {"sender": "cambus@example.org", "to": ["guard@example.org"], "timeout_s": 30.0}
        await router.put("mails", sink, actions=[{"kind": "snapshot"}])
        event = await router.raise_alarm("gate-1", momentary=True)
        sent.set()
        await server.until(1)
        await acted(router, event, 1)
    request = device.asked[0][1]
    assert (request.cause, request.alarm) == ("alarm", event)
    attachments = list(server.taken[0][1].iter_attachments())
    assert [(each.get_content_type(), each.get_content()) for each in attachments] == [("image/jpeg", JPEG)]


async def test_a_busy_device_is_asked_again_and_one_that_refuses_is_not(
    router: AlarmBus, device: Device
) -> None:
    device.scripts = {
        "ptz.preset.goto": lambda number: Overloaded("moving") if number == 1 else Done(),
        "ptz.move": lambda _: DeviceRefused("no", device_code="107"),
    }
    async with device.held(ptz.PRESET_GOTO, ptz.MOVE), router.in_process():
        move = {"kind": "call", "command": "ptz.move", "args": {"channel": 0, "pan": 1.0}}
        await router.put("act", actions=[{"kind": "preset", "preset": 1}, move])
        event = await router.raise_alarm("gate-1", momentary=True)
        assert await acted(router, event, 2) == [("preset", "done", ""), ("ptz.move", "failed", "no")]
    assert Counter(name for name, _ in device.asked) == {"ptz.preset.goto": 2, "ptz.move": 1}


async def test_a_device_that_is_away_does_not_hold_up_the_alarm_for_ever(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    async with router.in_process():
        await router.put("act", hook(), actions=[{"kind": "preset", "preset": 1, "within_s": 0.3}])
        event = await router.raise_alarm("gate-1", momentary=True)
        await receiver.until(receiver.ids)
        [(action, outcome, error)] = await acted(router, event, 1)
        await eventually(router.all_done)
    assert (action, outcome) == ("preset", "failed")
    assert "nobody answers ptz.preset.goto" in error


@pytest.mark.parametrize(("command", "outcome"), [("ptz.preset.goto", "done"), ("ptz.tour.add", "unknown")])
async def test_what_was_begun_before_a_crash_is_repeated_only_if_it_may_be(
    router: AlarmBus, device: Device, command: str, outcome: str
) -> None:
    args = {"channel": 0} | (
        {"tour": 1, "point": {"preset": 1, "dwell_s": 5}} if command == "ptz.tour.add" else {"preset": 1}
    )
    await router.store("act", actions=[{"kind": "call", "command": command, "args": args}])
    alarm = router.raised("gate-1", momentary=True)
    record = ActionRecord(event=alarm.id, rule="act", index=0, begun_at=alarm.at)
    await KeyValue(router.bus, assets.KV_DELIVERIES, ActionRecord).put(
        keys.action(alarm.id, "act", 0), record
    )
    await router.publish(alarm)
    device.scripts = {"ptz.preset.goto": lambda _: Done(), "ptz.tour.add": lambda _: Done()}
    async with device.held(ptz.PRESET_GOTO, ptz.TOUR_ADD), router.in_process():
        [(_, found, _)] = await acted(router, alarm.id, 1)
    assert found == outcome
    assert len(device.asked) == (1 if outcome == "done" else 0)


async def test_an_alarm_that_comes_twice_is_acted_on_once(
    router: AlarmBus, device: Device, eventually: Eventually
) -> None:
    device.scripts["ptz.preset.goto"] = lambda _: Done()
    await router.store("act", actions=[{"kind": "preset", "preset": 1}])
    alarm = router.raised("gate-1", momentary=True)
    async with device.held(ptz.PRESET_GOTO):
        for copy in ("first", "second"):
            async with router.in_process():
                await router.publish(alarm, message_id=copy)
                await acted(router, alarm.id, 1)
                await eventually(router.all_done)
    assert len(device.asked) == 1
