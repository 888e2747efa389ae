"""Frames of the bus as a program stream: from a keyframe on, and again from one where something was left out."""

from types import SimpleNamespace

import av
import pytest

from cambus.bus.metrics import Metrics
from cambus.connector_gb28181.cascade.feed import Feed
from cambus.connector_gb28181.cascade.metrics import CascadeMetrics
from cambus.media.aac import with_adts
from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Flag, Frame, Kind, encode_frame
from cambus.media.mpegps import ProgramStreamDemuxer

KEY, DELTA = b"\x00\x00\x00\x01\x65key", b"\x00\x00\x00\x01\x41delta"


class Output:
    """Keeps what is sent."""

    def __init__(self):
        self.sent = []
        self.congested = False

    def send(self, frame, timestamp):
        self.sent.append((frame, timestamp))


@pytest.fixture
async def fed():
    output, ended = Output(), []
    feed = Feed(output, CascadeMetrics(Metrics()), lambda: ended.append(True))
    feed.start()
    numbers = iter(range(1000))

    def give(kind, codec, payload, pts=0, flags=Flag.NONE):
        frame = Frame(kind, codec, flags, next(numbers), pts, pts, 1, payload)
        for message in encode_frame(frame, 1 << 20):
            feed.receive(SimpleNamespace(data=message))

    return SimpleNamespace(feed=feed, output=output, ended=ended, give=give, skip=lambda: next(numbers))


def units(output):
    """What is in the stream, as our own reader finds it."""
    demuxer = ProgramStreamDemuxer()
    found = []
    for pack, stamp in output.sent:
        found += demuxer.feed(pack, stamp, complete=True)
    return [(each.codec, bytes(each.payload)) for each in found]


async def test_it_begins_with_a_keyframe_and_carries_the_sound_that_was_announced(fed):
    fed.give(Kind.VIDEO, Codec.H264, DELTA)
    fed.give(Kind.AUDIO, Codec.PCMA, b"\x11" * 160)
    config = AudioConfig(Codec.PCMA, 8000, 1)
    fed.give(Kind.AUDIO_CONFIG, Codec.PCMA, config.serialize(), flags=Flag.CONFIG)
    fed.give(Kind.VIDEO, Codec.H264, KEY, 3600, Flag.KEYFRAME)
    fed.give(Kind.AUDIO, Codec.PCMA, b"\x22" * 160, 3700)
    fed.give(Kind.VIDEO, Codec.H264, DELTA, 7200)
    assert units(fed.output) == [(Codec.H264, KEY), (Codec.PCMA, b"\x22" * 160), (Codec.H264, DELTA)]
    assert [stamp for _, stamp in fed.output.sent] == [3600, 3700, 7200]


async def test_a_receiver_that_reads_too_slowly_goes_on_with_a_keyframe(fed):
    fed.give(Kind.VIDEO, Codec.H264, KEY, 0, Flag.KEYFRAME)
    fed.output.congested = True
    fed.give(Kind.VIDEO, Codec.H264, DELTA, 3600)
    fed.output.congested = False
    fed.give(Kind.VIDEO, Codec.H264, DELTA, 7200)
    fed.give(Kind.VIDEO, Codec.H264, KEY, 10_800, Flag.KEYFRAME)
    assert [stamp for _, stamp in fed.output.sent] == [0, 10_800]


async def test_a_frame_that_was_lost_on_the_bus_costs_the_rest_of_its_group(fed):
    fed.give(Kind.VIDEO, Codec.H264, KEY, 0, Flag.KEYFRAME)
    fed.skip()
    fed.give(Kind.VIDEO, Codec.H264, DELTA, 3600)
    fed.give(Kind.VIDEO, Codec.H264, KEY, 7200, Flag.KEYFRAME)
    assert [stamp for _, stamp in fed.output.sent] == [0, 7200]


async def test_video_no_program_stream_carries_is_told(fed):
    fed.give(Kind.VIDEO, Codec.MJPEG, b"\xff\xd8", flags=Flag.KEYFRAME)
    assert fed.feed.unsupported is Codec.MJPEG
    assert fed.output.sent == []


async def test_the_end_of_the_stream_is_told_and_rubbish_is_passed_over(fed):
    fed.feed.receive(SimpleNamespace(data=b"rubbish"))
    assert not fed.ended
    fed.give(Kind.DATA, Codec.OPAQUE, b"", flags=Flag.END)
    assert fed.ended


async def test_another_codec_in_mid_stream_has_a_map_of_its_own(fed):
    fed.give(Kind.VIDEO, Codec.H264, KEY, 0, Flag.KEYFRAME)
    fed.give(Kind.VIDEO, Codec.H265, b"\x00\x00\x00\x01\x26\x01key", 3600, Flag.KEYFRAME)
    assert [codec for codec, _ in units(fed.output)] == [Codec.H264, Codec.H265]


def test_aac_has_its_header_in_front_and_ffmpeg_reads_it():
    encoder = av.CodecContext.create("aac", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 16_000, "mono", "fltp"
    encoder.open()
    silence = av.AudioFrame(format="fltp", layout="mono", samples=1024)
    silence.sample_rate = 16_000
    for plane in silence.planes:
        plane.update(bytes(plane.buffer_size))
    packets = [bytes(packet) for _ in range(4) for packet in encoder.encode(silence)]
    dressed = with_adts(packets[-1], bytes(encoder.extradata))
    assert dressed[:2] == b"\xff\xf1"
    assert (int.from_bytes(dressed[3:6], "big") >> 5 & 0x1FFF) == len(dressed)
    assert with_adts(dressed, bytes(encoder.extradata)) == dressed
    parser = av.CodecContext.create("aac", "r")
    frames = [frame for packet in parser.parse(dressed * 4) for frame in parser.decode(packet)]
    assert {frame.sample_rate for frame in frames} == {16_000}
