"""NAL units and parameter sets under arbitrary bytes."""

import contextlib

from hypothesis import example, given
from hypothesis import strategies as st

from cambus.media import h264, h265
from cambus.media.bitreader import BitReader
from cambus.media.errors import BitstreamError
from cambus.media.frame import Codec
from cambus.media.nal import iter_nal_offsets, iter_nal_units, nal_unit_at, unescape
from cambus.media.parameter_sets import (
    ParameterSetTracker,
    annexb_to_length_prefixed,
    avc_decoder_configuration,
    detect_codec,
    hevc_decoder_configuration,
)

# Bytes that make start codes, escapes and parameter sets likely.
tricky = st.lists(
    st.one_of(
        st.sampled_from([0, 0, 0, 1, 3, 0x67, 0x68, 0x40, 0x42, 0x44, 0x65, 0x26]), st.integers(0, 255)
    ),
    max_size=120,
).map(bytes)
H264_SPS = bytes.fromhex("6764000bacd9424fe22221000003000100000300320f142996")
H265_SPS = bytes.fromhex(
    "420101016000000300900000030000030 01ea0122071c44465ba4a4c2e6808000003000800000300c840".replace(" ", "")
)


def naive_units(stream):
    """The definition, byte by byte."""
    units, current, at = [], None, 0
    while at < len(stream):
        if stream[at : at + 3] == b"\x00\x00\x01":
            if current is not None:
                units.append(current)
            current = b""
            at += 3
        else:
            if current is not None:
                current += stream[at : at + 1]
            at += 1
    if current is not None:
        units.append(current)
    return [unit for unit in (unit.rstrip(b"\x00") for unit in units) if unit]


def escape(payload):
    """The definition of emulation prevention (H.264 §7.3.1), byte by byte."""
    out, zeros = bytearray(), 0
    for byte in payload:
        if zeros == 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)


@given(tricky)
@example(b"\x00\x00\x01\x00\x00\x01")
@example(b"\x00\x00\x00\x00\x01\x41\x00\x00\x00\x00\x00\x01")
def test_the_splitter_finds_what_the_definition_finds(stream):
    assert list(iter_nal_units(stream)) == naive_units(stream)
    by_offset = [nal_unit_at(stream, at) for at in iter_nal_offsets(stream)]
    assert [unit for unit in by_offset if unit] == naive_units(stream)


@given(st.lists(st.integers(1, 255).map(lambda byte: bytes((0x41, byte))), max_size=20), st.data())
def test_units_come_back_whatever_start_codes_they_had(units, data):
    codes = st.sampled_from([b"\x00\x00\x01", b"\x00\x00\x00\x01", b"\x00\x00\x00\x00\x00\x01"])
    stream = b"".join(data.draw(codes) + unit for unit in units)
    assert list(iter_nal_units(stream)) == units


@given(st.lists(st.sampled_from([0, 0, 0, 1, 2, 3, 255]), max_size=60).map(bytes))
def test_unescaping_undoes_escaping(payload):
    assert unescape(escape(payload)) == payload


@given(tricky, st.sampled_from([None, Codec.H264, Codec.H265]))
def test_length_prefixes_lead_from_unit_to_unit(stream, codec):
    data = annexb_to_length_prefixed(stream, codec)
    units = []
    while data:
        size = int.from_bytes(data[:4])
        units.append(data[4 : 4 + size])
        assert len(units[-1]) == size > 0
        data = data[4 + size :]
    assert set(units) <= set(iter_nal_units(stream))
    assert codec is not None or units == list(iter_nal_units(stream))


@given(st.lists(st.integers(0, 2**31), max_size=20))
def test_exp_golomb_codes_are_read_as_defined(values):
    bits = "".join("0" * ((value + 1).bit_length() - 1) + f"{value + 1:b}" for value in values)
    data = int(bits or "0", 2) << (-len(bits) % 8)
    reader = BitReader(data.to_bytes(-(-len(bits) // 8)), "test")
    assert [reader.ue() for _ in values] == values


@given(tricky)
def test_arbitrary_bytes_are_a_set_or_a_bitstream_error(data):
    for parse, head in ((h264.parse_sps, b"\x67"), (h265.parse_sps, b"\x42\x01")):
        for unit in (data, head + data):
            with contextlib.suppress(BitstreamError):
                sps = parse(unit)
                assert 0 < sps.width <= h264.MAX_DIMENSION
                assert 0 < sps.height <= h264.MAX_DIMENSION


@given(
    st.sampled_from([H264_SPS, H265_SPS]),
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 7)), max_size=6),
)
def test_a_set_with_flipped_bits_is_a_set_or_a_bitstream_error(unit, flips):
    damaged = bytearray(unit)
    for at, bit in flips:
        damaged[at % len(damaged)] ^= 1 << bit
    parse = h264.parse_sps if unit is H264_SPS else h265.parse_sps
    with contextlib.suppress(BitstreamError):
        parse(bytes(damaged))


@given(st.lists(tricky, max_size=5), st.sampled_from([None, Codec.H264, Codec.H265, Codec.MJPEG]))
def test_the_tracker_raises_nothing_and_what_it_reports_can_be_recorded(streams, codec):
    tracker = ParameterSetTracker()
    for stream in streams:
        detect_codec(stream)
        params = tracker.update(stream, codec)
        if params is not None:
            record = avc_decoder_configuration if params.codec is Codec.H264 else hevc_decoder_configuration
            assert record(params)[0] == 1


@given(st.binary(min_size=1, max_size=30), st.integers(0, 3))
def test_readable_sets_with_an_arbitrary_pps_are_reported(pps, extra):
    stream = b"\x00\x00\x01" + H264_SPS + b"\x00\x00\x01\x68" + pps.replace(b"\x00", b"\x01") + bytes(extra)
    params = ParameterSetTracker().update(stream + b"\x00\x00\x01\x65\x88")
    assert (params is None) == (len(pps) < 2)
