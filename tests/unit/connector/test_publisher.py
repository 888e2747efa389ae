"""Frames on their way to the bus."""

import pytest

from cambus.bus.metrics import Metrics
from cambus.client.errors import BusUnavailable
from cambus.connector.media_metrics import MediaMetrics
from cambus.connector.publisher import MAX_BACKLOG_BYTES, FramePublisher
from cambus.media.frame import Codec, Flag, Frame, FrameAssembler, Kind, SequenceGate

SUBJECT = "cambus.v1.media.gate-1.0.main"


class RecordingBus:
    """Keeps what is published; can be slow or away."""

    def __init__(self):
        self.max_payload = 1024
        self.backlog_bytes = 0
        self.away = False
        self.messages = []

    async def publish(self, subject, data=b""):
        if self.away:
            raise BusUnavailable("away")
        assert len(data) <= self.max_payload
        self.messages.append((subject, data))

    def frames(self):
        assembler = FrameAssembler()
        return [frame for _, data in self.messages if (frame := assembler.push(data)) is not None]


@pytest.fixture
def bus():
    return RecordingBus()


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def publisher(bus, metrics):
    return FramePublisher(bus, SUBJECT, MediaMetrics(metrics, "test"), wall_us=lambda: 77)


def video(pts, *, key=False, size=100):
    flags = Flag.KEYFRAME if key else Flag.NONE
    return Frame(Kind.VIDEO, Codec.H264, flags, 999, pts, pts, 5, b"v" * size)


def audio(pts):
    return Frame(Kind.AUDIO, Codec.PCMA, Flag.NONE, 999, pts, pts, 5, b"a" * 160)


async def test_frames_are_numbered_from_nought_and_the_first_is_a_discontinuity(bus, publisher):
    for pts in range(3):
        assert await publisher.publish(video(pts, key=pts == 0))
    frames = bus.frames()
    assert [frame.seq for frame in frames] == [0, 1, 2]
    assert [frame.discontinuity for frame in frames] == [True, False, False]
    assert {subject for subject, _ in bus.messages} == {SUBJECT}


async def test_a_frame_larger_than_a_message_goes_out_in_parts(bus, publisher):
    await publisher.publish(video(0, key=True, size=5000))
    assert len(bus.messages) > 4
    (frame,) = bus.frames()
    assert frame.payload == b"v" * 5000


async def test_a_backlog_leaves_out_video_until_a_keyframe_fits_again(bus, publisher):
    await publisher.publish(video(0, key=True))
    bus.backlog_bytes = MAX_BACKLOG_BYTES + 1
    assert not await publisher.publish(video(1))
    bus.backlog_bytes = 0
    assert not await publisher.publish(video(2))
    assert await publisher.publish(audio(2))
    assert await publisher.publish(video(3, key=True))
    assert [frame.pts for frame in bus.frames()] == [0, 2, 3]
    assert bus.frames()[-1].discontinuity or bus.frames()[-2].discontinuity
    assert publisher.dropped == 2


async def test_an_outage_is_no_error_and_a_reader_sees_no_broken_picture(bus, publisher):
    await publisher.publish(video(0, key=True))
    bus.away = True
    assert not await publisher.publish(video(1))
    bus.away = False
    await publisher.publish(video(2))
    await publisher.publish(video(3, key=True))
    await publisher.publish(video(4))
    gate = SequenceGate()
    assert [frame.pts for frame in bus.frames() if gate.accept(frame)] == [0, 3, 4]


async def test_the_end_is_marked_once_something_was_sent(bus, publisher):
    await publisher.end()
    assert bus.messages == []
    await publisher.publish(video(900, key=True))
    await publisher.end()
    last = bus.frames()[-1]
    assert (last.end, last.seq, last.pts, last.wall_us) == (True, 1, 900, 77)


async def test_what_follows_the_end_is_a_discontinuity_with_the_next_number(bus, publisher):
    await publisher.publish(video(0, key=True))
    await publisher.end()
    await publisher.publish(video(1, key=True))
    assert (bus.frames()[-1].seq, bus.frames()[-1].discontinuity) == (2, True)


async def test_frames_bytes_and_drops_are_counted(bus, publisher, metrics):
    await publisher.publish(video(0, key=True, size=100))
    bus.away = True
    await publisher.publish(video(1))
    text = metrics.render().decode()
    assert 'cambus_media_frames_total{codec="h264",kind="video",protocol="test"} 1.0' in text
    assert 'cambus_media_bytes_total{kind="video",protocol="test"} 100.0' in text
    assert 'cambus_media_frames_dropped_total{kind="video",protocol="test",reason="bus"} 1.0' in text


async def test_a_frame_beyond_every_bound_is_left_out(bus, publisher):
    bus.max_payload = 41
    assert not await publisher.publish(video(0, key=True, size=100_000))
    assert bus.messages == []
