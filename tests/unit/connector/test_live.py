"""Live streams: open while claimed, one device stream for any number of consumers, opened again when they break."""

import asyncio

import pytest

from cambus.bus.metrics import Metrics
from cambus.connector.errors import EndReason, SessionEnd
from cambus.connector.live import LINGER_S, LiveStreams
from cambus.connector.media_metrics import MediaMetrics
from cambus.connector.publisher import FramePublisher
from cambus.connector.settings import ConnectorSettings
from cambus.media.frame import Codec, Flag, Frame, FrameAssembler, Kind
from cambus.schemas.channels import ChannelInfo
from cambus.schemas.errors import DeviceRefused, NotFound, Offline, Unsupported

pytestmark = pytest.mark.asyncio


class FakeBus:
    max_payload = 1 << 20
    backlog_bytes = 0

    def __init__(self):
        self.messages = []

    async def publish(self, subject, data=b""):
        self.messages.append((subject, data))

    def frames(self):
        assembler = FrameAssembler()
        return [assembler.push(data) for _, data in self.messages]


class FakeStream:
    """A device stream whose frames and end the test decides."""

    route = ""

    def __init__(self, sink):
        self.sink = sink
        self.end = asyncio.get_running_loop().create_future()
        self.closed = 0
        self.keyframes = 0

    async def send(self, pts, *, key=True):
        flags = Flag.KEYFRAME if key else Flag.NONE
        await self.sink(Frame(Kind.VIDEO, Codec.H264, flags, 0, pts, pts, 0, b"x"))

    async def run(self):
        await self.end

    async def request_keyframe(self):
        self.keyframes += 1

    async def close(self):
        self.closed += 1


class FakeSession:
    """Opens fake streams; `refuse` is raised instead when set."""

    def __init__(self, channels=2):
        self.opened = []
        self.news = asyncio.Condition()
        self.asked = []
        self.refuse = None
        self.agree = asyncio.Event()
        self.agree.set()
        self.description = type(
            "D",
            (),
            {
                "channel": staticmethod(
                    lambda number: ChannelInfo(channel=number) if number < channels else None
                )
            },
        )

    async def opens(self, count):
        """Wait until so many streams were opened in all."""
        async with self.news:
            await self.news.wait_for(lambda: len(self.opened) >= count)

    async def open_stream(self, channel, stream, sink):
        self.asked.append((channel, stream))
        await self.agree.wait()
        if self.refuse is not None:
            raise self.refuse
        opened = FakeStream(sink)
        self.opened.append(opened)
        async with self.news:
            self.news.notify_all()
        return opened


class Events:
    def __init__(self):
        self.seen = []

    async def live_started(self, channel, stream, subject, first):
        self.seen.append(("started", channel, stream))

    async def live_stopped(self, channel, stream, reason):
        self.seen.append(("stopped", channel, stream, reason))


@pytest.fixture
def bus():
    return FakeBus()


@pytest.fixture
def events():
    return Events()


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
async def live(bus, events, metrics):
    counts = MediaMetrics(metrics, "test")
    streams = LiveStreams(
        "gate-1",
        lambda channel, stream: FramePublisher(bus, f"m.{channel}.{stream}", counts),
        events,
        counts,
    )
    yield streams
    await streams.close("handed-over")


@pytest.fixture
async def session(live):
    made = FakeSession()
    await live.attach(made)
    return made


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


async def test_the_first_claim_opens_the_stream_and_names_its_subject(live, session):
    assert await live.start(0, "main", "relay", 30.0) == "m.0.main"
    assert session.asked == [(0, "main")]
    assert live.open == {(0, "main")}


async def test_any_number_of_claims_share_one_device_stream(live, session):
    await asyncio.gather(*(live.start(0, "main", f"viewer-{number}", 30.0) for number in range(50)))
    assert session.asked == [(0, "main")]


async def test_streams_of_a_device_run_side_by_side(live, session):
    await live.start(0, "main", "relay", 30.0)
    await live.start(0, "sub", "relay", 30.0)
    await live.start(1, "main", "relay", 30.0)
    assert live.open == {(0, "main"), (0, "sub"), (1, "main")}


async def test_the_last_stop_closes_it_ten_seconds_later(live, session, events):
    await live.start(0, "main", "relay", 300.0)
    await live.start(0, "main", "recorder", 300.0)
    await session.opened[0].send(0)
    live.stop(0, "main", "relay")
    await asyncio.sleep(60)
    assert live.open
    live.stop(0, "main", "recorder")
    await asyncio.sleep(9.9)
    assert live.open
    await asyncio.sleep(0.2)
    assert not live.open
    assert not live.known
    assert session.opened[0].closed == 1
    assert events.seen == [("started", 0, "main"), ("stopped", 0, "main", "unclaimed")]


