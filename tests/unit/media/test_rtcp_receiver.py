"""Reports of senders are read, and our own is one."""

import pytest

from cambus.media.rtcp import bye, sender_report
from cambus.media.rtcp_receiver import Bye, SenderReport, read_rtcp, receiver_report

WALL_US = 1_700_000_000_250_000


def report(**more):
    values = {"wall_us": WALL_US, "rtp_timestamp": 77, "packets": 1, "octets": 2, "cname": "c", **more}
    return sender_report(5, **values)


def test_a_report_says_which_time_a_timestamp_is_of():
    (found,) = read_rtcp(report())
    assert isinstance(found, SenderReport)
    assert (found.ssrc, found.rtp_timestamp) == (5, 77)
    assert abs(found.wall_us - WALL_US) <= 1


def test_a_goodbye_stands_behind_a_report():
    assert list(read_rtcp(report() + bye(5)))[1:] == [Bye(5)]


@pytest.mark.parametrize("cut", range(len(report())))
def test_what_is_cut_short_is_not_read_further(cut):
    assert len(list(read_rtcp(report()[:cut]))) <= 1


@pytest.mark.parametrize("data", [b"", b"\x80", bytes(100), b"\x80\xc8\xff\xff" + bytes(8)])
def test_what_is_none_says_nothing(data):
    assert list(read_rtcp(data)) == []


def test_our_own_is_a_receiver_report_with_a_name():
    data = receiver_report(0x01020304, "cambus")
    assert data[:8] == b"\x80\xc9\x00\x01\x01\x02\x03\x04"
    assert data[8:10] == b"\x81\xca"
    assert len(data) == 8 + 4 + 4 * int.from_bytes(data[10:12], "big")
    assert b"\x01\x06cambus\x00" in data
    assert list(read_rtcp(data)) == []
