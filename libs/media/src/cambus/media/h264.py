"""H.264: NAL unit types and the sequence parameter set (ITU-T H.264, ISO/IEC 14496-10)."""

from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from typing import Final

from cambus.media.bitreader import BitReader
from cambus.media.errors import BitstreamError
from cambus.media.nal import LEADING_UNITS, iter_nal_offsets, unescape

#: The largest width and height that is believed; level 6.2 ends at 8192 x 4352.
MAX_DIMENSION: Final = 16384
BASELINE: Final = 66
_EXTENDED_SAR: Final = 255
_DECODED_AS_SHOWN: Final = 2
"""pic_order_cnt_type of streams whose pictures are shown in the order of decoding (H.264 §8.2.1.3)."""
_MOST_REORDERED: Final = 16


class NalType(IntEnum):
    """The values of nal_unit_type that are used here (H.264 table 7-1)."""

    SLICE = 1
    SLICE_IDR = 5
    SEI = 6
    SPS = 7
    PPS = 8
    AUD = 9
    END_OF_SEQUENCE = 10
    END_OF_STREAM = 11
    FILLER = 12


#: The profiles whose SPS says chroma format and bit depths (H.264 §7.3.2.1.1).
HIGH_PROFILES: Final = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244})


@dataclass(frozen=True, slots=True)
class Sps:
    """A sequence parameter set, as far as a recorder or player needs it.

    Attributes:
        sps_id: its number, which slices refer to through their PPS.
        profile: profile_idc.
        constraints: the byte of constraint flags.
        level: level_idc, ten times the level.
        width: visible pixels a line, cropping applied.
        height: visible lines, cropping applied.
        chroma_format: chroma_format_idc: 0 grey, 1 4:2:0, 2 4:2:2, 3 4:4:4.
        bit_depth_luma: bits of a luma sample.
        bit_depth_chroma: bits of a chroma sample.
        frame_rate: frames a second by the VUI's timing, None when it has none that makes sense.
        reorder: how many pictures may be decoded before one that is shown before them; None where nothing says.
    """

    sps_id: int
    profile: int
    constraints: int
    level: int
    width: int
    height: int
    chroma_format: int
    bit_depth_luma: int
    bit_depth_chroma: int
    frame_rate: float | None
    reorder: int | None = None


def nal_type(first_byte: int) -> int:
    """nal_unit_type of a NAL unit's first byte (H.264 §7.3.1)."""
    return first_byte & 0x1F


def is_vcl(unit_type: int) -> bool:
    """Whether NAL units of this type carry slices (H.264 table 7-1)."""
    return 1 <= unit_type <= 5


def is_keyframe(annexb: bytes) -> bool:
    """Whether the first slice of an access unit is of an IDR picture; no slice is searched."""
    for at in islice(iter_nal_offsets(annexb), LEADING_UNITS):
        unit_type = nal_type(annexb[at])
        if is_vcl(unit_type):
            return unit_type == NalType.SLICE_IDR
    return False


def parse_sps(unit: bytes) -> Sps:
    """Read a sequence parameter set (H.264 §7.3.2.1.1), given as NAL unit without start code.

    A VUI that breaks off costs only the frame rate: some cameras cut their SPS there, and everybody plays
    them.

    Raises:
        BitstreamError: it is no SPS, is cut short, or gives an impossible picture.
    """
    if len(unit) < 4 or nal_type(unit[0]) != NalType.SPS or unit[0] & 0x80:
        raise BitstreamError(f"no SPS: {unit[:8].hex(' ')}", context="H.264 SPS")
    reader = BitReader(unescape(unit[1:]), "H.264 SPS")
    profile, constraints, level = reader.bits(8), reader.bits(8), reader.bits(8)
    sps_id = reader.ue(31)
    chroma_format, planes, luma, chroma = 1, False, 8, 8
    if profile in HIGH_PROFILES:
        chroma_format = reader.ue(3)
        planes = chroma_format == 3 and reader.flag()
        luma, chroma = 8 + reader.ue(6), 8 + reader.ue(6)
        reader.skip(1)  # qpprime_y_zero_transform_bypass_flag
        if reader.flag():
            _skip_scaling_matrix(reader, 8 if chroma_format != 3 else 12)
    in_order = _skip_picture_order(reader) == _DECODED_AS_SHOWN or profile == BASELINE
    reader.ue()  # max_num_ref_frames
    reader.skip(1)  # gaps_in_frame_num_value_allowed_flag
    width, height = _picture_size(reader, 0 if planes else chroma_format)
    rate, reorder = _vui(reader)
    return Sps(
        sps_id=sps_id,
        profile=profile,
        constraints=constraints,
        level=level,
        width=width,
        height=height,
        chroma_format=chroma_format,
        bit_depth_luma=luma,
        bit_depth_chroma=chroma,
        frame_rate=rate,
        reorder=0 if in_order else reorder,
    )