async def test_ten_seconds_is_what_connectors_wait_unless_told(live):
    assert ConnectorSettings.model_fields["live_linger_s"].default == LINGER_S == 10.0


async def test_a_crashed_viewer_leaks_nothing(live, session):
    await live.start(0, "main", "relay", 30.0)
    await asyncio.sleep(39.9)
    assert live.open
    await asyncio.sleep(0.2)
    assert not live.known


async def test_touching_keeps_it_open_without_asking_the_device(live, session):
    await live.start(0, "main", "relay", 30.0)
    for _ in range(20):
        await asyncio.sleep(10)
        assert await live.touch(0, "main", "relay", 30.0) == "m.0.main"
    assert session.asked == [(0, "main")]


async def test_touching_a_lapsed_claim_opens_the_stream_again(live, session):
    await live.start(0, "main", "relay", 5.0)
    await asyncio.sleep(60)
    await live.touch(0, "main", "relay", 5.0)
    assert live.open
    assert len(session.opened) == 2


async def test_a_claim_during_the_linger_uses_the_running_stream(live, session):
    await live.start(0, "main", "relay", 30.0)
    live.stop(0, "main", "relay")
    await asyncio.sleep(5)
    await live.start(0, "main", "relay", 30.0)
    await asyncio.sleep(20)
    assert len(session.opened) == 1
    assert live.open


async def test_a_refused_stream_is_the_callers_error_and_nothing_is_kept(live, session, events):
    session.refuse = NotFound("no such stream")
    with pytest.raises(NotFound):
        await live.start(0, "main", "relay", 30.0)
    await settle()
    assert not live.known
    assert events.seen == []


