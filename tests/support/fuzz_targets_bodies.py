"""What reads the JSON of a device: bodies, values, messages, settings."""

import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any, cast

from fuzzing import Target

from cambus.dvrip import values
from cambus.dvrip.alarm_tracker import AlarmTracker
from cambus.dvrip.errors import MalformedPayload, error_for_code
from cambus.dvrip.messages.ability import EncodeCapability, SystemFunctions, parse_talk_formats
from cambus.dvrip.messages.alarm import AlarmReport
from cambus.dvrip.messages.bodies import return_code
from cambus.dvrip.messages.login import LoginReply
from cambus.dvrip.messages.registration import CLAIM_IDS, RegistrationLogin, claim_key
from cambus.dvrip.messages.search import (
    parse_calendar,
    parse_file_records,
    parse_log,
)
from cambus.dvrip.messages.system import SystemInfo, WorkState, parse_storage
from cambus.dvrip.messages.upgrade import UpgradeInfo
from cambus.dvrip.messages.users import Group, User
from cambus.dvrip.objects.catalog import MODELS, problems, read_objects, write_objects
from cambus.dvrip.payload import decode_body, decode_text, encode_body
from cambus.dvrip.redaction import REDACTED, redact_payload

BODIES = tuple(
    encode_body(body)
    for body in (
        {"AliveInterval": 20, "ChannelNum": 8, "DeviceType ": "HVR", "Ret": 100, "SessionID": "0x00000057"},
        {
            "Name": "SystemInfo",
            "SystemInfo": {"SerialNo": "x", "BuildTime": "2015-11-27 10:04:14", "DigChannel": 1},
        },
        {
            "StorageInfo": [
                {"PlysicalNo": 0, "PartNumber": 1, "Partition": [{"DirverType": 0, "RemainSpace": "0x1"}]}
            ]
        },
        {
            "WorkState": {
                "AlarmState": {"VideoMotion": "0x3"},
                "ChannelState": [{"Bitrate": 1, "Record": True}],
            }
        },
        {"SystemFunction": {"AlarmFunction": {"MotionDetect": True}}, "Ret": 100},
        {
            "EncodeCapability": {
                "EncodeInfo": [{"Enable": True, "CompressionMask": "0x80", "ResolutionMask": "0x1"}]
            }
        },
        {
            "OPFileQuery": [
                {"FileName": "/a/2009-02-16/001/10.08.41-10.23.30[R].h264", "FileLength": "0x10"}
            ],
            "Ret": 100,
        },
        {"OPFileQuery": [{"ByTimeInfo": [{"iChannel": 0, "cRecordBitMap": "ABEi" * 240}]}]},
        {
            "OPLogQuery": [
                {"Data": "x", "Position": 1, "Time": "2009-02-16 10:00:00", "Type": "LogIn", "User": "a"}
            ]
        },
        {"OPSCalendar": {"Mask": 5}},
        {
            "AlarmInfo": {
                "Channel": 0,
                "Event": "VideoMotion",
                "StartTime": "2009-02-16 10:00:00",
                "Status": "Start",
            }
        },
        {
            "Address": "0x0B0A060A",
            "Channel": 0,
            "Event": "MotionDetect",
            "SerialID": "1",
            "Status": "Stop",
            "Type": "Log",
        },
        {"UserName": "u", "PassWord": "p", "EncryptType": "MD5", "DeviceID": 5, "ChannelNum": 1},
        {"OPMonitor": {"Action": "Claim", "Parameter": {"Channel": 0, "StreamType": "Main"}}},
        {"NetWork.NetCommon": {"MAC": "00:01", "HostIP": "0x0A01A8C0", "TCPPort": 34567, "SN": "1"}},
        {
            "Users": [
                {"AuthorityList": ["a"], "Group": "admin", "Name": "admin", "Password": "x", "Reserved": True}
            ]
        },
        {"OPSystemUpgrade": {"Hardware": "H", "Vendor": "V", "LogoArea": {"Begin": "0x1", "End": "0x2"}}},
        {"TalkAudioFormat": [{"BitRate": 64, "EncodeType": "G711_ALAW", "SampleBit": 8, "SampleRate": 8000}]},
    )
)

WORDS = tuple(
    word.encode()
    for word in (
        *(
            '"',
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "null",
            "true",
            "false",
            "-",
            "0",
            "1e999",
            "1e308",
            "0x",
            '"0xFFFFFFFFFF"',
        ),
        *(
            "\\u0000",
            "\\ud800",
            "\\",
            "\n",
            "\x00",
            "\x7f",
            "门",
            "../",
            "<b>",
            "[red]",
            "\x1b[2J",
            "99999999999999999999",
        ),
        *(
            '"Ret":203,',
            '"Name":',
            '"Channel":',
            '"2026-02-31 25:61:61"',
            '"0000-00-00 00:00:00"',
            '"Status":"Stop"',
        ),
    )
)