def _skip_scaling_matrix(reader: BitReader, lists: int) -> None:
    """Pass over the scaling lists (H.264 §7.3.2.1.1.1)."""
    for index in range(lists):
        if not reader.flag():
            continue
        last = following = 8
        for _ in range(16 if index < 6 else 64):
            if following:
                following = (last + reader.se()) % 256
            last = following or last


def _skip_picture_order(reader: BitReader) -> int:
    """pic_order_cnt_type, and what belongs to it passed over."""
    reader.ue(12)  # log2_max_frame_num_minus4
    order_type = reader.ue(2)
    if order_type == 0:
        reader.ue(12)  # log2_max_pic_order_cnt_lsb_minus4
    elif order_type == 1:
        reader.skip(1)
        reader.se()
        reader.se()
        for _ in range(reader.ue(255)):
            reader.se()
    return order_type


def _picture_size(reader: BitReader, chroma_array_type: int) -> tuple[int, int]:
    """Width and height after cropping (H.264 §7.4.2.1.1, equations 7-18 to 7-22)."""
    width = (reader.ue(MAX_DIMENSION // 16 - 1) + 1) * 16
    map_units = reader.ue(MAX_DIMENSION // 16 - 1) + 1
    fields = 1 if reader.flag() else 2  # frame_mbs_only_flag
    if fields == 2:
        reader.skip(1)  # mb_adaptive_frame_field_flag
    height = map_units * 16 * fields
    reader.skip(1)  # direct_8x8_inference_flag
    if reader.flag():
        across = 2 if chroma_array_type in {1, 2} else 1
        down = (2 if chroma_array_type == 1 else 1) * fields
        width -= (reader.ue() + reader.ue()) * across
        height -= (reader.ue() + reader.ue()) * down
    if width <= 0 or not 0 < height <= MAX_DIMENSION:
        raise reader.error(f"a picture of {width} x {height}")
    return width, height


def _vui(reader: BitReader) -> tuple[float | None, int | None]:
    """The frame rate and the reordering of the VUI parameters (H.264 §E.1.1), as far as they have them."""
    rate: float | None = None
    try:
        if not reader.flag():
            return None, None
        if reader.flag() and reader.bits(8) == _EXTENDED_SAR:
            reader.skip(32)
        if reader.flag():  # overscan_info_present_flag
            reader.skip(1)
        if reader.flag():  # video_signal_type_present_flag
            reader.skip(4)
            if reader.flag():
                reader.skip(24)
        if reader.flag():  # chroma_loc_info_present_flag
            reader.ue()
            reader.ue()
        if reader.flag():  # timing_info_present_flag
            tick, scale = reader.bits(32), reader.bits(32)
            # A tick is a field's time: two of them make a frame (H.264 §E.2.1).
            rate = believable_rate(scale, 2 * tick)
            reader.skip(1)  # fixed_frame_rate_flag
        return rate, _reordering(reader)
    except BitstreamError:
        return rate, None


def _reordering(reader: BitReader) -> int | None:
    """max_num_reorder_frames, everything before it passed over."""
    buffered = False
    for _ in range(2):  # of the NAL units, of the slices
        if reader.flag():
            buffered = True
            _skip_buffer_model(reader)
    reader.skip(buffered + 1)  # low_delay_hrd_flag, pic_struct_present_flag
    if not reader.flag():  # bitstream_restriction_flag
        return None
    reader.skip(1)
    for _ in range(4):  # bytes, bits and lengths of vectors at most
        reader.ue()
    return reader.ue(_MOST_REORDERED)


def _skip_buffer_model(reader: BitReader) -> None:
    """hrd_parameters( ) (H.264 §E.1.2)."""
    count = reader.ue(31) + 1
    reader.skip(8)
    for _ in range(count):
        reader.ue()
        reader.ue()
        reader.skip(1)
    reader.skip(20)


def believable_rate(scale: int, ticks: int) -> float | None:
    """``scale / ticks`` frames a second, None unless it is one that a camera can have."""
    if ticks == 0:
        return None
    rate = scale / ticks
    return rate if 0.1 <= rate <= 300 else None
