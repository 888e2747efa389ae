"""Sequence parameter sets with syntax that our encoders never use, written by the standard and judged by FFmpeg."""

from dataclasses import dataclass, field

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambus.media import h264, h265
from cambus.media.nal import join_annexb

PPS = bytes.fromhex("4401c0718112")


class Bits:
    """Writes bits and Exp-Golomb codes."""

    def __init__(self):
        self.text = ""

    def u(self, value, count=1):
        self.text += f"{int(value):0{count}b}" if count else ""

    def ue(self, value):
        self.text += "0" * ((value + 1).bit_length() - 1) + f"{value + 1:b}"

    def se(self, value):
        self.ue(2 * value - 1 if value > 0 else -2 * value)

    def unit(self, header):
        """The NAL unit: trailing bits, emulation prevention."""
        text = self.text + "1"
        text += "0" * (-len(text) % 8)
        out, zeros = bytearray(header), 0
        for at in range(0, len(text), 8):
            byte = int(text[at : at + 8], 2)
            if zeros == 2 and byte <= 3:
                out.append(3)
                zeros = 0
            out.append(byte)
            zeros = zeros + 1 if byte == 0 else 0
        return bytes(out)


@dataclass
class Timing:
    tick: int
    scale: int


@dataclass
class Vui:
    aspect: int | None
    overscan: bool
    colour: bool | None
    chroma: bool
    window: bool
    timing: Timing | None


@dataclass
class H265:
    width: int
    height: int
    crop: tuple[int, int, int, int]
    sub_layers: list[tuple[bool, bool]]
    ordering: bool
    chroma: int
    planes: bool
    scaling: list | None
    pcm: bool
    reference_sets: list
    long_term: list[int]
    vui: Vui | None = field(default=None)


# Mostly there, because it comes last: to read it, everything before must have been passed over rightly.
timings = st.sampled_from([Timing(1, 25), Timing(1000, 12_000), Timing(1001, 30_000), Timing(1, 100), None])
vuis = st.builds(
    Vui,
    aspect=st.sampled_from([None, 1, 2, 255]),
    overscan=st.booleans(),
    colour=st.sampled_from([None, False, True]),
    chroma=st.booleans(),
    window=st.booleans(),
    timing=timings,
)
optional_vuis = st.sampled_from([False, True, True, True]).flatmap(lambda has: vuis if has else st.none())
crops = st.tuples(*[st.integers(0, 3)] * 4)
# For each of the twenty lists the value it is made of, or None where it is predicted; no lists: the defaults.
scaling_lists = st.none() | st.just([]) | st.lists(st.none() | st.integers(-7, 20), min_size=20, max_size=20)
# One short-term set: pictures before and after, or (used, use_delta) flags of a prediction from the set before.
explicit_sets = st.tuples(st.integers(0, 3), st.integers(0, 3))
predicted_sets = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=8, max_size=8)


@st.composite
def h265_sets(draw):
    chroma = draw(st.integers(0, 3))
    return H265(
        width=8 * draw(st.integers(4, 500)),
        height=8 * draw(st.integers(4, 400)),
        crop=draw(crops),
        sub_layers=draw(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=3)),
        ordering=draw(st.booleans()),
        chroma=chroma,
        planes=False,
        scaling=draw(scaling_lists),
        pcm=draw(st.booleans()),
        reference_sets=draw(st.lists(explicit_sets | predicted_sets, max_size=4)),
        long_term=draw(st.lists(st.integers(0, 255), max_size=3)),
        vui=draw(optional_vuis),
    )


def write_vui(bits, vui, *, h265_syntax):
    bits.u(vui.aspect is not None)
    if vui.aspect is not None:
        bits.u(vui.aspect, 8)
        if vui.aspect == 255:
            bits.u(40, 16)
            bits.u(33, 16)
    bits.u(vui.overscan)
    if vui.overscan:
        bits.u(1)
    bits.u(vui.colour is not None)
    if vui.colour is not None:
        bits.u(5, 3)
        bits.u(0)
        bits.u(vui.colour)
        if vui.colour:
            bits.u(0x010101, 24)
    bits.u(vui.chroma)
    if vui.chroma:
        bits.ue(1)
        bits.ue(1)
    if h265_syntax:
        bits.u(0, 3)
        bits.u(vui.window)
        if vui.window:
            for _ in range(4):
                bits.ue(1)
    bits.u(vui.timing is not None)
    if vui.timing is not None:
        bits.u(vui.timing.tick, 32)
        bits.u(vui.timing.scale, 32)
        bits.u(0)  # H.265: vui_poc_proportional_to_timing_flag; H.264: fixed_frame_rate_flag
    if h265_syntax:
        if vui.timing is not None:
            bits.u(0)  # vui_hrd_parameters_present_flag
        bits.u(0)
    else:
        bits.u(0, 4)  # NAL and VCL HRD, pic_struct, bitstream restriction


