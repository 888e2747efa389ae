import pytest

from cambus.media.nal import (
    iter_nal_offsets,
    iter_nal_spans,
    iter_nal_units,
    join_annexb,
    nal_unit_at,
    unescape,
)


@pytest.mark.parametrize(
    ("stream", "units"),
    [
        ("", []),
        ("000001", []),
        ("00000001", []),
        ("65aabb", []),
        ("000001 65aa", ["65aa"]),
        ("00000001 65aa", ["65aa"]),
        ("00000001 6764 000001 68ee 00000001 65", ["6764", "68ee", "65"]),
        ("ffff 000001 41", ["41"]),
        ("000001 41 000000000000 000001 42", ["41", "42"]),
        ("000001 41 00", ["41"]),
        ("000001 000001 41", ["41"]),
        ("000001 000000 000001 41", ["41"]),
        ("000001 41 000002 42", ["4100000242"]),
        ("000001 41 000003 01", ["4100000301"]),
    ],
)
def test_units_are_found_between_start_codes_of_either_length(stream, units):
    data = bytes.fromhex(stream)
    assert [unit.hex() for unit in iter_nal_units(data)] == units
    assert [data[start:end].hex() for start, end in iter_nal_spans(data)] == units


def test_offsets_lead_to_the_same_units():
    data = bytes.fromhex("00000001 6764 000001 68ee 00000001 6588")
    assert [nal_unit_at(data, at).hex() for at in iter_nal_offsets(data)] == ["6764", "68ee", "6588"]


def test_joined_units_have_long_start_codes():
    assert join_annexb(b"\x67\x64", b"\x68").hex(" ") == "00 00 00 01 67 64 00 00 00 01 68"


@pytest.mark.parametrize(
    ("escaped", "plain"),
    [
        ("42", "42"),
        ("000003", "0000"),
        ("00000301", "000001"),
        ("0000030003", "00000003"),
        ("000003000003", "00000000"),
        ("00000300000301", "0000000001"),
        ("0003000003", "00030000"),
        ("03000300", "03000300"),
    ],
)
def test_emulation_prevention_is_removed(escaped, plain):
    assert unescape(bytes.fromhex(escaped)).hex() == plain
