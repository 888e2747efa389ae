"""Program streams taken apart, and checked against an independent muxer and demuxer (FFmpeg)."""

import io
import struct
from fractions import Fraction

import av
import pytest

from cambus.media.frame import Codec
from cambus.media.mpegps import ProgramStreamDemuxer, StreamUnit, Unwrapper, sniff_audio, sniff_video
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


def muxed(codec, units, container_format):
    """What FFmpeg makes of pictures."""
    file = io.BytesIO()
    with av.open(file, "w", format=container_format) as container:
        stream = container.add_stream(ENCODERS[codec], rate=25)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for number, (unit, keyframe) in enumerate(units):
            packet = av.Packet(unit)
            packet.stream, packet.pts, packet.dts = stream, number, number
            packet.time_base, packet.is_keyframe = Fraction(1, 25), keyframe
            container.mux(packet)
    return file.getvalue()


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


@pytest.mark.parametrize("size", [0, 150_000])
def test_what_we_write_ffmpeg_reads_to_the_byte(encoded, size):
    """Pictures of more than 64 KiB too, which take several packets."""
    codec, units = encoded
    filler = (
        b"\x00\x00\x00\x01" + (b"\x0c" if codec is Codec.H264 else b"\x4c\x01") + b"\xff" * size + b"\x80"
    )
    units = [(unit + filler if size and keyframe else unit, keyframe) for unit, keyframe in units]
    chunks = packs(codec, units)
    found = {"video": b"", "audio": b""}
    with av.open(io.BytesIO(b"".join(chunks)), format="mpeg") as container:
        for packet in container.demux():
            found[packet.stream.type] += bytes(packet)
    assert found["video"] == b"".join(unit for unit, _ in units)
    assert found["audio"] == b"".join(bytes((number,)) * 320 for number in range(len(units)))


def test_what_ffmpeg_writes_is_read_to_the_byte(encoded):
    codec, units = encoded
    data = muxed(codec, units, "vob")
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
    later = packs(codec, units)[2]
    found, demuxer = fed([old + private + stuffed + b"\x00\x00\x01\xb9" + later])
    assert [unit.payload for unit in found] == [units[0][0], units[1][0]]
    assert not demuxer.counts


@pytest.mark.parametrize("size", [1000, 2048, 1 << 20])
def test_mpeg_1_as_ffmpeg_writes_it_is_read_to_the_byte(encoded, size):
    """Its packets have another header: stuffing, the size of a buffer, and times in other places."""
    codec, units = encoded
    data = muxed(codec, units, "mpeg")
    assert data[4] >> 4 == 2  # a pack of MPEG-1
    found, _ = fed(data[at : at + size] for at in range(0, len(data), size))
    assert b"".join(unit.payload for unit in found) == b"".join(unit for unit, _ in units)
    assert {unit.codec for unit in found} == {codec}
    stamps = [unit.pts for unit in found if unit.pts is not None]
    assert stamps == sorted(stamps)
    assert stamps[-1] - stamps[0] >= (len(units) - 2) * 3600


@pytest.mark.parametrize("code", [0xBB, 0xBC, 0xBD])
@pytest.mark.parametrize("length", [0, 3, 0x7F, 0xFFFF])
def test_a_wrong_length_before_a_picture_costs_no_picture(encoded, code, length):
    codec, units = encoded
    chunks = packs(codec, units)
    odd = b"\x00\x00\x01" + bytes((code,)) + struct.pack(">H", length) + b"\xe0\xff\x00\x04abcd"
    demuxer = ProgramStreamDemuxer()
    found = []
    for number, chunk in enumerate(chunks[::2]):
        at = chunk.index(b"\x00\x00\x01\xe0")
        found += demuxer.feed(chunk[:at] + odd + chunk[at:], number * 3600, complete=True)
    assert [unit.payload for unit in found] == [unit for unit, _ in units]
    assert {unit.codec for unit in found} == {codec}


def test_a_map_that_comes_later_corrects_what_was_guessed():
    picture = b"\x00\x00\x00\x01\x67picture"
    before = ProgramStreamMuxer(Codec.H264, Codec.PCMA)
    muxer = ProgramStreamMuxer(Codec.H264, Codec.PCMU)
    chunks = [
        _without(before.picture(picture, 0, keyframe=True), 0xBC),
        muxer.sound(b"sound", 0),
        muxer.picture(picture, 3600, keyframe=True),
        muxer.sound(b"sound", 3600),
    ]
    found, _ = fed(chunks)
    assert [unit.codec for unit in found if unit.payload == b"sound"] == [Codec.PCMA, Codec.PCMU]


