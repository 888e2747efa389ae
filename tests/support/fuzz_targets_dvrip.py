"""What reads the bytes of a device: packets, bodies, media, pictures, archives, datagrams."""

import contextlib
import io
import json
import math
import zipfile
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, cast

from fuzzing import Target, pieces

from cambus.dvrip import values
from cambus.dvrip.alarm_tracker import AlarmTracker
from cambus.dvrip.discovery import DiscoveredDevice
from cambus.dvrip.errors import DvripError, FragmentError, MalformedPayload, error_for_code
from cambus.dvrip.firmware import FirmwarePackage
from cambus.dvrip.frames import AudioFrame, InfoFrame, PictureFrame, VideoFrame, parse_header
from cambus.dvrip.info import parse_vehicle_info
from cambus.dvrip.media import StreamSplitter
from cambus.dvrip.messages.ability import EncodeCapability, SystemFunctions, parse_talk_formats
from cambus.dvrip.messages.alarm import AlarmReport
from cambus.dvrip.messages.bodies import return_code
from cambus.dvrip.messages.login import LoginReply
from cambus.dvrip.messages.registration import CLAIM_IDS, RegistrationLogin, claim_key
from cambus.dvrip.messages.search import (
    parse_by_time,
    parse_calendar,
    parse_file_name,
    parse_file_records,
    parse_log,
)
from cambus.dvrip.messages.system import SystemInfo, WorkState, parse_storage
from cambus.dvrip.messages.upgrade import UpgradeInfo
from cambus.dvrip.messages.users import Group, User
from cambus.dvrip.operations.transfers import ZipCollector
from cambus.dvrip.payload import decode_body, decode_text, encode_body
from cambus.dvrip.reassembly import MAX_OPEN, Reassembler
from cambus.dvrip.redaction import REDACTED, redact_payload
from cambus.dvrip.snapshot import SnapshotCollector, picture_of
from cambus.dvrip.wire import Packet, PacketReader, fragment, serialize
from cambus.media.frame import Codec
from cambus.simulators.dvrip.config_store import ConfigStore
from cambus.simulators.dvrip.discovery import DiscoveryResponder

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
KEY = VideoFrame(Codec.H264, True, b"\x00\x00\x00\x01\x67" + bytes(range(40)), 640, 480, 25)
FRAMES = (
    KEY,
    VideoFrame(Codec.H265, True, b"\x00\x00\x00\x01\x40\x01" + bytes(40), 3840, 2160, 25),
    VideoFrame(Codec.H264, False, b"\x00\x00\x00\x01\x41" + bytes(range(40))),
    VideoFrame(Codec.H265, False, b"\x00\x00\x00\x01\x11\x01\x78\x00" + bytes(119)),
    AudioFrame(14, 2, b"\xd5" * 20),
    InfoFrame(1, 0, b"GPS:$GPRMC,1;SPEED:12;STATUS:10101010101;PASSENGER:02ab000001;LOCATESTATUS:02;"),
    PictureFrame(b"\xff\xd8\xff\xe0123\xff\xd9", 704, 576),
)
#: Ends every frame that has begun.
LAST = b"\x55" * 5000
STREAM = b"".join(frame.serialize() for frame in FRAMES)


def wire(data: bytes) -> object:
    """Framing: the packets do not depend on how the stream was cut."""
    cut, stream = (data[0] if data else 1), data[1:]
    whole, parts = PacketReader(), PacketReader()
    packets = whole.receive_data(stream)
    piecemeal = [packet for piece in pieces(stream, cut) for packet in parts.receive_data(piece)]
    assert piecemeal == packets
    assert (parts.failure and parts.failure.offset) == (whole.failure and whole.failure.offset)
    assert all(len(payload) == header.length for header, payload in packets)
    assert len(whole._pending) <= len(stream)
    return len(packets), whole.failure is None, len(whole._pending) > 0


def reassembly(data: bytes) -> object:
    """Parts: what is open is bounded, and all of it is given up in time."""
    parts = Reassembler()
    shapes = []
    for number, packet in enumerate(PacketReader().receive_data(data)):
        try:
            whole = parts.receive(packet, number * 0.5)
            shapes.append("part" if whole is None else "whole")
        except FragmentError as error:
            shapes.append(str(error)[-30:])
        assert len(parts._open) <= MAX_OPEN
        parts.expire(number * 0.5)
    parts.expire(1e9)
    assert parts.next_timeout() is None
    return tuple(shapes[-3:])


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
        for read in (values.Mask.parse, values.TimeSection.parse, values.parse_schedule):
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


def media(data: bytes) -> object:
    """Frames: in the end the same for every cut, and never more held than one frame."""
    cut, waits, stream = (data[0] if data else 1), bool(data[1:2] > b"\x7f"), data[2:]
    whole = StreamSplitter(wait_for_key=waits, max_frame_bytes=4096)
    parts = StreamSplitter(wait_for_key=waits, max_frame_bytes=4096)
    frames = whole.receive_data(stream) + whole.receive_data(LAST)
    piecemeal = []
    for piece in (*pieces(stream, cut), LAST):
        piecemeal += parts.receive_data(piece)
        assert parts.pending_bytes <= 4096 + 16 + len(piece)
    assert piecemeal == frames
    return [type(frame).__name__ for frame in frames][-4:], sorted(whole.counters)


