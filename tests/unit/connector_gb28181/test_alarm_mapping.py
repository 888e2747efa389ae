"""What alarms of devices are on the bus (GB-204, GB-205)."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from cambus.connector_gb28181.channels import ChannelTable
from cambus.connector_gb28181.mapping.alarms import heard_alarm
from cambus.gb28181.manscdp.catalog import CatalogItem
from cambus.gb28181.manscdp.envelope import Envelope
from cambus.schemas.alarms import AlarmType, InputKind, Severity

NVR, CAMERA, OTHER = "34020000001180000001", "34020000001310000001", "34020000001310000002"
INPUT, OF_CAMERA = "34020000001340000001", "34020000001340000002"
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def channels():
    made = ChannelTable(NVR, {}, ())
    parents = {OTHER: NVR, CAMERA: NVR, INPUT: NVR, OF_CAMERA: CAMERA}
    items = {code: CatalogItem(code, code, (parent,)) for code, parent in parents.items()}
    made.synced(items, complete=True)
    return made


def alarm(channels, inside, code=CAMERA, zone=SHANGHAI):
    body = f"<Notify><CmdType>Alarm</CmdType><SN>7</SN><DeviceID>{code}</DeviceID>{inside}</Notify>"
    return heard_alarm(Envelope.parse(body.encode()), channels, zone)


def of(channels, method, kind=None, **fields):
    kind = "" if kind is None else f"<Info><AlarmType>{kind}</AlarmType></Info>"
    return alarm(channels, f"<AlarmMethod>{method}</AlarmMethod>{kind}", **fields)


@pytest.mark.parametrize(
    ("method", "kind", "expected"),
    [
        (1, None, "other"),
        (2, None, "io"),
        (2, 0, "io"),
        (2, 1, "video-loss"),
        (2, 2, "tamper"),
        (2, 3, "storage-full"),
        (2, 4, "temperature"),
        (2, 5, "temperature"),
        (3, None, "other"),
        (4, None, "other"),
        (5, None, "analytics.other"),
        (5, 1, "manual"),
        (5, 2, "motion"),
        (5, 3, "analytics.left-object"),
        (5, 4, "analytics.removed-object"),
        (5, 5, "tripwire"),
        (5, 6, "intrusion"),
        (5, 7, "analytics.wrong-way"),
        (5, 8, "analytics.loitering"),
        (5, 9, "analytics.count"),
        (5, 10, "analytics.crowd"),
        (5, 11, "video-abnormal"),
        (5, 12, "analytics.fast-motion"),
        (5, 13, "tamper"),
        (6, 1, "storage-error"),
        (6, 2, "hardware"),
        (7, None, "other"),
    ],
)
def test_methods_and_types_are_alarms_of_the_bus(channels, method, kind, expected):
    heard = of(channels, method, kind)
    assert heard.type == expected
    assert heard.native.code == f"{method}/{'-' if kind is None else kind}"
    assert heard.native.detail["AlarmMethod"] == str(method)


@pytest.mark.parametrize(
    ("inside", "code", "expected"),
    [
        ("<AlarmMethod>9</AlarmMethod><AlarmType>4</AlarmType>", "9/4", "other"),
        ("<AlarmMethod>5</AlarmMethod><AlarmType>77</AlarmType>", "5/77", "analytics.other"),
        ("<AlarmMethod>six</AlarmMethod>", "-/-", "other"),
        ("<AlarmMethod>5</AlarmMethod><AlarmType>fire</AlarmType>", "5/-", "analytics.other"),
        ("", "-/-", "other"),
    ],
)
def test_values_nobody_knows_pass_as_they_were_written(channels, inside, code, expected):
    heard = alarm(channels, inside)
    assert (heard.type, heard.native.code) == (expected, code)
    written = {"AlarmMethod": "six"} if "six" in inside else {}
    written |= {"AlarmType": "fire"} if "fire" in inside else {}
    assert heard.native.detail.items() >= written.items()


@pytest.mark.parametrize(
    "inside",
    [
        "<AlarmMethod>5</AlarmMethod><AlarmType>6</AlarmType>",
        "<AlarmMethod>5</AlarmMethod><Info><AlarmType>6</AlarmType></Info>",
        "<AlarmMethod>5</AlarmMethod><info><AlarmType>6</AlarmType></info>",
        "<alarmmethod> 5 </alarmmethod><INFO><alarmtype>6</alarmtype></INFO>",
    ],
)
def test_the_type_counts_wherever_it_stands(channels, inside):
    assert alarm(channels, inside).type is AlarmType.INTRUSION


def test_entering_and_leaving_are_two_alarms_at_a_time(channels):
    inside = (
        "<AlarmMethod>5</AlarmMethod><Info><AlarmType>6</AlarmType>"
        "<AlarmTypeParam><EventType>{}</EventType></AlarmTypeParam></Info>"
    )
    entered, left = alarm(channels, inside.format(1)), alarm(channels, inside.format(2))
    assert (entered.native.detail["EventType"], left.native.detail["EventType"]) == ("1", "2")
    assert entered.key != left.key


@pytest.mark.parametrize(
    ("priority", "expected"),
    [("1", "critical"), ("2", "major"), ("3", "minor"), ("4", "info"), ("0", "info"), ("high", "info")],
)
def test_a_priority_is_a_severity_and_one_nobody_knows_leaves_that_of_the_type(channels, priority, expected):
    inside = f"<AlarmPriority>{priority}</AlarmPriority><AlarmMethod>5</AlarmMethod><AlarmType>2</AlarmType>"
    assert alarm(channels, inside).severity is Severity(expected)


@pytest.mark.parametrize(
    ("time", "expected", "flags"),
    [
        ("<AlarmTime>2026-02-01T20:17:22</AlarmTime>", datetime(2026, 2, 1, 12, 17, 22, tzinfo=UTC), None),
        ("<AlarmTime>2026-02-01 20:17:22</AlarmTime>", datetime(2026, 2, 1, 12, 17, 22, tzinfo=UTC), None),
        ("<AlarmTime>2026-02-01T20:17:22Z</AlarmTime>", datetime(2026, 2, 1, 20, 17, 22, tzinfo=UTC), None),
        ("<AlarmTime>2026-02-31T20:17:22</AlarmTime>", None, ["bad-time"]),
        ("<AlarmTime>just now</AlarmTime>", None, ["bad-time"]),
        ("", None, ["no-time"]),
    ],
)
def test_a_time_that_is_none_is_flagged(channels, time, expected, flags):
    heard = alarm(channels, "<AlarmMethod>5</AlarmMethod><AlarmType>2</AlarmType>" + time)
    assert heard.device_time == expected
    assert heard.native.detail.get("flags") == flags


def test_the_clock_of_the_device_is_where_its_record_says(channels):
    time = "<AlarmTime>2026-02-01T20:17:22</AlarmTime>"
    heard = alarm(channels, time, zone=ZoneInfo("Europe/Berlin"))
    assert heard.device_time == datetime(2026, 2, 1, 19, 17, 22, tzinfo=UTC)


def test_it_concerns_the_channel_the_input_or_the_host(channels):
    camera, host = of(channels, 5, 2, code=CAMERA), of(channels, 5, 2, code=NVR)
    assert (camera.channel, host.channel) == (1, None)
    local, of_camera = of(channels, 2, code=INPUT), of(channels, 2, code=OF_CAMERA)
    assert (local.channel, local.input.kind, local.input.number) == (None, InputKind.LOCAL, 0)
    assert (of_camera.channel, of_camera.input.kind, of_camera.input.number) == (1, InputKind.CAMERA, 1)
    assert len({each.key for each in (camera, host, local, of_camera)}) == 4


@pytest.mark.parametrize("code", ["3402000000", "34020000001349999999", "", "x:y z\u8433" * 30])
def test_what_nobody_knows_is_of_the_host_and_said_so(channels, code):
    heard = of(channels, 2, code=code)
    assert (heard.channel, heard.input) == (None, None)
    assert "unknown-code" in heard.native.detail["flags"]
    assert heard.key != of(channels, 2, code=NVR).key


def test_a_place_on_earth_is_taken_and_no_other(channels):
    inside = "<AlarmMethod>4</AlarmMethod><Longitude>{}</Longitude><Latitude>{}</Latitude>"
    place = alarm(channels, inside.format(121.5, 31.2)).location
    assert (place.longitude, place.latitude) == (121.5, 31.2)
    nowhere = alarm(channels, inside.format(0, 0))
    assert (nowhere.location, nowhere.native.detail["flags"]) == (None, ["no-time"])
    wrong = alarm(channels, inside.format(500, 31))
    assert (wrong.location, wrong.native.detail["flags"]) == (None, ["no-time", "bad-coordinates"])


def test_texts_of_a_device_are_fit_to_be_shown_and_there_are_only_so_many(channels):
    fields = "".join(f"<F{number}>x</F{number}>" for number in range(100))
    heard = alarm(channels, f"<AlarmDescription>fire\n\x7f{'!' * 900}</AlarmDescription>{fields}")
    assert heard.native.text.startswith("fire!")
    assert len(heard.native.text) == 500
    assert len(heard.native.detail) <= 40
