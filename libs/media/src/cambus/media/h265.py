"""H.265: NAL unit types and the sequence parameter set (ITU-T H.265, ISO/IEC 23008-2)."""

from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from typing import Final

from cambus.media.bitreader import BitReader
from cambus.media.errors import BitstreamError
from cambus.media.h264 import MAX_DIMENSION, believable_rate
from cambus.media.nal import LEADING_UNITS, iter_nal_offsets, unescape

_EXTENDED_SAR: Final = 255


class NalType(IntEnum):
    """The values of nal_unit_type that are used here (H.265 table 7-1)."""

    TRAIL_N = 0
    TRAIL_R = 1
    BLA_W_LP = 16
    IDR_W_RADL = 19
    IDR_N_LP = 20
    CRA = 21
    VPS = 32
    SPS = 33
    PPS = 34
    AUD = 35
    END_OF_SEQUENCE = 36
    END_OF_BITSTREAM = 37
    FILLER = 38
    PREFIX_SEI = 39
    SUFFIX_SEI = 40


@dataclass(frozen=True, slots=True)
class Profile:
    """The general part of profile_tier_level (H.265 §7.3.3), as ``hvcC`` and RFC 6381 strings repeat it.

    Attributes:
        space: general_profile_space, 0 to 3.
        tier: general_tier_flag: 0 main, 1 high.
        profile: general_profile_idc.
        compatibility: the 32 compatibility flags, flag 0 in the highest bit.
        constraints: the 6 bytes of constraint flags.
        level: general_level_idc, thirty times the level.
    """

    space: int
    tier: int
    profile: int
    compatibility: int
    constraints: bytes
    level: int


@dataclass(frozen=True, slots=True)
class Sps:
    """A sequence parameter set, as far as a recorder or player needs it.

    Attributes:
        sps_id: its number, which slices refer to through their PPS.
        profile: profile, tier and level.
        temporal_layers: how many temporal sub-layers there are at most.
        temporal_nesting: whether one may switch up between them at any picture.
        width: visible pixels a line, conformance window applied.
        height: visible lines, conformance window applied.
        chroma_format: chroma_format_idc: 0 grey, 1 4:2:0, 2 4:2:2, 3 4:4:4.
        bit_depth_luma: bits of a luma sample.
        bit_depth_chroma: bits of a chroma sample.
        frame_rate: frames a second by the VUI's timing, None when it has none that makes sense.
        reorder: how many pictures may be decoded before one that is shown before them; None where it breaks off.
    """

    sps_id: int
    profile: Profile
    temporal_layers: int
    temporal_nesting: bool
    width: int
    height: int
    chroma_format: int
    bit_depth_luma: int
    bit_depth_chroma: int
    frame_rate: float | None
    reorder: int | None = None


def nal_type(first_byte: int) -> int:
    """nal_unit_type of a NAL unit's first byte (H.265 §7.3.1.2)."""
    return first_byte >> 1 & 0x3F


def is_vcl(unit_type: int) -> bool:
    """Whether NAL units of this type carry slices (H.265 table 7-1)."""
    return unit_type < 32


def is_irap(unit_type: int) -> bool:
    """Whether a slice of this type belongs to a picture at which decoding can begin (H.265 §3.69)."""
    return 16 <= unit_type <= 23


def is_keyframe(annexb: bytes) -> bool:
    """Whether the first slice of an access unit is of an IRAP picture; no slice is searched."""
    for at in islice(iter_nal_offsets(annexb), LEADING_UNITS):
        unit_type = nal_type(annexb[at])
        if is_vcl(unit_type):
            return is_irap(unit_type)
    return False


def parse_sps(unit: bytes) -> Sps:
    """Read a sequence parameter set (H.265 §7.3.2.2.1), given as NAL unit without start code.

    What follows the bit depths is read for the frame rate only: when it breaks off, that is all that is
    missing.

    Raises:
        BitstreamError: it is no SPS of the base layer, is cut short, or gives an impossible picture.
    """
    if len(unit) < 4 or nal_type(unit[0]) != NalType.SPS or unit[0] & 0x81 or unit[1] & 0xF8:
        raise BitstreamError(f"no SPS of the base layer: {unit[:8].hex(' ')}", context="H.265 SPS")
    reader = BitReader(unescape(unit[2:]), "H.265 SPS")
    reader.skip(4)  # sps_video_parameter_set_id
    sub_layers = reader.bits(3)
    if sub_layers > 6:
        raise reader.error(f"{sub_layers + 1} sub-layers")
    nesting = reader.flag()
    profile = _profile_tier_level(reader, sub_layers)
    sps_id = reader.ue(15)
    chroma_format = reader.ue(3)
    planes = chroma_format == 3 and reader.flag()
    width, height = _picture_size(reader, 0 if planes else chroma_format)
    luma, chroma = 8 + reader.ue(8), 8 + reader.ue(8)
    poc_bits, reorder = _reordering(reader, sub_layers)
    return Sps(
        sps_id=sps_id,
        profile=profile,
        temporal_layers=sub_layers + 1,
        temporal_nesting=nesting,
        width=width,
        height=height,
        chroma_format=chroma_format,
        bit_depth_luma=luma,
        bit_depth_chroma=chroma,
        frame_rate=_frame_rate(reader, poc_bits),
        reorder=reorder,
    )


