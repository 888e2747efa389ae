"""Parameter sets: found in the stream, followed when they change, put in the forms of the containers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from cambus.media import h264, h265
from cambus.media.errors import BitstreamError
from cambus.media.frame import Codec
from cambus.media.nal import LEADING_UNITS, iter_nal_offsets, iter_nal_spans, nal_unit_at

#: How many parameter sets of one access unit are kept; real streams have two to five.
MAX_SETS: Final = 32
_MAX_SET_BYTES: Final = 4096
_LENGTH_BYTES: Final = 4

_H264_SETS: Final = frozenset({h264.NalType.SPS.value, h264.NalType.PPS.value})
_H265_SETS: Final = frozenset({h265.NalType.VPS.value, h265.NalType.SPS.value, h265.NalType.PPS.value})


@dataclass(frozen=True, slots=True)
class VideoParams:
    """What a player must know of the pictures before the first one. Equal when nothing changed.

    Attributes:
        codec: H264 or H265.
        width: visible pixels a line.
        height: visible lines.
        vps: video parameter set as NAL unit, empty for H.264.
        sps: sequence parameter set as NAL unit.
        pps: picture parameter set as NAL unit.
        codec_string: RFC 6381 name, such as ``avc1.64001f`` or ``hvc1.1.6.L93.B0``.
        others: further parameter sets with other numbers, as NAL units; most streams have none.
        frame_rate: frames a second by the stream's own word, None when it says nothing.
        reorder: how many pictures may be decoded before one that is shown before them, None when it says nothing.
    """

    codec: Codec
    width: int
    height: int
    vps: bytes
    sps: bytes
    pps: bytes
    codec_string: str
    others: tuple[bytes, ...] = ()
    frame_rate: float | None = None
    reorder: int | None = None

    @property
    def sets(self) -> tuple[bytes, ...]:
        """All parameter sets in the order in which a decoder wants them."""
        return (*((self.vps,) if self.vps else ()), self.sps, self.pps, *self.others)


def detect_codec(annexb: bytes) -> Codec | None:
    """H264 or H265 by the first NAL units of an access unit, None when they hold no parameter sets.

    H.265 is told by any of its sets, H.264 by its SPS. The two cannot be confused: sets of the H.265 base
    layer begin with an even byte (H.265 §7.3.1.2), an H.264 SPS with an odd one (H.264 §7.3.1).
    """
    for at in islice(iter_nal_offsets(annexb), LEADING_UNITS):
        first = annexb[at]
        second = annexb[at + 1] if at + 1 < len(annexb) else 0
        if first & 0x81 == 0 and 1 <= second <= 7 and h265.nal_type(first) in _H265_SETS:
            return Codec.H265
        if first & 0x80 == 0 and first & 0x60 and h264.nal_type(first) == h264.NalType.SPS:
            return Codec.H264
    return None


class ParameterSetTracker:
    """Follows the parameter sets of one stream.

    Attributes:
        params: the current ones, None before the first complete and readable group of sets.
        malformed: how many groups could not be read; the parameters stayed as they were.
    """

    def __init__(self) -> None:
        self.params: VideoParams | None = None
        self.malformed = 0

    def update(self, annexb: bytes, codec: Codec | None = None) -> VideoParams | None:
        """Look at an access unit; the new parameters when they have changed, else None.

        Only what stands before the first slice is looked at: an access unit without parameter sets costs
        next to nothing whatever its size.

        Args:
            annexb: the access unit.
            codec: H264 or H265 if it is known; otherwise the parameter sets tell.
        """
        codec = codec or detect_codec(annexb)
        if codec not in {Codec.H264, Codec.H265}:
            return None
        sets = tuple(_leading_sets(annexb, codec))
        if not sets:
            return None
        try:
            params = _h264_params(sets) if codec is Codec.H264 else _h265_params(sets)
        except BitstreamError:
            self.malformed += 1
            return None
        if params == self.params:
            return None
        self.params = params
        return params


def annexb_to_length_prefixed(annexb: bytes, codec: Codec | None = None) -> bytes:
    """An access unit as MP4 and FLV want it: a 4-byte length before each NAL unit instead of start codes.

    Args:
        annexb: the access unit.
        codec: when given, parameter sets and access unit delimiters are left out, which belong to the
            configuration record (ISO/IEC 14496-15 §5.3 and §8.3: sample entries ``avc1`` and ``hvc1``).
    """
    parts: list[bytes] = []
    for start, end in iter_nal_spans(annexb):
        first = annexb[start]
        if codec is Codec.H264 and 7 <= h264.nal_type(first) <= 9:
            continue
        if codec is Codec.H265 and 32 <= h265.nal_type(first) <= 35:
            continue
        parts.append((end - start).to_bytes(_LENGTH_BYTES))
        parts.append(annexb[start:end])
    return b"".join(parts)


def avc_decoder_configuration(params: VideoParams) -> bytes:
    """The AVCDecoderConfigurationRecord of ``avcC`` and FLV (ISO/IEC 14496-15 §5.3.3.1).

    Raises:
        BitstreamError: the SPS cannot be read.
    """
    sps = h264.parse_sps(params.sps)
    sequence = [params.sps, *(each for each in params.others if h264.nal_type(each[0]) == h264.NalType.SPS)]
    picture = [params.pps, *(each for each in params.others if h264.nal_type(each[0]) == h264.NalType.PPS)]
    record = bytearray((1, sps.profile, sps.constraints, sps.level, 0xFC | _LENGTH_BYTES - 1))
    record.append(0xE0 | len(sequence))
    record += _with_lengths(sequence)
    record.append(len(picture))
    record += _with_lengths(picture)
    if sps.profile in h264.HIGH_PROFILES:
        record += bytes(
            (
                0xFC | sps.chroma_format,
                0xF8 | sps.bit_depth_luma - 8,
                0xF8 | sps.bit_depth_chroma - 8,
                0,  # SPS extensions
            )
        )
    return bytes(record)


def hevc_decoder_configuration(params: VideoParams) -> bytes:
    """The HEVCDecoderConfigurationRecord of ``hvcC`` and enhanced FLV (ISO/IEC 14496-15 §8.3.3.1).

    Raises:
        BitstreamError: the SPS cannot be read.
    """
    sps = h265.parse_sps(params.sps)
    profile = sps.profile
    record = bytearray((1, profile.space << 6 | profile.tier << 5 | profile.profile))
    record += profile.compatibility.to_bytes(4) + profile.constraints + bytes((profile.level,))
    record += (0xF000).to_bytes(2)  # min_spatial_segmentation_idc 0: not said
    record += bytes(
        (
            0xFC,  # parallelismType 0: not said
            0xFC | sps.chroma_format,
            0xF8 | sps.bit_depth_luma - 8,
            0xF8 | sps.bit_depth_chroma - 8,
            0,  # avgFrameRate 0: not said
            0,
            sps.temporal_layers << 3 | sps.temporal_nesting << 2 | _LENGTH_BYTES - 1,
        )
    )
    arrays = [
        (unit_type, [each for each in params.sets if h265.nal_type(each[0]) == unit_type])
        for unit_type in (h265.NalType.VPS, h265.NalType.SPS, h265.NalType.PPS)
    ]
    arrays = [(unit_type, units) for unit_type, units in arrays if units]
    record.append(len(arrays))
    for unit_type, units in arrays:
        # array_completeness: hvc1 keeps all sets here and none in the samples.
        record.append(0x80 | unit_type)
        record += len(units).to_bytes(2) + _with_lengths(units)
    return bytes(record)


def _with_lengths(units: list[bytes]) -> bytes:
    return b"".join([len(unit).to_bytes(2) + unit for unit in units])


def _leading_sets(annexb: bytes, codec: Codec) -> Iterator[bytes]:
    """The distinct parameter sets in front of the first slice."""
    wanted, type_of, is_vcl = (
        (_H264_SETS, h264.nal_type, h264.is_vcl)
        if codec is Codec.H264
        else (_H265_SETS, h265.nal_type, h265.is_vcl)
    )
    seen: set[bytes] = set()
    for at in islice(iter_nal_offsets(annexb), LEADING_UNITS):
        unit_type = type_of(annexb[at])
        if is_vcl(unit_type) or len(seen) == MAX_SETS:
            return
        if unit_type in wanted:
            unit = nal_unit_at(annexb, at)
            if 2 < len(unit) <= _MAX_SET_BYTES and unit not in seen:
                seen.add(unit)
                yield unit


def _first(sets: tuple[bytes, ...], type_of: Callable[[int], int], wanted: int) -> bytes:
    for unit in sets:
        if type_of(unit[0]) == wanted:
            return unit
    raise BitstreamError(f"no parameter set of type {wanted} among {len(sets)}")


def _h264_params(sets: tuple[bytes, ...]) -> VideoParams:
    sps_unit = _first(sets, h264.nal_type, h264.NalType.SPS)
    pps_unit = _first(sets, h264.nal_type, h264.NalType.PPS)
    sps = h264.parse_sps(sps_unit)
    return VideoParams(
        codec=Codec.H264,
        width=sps.width,
        height=sps.height,
        vps=b"",
        sps=sps_unit,
        pps=pps_unit,
        codec_string=f"avc1.{sps.profile:02x}{sps.constraints:02x}{sps.level:02x}",
        others=tuple(unit for unit in sets if unit not in {sps_unit, pps_unit}),
        frame_rate=sps.frame_rate,
        reorder=sps.reorder,
    )


def _h265_params(sets: tuple[bytes, ...]) -> VideoParams:
    vps_unit = _first(sets, h265.nal_type, h265.NalType.VPS)
    sps_unit = _first(sets, h265.nal_type, h265.NalType.SPS)
    pps_unit = _first(sets, h265.nal_type, h265.NalType.PPS)
    sps = h265.parse_sps(sps_unit)
    return VideoParams(
        codec=Codec.H265,
        width=sps.width,
        height=sps.height,
        vps=vps_unit,
        sps=sps_unit,
        pps=pps_unit,
        codec_string=_hevc_codec_string(sps.profile),
        others=tuple(unit for unit in sets if unit not in {vps_unit, sps_unit, pps_unit}),
        frame_rate=sps.frame_rate,
        reorder=sps.reorder,
    )


def _hevc_codec_string(profile: h265.Profile) -> str:
    """The RFC 6381 name of an H.265 stream (ISO/IEC 14496-15 Annex E)."""
    space = ("", "A", "B", "C")[profile.space]
    flags = int(f"{profile.compatibility:032b}"[::-1], 2)
    tier = "H" if profile.tier else "L"
    bytes_said = (f"{byte:X}" for byte in profile.constraints.rstrip(b"\x00"))
    return ".".join(
        ("hvc1", f"{space}{profile.profile}", f"{flags:X}", f"{tier}{profile.level}", *bytes_said)
    )
