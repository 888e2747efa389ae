"""Blocks of settings as trees of texts, and back."""

import pytest

from cambus.connector_gb28181.mapping.config import blocks_in, element_for, merged, value_of, without_blanks
from cambus.connector_gb28181.mapping.video import changed, encoders_of
from cambus.gb28181.manscdp.config import ConfigAnswer
from cambus.gb28181.manscdp.envelope import Envelope
from cambus.schemas.commands.video import VideoSetRequest
from cambus.schemas.errors import BadRequest


def answer(block):
    body = f"<Response><CmdType>ConfigDownload</CmdType><SN>1</SN><Result>OK</Result>{block}</Response>"
    return ConfigAnswer.parse(Envelope.parse(body.encode()))


def xml(element):
    return "".join(element.lines())


def test_names_are_spelled_as_in_the_standard_and_asked_once():
    assert blocks_in("basicparam / Snapshot/BasicParam") == ["BasicParam", "SnapShotConfig"]
    assert blocks_in("VendorThing") == ["VendorThing"]


@pytest.mark.parametrize("name", ["", "/", "a b", "A/", "<x>", "\u95e8", "/".join("abcdefghijklmnopqr")])
def test_what_is_no_name_of_a_block_is_refused(name):
    with pytest.raises(BadRequest):
        blocks_in(name)


def test_repeated_elements_are_a_list_and_one_without_elements_a_text():
    assert value_of(answer("<FrameMirror>2</FrameMirror>")) == "2"
    assert value_of(answer("")) is None
    assert value_of(answer("<X><Item><A>1</A></Item><Item><A>2</A></Item></X>")) == {
        "Item": [{"A": "1"}, {"A": "2"}]
    }


def test_only_what_is_wanted_changes_whatever_the_case_of_its_name():
    present = {"On": "0", "Deep": {"A": "1", "B": "2"}, "Item": [{"X": "1"}]}
    assert merged(present, {"on": 1, "Deep": {"B": 3}, "Item": []}) == {
        "On": 1,
        "Deep": {"A": "1", "B": 3},
        "Item": [],
    }
    assert present["Deep"] == {"A": "1", "B": "2"}


def test_blanks_are_left_out_at_any_depth():
    assert without_blanks({"a": "***", "b": {"c": "***", "d": "1"}, "e": [{"f": "***"}]}) == {
        "b": {"d": "1"},
        "e": [{}],
    }


def test_elements_are_in_the_order_of_the_standard_and_counters_right():
    segment = {"StopHour": 23, "StartHour": 0}
    element = element_for(
        "VideoRecordPlan",
        {
            "StreamNumber": 0,
            "RecordSchedule": [
                {"TimeSegment": [segment, segment], "TimeSegmentSumNum": 9, "WeekDayNum": 1},
                {"TimeSegment": segment, "TimeSegmentSumNum": 9, "WeekDayNum": 2},
            ],
            "RecordScheduleSumNum": 9,
            "RecordEnable": True,
        },
    )
    part = "<StartHour>0</StartHour><StopHour>23</StopHour>"
    whole = f"<TimeSegment>{part}</TimeSegment>"
    assert xml(element) == (
        "<VideoRecordPlan><RecordEnable>1</RecordEnable><RecordScheduleSumNum>2</RecordScheduleSumNum>"
        f"<RecordSchedule><WeekDayNum>1</WeekDayNum><TimeSegmentSumNum>2</TimeSegmentSumNum>{whole}{whole}</RecordSchedule>"
        f"<RecordSchedule><WeekDayNum>2</WeekDayNum><TimeSegmentSumNum>1</TimeSegmentSumNum>{whole}</RecordSchedule>"
        "<StreamNumber>0</StreamNumber></VideoRecordPlan>"
    )