def _profile_tier_level(reader: BitReader, sub_layers: int) -> Profile:
    """profile_tier_level( 1, sub_layers ) (H.265 §7.3.3)."""
    profile = Profile(
        space=reader.bits(2),
        tier=reader.bits(1),
        profile=reader.bits(5),
        compatibility=reader.bits(32),
        constraints=reader.bits(48).to_bytes(6),
        level=reader.bits(8),
    )
    present = [(reader.flag(), reader.flag()) for _ in range(sub_layers)]
    if sub_layers:
        reader.skip(2 * (8 - sub_layers))
    for has_profile, has_level in present:
        reader.skip(88 * has_profile + 8 * has_level)
    return profile


def _picture_size(reader: BitReader, chroma_array_type: int) -> tuple[int, int]:
    """Width and height within the conformance window (H.265 §7.4.3.2.1)."""
    width, height = reader.ue(MAX_DIMENSION), reader.ue(MAX_DIMENSION)
    if reader.flag():
        across = 2 if chroma_array_type in {1, 2} else 1
        down = 2 if chroma_array_type == 1 else 1
        width -= (reader.ue() + reader.ue()) * across
        height -= (reader.ue() + reader.ue()) * down
    if width <= 0 or height <= 0:
        raise reader.error(f"a picture of {width} x {height}")
    return width, height


def _reordering(reader: BitReader, sub_layers: int) -> tuple[int, int | None]:
    """Bits of the picture order count, and sps_max_num_reorder_pics of the highest sub-layer."""
    poc_bits, reorder = 0, None
    try:
        poc_bits = reader.ue(12) + 4
        for _ in range(sub_layers + 1 if reader.flag() else 1):
            reader.ue()  # sps_max_dec_pic_buffering_minus1
            reorder = reader.ue(15)
            reader.ue()  # sps_max_latency_increase_plus1
    except BitstreamError:
        return poc_bits, reorder
    return poc_bits, reorder


def _frame_rate(reader: BitReader, poc_bits: int) -> float | None:
    """The frame rate of the VUI parameters, everything before them passed over."""
    try:
        for _ in range(6):  # block and transform sizes and depths
            reader.ue()
        if reader.flag() and reader.flag():
            _skip_scaling_lists(reader)
        reader.skip(2)  # amp_enabled_flag, sample_adaptive_offset_enabled_flag
        if reader.flag():  # pcm_enabled_flag
            reader.skip(8)
            reader.ue()
            reader.ue()
            reader.skip(1)
        _skip_reference_sets(reader)
        if reader.flag():  # long_term_ref_pics_present_flag
            reader.skip(reader.ue(32) * (poc_bits + 1))
        reader.skip(2)  # sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag
        return _vui_frame_rate(reader) if reader.flag() else None
    except BitstreamError:
        return None


def _skip_scaling_lists(reader: BitReader) -> None:
    """scaling_list_data( ) (H.265 §7.3.4)."""
    for size in range(4):
        for _ in range(0, 6, 3 if size == 3 else 1):
            if not reader.flag():
                reader.ue()  # scaling_list_pred_matrix_id_delta
                continue
            if size > 1:
                reader.se()
            for _ in range(min(64, 1 << (4 + (size << 1)))):
                reader.se()


def _skip_reference_sets(reader: BitReader) -> None:
    """Pass over the short-term reference picture sets (H.265 §7.3.7); each is needed to read the next."""
    pictures = 0
    for index in range(reader.ue(64)):
        if index and reader.flag():  # inter_ref_pic_set_prediction_flag
            reader.skip(1)
            reader.ue()
            kept = 0
            for _ in range(pictures + 1):
                used = reader.flag()
                kept += used or reader.flag()
            pictures = kept
        else:
            negative, positive = reader.ue(16), reader.ue(16)
            pictures = negative + positive
            for _ in range(pictures):
                reader.ue()
                reader.skip(1)


def _vui_frame_rate(reader: BitReader) -> float | None:
    """vui_parameters( ) as far as the timing (H.265 §E.2.1)."""
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
    reader.skip(3)  # neutral_chroma_indication_flag, field_seq_flag, frame_field_info_present_flag
    if reader.flag():  # default_display_window_flag
        for _ in range(4):
            reader.ue()
    if not reader.flag():  # vui_timing_info_present_flag
        return None
    tick, scale = reader.bits(32), reader.bits(32)
    return believable_rate(scale, tick)
