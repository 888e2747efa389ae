"""Settings of 2022 written, read and checked before they are sent (§10, GB-222)."""

import pytest

from cambus.gb28181.errors import OutOfRange
from cambus.gb28181.manscdp import config
from cambus.gb28181.manscdp.config import ConfigAnswer, element_of, order, plain
from cambus.gb28181.manscdp.config_ranges import check_block
from cambus.gb28181.manscdp.envelope import Envelope
from cambus.gb28181.xml import Element

SESSION = "0123456789abcdef0123456789ABCDEF"
SEGMENT = {
    "StartHour": "0",
    "StartMin": "0",
    "StartSec": "0",
    "StopHour": "23",
    "StopMin": "59",
    "StopSec": "59",
}
REGION = {"Seq": "1", "Point": "0,0,100,100"}
TEXT = {"Text": "大门", "X": "10", "Y": "20"}
STREAM = {
    "StreamNumber": "0",
    "VideoFormat": "5",
    "Resolution": "6",
    "FrameRate": "25",
    "BitRateType": "1",
    "VideoBitRate": "4096",
}
GOOD = {
    "VideoParamAttribute": {"Item": [STREAM, {**STREAM, "StreamNumber": "1", "Resolution": "704x576"}]},
    "VideoRecordPlan": {
        "RecordEnable": "1",
        "RecordScheduleSumNum": "2",
        "RecordSchedule": [
            {"WeekDayNum": "1", "TimeSegmentSumNum": "2", "TimeSegment": [SEGMENT, SEGMENT]},
            {"WeekDayNum": "7", "TimeSegmentSumNum": "1", "TimeSegment": SEGMENT},
        ],
        "StreamNumber": "0",
    },
    "VideoAlarmRecord": {"RecordEnable": "1", "RecordTime": "30", "PreRecordTime": "5", "StreamNumber": "0"},
    "PictureMask": {"On": "1", "SumNum": "2", "RegionList": {"Item": [REGION, {**REGION, "Seq": "4"}]}},
    "FrameMirror": "3",
    "AlarmReport": {"MotionDetection": "1", "FieldDetection": "0"},
    "OSDConfig": {
        "Length": "704",
        "Width": "576",
        "TimeX": "0",
        "TimeY": "0",
        "TimeEnable": "1",
        "TimeType": "1",
        "TextEnable": "1",
        "SumNum": "2",
        "Item": [TEXT, TEXT],
    },
    "SnapShotConfig": {
        "SnapNum": "10",
        "Interval": "1",
        "UploadURL": "http://192.0.2.1/up?t=1",
        "SessionID": SESSION,
    },
}
BAD = [
    ("VideoParamAttribute", {"Item": {**STREAM, "StreamNumber": "3"}}, "StreamNumber"),
    ("VideoParamAttribute", {"Item": {**STREAM, "FrameRate": "100"}}, "FrameRate"),
    ("VideoParamAttribute", {"Item": {**STREAM, "VideoBitRate": "100001"}}, "VideoBitRate"),
    ("VideoParamAttribute", {"Item": {**STREAM, "Resolution": "big"}}, "Resolution"),
    ("VideoParamAttribute", {"Item": [STREAM] * 4}, "Item"),
    ("VideoRecordPlan", {"RecordSchedule": {"WeekDayNum": "8"}}, "WeekDayNum"),
    ("VideoRecordPlan", {"RecordSchedule": {"WeekDayNum": "0"}}, "WeekDayNum"),
    ("VideoRecordPlan", {"RecordSchedule": [{"WeekDayNum": "1"}] * 8}, "RecordSchedule"),
    ("VideoRecordPlan", {"RecordSchedule": {"TimeSegment": [SEGMENT] * 9}}, "TimeSegment"),
    ("VideoRecordPlan", {"RecordSchedule": {"TimeSegment": {**SEGMENT, "StartHour": "24"}}}, "StartHour"),
    ("VideoRecordPlan", {"RecordSchedule": {"TimeSegment": {**SEGMENT, "StopSec": "60"}}}, "StopSec"),
    ("VideoAlarmRecord", {"RecordTime": "-1"}, "RecordTime"),
    ("VideoAlarmRecord", {"RecordEnable": "yes"}, "RecordEnable"),
    ("PictureMask", {"RegionList": {"Item": {**REGION, "Seq": "5"}}}, "Seq"),
    ("PictureMask", {"RegionList": {"Item": {**REGION, "Point": "1,2,3"}}}, "Point"),
    ("PictureMask", {"RegionList": {"Item": [REGION] * 5}}, "Item"),
    ("FrameMirror", "4", "FrameMirror"),
    ("AlarmReport", {"MotionDetection": "2"}, "MotionDetection"),
    ("OSDConfig", {"Item": {**TEXT, "Text": "x" * 33}}, "Text"),
    ("OSDConfig", {"Item": [TEXT] * 9}, "Item"),
    ("OSDConfig", {"TimeType": "2"}, "TimeType"),
    ("SnapShotConfig", {"SnapNum": "11"}, "SnapNum"),
    ("SnapShotConfig", {"SnapNum": "0"}, "SnapNum"),
    ("SnapShotConfig", {"Interval": "0"}, "Interval"),
    ("SnapShotConfig", {"SessionID": "short"}, "SessionID"),
    ("SnapShotConfig", {"SessionID": SESSION + "_"}, "SessionID"),
    ("SnapShotConfig", {"UploadURL": "file:///etc/passwd"}, "UploadURL"),
]


def element(name, tree):
    return element_of(name, tree) if isinstance(tree, dict) else Element(name, tree)


def test_these_are_the_eight_blocks_of_2022():
    assert set(GOOD) == set(config.NEW_IN_2022)
    assert len(GOOD) == 8


@pytest.mark.parametrize("name", GOOD)
def test_a_block_is_written_and_read_as_it_was(name):
    block = element(name, GOOD[name])
    check_block(block)
    sent = Envelope.parse(order(7, "34020000001320000001", block, charset="GB18030"))
    assert sent.command == "DeviceConfig"
    answered = Envelope.parse(
        config.answer(7, "34020000001320000001", sent.element.children[-1], charset="GB18030")
    )
    read = ConfigAnswer.parse(answered)
    assert (read.ok, read.block) == (True, name)
    assert read.element == block
    assert (read.values() or read.element.text) == GOOD[name]


@pytest.mark.parametrize(("name", "tree", "field"), BAD)
def test_a_value_no_device_takes_is_named(name, tree, field):
    with pytest.raises(OutOfRange) as refused:
        check_block(element(name, tree))
    assert refused.value.field.startswith(name)
    assert refused.value.field.endswith(field)


def test_what_nobody_declared_is_not_checked():
    check_block(element_of("SVACEncodeConfig", {"ROIParam": {"ROIFlag": "9"}}))
    check_block(element_of("OSDConfig", {"Vendor": "anything"}))


def test_a_password_in_a_block_is_not_shown():
    assert plain(element_of("BasicParam", {"Name": "n", "Password": "s3cret"})) == {"Name": "n"}


@pytest.mark.parametrize(
    ("text", "block"),
    [
        ("basicparam", "BasicParam"),
        ("SnapShot", "SnapShotConfig"),
        ("snapshotconfig", "SnapShotConfig"),
        ("Own", "Own"),
    ],
)
def test_names_of_blocks_are_known_in_any_case(text, block):
    assert config.block_name(text) == block


def test_an_answer_without_a_block_is_one_too():
    answered = config.answer(7, "34020000001320000001", None, ok=False)
    read = ConfigAnswer.parse(Envelope.parse(answered))
    assert (read.ok, read.block, read.values()) == (False, "", {})