def test_lists_count_themselves():
    items = [{"Seq": 1, "Point": "0,0,1,1"}, {"Seq": 2, "Point": "1,1,2,2"}]
    mask = xml(element_for("PictureMask", {"RegionList": {"Item": items}, "SumNum": 0, "On": 1}))
    assert mask.startswith('<PictureMask><On>1</On><SumNum>2</SumNum><RegionList Num="2"><Item><Seq>1</Seq>')
    osd = xml(element_for("OSDConfig", {"SumNum": 0, "Item": {"Y": 1, "X": 2, "Text": "a<b"}}))
    assert osd == "<OSDConfig><SumNum>1</SumNum><Item><Text>a&lt;b</Text><X>2</X><Y>1</Y></Item></OSDConfig>"


def test_blocks_of_older_editions_keep_their_order():
    tree = {
        "Name": "a",
        "DeviceID": "1",
        "SIPServerID": "2",
        "Expiration": "60",
        "Longitude": "1",
        "Latitude": "2",
    }
    assert [child.name for child in element_for("BasicParam", tree).children] == list(tree)


@pytest.mark.parametrize(
    "value",
    [None, {"a b": 1}, {"": 1}, {"1a": 1}, {"a": None}, {"a": [[1]]}, {"a": [1] * 6000}, {"\u95e8": 1}],
)
def test_what_is_no_tree_of_texts_is_refused(value):
    with pytest.raises(BadRequest):
        element_for("Thing", value)


VIDEO = (
    "<VideoParamAttribute Num='3'>"
    "<Item><StreamNumber>0</StreamNumber><VideoFormat>5</VideoFormat><Resolution>6</Resolution>"
    "<FrameRate>25</FrameRate><BitRateType>2</BitRateType><VideoBitRate>4096</VideoBitRate></Item>"
    "<Item><StreamNumber>1</StreamNumber><VideoFormat>4</VideoFormat><Resolution>640x360</Resolution>"
    "<FrameRate>0</FrameRate><VideoBitRate>-1</VideoBitRate></Item>"
    "<Item><StreamNumber>9</StreamNumber></Item>"
    "</VideoParamAttribute>"
)


def test_encoders_are_read_as_far_as_they_make_sense():
    main, sub = encoders_of(answer(VIDEO), 3, None)
    assert (main.codec, main.width, main.height, main.rate_control) == ("h265", 1920, 1080, "vbr")
    assert (sub.channel, sub.stream, sub.codec, sub.width) == (3, "sub", "other", 640)
    assert (sub.fps, sub.rate_control, sub.bitrate_kbps) == (None, None, None)
    assert encoders_of(answer("<VideoParamAttribute/>"), 0, None) == []


@pytest.mark.parametrize("size", ["0x0", "99999x99999", "7", "", "big"])
def test_a_size_that_is_none_is_open(size):
    item = f"<Item><StreamNumber>0</StreamNumber><Resolution>{size}</Resolution></Item>"
    (encoder,) = encoders_of(answer(f"<VideoParamAttribute>{item}</VideoParamAttribute>"), 0, "main")
    assert (encoder.width, encoder.height) == (None, None)


def test_numbers_no_encoder_has_are_open():
    n = 10**30
    item = f"<Item><StreamNumber>0</StreamNumber><VideoBitRate>{n}</VideoBitRate><FrameRate>{n}</FrameRate></Item>"
    (encoder,) = encoders_of(answer(f"<VideoParamAttribute>{item}</VideoParamAttribute>"), 0, "main")
    assert (encoder.bitrate_kbps, encoder.fps) == (None, None)


def test_usual_sizes_have_codes_and_others_are_spelled_out():
    value = value_of(answer(VIDEO))
    for size, code in (((1280, 720), "5"), ((704, 576), "3"), ((2560, 1440), "2560x1440")):
        request = VideoSetRequest(channel=0, width=size[0], height=size[1])
        assert changed(value, request)["Item"][0]["Resolution"] == code
    assert value["Item"][0]["Resolution"] == "6"


def test_an_encoder_that_is_alone_is_changed_as_well():
    value = {"Item": {"VideoFormat": "2"}}
    assert changed(value, VideoSetRequest(channel=0, codec="mpeg4"))["Item"] == [{"VideoFormat": "1"}]
