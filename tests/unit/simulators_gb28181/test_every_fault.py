"""The faults of devices that a platform has to live with: each can be switched on, and each is, by a test (GB-280)."""

import re
from pathlib import Path

import pytest

from cambus.simulators.gb28181.control import ACTIONS
from cambus.simulators.gb28181.profiles import PROFILES
from cambus.simulators.gb28181.quirks import Quirks

TESTS = "\n".join(
    each.read_text(encoding="utf-8")
    for folder in ("simulators_gb28181", "gb28181_load", "gb28181_security")
    for each in (Path(__file__).parents[2] / "integration" / folder).glob("test_*.py")
)
FAULTS = {
    "drop a message": ("drop", "Catalog"),
    "delay a message": ("delay_s", "Keepalive:0.1"),
    "duplicate a message": ("duplicate", "Catalog"),
    "reorder messages": ("reorder", "Keepalive"),
    "corrupt a message": ("corrupt", "DeviceInfo"),
    "lose some parts": ("lose_parts", "2"),
    "wrong SumNum, too high": ("sum_num", "too_high"),
    "wrong SumNum, per message": ("sum_num", "per_message"),
    "SN not echoed": ("sn", "own"),
    "UTF-8 under GB2312": ("charset", "utf8_under_gb"),
    "bare &": ("xml", "ampersand"),
    "NUL": ("xml", "nul"),
    "DOCTYPE": ("xml", "doctype"),
    "LF only": ("line_ends", "lf"),
    "wrong Content-Length, short": ("content_length", "short"),
    "wrong Content-Length, long": ("content_length", "long"),
    "growing Via list": ("growing_via", "true"),
    "double tag": ("tags", "double"),
    "no tag": ("tags", "none"),
    "empty host": ("empty_host", "true"),
    "foreign nonce": ("credentials", "foreign_nonce"),
    "replay": ("credentials", "replay"),
    "keepalive from another port": ("keepalive_from", "port"),
    "keepalive from another address": ("keepalive_from", "host"),
    "silent after a time": ("silent_after_s", "1"),
    "never BYE": ("never_bye", "true"),
    "486": ("invite", "busy"),
    "488": ("invite", "unacceptable"),
    "no final response": ("invite", "never"),
    "late 200 after CANCEL": ("invite", "late"),
    "y= absent": ("y", "absent"),
    "y= of 20 digits": ("y", "long"),
    "y= different": ("y", "other"),
    "SSRC differs": ("ssrc", "other"),
    "port change": ("move_at_s", "1"),
    "TS in type 96": ("payload", "ts"),
    "TS in type 33": ("payload", "ts_33"),
    "no PSM": ("psm", "none"),
    "bad PSM": ("psm", "bad"),
    "PES of length 0": ("pes_zero", "true"),
    "frames > 64 KiB": ("large_frames", "true"),
    "loss": ("loss_percent", "5"),
    "garbage inside a TCP stream": ("garbage_every", "3"),
    "media never starts": ("media", "never"),
    "media stops": ("media", "stops"),
    "answer with port 0": ("answer", "port_0"),
    "answer recvonly": ("answer", "recvonly"),
    "answer empty": ("answer", "empty"),
    "UDP for TCP": ("answer", "udp_for_tcp"),
    "same setup": ("answer", "same_setup"),
    "no 121": ("end", "never"),
    "download stalls": ("stall_at", "0.97"),
    "NOTIFY before 200": ("notify_first", "true"),
    "subscription refused": ("subscribe", "refuse"),
    "subscription 481": ("subscribe", "forget"),
    "broadcast ERROR": ("broadcast", "error"),
    "broadcast without INVITE": ("broadcast", "no_invite"),
    "broadcast over passive TCP": ("broadcast_transport", "tcp_passive"),
    "alarm duplicates": ("alarm_copies", "3"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_can_be_switched_on_and_is(fault):
    name, value = FAULTS[fault]
    quirks = Quirks()
    quirks.update({name: value})
    assert quirks != Quirks(), "it was on already"
    chosen = isinstance(getattr(Quirks(), name), str)
    uses = [line for line in TESTS.splitlines() if re.search(rf"\b{name}\b", line)]
    assert uses
    if chosen:  # one of several: exactly this one is used, if not in the line of its name
        assert re.search(rf'"{value}"', TESTS), value


def test_connections_are_closed_and_storms_are_made_by_tests():
    assert "drop" in ACTIONS
    assert ".drop_connection()" in TESTS
    assert "Storm(" in TESTS


@pytest.mark.parametrize("profile", ["dahua_ipc", "hik_nvr", "std_2022"])
def test_every_make_is_used_by_a_test(profile):
    assert profile in PROFILES
    assert f'"{profile}"' in TESTS