def frame_header(data: bytes) -> object:
    """A header that could be read is written as it was, but for bits that have no meaning."""
    header = parse_header(data)
    if header is None:
        return None
    again = parse_header(header.serialize())
    assert again == header
    return header.type, header.codec


def vehicle(data: bytes) -> object:
    """What a vehicle says."""
    info = parse_vehicle_info(data)
    assert info.speed_km_h is None or math.isfinite(info.speed_km_h)
    return info.vehicle, info.location, sorted(info.status), len(info.passengers)


def by_time(data: bytes) -> object:
    """Minutes of a day: 1440 codes of four bits for each channel."""
    minutes = parse_by_time(data)
    assert all(len(codes) == 1440 and max(codes) < 16 for codes in minutes.values())
    return len(minutes)


def file_name(data: bytes) -> object:
    """The name of a recording."""
    found = parse_file_name(decode_text(data))
    return None if found is None else (found.event[:1], found.begin <= found.end, found.channel >= 0)


def firmware(data: bytes) -> object:
    """The description in a firmware package."""
    package = FirmwarePackage.read(data)
    package.check(UpgradeInfo.parse({}), force=True)
    return bool(package.hardware), bool(package.vendor)


def picture(data: bytes) -> object:
    """A picture and an archive in any number of packets."""
    cut, stream = (data[0] if data else 1), data[1:]
    shapes = []
    for collector, take in ((SnapshotCollector(), picture_of), (ZipCollector(), bytes)):
        for piece in pieces(stream, cut):
            whole = collector.add(Packet(_HEADER, piece))
            if whole is not None:
                with contextlib.suppress(DvripError):
                    shapes.append(len(take(whole)) > 0)
                break
    return shapes


def datagram(data: bytes) -> object:
    """Both ends of the search over UDP."""
    store = ConfigStore({"NetWork": {"NetCommon": {"MAC": "00:01", "HostIP": "0x0A01A8C0", "HttpPort": 80}}})
    device = SimpleNamespace(
        device=SimpleNamespace(
            config=store,
            channels=1,
            identity=SimpleNamespace(serial="1", mac="00:01"),
            accounts=SimpleNamespace(check=lambda user, secret, kind: 100 if secret else 203),
        ),
        host="127.0.0.1",
        port=34567,
        quirks=SimpleNamespace(tail="lfnul"),
    )
    responder = DiscoveryResponder([cast(Any, device)])
    responder.datagram_received(data, ("192.0.2.1", 34569))
    found = DiscoveredDevice.parse(data, "192.0.2.1")
    if found is not None:
        assert found.identity
    return responder.searches, responder.ignored, found is None


_HEADER = PacketReader().receive_data(serialize(1561, b"", version=1))[0].header
PACKETS = tuple(serialize(1021, each, session_id=0x57, version=1) for each in BODIES[:4])
PARTS = b"".join(fragment(1043, BODIES[6] * 3, session_id=0x57, sequence=3, size=60))


def _package(text: bytes, compression: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("InstallDesc", text)
    return file.getvalue()


PACKAGES = tuple(
    _package(b'{"Hardware":"H","Vendor":"V","Model":"M"}', each)
    for each in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
)

TARGETS = (
    Target(
        "wire",
        wire,
        (b"\x01" + b"".join(PACKETS), b"\x07" + PARTS),
        tokens=(b"\xff\x01\x00\x00", PACKETS[0][:20]),
    ),
    Target(
        "reassembly",
        reassembly,
        (PARTS, PARTS[:160] + PARTS, PACKETS[0] + PARTS),
        tokens=(PARTS[:80], PARTS[80:160]),
    ),
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
        "media",
        media,
        (b"\x01\x00" + STREAM, b"\x09\xff" + STREAM),
        tokens=tuple(each.serialize()[:16] for each in FRAMES),
    ),
    Target(
        "frame-header", frame_header, tuple(each.serialize()[:16] for each in FRAMES), (MalformedPayload,)
    ),
    Target("vehicle", vehicle, (FRAMES[5].payload, b"G-SENSOR:1,2,3;INFO:x;3GSTATUS:0;"), tokens=WORDS),
    Target(
        "by-time",
        by_time,
        (BODIES[7], b"\x01\x00\x00\x00\x00\x00\x00\x00" + bytes(720)),
        (MalformedPayload,),
        WORDS,
    ),
    Target(
        "file-name", file_name, (b"/idea0/2009-02-16/001/10.08.41-10.23.30[R][@7cb][0].h264",), tokens=WORDS
    ),
    Target("firmware", firmware, PACKAGES, (MalformedPayload,)),
    Target(
        "picture",
        picture,
        (b"\x05" + FRAMES[6].payload, b"\x09" + FRAMES[6].serialize(), b"\x09" + PACKAGES[0]),
        (MalformedPayload,),
    ),
    Target(
        "datagram",
        datagram,
        (
            serialize(1530),
            serialize(1531, BODIES[14]),
            serialize(
                1532, encode_body({"DvrMac": "00:01", "Username": "a", "Password": "b", "HostIP": "0x0"})
            ),
        ),
        tokens=WORDS,
    ),
)
