"""Parameter sets of real encoders: what we read is what was encoded, and what FFmpeg reads."""

import pytest

from cambus.media import h264, h265
from cambus.media.errors import BitstreamError
from cambus.media.frame import Codec
from cambus.media.nal import iter_nal_units

SIZES = [(64, 64), (130, 98), (176, 144), (66, 50)]


def sps_unit(clip):
    lib = h264 if clip.codec is Codec.H264 else h265
    return next(unit for unit in iter_nal_units(clip.units[0]) if lib.nal_type(unit[0]) == lib.NalType.SPS)


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("fps", [25, 12])
def test_h264_size_and_rate(encode, width, height, fps):
    sps = h264.parse_sps(sps_unit(encode(Codec.H264, width, height, fps=fps)))
    assert (sps.width, sps.height, sps.frame_rate) == (width, height, fps)
    assert (sps.profile, sps.chroma_format, sps.bit_depth_luma, sps.sps_id) == (66, 1, 8, 0)


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("fps", [25, 12])
def test_h265_size_and_rate(encode, width, height, fps):
    sps = h265.parse_sps(sps_unit(encode(Codec.H265, width, height, fps=fps)))
    assert (sps.width, sps.height, sps.frame_rate) == (width, height, fps)
    assert (sps.profile.profile, sps.chroma_format, sps.bit_depth_luma, sps.temporal_layers) == (1, 1, 8, 1)


@pytest.mark.parametrize(
    ("pix_fmt", "params", "expected"),
    [
        ("yuv420p", {"cqm": "jvt", "8x8dct": "1"}, (100, 1, 8)),
        ("yuv422p", {}, (122, 2, 8)),
        ("yuv444p", {"cqm": "jvt", "8x8dct": "1"}, (244, 3, 8)),
        ("yuv420p10le", {}, (110, 1, 10)),
        ("gray", {}, (100, 0, 8)),
        ("yuv420p", {"interlaced": "1"}, (77, 1, 8)),
        ("yuv420p", {"sar": "40/33", "colorprim": "bt709", "overscan": "show", "chromaloc": "1"}, (66, 1, 8)),
    ],
)
def test_h264_of_unusual_kinds(encode, pix_fmt, params, expected):
    sps = h264.parse_sps(sps_unit(encode(Codec.H264, 130, 100, pix_fmt=pix_fmt, params=params)))
    assert (sps.width, sps.height, sps.frame_rate) == (130, 100, 25)
    assert (sps.profile, sps.chroma_format, sps.bit_depth_luma) == expected
    assert sps.bit_depth_chroma == expected[2]


@pytest.mark.parametrize(
    ("pix_fmt", "params", "expected"),
    [
        ("yuv422p", {}, (4, 2, 8)),
        ("yuv444p", {}, (4, 3, 8)),
        ("yuv420p10le", {}, (2, 1, 10)),
        ("gray", {}, (4, 0, 8)),
        ("yuv420p", {"scaling-list": "default"}, (1, 1, 8)),
        ("yuv420p", {"bframes": "3", "b-adapt": "0", "rc-lookahead": "6", "ref": "3"}, (1, 1, 8)),
        ("yuv420p", {"sar": "2", "colorprim": "bt709", "overscan": "show", "chromaloc": "1"}, (1, 1, 8)),
        ("yuv420p", {"display-window": "2,2,2,2", "temporal-layers": "2"}, (1, 1, 8)),
        ("yuv420p", {"level-idc": "5.1", "high-tier": "1", "strong-intra-smoothing": "1"}, (1, 1, 8)),
    ],
)
def test_h265_of_unusual_kinds(encode, pix_fmt, params, expected):
    sps = h265.parse_sps(sps_unit(encode(Codec.H265, 130, 100, pix_fmt=pix_fmt, params=params)))
    assert (sps.width, sps.height, sps.frame_rate) == (130, 100, 25)
    assert (sps.profile.profile, sps.chroma_format, sps.bit_depth_luma) == expected
    assert sps.bit_depth_chroma == expected[2]


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_an_aspect_ratio_of_its_own_is_passed_over(encode, codec):
    parse = h264.parse_sps if codec is Codec.H264 else h265.parse_sps
    assert parse(sps_unit(encode(codec, 130, 98, aspect=(41, 33)))).frame_rate == 25


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_keyframes_are_those_of_the_encoder(encode, codec):
    clip = encode(codec, 64, 64)
    is_keyframe = h264.is_keyframe if codec is Codec.H264 else h265.is_keyframe
    assert [is_keyframe(unit) for unit in clip.units] == clip.keyframes
    assert clip.keyframes.count(True) == 2


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_parameter_sets_alone_are_no_keyframe(encode, codec):
    clip = encode(codec, 64, 64)
    is_keyframe = h264.is_keyframe if codec is Codec.H264 else h265.is_keyframe
    assert not is_keyframe(b"\x00\x00\x01" + sps_unit(clip))


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_a_set_cut_anywhere_gives_the_picture_or_an_error(encode, codec):
    parse = h264.parse_sps if codec is Codec.H264 else h265.parse_sps
    unit = sps_unit(encode(codec, 130, 98))
    whole = parse(unit)
    sizes = set()
    for end in range(len(unit)):
        try:
            cut = parse(unit[:end])
        except BitstreamError:
            continue
        assert (cut.width, cut.height) == (130, 98)
        sizes.add(cut.frame_rate)
    # Cut within the VUI, the picture is still known and only the rate is not.
    assert None in sizes
    assert whole.frame_rate == 25


@pytest.mark.parametrize("unit", ["", "67", "68ee3c80", "e742c00a", "6542c00ada"])
def test_what_is_no_h264_sps_is_an_error(unit):
    with pytest.raises(BitstreamError, match="no SPS"):
        h264.parse_sps(bytes.fromhex(unit))


@pytest.mark.parametrize(
    "unit", ["", "42", "40010c01ffff", "4301010101", "4209010101", "c201010101", "42090101"]
)
def test_what_is_no_h265_sps_of_the_base_layer_is_an_error(unit):
    with pytest.raises(BitstreamError, match="no SPS"):
        h265.parse_sps(bytes.fromhex(unit))


def test_a_crop_larger_than_the_picture_is_an_error():
    # Baseline, 16 x 16, cropped by 8 + 8 columns of two: nothing is left.
    bits = "01000010 00000000 00001010" + "1 1 1 1 1 0" + "1 1 1 1 1" + "0001001 0001001 1 1" + "0 1"
    with pytest.raises(BitstreamError, match="a picture of"):
        h264.parse_sps(b"\x67" + as_bytes(bits))


def as_bytes(text):
    text = text.replace(" ", "")
    text += "0" * (-len(text) % 8)
    return bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))


def test_an_order_type_with_offsets_is_passed_over():
    # pic_order_cnt_type 1 with two reference offsets; 32 x 16.
    bits = "01000010 00000000 00001010" + "1 1 010" + "0 1 1 011 010 011" + "1 0" + "010 1 1 1 0 0 1"
    sps = h264.parse_sps(b"\x67" + as_bytes(bits))
    assert (sps.width, sps.height, sps.frame_rate) == (32, 16, None)


@pytest.mark.parametrize(
    ("scale", "ticks", "rate"),
    [(25, 1, 25), (1, 0, None), (0, 1, None), (30000, 1001, 30000 / 1001), (90000, 1, None), (1, 100, None)],
)
def test_only_rates_that_a_camera_can_have_are_believed(scale, ticks, rate):
    assert h264.believable_rate(scale, ticks) == rate
