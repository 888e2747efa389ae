"""Values inside bodies, in the spellings of the field."""

from collections import Counter
from datetime import datetime

import pytest

from cambus.dvrip.errors import MalformedPayload
from cambus.dvrip.values import (
    EPOCH,
    NO_TIME,
    Mask,
    TimeSection,
    format_address,
    format_session_id,
    format_time,
    parse_address,
    parse_flag,
    parse_number,
    parse_session_id,
    parse_time,
)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0x57", 0x57),
        ("0X00000057", 0x57),
        ("0x00000004df", 0x4DF),
        ("00000001", 1),
        ("1", 1),
        ("0xb", 11),
        ("0x6", 6),
        (87, 87),
    ],
)
def test_session_ids_in_every_spelling(text, number):
    assert parse_session_id(text) == number


@pytest.mark.parametrize("junk", ["", "0x", "hello", None, 1.5, True, [], "0x1FFFFFFFF", -1])
def test_what_is_no_session_id_is_none(junk):
    assert parse_session_id(junk) is None


def test_session_ids_are_written_with_eight_upper_case_digits():
    assert format_session_id(0x4DF) == "0x000004DF"


@pytest.mark.parametrize(
    "wire",
    [
        5,
        "0x0000FFFF",
        "0xff",
        "0x7",
        "0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
        "0x00000000000000000000000000000001",
    ],
)
def test_masks_are_written_back_in_the_shape_they_came(wire):
    mask = Mask.parse(wire)
    assert mask.wire() == wire
    assert type(mask.with_value(3).wire()) is type(wire)


def test_the_bits_of_a_mask():
    mask = Mask.parse("0x80000005")
    assert mask.bits() == [0, 2, 31]
    assert 2 in mask
    assert 1 not in mask
    assert mask.with_value(1).wire() == "0x00000001"


def test_a_mask_of_another_type_is_malformed():
    for junk in (None, [], "0xZZ", ""):
        with pytest.raises(MalformedPayload):
            Mask.parse(junk)


@pytest.mark.parametrize(
    ("wire", "address"),
    [
        ("0x0B0A060A", "10.6.10.11"),
        ("0x0A01A8C0", "192.168.1.10"),
        ("0x00FFFFFF", "255.255.255.0"),
        ("10.6.10.11", "10.6.10.11"),
        ("das.example.net", "das.example.net"),
        ("", ""),
    ],
)
def test_addresses_read_and_write_in_their_shape(wire, address):
    assert parse_address(wire) == address
    assert format_address(address, wire) == wire


def test_a_host_name_replaces_a_hex_address_as_it_is():
    assert format_address("das.example.net", "0x0A01A8C0") == "das.example.net"


def test_times_none_epoch_and_impossible():
    counters: Counter[str] = Counter()
    assert parse_time("0000-00-00 00:00:00", counters) is None
    assert (
        parse_time("2000-00-00 00:00:00", counters) == EPOCH == datetime.fromisoformat("2000-01-01 00:00:00")
    )
    assert not counters
    for impossible in ("2021-02-30 10:00:00", "2021-13-01 00:00:00", "2021-01-01 25:00:00", "soon"):
        assert parse_time(impossible, counters) is None
    assert counters["impossible_time"] == 4
    assert parse_time("2026-02-01 12:17:22", counters) == datetime.fromisoformat("2026-02-01 12:17:22")
    assert format_time(None) == NO_TIME
    assert format_time(datetime.fromisoformat("2026-02-01 02:03:04")) == "2026-02-01 02:03:04"


def test_schedules_reach_until_midnight():
    section = TimeSection.parse("1 00:00:00-24:00:00")
    assert section == TimeSection(True, 0, 86400)
    assert section.wire() == "1 00:00:00-24:00:00"


@pytest.mark.parametrize("junk", ["", "1 00:00:00-25:00:00", "1 00:61:00-02:00:00", "x", None, 5])
def test_bad_schedules_are_malformed(junk):
    with pytest.raises(MalformedPayload):
        TimeSection.parse(junk)


@pytest.mark.parametrize(
    ("value", "number"),
    [(5, 5), ("0x10", 16), ("12", 12), (True, 1), (3.0, 3), ("", 7), (None, 7), ("0xZ", 7), ("-1", -1)],
)
def test_numbers_come_in_several_types(value, number):
    assert parse_number(value, 7) == number


@pytest.mark.parametrize(
    ("value", "flag"), [(True, True), (0, False), (1, True), ("1", True), ("false", False), (None, False)]
)
def test_booleans_may_be_numbers(value, flag):
    assert parse_flag(value) is flag
