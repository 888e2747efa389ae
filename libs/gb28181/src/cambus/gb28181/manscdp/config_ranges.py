"""What the values of settings may be (§10, A.2.3.2, GB-222): checked here, so that no device is sent nonsense.

A check is a text that a value has to match, or a range of whole numbers. An element nobody declared is not checked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from cambus.gb28181.errors import OutOfRange
from cambus.gb28181.values import read_int
from cambus.gb28181.xml import Element

SESSION: Final = re.compile(r"[A-Za-z0-9-]{32,128}")
"""The name of a session of pictures or of an upgrade."""


@dataclass(frozen=True, slots=True)
class Range:
    """A whole number within bounds."""

    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Matching:
    """A text of a form."""

    form: re.Pattern[str]
    said: str


@dataclass(frozen=True, slots=True)
class Several:
    """Elements in an element.

    Attributes:
        fields: what is in it.
        most: how often it may stand there.
    """

    fields: dict[str, Range | Matching | Several] = field(default_factory=dict)
    most: int = 1


_SWITCH: Final = Range(0, 1)
_STREAM: Final = Range(0, 2)
_PIXELS: Final = Range(0, 65_535)
_DAY_S: Final = 86_400
_HOUR, _SIXTY = Range(0, 23), Range(0, 59)
_POINT: Final = Matching(re.compile(r"\d{1,5},\d{1,5},\d{1,5},\d{1,5}"), "left,top,right,bottom in pixels")
_CODE: Final = Matching(re.compile(r"\d{0,2}|\d{1,5}x\d{1,5}"), "a number of the f= line, or WxH")
_SEGMENT: Final = Several(
    {
        "StartHour": _HOUR,
        "StartMin": _SIXTY,
        "StartSec": _SIXTY,
        "StopHour": Range(0, 24),
        "StopMin": _SIXTY,
        "StopSec": _SIXTY,
    },
    most=8,
)
BLOCKS: Final[dict[str, Range | Several]] = {
    "BasicParam": Several(
        {
            "Expiration": Range(60, 604_800),
            "HeartBeatInterval": Range(5, 3600),
            "HeartBeatCount": Range(1, 10),
        }
    ),
    "VideoParamAttribute": Several(
        {
            "Item": Several(
                {
                    "StreamNumber": _STREAM,
                    "VideoFormat": Range(1, 5),
                    "Resolution": _CODE,
                    "FrameRate": Range(0, 99),
                    "BitRateType": Range(1, 2),
                    "VideoBitRate": Range(0, 100_000),
                },
                most=3,
            )
        }
    ),
    "VideoRecordPlan": Several(
        {
            "RecordEnable": _SWITCH,
            "RecordScheduleSumNum": Range(0, 7),
            "RecordSchedule": Several(
                {"WeekDayNum": Range(1, 7), "TimeSegmentSumNum": Range(0, 8), "TimeSegment": _SEGMENT}, most=7
            ),
            "StreamNumber": _STREAM,
        }
    ),
    "VideoAlarmRecord": Several(
        {
            "RecordEnable": _SWITCH,
            "RecordTime": Range(0, _DAY_S),
            "PreRecordTime": Range(0, _DAY_S),
            "StreamNumber": _STREAM,
        }
    ),
    "PictureMask": Several(
        {
            "On": _SWITCH,
            "SumNum": Range(0, 4),
            "RegionList": Several({"Item": Several({"Seq": Range(1, 4), "Point": _POINT}, most=4)}),
        }
    ),
    "FrameMirror": Range(0, 3),
    "AlarmReport": Several({"MotionDetection": _SWITCH, "FieldDetection": _SWITCH}),
    "OSDConfig": Several(
        {
            "Length": _PIXELS,
            "Width": _PIXELS,
            "TimeX": _PIXELS,
            "TimeY": _PIXELS,
            "TimeEnable": _SWITCH,
            "TimeType": _SWITCH,
            "TextEnable": _SWITCH,
            "SumNum": Range(0, 8),
            "Item": Several(
                {
                    "Text": Matching(re.compile(r"[^\r\n]{0,32}"), "at most 32 characters"),
                    "X": _PIXELS,
                    "Y": _PIXELS,
                },
                most=8,
            ),
        }
    ),
    "SnapShotConfig": Several(
        {
            "SnapNum": Range(1, 10),
            "Interval": Range(1, _DAY_S),
            "UploadURL": Matching(re.compile(r"https?://\S{1,1024}"), "an address of http or https"),
            "SessionID": Matching(SESSION, "32 to 128 letters, digits and hyphens"),
        }
    ),
}


def check_block(block: Element) -> None:
    """Raise OutOfRange where a block of settings says what no device may be told."""
    known = BLOCKS.get(block.name)
    if known is not None:
        _check(block, known, block.name)


def _check(element: Element, known: Range | Matching | Several, path: str) -> None:
    if isinstance(known, Several):
        for name, inner in known.fields.items():
            found = list(element.all(name))
            most = inner.most if isinstance(inner, Several) else 1
            if len(found) > most:
                raise OutOfRange(f"{path}.{name}", f"{len(found)} of them, want at most {most}")
            for each in found:
                _check(each, inner, f"{path}.{name}")
    elif isinstance(known, Range):
        number = read_int(element.text)
        if number is None or not known.least <= number <= known.most:
            raise OutOfRange(path, f"{element.text[:40]!a} is not within {known.least}..{known.most}")
    elif not known.form.fullmatch(element.text):
        raise OutOfRange(path, f"{element.text[:40]!a} is not {known.said}")