@pytest.mark.parametrize(
    ("type_", "codec"),
    [
        (0x10, Codec.MPEG4),
        (0x1B, Codec.H264),
        (0x24, Codec.H265),
        (0x80, Codec.OPAQUE),
        (0x42, Codec.OPAQUE),
    ],
)
def test_every_type_of_pictures_is_named_or_passed_on(type_, codec):
    head = ProgramStreamMuxer(Codec.H264, Codec.PCMA).picture(b"\x00\x00\x01picture", 0, keyframe=True)
    (found,) = fed([head.replace(b"\x1b\xe0", bytes((type_, 0xE0)))])[0]
    assert (found.codec, found.stream_type) == (codec, type_)


@pytest.mark.parametrize(
    ("type_", "codec"),
    [
        (0x0F, Codec.AAC),
        (0x90, Codec.PCMA),
        (0x91, Codec.PCMU),
        (0x92, Codec.OPAQUE),
        (0x93, Codec.OPAQUE),
        (0x99, Codec.OPAQUE),
        (0x9B, Codec.OPAQUE),
    ],
)
def test_every_type_of_sound_is_named_or_passed_on(type_, codec):
    muxer = ProgramStreamMuxer(Codec.H264, Codec.PCMA)
    head = muxer.picture(b"\x00\x00\x01\x67", 0, keyframe=True).replace(b"\x90\xc0", bytes((type_, 0xC0)))
    found = [unit for unit in fed([head, muxer.sound(b"sound", 9)])[0] if unit.payload == b"sound"]
    assert [(unit.codec, unit.stream_type) for unit in found] == [(codec, type_)]


@pytest.mark.parametrize(
    ("payload", "codec"),
    [
        (b"\x00\x00\x01\x67x", Codec.H264),
        (b"\x00\x00\x01\x27x", Codec.H264),
        (b"\x00\x00\x01\x47x", Codec.H264),
        (b"\x00\x00\x01\x09x\x00\x00\x01\x68x", Codec.H264),
        (b"\x00\x00\x01\x40\x01x", Codec.H265),
        (b"\x00\x00\x01\x42\x01x", Codec.H265),
        (b"\x00\x00\x01\xb0x", Codec.MPEG4),
        (b"\x00\x00\x01\xb6x", Codec.MPEG4),
        (b"\x00\x00\x01\x41x", None),
        (b"", None),
    ],
)
def test_pictures_are_known_by_what_they_begin_with(payload, codec):
    assert sniff_video(payload) is codec


@pytest.mark.parametrize(
    ("payload", "codec"), [(b"\xff\xf1xx", Codec.AAC), (b"\xff\xf9xx", Codec.AAC), (b"\xd5" * 9, Codec.PCMA)]
)
def test_sound_is_known_by_what_it_begins_with(payload, codec):
    assert sniff_audio(payload) is codec


def test_times_go_on_over_the_wrap_of_33_bits():
    muxer, top = ProgramStreamMuxer(Codec.H264, Codec.PCMA), 1 << 33
    chunks = [
        muxer.picture(b"\x00\x00\x01\x67x", top - 7200 + number * 3600, keyframe=True) for number in range(5)
    ]
    assert [unit.pts for unit in fed(chunks)[0]] == [top - 7200 + number * 3600 for number in range(5)]


def test_a_packet_without_a_length_lasts_until_the_next_thing(encoded):
    codec, units = encoded
    chunk = packs(codec, units)[0]
    at = chunk.index(b"\x00\x00\x01\xe0") + 4
    endless = chunk[:at] + b"\x00\x00" + chunk[at + 2 :]
    for size in (3, 100, len(endless)):
        pieces = [endless[i : i + size] for i in range(0, len(endless), size)]
        found, _ = fed([*pieces, packs(codec, units)[2]])
        assert video(found)[0].payload == units[0][0]


@pytest.mark.parametrize("size", [7, 40, 1000])
def test_sound_without_a_length_lasts_until_the_next_thing(size):
    muxer = ProgramStreamMuxer(Codec.H264, Codec.PCMA)
    piece = muxer.sound(b"\xd5" * 320, 0)
    at = piece.index(b"\x00\x00\x01\xc0") + 4
    piece = piece[:at] + b"\x00\x00" + piece[at + 2 :]
    found, _ = fed([*(piece[i : i + size] for i in range(0, len(piece), size)), muxer.sound(b"next", 3600)])
    assert [unit.payload for unit in found] == [b"\xd5" * 320, b"next"]


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
