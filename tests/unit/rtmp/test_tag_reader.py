from __future__ import annotations

import pytest

from cambus.media.audio import AudioConfig
from cambus.media.flv import FlvMuxer
from cambus.media.frame import Codec, Flag, Frame, Kind
from cambus.media.parameter_sets import ParameterSetTracker
from cambus.rtmp import TagReader
from cambus.simulators.video_loop import VideoSpec, encode_loop

AAC = AudioConfig(Codec.AAC, 44100, 2, b"\x12\x10")


def bodies(data):
    """Kind, time and body of the tags of FLV."""
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at + 1 : at + 4], "big")
        stamp = int.from_bytes(data[at + 4 : at + 7], "big") | data[at + 7] << 24
        yield data[at] == 9, stamp, data[at + 11 : at + 11 + size]
        at += 15 + size


def read(reader, data):
    found = (reader.read(body, stamp, video=video) for video, stamp, body in bodies(data))
    return [unit for unit in found if unit is not None]


@pytest.fixture(scope="module", params=[Codec.H264, Codec.H265])
def stream(request):
    """The pictures of a second, and their parameters."""
    spec = VideoSpec(
        width=160, height=128, fps=10, bitrate=60_000, gop_s=1.0, loop_s=1.0, codec=request.param
    )
    loop = encode_loop(spec).units
    tracker = ParameterSetTracker()
    tracker.update(loop[0].data, request.param)
    return request.param, [unit.data for unit in loop], tracker.params


def frame(codec, payload, number, *, ahead=0):
    flags = Flag.KEYFRAME if number == 0 else Flag.NONE
    return Frame(Kind.VIDEO, codec, flags, 0, number * 9000 + ahead, number * 9000, 0, payload)


def test_pictures_come_out_as_they_went_into_flv(stream):
    codec, payloads, params = stream
    muxer, reader = FlvMuxer(params, AAC), TagReader()
    data = muxer.configuration_tag()
    data += b"".join(muxer.tag(frame(codec, each, n, ahead=3600), 0) for n, each in enumerate(payloads))
    units = read(reader, data)
    assert reader.video.codec is codec
    assert [unit.dts for unit in units] == [number * 9000 for number in range(len(payloads))]
    assert [unit.pts - unit.dts for unit in units] == [3600] * len(payloads)
    assert all(unit.codec is codec and unit.payload.startswith(b"\0\0\0\1") for unit in units)
    assert units[1].payload in payloads[1].replace(b"\0\0\1", b"\0\0\0\1").replace(b"\0\0\0\0\1", b"\0\0\0\1")
    found = ParameterSetTracker()
    found.update(reader.video.sets, codec)
    assert found.params == params


def test_sound_is_known_by_its_configuration():
    reader, muxer = TagReader(), FlvMuxer(None, AAC)
    early = read(reader, muxer.tag(Frame(Kind.AUDIO, Codec.AAC, Flag.NONE, 0, 0, 0, 0, b"\x21raw"), 0))
    assert early == []
    assert reader.counts["early"] == 1
    assert read(reader, muxer.configuration_tag()) == []
    assert reader.sound == AAC
    (unit,) = read(
        reader, muxer.tag(Frame(Kind.AUDIO, Codec.AAC, Flag.NONE, 0, 9000, 9000, 0, b"\x21raw"), 0)
    )
    assert (unit.payload, unit.pts) == (b"\x21raw", 9000)


@pytest.mark.parametrize("codec", [Codec.PCMA, Codec.PCMU])
def test_g711_needs_no_configuration(codec):
    muxer, reader = FlvMuxer(None, AudioConfig(codec, 8000, 1)), TagReader()
    (unit,) = read(reader, muxer.tag(Frame(Kind.AUDIO, codec, Flag.NONE, 0, 0, 0, 0, b"\xd5" * 160), 0))
    assert (unit.codec, unit.payload) == (codec, b"\xd5" * 160)
    assert reader.sound == AudioConfig(codec, 8000, 1)


@pytest.mark.parametrize("stream", [Codec.H265], indirect=True)
def test_h265_comes_by_codec_number_12_as_well(stream):
    codec, payloads, params = stream
    reader = TagReader()
    muxer = FlvMuxer(params)
    ((_, _, start),) = bodies(muxer.configuration_tag())
    ((_, _, coded),) = bodies(muxer.tag(frame(codec, payloads[0], 0), 0))
    assert reader.read(b"\x1c\x00\x00\x00\x00" + start[5:], 0, video=True) is None
    unit = reader.read(b"\x1c\x01\x00\x00\x00" + coded[5:], 0, video=True)
    assert unit.codec is Codec.H265


def test_modifiers_before_a_packet_are_passed_over(stream):
    codec, _, params = stream
    fourcc = b"avc1" if codec is Codec.H264 else b"hvc1"
    ((_, _, plain),) = bodies(FlvMuxer(params).configuration_tag())
    reader = TagReader()
    reader.read(b"\x97\x02abc\x00" + fourcc + plain[5:], 0, video=True)
    assert reader.video.codec is codec


@pytest.mark.parametrize(
    ("body", "video", "why"),
    [
        (b"\x12\x00", True, "foreign"),
        (b"\x17", True, "malformed"),
        (b"\x17\x00\x00\x00\x00junk", True, "malformed"),
        (b"\x17\x01\x00\x00\x00\x00\x00\x00\x01x", True, "early"),
        (b"\x90vp09\x00", True, "foreign"),
        (b"\x91hvc1\x00", True, "malformed"),
        (b"\x2f\xff", False, "foreign"),
        (b"\xaf", False, "malformed"),
        (b"\xaf\x00\xff\xff", False, "malformed"),
        (b"\x90Opus", False, "foreign"),
    ],
)
def test_what_can_not_be_taken_apart_is_counted(body, video, why):
    reader = TagReader()
    assert reader.read(body, 0, video=video) is None
    assert reader.counts == {why: 1}


def test_a_broken_picture_is_told_by_the_next(stream):
    codec, payloads, params = stream
    muxer, reader = FlvMuxer(params), TagReader()
    read(reader, muxer.configuration_tag())
    ((_, _, body),) = bodies(muxer.tag(frame(codec, payloads[0], 0), 0))
    assert reader.read(body[:-1], 0, video=True) is None
    assert reader.read(body, 40, video=True).discontinuity
    assert not reader.read(body, 80, video=True).discontinuity


def test_time_goes_on_where_its_counter_begins_anew():
    reader = TagReader()
    first = reader.read(b"\x72\xd5", 0xFFFFFFF0, video=False)
    second = reader.read(b"\x72\xd5", 0x10, video=False)
    assert second.pts - first.pts == 0x20 * 90