async def test_a_refusal_reaches_everybody_who_waits(live, session):
    session.agree.clear()
    session.refuse = DeviceRefused("no")
    starts = [asyncio.create_task(live.start(0, "main", name, 30.0)) for name in "abc"]
    await settle()
    session.agree.set()
    outcomes = await asyncio.gather(*starts, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [DeviceRefused] * 3
    assert len(session.asked) == 1


async def test_after_a_refusal_the_next_claim_tries_again_at_once(live, session):
    session.refuse = Offline("channel offline")
    with pytest.raises(Offline):
        await live.start(0, "main", "relay", 30.0)
    session.refuse = None
    await live.start(0, "main", "relay", 30.0)
    assert live.open


async def test_a_channel_the_device_has_not_is_not_asked_for(live, session):
    with pytest.raises(NotFound, match="no channel 7"):
        await live.start(7, "main", "relay", 30.0)
    assert session.asked == []


async def test_a_broken_stream_is_opened_again_with_growing_pauses(live, session, bus, metrics, loop):
    await live.start(0, "main", "recorder", 3600.0)
    await session.opened[0].send(0)
    await session.opened[0].send(1, key=False)
    began = loop.time()
    for number in range(6):
        session.opened[number].end.set_exception(SessionEnd(EndReason.CONNECTION_LOST, "silence"))
        await session.opens(number + 2)
        assert session.opened[number].closed == 1
    assert 20 < loop.time() - began < 60  # 0.5 + 1 + 2 + 4 + 8 + 15, spread by a fifth
    await session.opened[-1].send(100)
    assert [frame.discontinuity for frame in bus.frames()] == [True, False, True]
    assert [frame.seq for frame in bus.frames()] == [0, 1, 2]
    assert 'cambus_media_stream_restarts_total{protocol="test"} 6.0' in metrics.render().decode()


async def test_while_it_waits_to_reopen_a_claim_hears_why(live, session):
    await live.start(0, "main", "recorder", 3600.0)
    session.refuse = Offline("camera unplugged", reason="channel-offline")
    session.opened[0].end.set_result(None)
    await asyncio.sleep(0.7)
    with pytest.raises(Offline, match="unplugged"):
        await live.start(0, "main", "relay", 30.0)
    session.refuse = None
    await asyncio.sleep(20)
    assert live.open == {(0, "main")}  # the recorder's claim was never lost


async def test_claims_survive_a_short_absence_of_the_device(live, session, bus, events):
    await live.start(0, "main", "recorder", 300.0)
    await session.opened[0].send(0)
    await live.detach()
    assert not live.open
    assert bus.frames()[-1].end
    with pytest.raises(Offline):
        await live.start(0, "main", "relay", 30.0)
    again = FakeSession()
    await live.attach(again)
    await settle()
    await again.opened[0].send(50)
    assert bus.frames()[-1].discontinuity
    assert events.seen == [("started", 0, "main")]


async def test_claims_that_lapse_while_the_device_is_away_are_gone(live, session, events):
    await live.start(0, "main", "recorder", 30.0)
    await session.opened[0].send(0)
    await live.detach()
    await asyncio.sleep(60)
    again = FakeSession()
    await live.attach(again)
    await settle()
    assert again.asked == []
    assert events.seen[-1] == ("stopped", 0, "main", "unclaimed")


async def test_a_caller_that_gives_up_waiting_leaves_its_claim_to_lapse(live, session):
    session.agree.clear()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await live.start(0, "main", "relay", 30.0)
    session.agree.set()
    await settle()
    assert live.open
    await asyncio.sleep(60)
    assert not live.known


async def test_a_claim_made_while_the_stream_closes_opens_it_anew(live, session):
    await live.start(0, "main", "relay", 30.0)
    stream = session.opened[0]
    closing = asyncio.Event()

    async def slow_close():
        closing.set()
        await asyncio.sleep(2)

    stream.close = slow_close
    live.stop(0, "main", "relay")
    await closing.wait()
    await live.start(0, "main", "relay", 30.0)
    assert live.open
    assert len(session.opened) == 2


async def test_claims_and_streams_are_counted(live, session, metrics):
    def value(name):
        return metrics.registry.get_sample_value(f"cambus_media_{name}", {"protocol": "test"})

    await live.start(0, "main", "a", 30.0)
    await live.start(0, "main", "b", 90.0)
    assert (value("streams"), value("claims")) == (1.0, 2.0)
    await asyncio.sleep(31)
    assert value("claims") == 1.0
    await live.close("handed-over")
    assert (value("streams"), value("claims")) == (0.0, 0.0)


async def test_a_keyframe_is_asked_of_an_open_stream_only(live, session):
    with pytest.raises(NotFound):
        await live.keyframe(0, "main")
    await live.start(0, "main", "relay", 30.0)
    await live.keyframe(0, "main")
    assert session.opened[0].keyframes == 1


async def test_who_joins_a_running_stream_gets_a_keyframe_asked_for(live, session):
    await asyncio.gather(*(live.start(0, "main", name, 30.0) for name in ("relay", "recorder")))
    assert session.opened[0].keyframes == 0  # it began with one
    await asyncio.sleep(5)
    await live.start(0, "main", "relay", 30.0)  # which is no news
    await live.touch(0, "main", "recorder", 30.0)
    assert session.opened[0].keyframes == 0
    await live.start(0, "main", "snapshot", 30.0)
    assert session.opened[0].keyframes == 1
    await asyncio.gather(*(live.start(0, "main", f"viewer-{number}", 30.0) for number in range(20)))
    assert session.opened[0].keyframes == 1  # they share it
    await asyncio.sleep(2)
    await live.start(0, "main", "late", 30.0)
    assert session.opened[0].keyframes == 2


async def test_an_encoder_that_gives_no_keyframe_on_request_keeps_nobody_out(live, session):
    await live.start(0, "main", "relay", 30.0)

    async def refuse():
        raise Unsupported("no such message")

    session.opened[0].request_keyframe = refuse
    assert await live.start(0, "main", "recorder", 30.0) == "m.0.main"


async def test_a_defect_in_the_driver_is_the_callers_500_and_the_next_try_works(live, session):
    session.refuse = ZeroDivisionError()
    with pytest.raises(Exception, match="internal error"):
        await live.start(0, "main", "relay", 30.0)
    session.refuse = None
    await live.start(0, "main", "relay", 30.0)


async def test_a_device_that_can_not_stream_says_so(live, session):
    session.refuse = Unsupported("no third stream")
    with pytest.raises(Unsupported):
        await live.start(0, "third", "relay", 30.0)


async def test_ten_thousand_openings_leave_no_task_behind(live, session):
    before = len(asyncio.all_tasks())
    for number in range(2000):
        await live.start(0, "main", f"viewer-{number}", 30.0)
        live.stop(0, "main", f"viewer-{number}")
        if number % 5 == 0:
            await asyncio.sleep(11)
    await asyncio.sleep(60)
    assert len(asyncio.all_tasks()) == before
    assert not live.known
