"""The options and the address of a device's record."""

from dataclasses import fields

import pytest

from cambus.connector.errors import InvalidRecord
from cambus.connector_dvrip.address import parse_address
from cambus.connector_dvrip.options import DvripOptions
from cambus.dvrip.profile import Profile, Topology


def test_the_defaults_need_no_option():
    options = DvripOptions.of({})
    assert options.profile(Topology.AUTO).channel_base == 0
    timeouts = options.timeouts(7.0)
    assert (timeouts.request, timeouts.media_silence, timeouts.first_media) == (7.0, 15.0, 10.0)


def test_options_reach_the_protocol():
    options = DvripOptions.of(
        {
            "channel_base": 1,
            "ptz_flip_v": True,
            "connections": 3,
            "request_timeout_s": 4.0,
            "media_timeout_s": 2.0,
        }
    )
    profile, timeouts = options.profile(Topology.OWN_SESSION), options.timeouts(10.0)
    assert (profile.channel_base, profile.ptz_flip_vertical, profile.connections) == (1, True, 3)
    assert profile.topology is Topology.OWN_SESSION
    assert (timeouts.request, timeouts.media_silence, timeouts.first_media) == (4.0, 2.0, 2.0)


SWITCHES = {
    "seed_ids": ("seed_ids", True),
    "channel_base": ("channel_base", 1),
    "parallel_requests": ("parallel_requests", True),
    "combine_mode": ("combine_mode", "CONNECT_ALL"),
    "connections": ("connections", 3),
    "ptz_flip_horizontal": ("ptz_flip_h", True),
    "ptz_flip_vertical": ("ptz_flip_v", True),
    "fast_scan": ("fast_scan", True),
    "upgrade_piece_bytes": ("upgrade_piece_bytes", 32768),
    "request_by_claim_id": ("request_by_claim_id", True),
    "import_in_parts": ("import_in_parts", True),
    "login_type": ("login_type", "DVRIP-Mobile"),
    "answers_keepalives": ("answers_keepalives", False),
    "end_flag_on_data": ("upgrade_end_on_data", True),
    "talk_format_inside": ("talk_format_inside", True),
    "bodies": ("undocumented_bodies", {"key_frame": {"Name": "ForceIFrame"}, "serial_open": {"a": 1}}),
}


def test_every_deviation_the_protocol_library_knows_can_be_switched_in_a_record():
    known = {field.name for field in fields(Profile)}
    assert known - {"topology"} == set(SWITCHES)  # how video comes is an option too, and learnt


@pytest.mark.parametrize("deviation", list(SWITCHES))
def test_each_switch_moves_its_deviation_and_no_other(deviation):
    option, value = SWITCHES[deviation]
    usual, other = (
        DvripOptions().profile(Topology.AUTO),
        DvripOptions.of({option: value}).profile(Topology.AUTO),
    )
    changed = {
        field.name for field in fields(Profile) if getattr(usual, field.name) != getattr(other, field.name)
    }
    assert changed == {deviation}
    assert getattr(other, deviation) == value
    assert usual == Profile()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("login_encryption", "3DES"),
        ("login_type", "a b"),
        ("undocumented_bodies", {"serial_open": None}),
        ("undocumented_bodies", {"reboot": {}}),
        ("undocumented_bodies", {"key_frame": "text"}),
        ("channel_base", 2),
        ("channel_base", "1"),
        ("topology", "udp"),
        ("time_zone", "Nowhere/Land"),
        ("alarm_hold_s", -1),
        ("alarm_poll_s", 0.1),
        ("upgrade_piece_bytes", 10),
        ("ptz_flip_h", "yes"),
        ("no_such_option", 1),
        ("password", "hunter2"),
    ],
)
def test_what_can_not_be_is_named_and_not_quoted(option, value):
    with pytest.raises(InvalidRecord, match=rf"options\.{option}") as refused:
        DvripOptions.of({option: value})
    assert "hunter2" not in refused.value.text


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("192.0.2.1", "192.0.2.1", 34567),
        ("192.0.2.1:40000", "192.0.2.1", 40000),
        ("recorder.example", "recorder.example", 34567),
        (" nvr-1:1 ", "nvr-1", 1),
        ("[2001:db8::1]", "2001:db8::1", 34567),
        ("[2001:db8::1]:9", "2001:db8::1", 9),
    ],
)
def test_addresses(address, host, port):
    assert parse_address(address) == (host, port)


@pytest.mark.parametrize(
    "address",
    [None, "", "a b", "host:", "host:0", "host:65536", "host:abc", "::1", "http://host", "user@host"],
)
def test_what_is_no_address(address):
    with pytest.raises(InvalidRecord, match="address"):
        parse_address(address)
