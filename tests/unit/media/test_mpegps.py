"""Program streams taken apart, and checked against an independent muxer and demuxer (FFmpeg)."""

import io
import struct
from fractions import Fraction

import av
import pytest

from cambus.media.frame import Codec
from cambus.media.mpegps import ProgramStreamDemuxer, StreamUnit, Unwrapper
from cambus.media.mpegps_writer import ProgramStreamMuxer

SIZE = (320, 192)
ENCODERS = {Codec.H264: "libx264", Codec.H265: "libx265"}


def pictures(codec, count=30):
    """Access units of a moving picture, a keyframe every 10."""
    encoder = av.CodecContext.create(ENCODERS[codec], "w")
    encoder.width, encoder.height = SIZE
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.gop_size = 10
    encoder.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "bf": "0",
        "x265-params": "bframes=0:log-level=none:repeat-headers=1",
    }
    units = []
    for number in range(count):
        frame = av.VideoFrame(*SIZE, "yuv420p")
        for at, plane in enumerate(frame.planes):
            plane.update(bytes((number * 7 + at * 31 + x) % 256 for x in range(plane.buffer_size)))
        frame.pts = number
        units += [(bytes(packet), packet.is_keyframe) for packet in encoder.encode(frame)]
    return units + [(bytes(packet), packet.is_keyframe) for packet in encoder.encode(None)]


@pytest.fixture(scope="module", params=list(ENCODERS), ids=lambda codec: codec.name)
def encoded(request):
    return request.param, pictures(request.param)


def packs(codec, units):
    """One chunk for each picture and each piece of sound, as a device sends them."""
    muxer = ProgramStreamMuxer(codec, Codec.PCMA)
    chunks = []
    for number, (unit, keyframe) in enumerate(units):
        chunks.append(muxer.picture(unit, number * 3600, keyframe=keyframe))
        chunks.append(muxer.sound(bytes((number,)) * 320, number * 3600))
    return chunks


def fed(chunks, **options):
    demuxer = ProgramStreamDemuxer(**options)
    found = [unit for chunk in chunks for unit in demuxer.feed(chunk)]
    return found + demuxer.flush(), demuxer


def video(units):
    return [unit for unit in units if unit.codec.is_video]


def test_what_we_write_is_what_ffmpeg_reads(encoded):
    codec, units = encoded
    with av.open(io.BytesIO(b"".join(packs(codec, units))), format="mpeg") as container:
        assert [stream.codec_context.name for stream in container.streams] == [
            {Codec.H264: "h264", Codec.H265: "hevc"}[codec],
            "pcm_alaw",
        ]
        assert sum(1 for _ in container.decode(video=0)) == len(units)


def test_what_ffmpeg_writes_is_read_to_the_byte(encoded):
    codec, units = encoded
    file = io.BytesIO()
    with av.open(file, "w", format="vob") as container:
        stream = container.add_stream(ENCODERS[codec], rate=25)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for number, (unit, keyframe) in enumerate(units):
            packet = av.Packet(unit)
            packet.stream, packet.pts, packet.dts = stream, number, number
            packet.time_base, packet.is_keyframe = Fraction(1, 25), keyframe
            container.mux(packet)
    data = file.getvalue()
    found, _ = fed(data[at : at + 1000] for at in range(0, len(data), 1000))
    assert b"".join(unit.payload for unit in found) == b"".join(unit for unit, _ in units)
    assert {unit.codec for unit in found} == {codec}


@pytest.mark.parametrize("size", [1, 7, 188, 1400, 65_536])
def test_pieces_of_any_size_give_the_same_units(encoded, size):
    codec, units = encoded
    data = b"".join(packs(codec, units))
    found, demuxer = fed(data[at : at + size] for at in range(0, len(data), size))
    assert [(unit.payload, unit.pts) for unit in video(found)] == [
        (unit, number * 3600) for number, (unit, _) in enumerate(units)
    ]
    assert [unit.payload for unit in found if unit.codec is Codec.PCMA] == [
        bytes((number,)) * 320 for number in range(len(units))
    ]
    assert not demuxer.counts


def test_a_frame_that_is_complete_is_out_at_once(encoded):
    codec, units = encoded
    demuxer = ProgramStreamDemuxer()
    chunk = packs(codec, units)[0]
    assert [unit.payload for unit in demuxer.feed(chunk, 0, complete=True)] == [units[0][0]]
    assert demuxer.feed(packs(codec, units)[2], 3600) == []
    assert [unit.payload for unit in demuxer.feed(packs(codec, units)[4], 7200)] == [units[1][0]]


