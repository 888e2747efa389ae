"""What is recorded when: around alarms, by hand, and by one of several recorders at a time."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from camera import H264, Camera

from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.in_process import RunningService
from cambus.bus.rendezvous import preferred_owner
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.client.calling import BusClient
from cambus.client.follow import follow
from cambus.client.kv import KeyValue
from cambus.recorder.service import Recorder
from cambus.recorder.settings import RecorderSettings
from cambus.schemas.assets import KV_DEVICES
from cambus.schemas.codec import MSGPACK, encode
from cambus.schemas.commands import recorder as commands
from cambus.schemas.commands import recorder_locks as locks
from cambus.schemas.commands import recorder_streams as streams
from cambus.schemas.errors import NotFound
from cambus.schemas.events.alarm import CLEARED, RAISED, AlarmCleared, AlarmRaised
from cambus.schemas.events.recording import CLOSED
from cambus.schemas.headers import CONTENT_TYPE
from cambus.schemas.ids import new_ulid
from cambus.schemas.keys import shard_of_stream
from cambus.schemas.matching import DeviceMatch
from cambus.schemas.model import Empty
from cambus.schemas.spans import GapReason, RecordedSpan, RecordingTrigger
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.recording_policy import AlarmRecording, RecordingPolicy

Eventually = Callable[..., Awaitable[None]]
GOP = timedelta(seconds=2)
TTL_S = 12
"""Longer than a busy machine may stand still: who loses a lease loses the stream."""
SHORT_TTL_S = 3
HAND_OVER = timedelta(seconds=6)
"""Time enough for a machine with much else to do."""


class Site:
    """A device with a camera, recorders, and what a user asks of them. It has a NATS server of its own."""

    camera: Camera
    ttl_s = TTL_S

    def __init__(self, bus: Bus, nats_url: str, device: str, folder: Path) -> None:
        self.bus = bus
        self.nats_url = nats_url
        self.device = device
        self.folder = folder
        self.client = BusClient(bus)
        self.running: list[RunningService[RecorderSettings]] = []

    async def recorder(self, name: str) -> RunningService[RecorderSettings]:
        settings = RecorderSettings(
            nats_url=self.nats_url,
            instance=name,
            data_dir=self.folder / name,
            sync_interval_s=0.4,
            disk_reserve_mib=0,
            hand_over_s=HAND_OVER.total_seconds(),
            lease_ttl_s=self.ttl_s,
            lease_margin_s=1,
        )
        running = await RunningService(Recorder, settings).start()
        self.running.append(running)
        return running

    async def policy(self, **policy: Any) -> None:
        wanted = RecordingPolicy(id="p", match=DeviceMatch(devices=[self.device]), **policy)
        await self.client.call(commands.POLICY_SET, commands.PolicySetRequest(policy=wanted))

    async def found(self) -> dict[str, commands.RecordedFindReply]:
        now = datetime.now(UTC)
        request = commands.RecordedFindRequest(
            device=self.device, start=now - timedelta(hours=1), end=now + timedelta(hours=1)
        )
        replies = await self.client.broadcast(commands.RECORDING_FIND, request, quiet_s=0.3)
        return {reply.replica: reply for reply in replies}

    async def spans(self) -> list[RecordedSpan]:
        replies = await self.found()
        return sorted((span for each in replies.values() for span in each.spans), key=lambda span: span.start)

    async def states(self) -> dict[str, str]:
        replies = await self.client.broadcast(streams.STREAMS_LIST, Empty(), quiet_s=0.3)
        return {
            reply.replica: stream.state
            for reply in replies
            for stream in reply.streams
            if stream.device == self.device
        }

    async def state(self, name: str) -> str | None:
        return (await self.states()).get(name)

    async def alarm(self, **fields: Any) -> AlarmRaised:
        alarm = AlarmRaised(
            id=new_ulid(),
            device=self.device,
            protocol="dvrip",
            at=datetime.now(UTC),
            channel=0,
            type="motion",  # type: ignore[arg-type]
            severity="info",  # type: ignore[arg-type]
            key="motion:0",
            **fields,
        )
        await self.publish(RAISED.subject(self.device), alarm)
        return alarm

    async def clear(self, alarm: AlarmRaised) -> AlarmCleared:
        over = AlarmCleared(
            id=new_ulid(),
            device=self.device,
            protocol="dvrip",
            at=datetime.now(UTC),
            channel=0,
            type=alarm.type,
            severity=alarm.severity,
            key=alarm.key,
        )
        await self.publish(CLEARED.subject(self.device), over)
        return over

    async def publish(self, subject: str, event: Any) -> None:
        await self.bus.jetstream.publish(subject, encode(event), headers={CONTENT_TYPE: MSGPACK})


@pytest.fixture
async def site(device: str, tmp_path: Path) -> AsyncIterator[Site]:
    with NatsServer() as server:
        async with await Bus.connect(BusSettings(nats_url=server.url, instance="t"), name="test") as bus:
            await ensure_assets(bus)
            record = DeviceRecord(id=device, protocol="dvrip", address="127.0.0.1")
            await KeyValue(bus, KV_DEVICES, DeviceRecord).put(device, record)
            here = Site(bus, server.url, device, tmp_path)
            async with Camera(bus, device, H264, pace=1.0) as here.camera:
                yield here
                for running in here.running:
                    await running.stop()


async def test_an_alarm_is_recorded_from_before_it_came_and_searches_say_why(
    site: Site, eventually: Eventually
) -> None:
    await site.recorder("r-1")
    await site.policy(mode="alarm", alarm=AlarmRecording(pre_roll_s=3, post_roll_s=2, types=["motion"]))

    async def waiting() -> bool:
        return await site.state("r-1") == "waiting"

    await eventually(waiting)
    camera_began = datetime.now(UTC)
    await eventually(lambda: datetime.now(UTC) > camera_began + timedelta(seconds=5))  # kept in memory
    assert await site.spans() == []
    alarm = await site.alarm()

    async def written() -> bool:
        return bool(await site.spans())

    await eventually(written)
    over = await site.clear(alarm)
    closed = follow(site.bus, [CLOSED.subject(site.device)], after_seq=0)
    event = (await anext(closed)).event
    await closed.aclose()
    assert event.trigger is RecordingTrigger.ALARM  # type: ignore[attr-defined]
    (span,) = await site.spans()
    assert span.trigger is RecordingTrigger.ALARM
    assert alarm.at - timedelta(seconds=3) - GOP <= span.start <= alarm.at - timedelta(seconds=3)
    assert over.at + timedelta(seconds=2) <= span.end
    await eventually(waiting)
    assert [each.gaps for each in (await site.found()).values()] == [[]]


async def test_without_anything_from_before_it_the_stream_is_not_asked_for_until_there_is_an_alarm(
    site: Site, eventually: Eventually
) -> None:
    await site.recorder("r-1")
    await site.policy(mode="alarm", alarm=AlarmRecording(pre_roll_s=0, post_roll_s=1, types=["motion"]))

    async def waiting() -> bool:
        return await site.state("r-1") == "waiting"

    async def written() -> bool:
        return bool(await site.spans())

    await eventually(waiting)
    for number in (1, 2):
        assert not site.camera.claims
        alarm = await site.alarm()
        await eventually(lambda: site.camera.claims)
        await eventually(written)
        await site.clear(alarm)
        await eventually(lambda: not site.camera.claims)
        closed = follow(site.bus, [CLOSED.subject(site.device)], after_seq=0)
        events = [(await anext(closed)).event for _ in range(number)]  # complete, though nothing more came
        await closed.aclose()
        assert {event.trigger for event in events} == {RecordingTrigger.ALARM}  # type: ignore[attr-defined]
    assert len(site.camera.ever_claimed) == 1
    assert [each.gaps for each in (await site.found()).values()] == [[]]


async def test_what_an_alarm_should_have_recorded_is_a_gap_and_nothing_else_is(
    site: Site, eventually: Eventually
) -> None:
    recorder = await site.recorder("r-1")
    await site.policy(mode="alarm", alarm=AlarmRecording(pre_roll_s=1, post_roll_s=600, max_s=600))
    alarm = await site.alarm(momentary=True)

    async def recording() -> bool:
        return await site.state("r-1") == "recording"

    await eventually(recording)
    await recorder.stop()
    stopped = datetime.now(UTC)
    await eventually(lambda: datetime.now(UTC) > stopped + timedelta(seconds=4))  # what is to be missing
    await site.recorder("r-1")

    async def explained() -> bool:
        return bool((await site.found())["r-1"].gaps)

    await eventually(explained, within_s=60)
    (gap,) = (await site.found())["r-1"].gaps
    assert gap.reason is GapReason.RESTART
    assert gap.start >= alarm.at
    assert abs((gap.start - stopped).total_seconds()) < 3


async def test_somebody_has_a_stream_recorded_for_a_while_and_takes_it_back(
    site: Site, eventually: Eventually
) -> None:
    await site.recorder("r-1")
    request = streams.RecordingStartRequest(device=site.device, channel=0, claimant="guard", duration_s=600)
    order = await site.client.call(streams.RECORDING_START, request)
    assert 590 < (order.until - order.since).total_seconds() <= 600

    async def written() -> bool:
        return bool(await site.spans())

    await eventually(written)
    (reply,) = await site.client.broadcast(streams.STREAMS_LIST, Empty(), quiet_s=0.3)
    (stream,) = reply.streams
    assert stream.trigger is RecordingTrigger.MANUAL
    assert [each.claimant for each in stream.manual] == ["guard"]
    stop = streams.RecordingStopRequest(device=site.device, channel=0, claimant="guard")
    await site.client.call(streams.RECORDING_STOP, stop)

    async def idle() -> bool:
        return await site.states() == {}

    await eventually(idle)
    assert {span.trigger for span in await site.spans()} == {RecordingTrigger.MANUAL}
    with pytest.raises(NotFound):
        await site.client.call(streams.RECORDING_STOP, stop)
    nobody = streams.RecordingStartRequest(device="nobody", channel=0, claimant="guard")
    with pytest.raises(NotFound):
        await site.client.call(streams.RECORDING_START, nobody)


async def test_what_is_locked_is_said_to_be(site: Site, eventually: Eventually) -> None:
    await site.recorder("r-1")
    await site.policy()

    async def written() -> bool:
        return bool(await site.spans())

    await eventually(written)
    now = datetime.now(UTC)
    request = locks.RecordedLockRequest(device=site.device, start=now - timedelta(hours=1), end=now)
    (reply,) = await site.client.broadcast(locks.RECORDING_LOCK, request, quiet_s=0.3)
    assert reply.segments == 1
    assert [span.locked for span in await site.spans()] == [True]
    await site.client.broadcast(locks.RECORDING_UNLOCK, request, quiet_s=0.3)
    assert [span.locked for span in await site.spans()] == [False]


async def two_recorders(
    site: Site, eventually: Eventually
) -> tuple[dict[str, RunningService[RecorderSettings]], str, str]:
    """Two recorders that know each other; the one that records the device, and the other."""
    services = {name: await site.recorder(name) for name in ("r-1", "r-2")}
    await site.policy()
    first = preferred_owner(shard_of_stream(site.device, 0, "main"), services)
    assert first is not None
    (second,) = set(services) - {first}

    async def settled() -> bool:
        return await site.states() == {first: "recording"}

    await eventually(settled, within_s=60)
    return services, first, second


async def test_a_stream_handed_over_at_the_end_of_a_recorder_is_not_missing_anywhere(
    site: Site, eventually: Eventually
) -> None:
    services, first, second = await two_recorders(site, eventually)
    await services[first].stop()
    end = datetime.now(UTC)

    async def goes_on() -> bool:
        spans = (await site.found())[second].spans
        return bool(spans) and spans[-1].end > end

    await eventually(goes_on, within_s=60)
    await services.pop(first).stop()
    again = await site.recorder(first)  # its disk is there again; what it holds can be found

    async def back() -> bool:
        return first in await site.found()

    await eventually(back)
    del again
    found = await site.found()
    last = max((span for span in found[first].spans if span.start < end), key=lambda span: span.start)
    begins = min(span.start for span in found[second].spans if span.end > last.end)
    gaps = found[second].gaps
    if begins <= last.end:
        assert last.end - begins <= HAND_OVER + GOP  # a few groups of pictures twice, and none missing
        assert gaps == []
    else:  # the machine was too busy for the other to follow in time, and the ledger says so
        second_s = timedelta(seconds=1)
        assert begins - last.end < second_s or any(
            gap.start - last.end < second_s and begins - gap.end < second_s for gap in gaps
        )


async def test_a_killed_recorders_stream_goes_on_elsewhere_and_the_gap_says_why(
    site: Site, eventually: Eventually
) -> None:
    site.ttl_s = SHORT_TTL_S
    services, first, second = await two_recorders(site, eventually)

    async def enough() -> bool:
        spans = (await site.found())[first].spans
        return bool(spans) and (spans[-1].end - spans[0].start).total_seconds() > 10

    await eventually(enough, within_s=60)  # long enough for its mark to have been told
    before = (await site.found())[first].spans[0]
    killed = datetime.now(UTC)
    await services[first].crash()

    async def taken() -> bool:
        return await site.states() == {second: "recording"}

    await eventually(taken, within_s=60)
    reply = (await site.found())[second]
    (gap,) = reply.gaps
    assert gap.reason is GapReason.NO_OWNER
    assert before.start < gap.start < killed < gap.end  # from the last mark on, not from the beginning
    resumed = max(span.start for span in reply.spans)
    assert abs((resumed - gap.end).total_seconds()) < 0.1


async def test_a_new_recorder_takes_its_share_and_nothing_is_missing(
    site: Site, eventually: Eventually
) -> None:
    """A device of 12 channels whose streams never come: who has them in hand is what counts."""
    record = DeviceRecord(id="many", protocol="dvrip", address="127.0.0.1")
    await KeyValue(site.bus, KV_DEVICES, DeviceRecord).put("many", record)
    match = DeviceMatch(devices=["many"], channels=list(range(12)))
    await site.recorder("r-1")
    policy = RecordingPolicy(id="many", match=match)
    await site.client.call(commands.POLICY_SET, commands.PolicySetRequest(policy=policy))

    async def held() -> dict[str, set[int]]:
        replies = await site.client.broadcast(streams.STREAMS_LIST, Empty(), quiet_s=0.3)
        return {
            reply.replica: {each.channel for each in reply.streams if each.state != "standby"}
            for reply in replies
        }

    async def all_at_one() -> bool:
        return await held() == {"r-1": set(range(12))}

    await eventually(all_at_one)
    await site.recorder("r-2")

    async def spread() -> bool:
        now = await held()
        return bool(now.get("r-2")) and not now["r-1"] & now["r-2"] and len(now["r-1"] | now["r-2"]) == 12

    await eventually(spread, within_s=60)
    before = await held()
    assert before["r-1"]
    await site.recorder("r-3")

    async def third() -> bool:
        now = await held()
        return bool(now.get("r-3")) and sum(len(each) for each in now.values()) == 12

    await eventually(third, within_s=60)
    after = await held()
    for name in ("r-1", "r-2"):
        assert after[name] <= before[name]  # nothing moved between those that stayed