def write_reference_sets(bits, sets):
    """st_ref_pic_set( ) for each (H.265 §7.3.7)."""
    bits.ue(len(sets))
    pictures = 0
    for index, each in enumerate(sets):
        predicted = isinstance(each, list) and index > 0
        if index:
            bits.u(predicted)
        if predicted:
            bits.u(0)  # delta_rps_sign
            bits.ue(index)  # abs_delta_rps_minus1
            kept = 0
            for used, delta in (each * 2)[: pictures + 1]:
                bits.u(used)
                if not used:
                    bits.u(delta)
                kept += used or delta
            pictures = kept
            continue
        before, after = each if isinstance(each, tuple) else (1, 0)
        bits.ue(before)
        bits.ue(after)
        for _ in range(before + after):
            bits.ue(0)
            bits.u(1)
        pictures = before + after


def write_scaling(bits, values):
    """scaling_list_data( ) (H.265 §7.3.4)."""
    left = list(values)
    for size in range(4):
        for _ in range(0, 6, 3 if size == 3 else 1):
            value = left.pop()
            bits.u(value is not None)
            if value is None:
                bits.ue(0)
                continue
            if size > 1:
                bits.se(value)
            for _ in range(min(64, 1 << (4 + (size << 1)))):
                bits.se(value // 4)


def write_profile(bits, sps):
    """profile_tier_level( ) (H.265 §7.3.3)."""
    profile = 1 if sps.chroma == 1 else 4
    bits.u(profile, 8)
    bits.u(1 << 31 - profile, 32)
    bits.u(0x9000_0000_0000, 48)
    bits.u(93, 8)
    for has_profile, has_level in sps.sub_layers:
        bits.u(has_profile)
        bits.u(has_level)
    if sps.sub_layers:
        bits.u(0, 2 * (8 - len(sps.sub_layers)))
    for has_profile, has_level in sps.sub_layers:
        bits.u(1 << 80, 88 * has_profile)
        bits.u(93, 8 * has_level)


def write_vps(sps):
    """The video parameter set that goes with a sequence parameter set (H.265 §7.3.2.1)."""
    bits = Bits()
    bits.u(0, 4)
    bits.u(0b11, 2)
    bits.u(0, 6)
    bits.u(len(sps.sub_layers), 3)
    bits.u(1)
    bits.u(0xFFFF, 16)
    write_profile(bits, sps)
    bits.u(0)
    bits.ue(8)
    bits.ue(0)
    bits.ue(0)
    bits.u(0, 6)
    bits.ue(0)
    bits.u(0, 2)
    return bits.unit(b"\x40\x01")


def write_h265(sps):
    bits = Bits()
    bits.u(0, 4)
    bits.u(len(sps.sub_layers), 3)
    bits.u(1)
    write_profile(bits, sps)
    bits.ue(0)
    bits.ue(sps.chroma)
    if sps.chroma == 3:
        bits.u(sps.planes)
    bits.ue(sps.width)
    bits.ue(sps.height)
    bits.u(any(sps.crop))
    if any(sps.crop):
        for edge in sps.crop:
            bits.ue(edge)
    bits.ue(0)
    bits.ue(0)
    bits.ue(4)  # log2_max_pic_order_cnt_lsb_minus4
    bits.u(sps.ordering)
    for _ in range(len(sps.sub_layers) + 1 if sps.ordering else 1):
        bits.ue(8)
        bits.ue(0)
        bits.ue(0)
    for value in (0, 2, 0, 3, 0, 0):
        bits.ue(value)
    bits.u(sps.scaling is not None)
    if sps.scaling is not None:
        bits.u(bool(sps.scaling))
        if sps.scaling:
            write_scaling(bits, sps.scaling)
    bits.u(0, 2)
    bits.u(sps.pcm)
    if sps.pcm:
        bits.u(0x77, 8)
        bits.ue(0)
        bits.ue(1)
        bits.u(0)
    write_reference_sets(bits, sps.reference_sets)
    bits.u(bool(sps.long_term))
    if sps.long_term:
        bits.ue(len(sps.long_term))
        for picture in sps.long_term:
            bits.u(picture, 8)
            bits.u(0)
    bits.u(0, 2)
    bits.u(sps.vui is not None)
    if sps.vui is not None:
        write_vui(bits, sps.vui, h265_syntax=True)
    bits.u(0)
    return bits.unit(b"\x42\x01")


@given(h265_sets())
def test_h265(sps):
    unit = write_h265(sps)
    parsed = h265.parse_sps(unit)
    across, down = {0: (1, 1), 1: (2, 2), 2: (2, 1), 3: (1, 1)}[sps.chroma]
    left, right, top, bottom = sps.crop
    assert parsed.width == sps.width - (left + right) * across
    assert parsed.height == sps.height - (top + bottom) * down
    assert (parsed.chroma_format, parsed.temporal_layers) == (sps.chroma, len(sps.sub_layers) + 1)
    timing = sps.vui.timing if sps.vui else None
    assert parsed.frame_rate == (h264.believable_rate(timing.scale, timing.tick) if timing else None)

    ffmpeg = av.CodecContext.create("hevc", "r")
    ffmpeg.extradata = join_annexb(write_vps(sps), unit, PPS)
    ffmpeg.open()
    assert (ffmpeg.width, ffmpeg.height) == (parsed.width, parsed.height)
    if parsed.frame_rate is not None:
        assert float(ffmpeg.framerate) == pytest.approx(parsed.frame_rate)


@dataclass
class H264:
    profile: int
    chroma: int
    planes: bool
    scaling: list | None
    order_type: int
    offsets: list[int]
    width_mbs: int
    height_units: int
    frames_only: bool
    crop: tuple[int, int, int, int] | None
    vui: Vui | None


h264_sets = st.builds(
    H264,
    profile=st.sampled_from([66, 77, 100, 110, 122, 244]),
    chroma=st.integers(0, 3),
    planes=st.booleans(),
    scaling=st.none()
    | st.lists(st.none() | st.lists(st.integers(-8, 8), min_size=1, max_size=6), min_size=12, max_size=12),
    order_type=st.integers(0, 2),
    offsets=st.lists(st.integers(-100, 100), max_size=4),
    width_mbs=st.integers(2, 200),
    height_units=st.integers(2, 100),
    frames_only=st.booleans(),
    crop=st.none() | crops,
    vui=optional_vuis,
)


def write_h264(sps):
    bits = Bits()
    bits.u(sps.profile, 8)
    bits.u(0, 8)
    bits.u(40, 8)
    bits.ue(0)
    if sps.profile >= 100:
        bits.ue(sps.chroma)
        if sps.chroma == 3:
            bits.u(sps.planes)
        bits.ue(0)
        bits.ue(0)
        bits.u(0)
        bits.u(sps.scaling is not None)
        if sps.scaling is not None:
            for index, values in enumerate(sps.scaling[: 12 if sps.chroma == 3 else 8]):
                bits.u(values is not None)
                if values is not None:
                    write_h264_scaling(bits, values, 16 if index < 6 else 64)
    bits.ue(0)
    bits.ue(sps.order_type)
    if sps.order_type == 0:
        bits.ue(2)
    elif sps.order_type == 1:
        bits.u(0)
        bits.se(-3)
        bits.se(4)
        bits.ue(len(sps.offsets))
        for offset in sps.offsets:
            bits.se(offset)
    bits.ue(1)
    bits.u(0)
    bits.ue(sps.width_mbs - 1)
    bits.ue(sps.height_units - 1)
    bits.u(sps.frames_only)
    if not sps.frames_only:
        bits.u(1)
    bits.u(1)
    bits.u(sps.crop is not None)
    for edge in sps.crop or ():
        bits.ue(edge)
    bits.u(sps.vui is not None)
    if sps.vui is not None:
        write_vui(bits, sps.vui, h265_syntax=False)
    return bits.unit(b"\x67")


def write_h264_scaling(bits, values, size):
    """A list that gives some values and ends with next scale 0 (H.264 §7.3.2.1.1.1)."""
    last = 8
    for value in values[: size - 1]:
        if (last + value) % 256 == 0:
            bits.se(value)
            return
        bits.se(value)
        last = (last + value) % 256
    bits.se(-last if last <= 128 else 256 - last)


@given(h264_sets)
def test_h264(sps):
    unit = write_h264(sps)
    parsed = h264.parse_sps(unit)
    chroma = sps.chroma if sps.profile >= 100 else 1
    array = 0 if chroma == 3 and sps.planes else chroma
    across, down = {0: (1, 1), 1: (2, 2), 2: (2, 1), 3: (1, 1)}[array]
    fields = 1 if sps.frames_only else 2
    left, right, top, bottom = sps.crop or (0, 0, 0, 0)
    assert parsed.width == sps.width_mbs * 16 - (left + right) * across
    assert parsed.height == sps.height_units * 16 * fields - (top + bottom) * down * fields
    assert (parsed.profile, parsed.chroma_format) == (sps.profile, chroma)
    timing = sps.vui.timing if sps.vui else None
    assert parsed.frame_rate == (h264.believable_rate(timing.scale, 2 * timing.tick) if timing else None)