def test_a_large_picture_spans_many_packets_and_beyond_the_bound_is_dropped():
    large = b"\x00\x00\x00\x01\x67" + bytes(range(1, 251)) * 1200
    muxer = ProgramStreamMuxer(Codec.H264)
    chunk = muxer.picture(large, 0, keyframe=True)
    assert len(large) > 4 * 0x10000
    assert [unit.payload for unit in fed([chunk])[0]] == [large]
    found, demuxer = fed([chunk], max_unit_bytes=100_000)
    assert found == []
    assert demuxer.counts["oversize"] == 1


def test_after_a_loss_nothing_damaged_comes_out_and_the_next_says_so(encoded):
    codec, units = encoded
    chunks = packs(codec, units)
    demuxer = ProgramStreamDemuxer()
    found = demuxer.feed(chunks[0], 0, complete=True)
    demuxer.feed(chunks[2][: len(chunks[2]) // 2], 3600)
    demuxer.lost()
    found += demuxer.feed(chunks[2][len(chunks[2]) // 2 + 10 :], 3600, complete=True)
    found += demuxer.feed(chunks[4], 7200, complete=True)
    assert [(unit.payload, unit.discontinuity) for unit in video(found)] == [
        (units[0][0], False),
        (units[2][0], True),
    ]


def test_without_a_map_the_codec_is_seen(encoded):
    codec, units = encoded
    chunks = packs(codec, units)
    without = [_without(chunk, 0xBC) for chunk in chunks]
    found, _ = fed(without)
    assert [unit.payload for unit in video(found)] == [unit for unit, _ in units]
    assert {unit.codec for unit in found} == {codec, Codec.PCMA}


def test_a_map_that_does_not_add_up_changes_nothing(encoded):
    codec, units = encoded
    chunks = packs(codec, units)
    bad = (
        b"\x00\x00\x01\xbc"
        + struct.pack(">H", 14)
        + b"\xe0\xff\x00\x00\x00\x08\x1b\xe0\xff\xff"
        + b"\x00" * 4
    )
    found, demuxer = fed([chunks[0], bad + chunks[2], *chunks[4:]])
    assert [unit.payload for unit in video(found)] == [unit for unit, _ in units]
    assert demuxer.counts["bad-map"] == 1


def test_stuffing_mpeg_1_packs_private_packets_and_an_end_are_passed_over(encoded):
    codec, units = encoded
    chunk = packs(codec, units)[0]
    stuffed = chunk[:13] + bytes((0xF8 | 3,)) + b"\xff" * 3 + chunk[14:]
    private = b"\x00\x00\x01\xbd" + struct.pack(">H", 5) + b"\x81\x00\x00ab"
    old = b"\x00\x00\x01\xba" + b"\x21" + b"\x00" * 7
    found, demuxer = fed([old + private + stuffed + b"\x00\x00\x01\xb9"])
    assert [unit.payload for unit in found] == [units[0][0]]
    assert not demuxer.counts


def test_a_packet_without_a_length_lasts_until_the_next_thing(encoded):
    codec, units = encoded
    chunk = packs(codec, units)[0]
    at = chunk.index(b"\x00\x00\x01\xe0") + 4
    endless = chunk[:at] + b"\x00\x00" + chunk[at + 2 :]
    for size in (3, 100, len(endless)):
        pieces = [endless[i : i + size] for i in range(0, len(endless), size)]
        found, _ = fed([*pieces, packs(codec, units)[2]])
        assert video(found)[0].payload == units[0][0]


def test_sound_of_other_kinds_is_named_or_passed_on():
    muxer = ProgramStreamMuxer(audio=Codec.AAC)
    head = ProgramStreamMuxer(Codec.H264, Codec.AAC).picture(b"\x00\x00\x01\x65x", 0, keyframe=True)
    found, _ = fed([head, muxer.sound(b"\xff\xf1aac", 9)])
    assert StreamUnit(Codec.AAC, 0x0F, b"\xff\xf1aac", 9) in found
    odd = head.replace(b"\x0f\xc0", b"\x99\xc0")
    found, _ = fed([odd, muxer.sound(b"g729", 9)])
    assert StreamUnit(Codec.OPAQUE, 0x99, b"g729", 9) in found


@pytest.mark.parametrize("bits", [16, 32, 33])
def test_counters_are_unwrapped_both_ways(bits):
    top = 1 << bits
    unwrap = Unwrapper(bits)
    assert [unwrap(value) for value in (top - 2, top - 1, 0, 1, top - 1)] == [
        top - 2,
        top - 1,
        top,
        top + 1,
        top - 1,
    ]


def _without(chunk, code):
    at = chunk.find(b"\x00\x00\x01" + bytes((code,)))
    if at < 0:
        return chunk
    return chunk[:at] + chunk[at + 6 + struct.unpack_from(">H", chunk, at + 4)[0] :]
