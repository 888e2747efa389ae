"""Status, clocks, cards and errors of devices, as the bus has them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from cambus.connector_gb28181.mapping.device import status_reply, time_reply
from cambus.connector_gb28181.mapping.errors import command_error
from cambus.connector_gb28181.mapping.storage import disk_of
from cambus.gb28181 import errors as gb
from cambus.gb28181.manscdp.presence import AlarmDuty, DeviceStatus
from cambus.gb28181.manscdp.storage import Card
from cambus.schemas.channels import ChannelInfo
from cambus.schemas.codec import decode, encode
from cambus.schemas.disks import Disk
from cambus.schemas.errors import Unsupported

INPUTS = ("34020000001340000009", "34020000001340000002")
NUMBERS = {code: number for number, code in enumerate(INPUTS)}
AT = datetime(2026, 2, 1, 12, 0, 0, tzinfo=UTC)


def status_of(*duties, **fields):
    return DeviceStatus(alarms=tuple(AlarmDuty(code, duty) for code, duty in duties), **fields)


@pytest.mark.parametrize(
    ("duties", "armed", "active"),
    [
        ([], None, []),
        ([(INPUTS[0], "OFFDUTY")], False, []),
        ([(INPUTS[0], " onduty ")], True, []),
        ([(INPUTS[1], "ALARM"), (INPUTS[0], "OFFDUTY")], True, [1]),
        ([("34020000001340000077", "ALARM")], True, []),
        ([(None, "ALARM"), (INPUTS[0], None)], None, []),
    ],
)
def test_duties_say_whether_alarms_are_reported_and_which_ring(duties, armed, active):
    reply = status_reply(status_of(*duties), [], {}, NUMBERS.get, [])
    assert reply.armed is armed
    assert reply.alarms.inputs == active


def test_a_channel_that_told_nothing_is_as_the_catalog_has_it():
    channels = [ChannelInfo(channel=0, online=True), ChannelInfo(channel=4, online=False)]
    told = {0: status_of(online="OFFLINE", recording=True, encoding=False)}
    first, second = status_reply(status_of(), channels, told, NUMBERS.get, []).channels
    assert (first.online, first.recording, first.signal) == (False, True, False)
    assert (second.channel, second.online, second.recording) == (4, False, None)


def test_texts_of_devices_are_made_fit_to_be_shown():
    reply = status_reply(status_of(reason="a\r\nb\x00" + "x" * 500), [], {}, NUMBERS.get, [])
    assert reply.native["Reason"].startswith("abx")
    assert len(reply.native["Reason"]) == 100


@pytest.mark.parametrize(
    ("text", "drift_s"),
    [
        ("2026-02-01T20:00:05", 5.0),
        ("2026-02-01 19:59:57.500", -2.5),
        ("2026-02-01T12:00:00Z", 0.0),
    ],
)
def test_a_clock_is_of_its_zone_unless_it_says_otherwise(text, drift_s):
    reply = time_reply(status_of(device_time=text), AT, ZoneInfo("Asia/Shanghai"))
    assert reply.drift_s == drift_s
    assert reply.utc_offset_s == 28_800
    assert reply.local_time.startswith("2026-02-01T")


@pytest.mark.parametrize("text", [None, "", "yesterday", "2026-13-01T00:00:00"])
def test_a_device_without_a_clock_says_so(text):
    with pytest.raises(Unsupported):
        time_reply(status_of(device_time=text), AT, ZoneInfo("Asia/Shanghai"))


def test_cards_count_from_one_and_disks_from_nought():
    assert disk_of(Card(1), 0).disk == 0
    assert disk_of(Card(3), 0).disk == 2
    assert disk_of(Card(None), 1).disk == 1
    assert disk_of(Card(0), 1).disk == 1
    assert disk_of(Card(1, status="formatting", progress=140), 0).progress_percent == 100.0
    assert disk_of(Card(1, status="ok", progress=40), 0).progress_percent is None
    assert disk_of(Card(1, capacity_mb=-1, free_mb=None), 0).total_bytes == 0


def test_numbers_no_card_has_do_not_break_the_answer():
    disk = disk_of(Card(10**30, "SD", "ok", None, 10**30, -(10**30)), 3)
    assert disk.disk == 3
    assert decode(Disk, encode(disk)) == disk


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (gb.OutOfRange("preset", "0 is not within 1..255"), 400, "out-of-range"),
        (gb.DeviceOffline("gone"), 503, "device-offline"),
        (gb.Unreachable("silent"), 504, "unreachable"),
        (gb.Unconfirmed("no result"), 504, "unconfirmed"),
        (gb.Unsupported("of 2022"), 501, "unsupported-version"),
        (gb.Unsupported("SIP 501", status=501), 501, "not-implemented"),
        (gb.Refused("said no"), 422, "refused"),
        (gb.Refused("SIP 401", status=401), 401, "credentials-refused"),
        (gb.Refused("SIP 407", status=407), 401, "credentials-refused"),
        (gb.Refused("SIP 404", status=404), 404, "no-such-channel"),
        (gb.Busy("SIP 486", status=486), 429, "busy"),
        (gb.ProtocolError("nonsense"), 502, "malformed"),
    ],
)
def test_every_error_of_the_library_has_a_code_of_the_bus(error, code, reason):
    told = command_error(error)
    assert (int(told.code), told.reason) == (code, reason)


def test_what_may_have_been_done_is_not_to_be_tried_again_blindly():
    assert not command_error(gb.Unconfirmed("no result")).retryable
