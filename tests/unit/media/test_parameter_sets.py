"""Parameter sets in the forms of the containers, read back by FFmpeg."""

import io
from fractions import Fraction

import av
import pytest

from cambus.media import h264, h265
from cambus.media.frame import Codec
from cambus.media.nal import LEADING_UNITS, iter_nal_units, join_annexb
from cambus.media.parameter_sets import (
    MAX_SETS,
    ParameterSetTracker,
    annexb_to_length_prefixed,
    avc_decoder_configuration,
    detect_codec,
    hevc_decoder_configuration,
)

KINDS = [
    (Codec.H264, "yuv420p", {}),
    (Codec.H264, "yuv420p", {"8x8dct": "1"}),
    (Codec.H264, "yuv422p", {}),
    (Codec.H265, "yuv420p", {}),
    (Codec.H265, "yuv420p10le", {}),
]


def first_params(clip, codec=None):
    params = ParameterSetTracker().update(clip.units[0], codec)
    assert params is not None
    return params


def record(params):
    return (
        avc_decoder_configuration(params)
        if params.codec is Codec.H264
        else hevc_decoder_configuration(params)
    )


@pytest.mark.parametrize(("codec", "pix_fmt", "params"), KINDS)
def test_ffmpeg_decodes_our_samples_with_our_record(encode, codec, pix_fmt, params):
    clip = encode(codec, 130, 98, pix_fmt=pix_fmt, params=params)
    decoder = av.CodecContext.create("h264" if codec is Codec.H264 else "hevc", "r")
    decoder.extradata = record(first_params(clip))
    # Without the sets in the samples: the record alone must do.
    samples = [annexb_to_length_prefixed(unit, codec) for unit in clip.units]
    pictures = [picture for sample in samples for picture in decoder.decode(av.Packet(sample))]
    pictures += decoder.decode(None)
    assert len(pictures) == len(clip.units)
    assert {(picture.width, picture.height, picture.format.name) for picture in pictures} == {
        (130, 98, pix_fmt)
    }


def ffmpeg_record(clip):
    """The configuration record FFmpeg's own MP4 muxer writes for a clip."""
    out = io.BytesIO()
    raw = io.BytesIO(b"".join(clip.units))
    with (
        av.open(raw, format="h264" if clip.codec is Codec.H264 else "hevc") as source,
        av.open(out, "w", format="mp4") as target,
    ):
        stream = target.add_stream_from_template(source.streams[0])
        stream.codec_context.codec_tag = "avc1" if clip.codec is Codec.H264 else "hvc1"
        for number, unit in enumerate(clip.units):
            packet = av.Packet(unit)
            packet.stream, packet.time_base, packet.duration = stream, Fraction(1, 25), 1
            packet.pts = packet.dts = number
            packet.is_keyframe = clip.keyframes[number]
            target.mux(packet)
    data = out.getvalue()
    at = data.index(b"avcC" if clip.codec is Codec.H264 else b"hvcC")
    return data[at + 4 : at - 4 + int.from_bytes(data[at - 4 : at])]


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "params"), [*KINDS, (Codec.H265, "yuv420p", {"level-idc": "5.1", "high-tier": "1"})]
)
def test_our_record_is_ffmpegs_byte_for_byte(encode, codec, pix_fmt, params):
    clip = encode(codec, 130, 98, pix_fmt=pix_fmt, params=params)
    assert record(first_params(clip)) == ffmpeg_record(clip)


@pytest.mark.parametrize(("codec", "pix_fmt", "params"), KINDS)
def test_the_profile_is_the_one_ffmpeg_names(encode, codec, pix_fmt, params):
    clip = encode(codec, 130, 98, pix_fmt=pix_fmt, params=params)
    decoder = av.CodecContext.create("h264" if codec is Codec.H264 else "hevc", "r")
    list(decoder.decode(av.Packet(clip.units[0])))
    ours = first_params(clip).codec_string
    names = {
        "avc1.42": "Baseline",
        "avc1.64": "High",
        "avc1.7a": "High 4:2:2",
        "hvc1.1.": "Main",
        "hvc1.2.": "Main 10",
    }
    expected = names[ours[:7]]
    assert decoder.profile in {expected, f"Constrained {expected}"}