SETTINGS = tuple(
    encode_body(body)
    for body in (
        {
            "NetWork.NetCommon": {
                "HostIP": "0x0A01A8C0",
                "TCPPort": 34567,
                "HostName": "x",
                "MonMode": "TCP",
                "New": 1,
            }
        },
        {
            "Simplify.Encode": [
                {"MainFormat": {"VideoEnable": True, "Video": {"Compression": "H.264", "FPS": 25}}}
            ]
        },
        {
            "Detect.MotionDetect": [
                {"Enable": True, "Level": 3, "Region": ["0x3"], "EventHandler": {"EventLatch": 1}}
            ]
        },
        {
            "Record": [
                {"PreRecord": 5, "TimeSection": [["1 00:00:00-24:00:00"] * 6] * 7, "Mask": [["0x7"] * 6] * 7}
            ]
        },
        {"Uart.Comm": [{"ProtocolName": "Console", "PortNo": 1, "Attribute": [115200, "None", 8, 1]}]},
        {"General.Location": {"DSTRule": "On", "DSTStart": {"Year": 2026, "Month": 3, "Week": -1, "Day": 0}}},
    )
)


def body(data: bytes) -> object:
    """A body that could be read can be written, and reads the same again."""
    value = decode_body(data)
    again = decode_body(encode_body(value))
    assert again == value
    return sorted(type(item).__name__ for item in value.values())[:6]


def redaction(data: bytes) -> object:
    """Whatever stands behind the name of a secret in a body is gone, however cut the body is."""
    shown = redact_payload(data)
    with contextlib.suppress(MalformedPayload):
        secret = decode_body(data).get("PassWord")
        if isinstance(secret, str) and len(secret) > 3 and REDACTED not in secret:
            assert decode_body(shown)["PassWord"] != secret
    return REDACTED.encode() in shown


def value(data: bytes) -> object:
    """One value in all the spellings there are."""
    text = decode_text(data)
    items: list[object] = [text]
    with contextlib.suppress(ValueError, RecursionError):
        items.append(json.loads(text))
    shapes: list[object] = []
    for item in items:
        shapes += [type(values.parse_session_id(item)), values.parse_number(item).bit_length() > 64]
        shapes += [
            values.parse_address(item) == item,
            values.parse_time(item) is None,
            values.parse_flag(item),
        ]
        for read in (values.Mask.parse, values.TimeSection.parse):
            with contextlib.suppress(MalformedPayload):
                shapes.append(type(read(item)))
        with contextlib.suppress(MalformedPayload):
            mask = values.Mask.parse(item)
            assert values.Mask.parse(mask.wire()).value == mask.value
            assert sum(1 << bit for bit in mask.bits()) == mask.value
    return shapes


def _alarm_of(each: Mapping[str, Any]) -> object:
    tracker = AlarmTracker()
    report = AlarmReport.parse(each)
    changes = [tracker.receive(report, source, now) for source, now in (("session", 0.0), ("centre", 1.0))]
    tracker.expire(1e6)
    return report.event, report.status, changes


def _login_of(each: Mapping[str, Any]) -> object:
    login = RegistrationLogin.parse(each)
    return login.check_password("p"), login.check_password("p", strict=True), login.channels > 0


READERS: Mapping[str, Callable[[Mapping[str, Any]], object]] = {
    "SystemInfo": SystemInfo.parse,
    "WorkState": WorkState.parse,
    "StorageInfo": parse_storage,
    "SystemFunction": SystemFunctions.parse,
    "EncodeCapability": EncodeCapability.parse,
    "TalkAudioFormat": parse_talk_formats,
    "Users": User.parse,
    "Groups": Group.parse,
    "login": LoginReply.parse,
    "files": parse_file_records,
    "log": parse_log,
    "calendar": parse_calendar,
    "alarm": _alarm_of,
    "registration": _login_of,
    "upgrade": UpgradeInfo.parse,
    "code": lambda each: error_for_code(return_code(each)),
    "claims": lambda each: [claim_key(claim, each) for claim in sorted(CLAIM_IDS)],
}


def message(data: bytes) -> object:
    """Every reader of bodies, given the body and its first member."""
    whole = decode_body(data)
    shapes = []
    for name, read in READERS.items():
        for part in (whole, next(iter(whole.values()), None)):
            if isinstance(part, Mapping) or name[0].isupper():
                with contextlib.suppress(MalformedPayload):
                    shapes.append(type(read(cast(Any, part))).__name__)
    return shapes[:8]


def config(data: bytes) -> object:
    """Configuration objects: unchanged they are written as they were read, and nothing in them is wrong then."""
    values_by_name = decode_body(data)
    shapes = []
    for name, found in values_by_name.items():
        objects = read_objects(name, found)
        assert write_objects(objects) == found
        assert list(problems(name, found, found)) == []
        shapes.append((name[:20], type(objects).__name__, len(list(problems(name, found)))))
    return shapes[:4]


TARGETS = (
    Target("body", body, BODIES, (MalformedPayload,), WORDS),
    Target("redaction", redaction, BODIES, tokens=(*WORDS, b'"PassWord":"hidden"', b'"password " : ')),
    Target(
        "value",
        value,
        (b'"0x0A01A8C0"', b'"2026-02-01 10:00:00"', b'[["1 00:00:00-24:00:00"]]', b"12"),
        tokens=WORDS,
    ),
    Target("message", message, BODIES, (MalformedPayload,), WORDS),
    Target(
        "config",
        config,
        SETTINGS,
        (MalformedPayload,),
        (*WORDS, *(f'"{name}":'.encode() for name in MODELS), b'"1 00:00:00-24:00:00"'),
    ),
)
