"""What a device says, on its way to the bus: every answer is one the bus can carry, or an error it knows."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zlib import crc32

from fuzz_targets_bodies import BODIES, WORDS
from fuzzing import Target

from cambus.connector_dvrip.clock import DeviceZone, guess_zone, zone_of_minutes
from cambus.connector_dvrip.mapping.alarms import alarm_event_id, alarms_of_functions, map_alarm
from cambus.connector_dvrip.mapping.device import (
    Facts,
    capabilities_reply,
    description_of,
    disks_of,
    info_reply,
    status_reply,
    time_reply,
)
from cambus.connector_dvrip.mapping.encoders import encoders_of
from cambus.connector_dvrip.mapping.native import json_object
from cambus.connector_dvrip.mapping.recordings import log_entry_of, recording_of
from cambus.connector_dvrip.mapping.users import users_reply
from cambus.dvrip.errors import MalformedPayload
from cambus.dvrip.messages.ability import SystemFunctions
from cambus.dvrip.messages.alarm import AlarmReport
from cambus.dvrip.messages.login import LoginReply
from cambus.dvrip.messages.search import parse_file_records, parse_log
from cambus.dvrip.messages.system import SystemInfo, WorkState, parse_storage
from cambus.dvrip.messages.users import Group, User
from cambus.dvrip.payload import decode_body, encode_body
from cambus.dvrip.values import as_list, as_object, parse_number, parse_time
from cambus.schemas.codec import JSON, MSGPACK, decode, encode
from cambus.schemas.commands.native import NativeCallReply
from cambus.schemas.commands.recording import RecordingFindRequest
from cambus.schemas.commands.storage import StorageListReply
from cambus.schemas.errors import CambusError
from cambus.schemas.events.alarm import AlarmRaised
from cambus.schemas.model import Message

AT = datetime(2026, 2, 1, tzinfo=UTC)
ZONES = (
    DeviceZone(UTC),
    DeviceZone(timezone(timedelta(hours=8))),
    DeviceZone(timezone(timedelta(hours=-10))),
)
FIND = RecordingFindRequest(channel=0, start=AT, end=AT + timedelta(days=1))


def _facts(body: Mapping[str, Any]) -> Facts:
    info = body.get("SystemInfo", body)
    return Facts(
        login=LoginReply.parse(body),
        info=SystemInfo.parse(info),
        titles=[str(title) for title in as_list(body.get("ChannelTitle"))],
        channel_states=[as_object(state) for state in as_list(body.get("Status"))],
        functions=SystemFunctions.parse(body.get("SystemFunction", body)).groups,
        mac=str(body.get("MAC", ""))[:64],
    )


def _device(body: Mapping[str, Any], zone: DeviceZone) -> list[Message]:
    facts = _facts(body)
    description = description_of(facts, zone)
    work = WorkState.parse(body.get("WorkState", body))
    disks = disks_of(parse_storage(body.get("StorageInfo", [body])), zone)
    return [
        info_reply(facts, description),
        status_reply(facts.info, work, disks, description.channels, armed=True),
        capabilities_reply(facts, ["ptz.move"], alarms_of_functions(facts.functions), ["AAC"]),
        StorageListReply(disks=disks),
    ]


def _alarm(body: Mapping[str, Any], zone: DeviceZone) -> list[Message]:
    alarm = map_alarm(AlarmReport.parse(body), zone, 4)
    event_id = alarm_event_id("gate-1", alarm, "raised", AT, 0)
    return [AlarmRaised(id=event_id, device="gate-1", protocol="dvrip", at=AT, **alarm.fields())]


def _clock(body: Mapping[str, Any], zone: DeviceZone) -> list[Message]:
    local = parse_time(body.get("OPTimeQuery", body.get("StartTime")))
    stated = zone_of_minutes(parse_number(body.get("timeMin")) % (1 << 20)) or zone
    if local is None:
        return []
    guess_zone(local, AT)
    return [time_reply(local, AT, stated, ntp=None)]


MAPPINGS: Mapping[str, Callable[[Mapping[str, Any], DeviceZone], list[Any]]] = {
    "device": _device,
    "alarm": _alarm,
    "clock": _clock,
    "files": lambda body, zone: [recording_of(each, FIND, zone) for each in parse_file_records(body)],
    "log": lambda body, zone: [log_entry_of(each, zone) for each in parse_log(body)],
    "users": lambda body, zone: [
        users_reply(
            [User.parse(each) for each in as_list(body.get("Users"))],
            [Group.parse(each) for each in as_list(body.get("Groups"))],
            [str(each) for each in as_list(body.get("AuthorityList"))],
        )
    ],
    "encoders": lambda body, zone: encoders_of(body.get("Simplify.Encode", [body]), None, None),
    "native": lambda body, zone: [NativeCallReply(native=json_object(body))],
}


def to_the_bus(data: bytes) -> object:
    """A body, by each way to the bus, in both encodings."""
    zone = ZONES[crc32(data) % 3]
    body = decode_body(data)
    shapes: list[str] = []
    for name, mapping in MAPPINGS.items():
        try:
            for each in mapping(body, zone):
                if each is not None:
                    assert decode(type(each), encode(each, MSGPACK), MSGPACK) is not None
                    assert decode(type(each), encode(each, JSON), JSON) is not None
                    shapes.append(name)
        except (CambusError, MalformedPayload) as error:
            shapes.append(f"{name} {type(error).__name__}")
    return shapes


_MORE = (
    {
        "Simplify.Encode": [
            {"MainFormat": {"VideoEnable": True, "Video": {"Compression": "H.264", "FPS": 25, "BitRate": 9}}}
        ]
    },
    {"OPTimeQuery": "2026-02-01 10:00:00", "timeMin": -480},
    {
        "ChannelTitle": ["A"],
        "Status": [{"Status": "Connected", "ChnName": "x"}],
        "SystemInfo": {"DigChannel": 1},
    },
)
TARGETS = (
    Target(
        "to-the-bus",
        to_the_bus,
        (*BODIES, *map(encode_body, _MORE)),
        (MalformedPayload,),
        (
            *WORDS,
            b'"0001-01-01 00:00:00"',
            b'"9999-12-31 23:59:59"',
            b'"0xFFFFFFFFFFFFFFFFFFFF"',
            b"1e300",
            b"-1",
        ),
    ),
)