def test_codec_strings(encode):
    assert first_params(encode(Codec.H264, 64, 64)).codec_string == "avc1.42c00a"
    assert first_params(encode(Codec.H265, 64, 64)).codec_string == "hvc1.1.6.L30.90"
    high = encode(Codec.H265, 64, 64, params={"level-idc": "5.1", "high-tier": "1"})
    assert first_params(high).codec_string == "hvc1.1.6.H153.90"


def test_unprefixed_sets_stay_in_the_samples_unless_the_codec_is_given(encode):
    clip = encode(Codec.H264, 64, 64)
    whole = annexb_to_length_prefixed(clip.units[0])
    units = list(iter_nal_units(clip.units[0]))
    assert whole == b"".join(len(unit).to_bytes(4) + unit for unit in units)
    kept = [unit for unit in units if h264.nal_type(unit[0]) not in {7, 8, 9}]
    assert annexb_to_length_prefixed(clip.units[0], Codec.H264) == b"".join(
        len(unit).to_bytes(4) + unit for unit in kept
    )


def test_h265_delimiters_and_sets_are_left_out():
    unit = join_annexb(b"\x46\x01\x50", b"\x40\x01\x0c", b"\x42\x01\x01", b"\x44\x01\xc0", b"\x26\x01\xaf")
    assert annexb_to_length_prefixed(unit, Codec.H265) == bytes.fromhex("000000032601af")


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
@pytest.mark.parametrize("told", [True, False])
def test_the_tracker_reports_only_changes(encode, codec, told):
    small, large = encode(codec, 64, 64), encode(codec, 130, 98)
    tracker = ParameterSetTracker()
    seen = [tracker.update(unit, codec if told else None) for unit in (*small.units, *large.units)]
    changes = [(at, params.width) for at, params in enumerate(seen) if params is not None]
    assert changes == [(0, 64), (len(small.units), 130)]
    assert tracker.params is seen[len(small.units)]


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_a_new_pps_is_a_change(encode, codec):
    unit = encode(codec, 64, 64).units[0]
    tracker = ParameterSetTracker()
    before = tracker.update(unit)
    after = tracker.update(unit.replace(before.pps, before.pps + b"\x80"))
    assert (after.pps, after.sps) == (before.pps + b"\x80", before.sps)


def test_sets_that_cannot_be_read_are_counted_and_change_nothing(encode):
    unit = encode(Codec.H264, 64, 64).units[0]
    tracker = ParameterSetTracker()
    params = tracker.update(unit)
    assert tracker.update(unit.replace(params.sps, b"\x67\x00\x00")) is None
    assert tracker.update(unit.replace(b"\x00\x00\x00\x01" + params.pps, b"")) is None
    assert (tracker.malformed, tracker.params) == (2, params)
    assert tracker.update(unit) is None


def test_a_pps_alone_before_anything_else_is_not_enough(encode):
    params = first_params(encode(Codec.H265, 64, 64))
    tracker = ParameterSetTracker()
    assert tracker.update(join_annexb(params.sps, params.pps, b"\x26\x01\xaf")) is None
    assert tracker.malformed == 1


def test_a_codec_change_in_mid_stream_is_a_change(encode):
    tracker = ParameterSetTracker()
    assert tracker.update(encode(Codec.H264, 64, 64).units[0]).codec is Codec.H264
    assert tracker.update(encode(Codec.H265, 64, 64).units[0]).codec is Codec.H265


def test_other_codecs_have_no_parameter_sets(encode):
    tracker = ParameterSetTracker()
    assert tracker.update(encode(Codec.H264, 64, 64).units[0], Codec.MJPEG) is None
    assert tracker.params is None


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_further_sets_go_into_the_record(encode, codec):
    """Some encoders send a second PPS; decoders need both."""
    clip = encode(codec, 64, 64)
    params = first_params(clip)
    # pps_pic_parameter_set_id 0 is the single bit 1 behind the NAL header; a copy with id 1 begins with 010.
    head = 1 if codec is Codec.H264 else 2
    bits = f"{int.from_bytes(params.pps[head:]):0{8 * (len(params.pps) - head)}b}"
    assert bits[0] == "1"
    longer = f"010{bits[1:]}".rstrip("0")
    longer = longer.ljust(-(-len(longer) // 8) * 8, "0")
    second = params.pps[:head] + int(longer, 2).to_bytes(len(longer) // 8)
    units = [
        join_annexb(second) + unit if key else unit
        for unit, key in zip(clip.units, clip.keyframes, strict=True)
    ]
    both = first_params(type(clip)(codec, units, clip.keyframes), codec)
    assert both.sets.count(second) == 1
    assert both.sets.count(params.pps) == 1
    decoder = av.CodecContext.create("h264" if codec is Codec.H264 else "hevc", "r")
    decoder.extradata = record(both)
    pictures = [
        picture
        for unit in units
        for picture in decoder.decode(av.Packet(annexb_to_length_prefixed(unit, codec)))
    ]
    pictures += decoder.decode(None)
    assert len(pictures) == len(units)


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_an_access_unit_of_nothing_but_sets_is_bounded(encode, codec):
    params = first_params(encode(codec, 64, 64))
    many = [params.pps + number.to_bytes(2) for number in range(0x0101, 0x0401)]
    flood = ParameterSetTracker().update(join_annexb(*params.sets, *many), codec)
    assert len(flood.sets) == MAX_SETS
    assert record(flood)[0] == 1


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_a_flood_of_units_in_front_of_the_slices_is_not_searched(encode, codec):
    flood = b"\x00\x00\x01\x06\x05" if codec is Codec.H264 else b"\x00\x00\x01\x4e\x01"
    unit = encode(codec, 64, 64).units[0]
    is_keyframe = h264.is_keyframe if codec is Codec.H264 else h265.is_keyframe
    assert is_keyframe(flood * 10 + unit)
    assert ParameterSetTracker().update(flood * 10 + unit) is not None
    assert not is_keyframe(flood * LEADING_UNITS + unit)
    assert ParameterSetTracker().update(flood * LEADING_UNITS + unit) is None
    assert ParameterSetTracker().update(flood * LEADING_UNITS + unit, codec) is None


@pytest.mark.parametrize(
    ("stream", "codec"),
    [
        ("00000001 67640029", Codec.H264),
        ("00000001 27640029", Codec.H264),
        ("00000001 0910 00000001 47640029", Codec.H264),
        ("00000001 40010c01", Codec.H265),
        ("00000001 4601 50 00000001 42010101", Codec.H265),
        ("00000001 2801af", None),
        ("00000001 2601af", None),
        ("00000001 6588", None),
        ("00000001 419a", None),
        ("00000001 e7640029", None),
        ("00000001 40", None),
        ("ffd8ffe0", None),
        ("", None),
    ],
)
def test_the_codec_is_told_by_the_parameter_sets(stream, codec):
    assert detect_codec(bytes.fromhex(stream)) is codec


def test_nal_types_of_both_codecs():
    assert h264.nal_type(0x67) == h264.NalType.SPS
    assert h265.nal_type(0x42) == h265.NalType.SPS
    assert [h264.is_vcl(each) for each in (0, 1, 5, 6)] == [False, True, True, False]
    assert [h265.is_irap(each) for each in (15, 16, 21, 23, 24)] == [False, True, True, True, False]
