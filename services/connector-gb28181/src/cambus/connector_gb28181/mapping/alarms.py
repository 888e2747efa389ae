"""Alarms of a device, as alarms of the bus (GB/T 28181-2022 A.2.5.3, GB-204, GB-205)."""

from collections.abc import Iterable
from datetime import tzinfo
from typing import Final

from cambus.connector.held_alarms import HeardAlarm
from cambus.connector_gb28181.channels import ChannelTable
from cambus.connector_gb28181.mapping.text import text
from cambus.gb28181.codes import NodeKind, kind_of
from cambus.gb28181.manscdp.alarms import AlarmNotice
from cambus.gb28181.manscdp.envelope import Envelope
from cambus.gb28181.manscdp.positions import Position
from cambus.gb28181.values import read_time
from cambus.gb28181.xml import Element
from cambus.schemas.alarms import (
    AlarmInput,
    AlarmType,
    InputKind,
    NativeAlarm,
    Severity,
    alarm_key,
    default_severity,
)
from cambus.schemas.geo import GeoPoint
from cambus.schemas.model import JsonObject

DEVICE, VIDEO, FAULT = 2, 5, 6
"""Methods of alarm (AlarmMethod) whose types have a table; the others are 1 phone, 3 SMS, 4 GPS, 7 other."""

TYPES: Final = {
    (DEVICE, 1): AlarmType.VIDEO_LOSS,
    (DEVICE, 2): AlarmType.TAMPER,
    (DEVICE, 3): AlarmType.STORAGE_FULL,
    (DEVICE, 4): AlarmType.TEMPERATURE,
    (DEVICE, 5): AlarmType.TEMPERATURE,
    (VIDEO, 1): AlarmType.MANUAL,
    (VIDEO, 2): AlarmType.MOTION,
    (VIDEO, 3): AlarmType.ANALYTICS_LEFT_OBJECT,
    (VIDEO, 4): AlarmType.ANALYTICS_REMOVED_OBJECT,
    (VIDEO, 5): AlarmType.TRIPWIRE,
    (VIDEO, 6): AlarmType.INTRUSION,
    (VIDEO, 7): AlarmType.ANALYTICS_WRONG_WAY,
    (VIDEO, 8): AlarmType.ANALYTICS_LOITERING,
    (VIDEO, 9): AlarmType.ANALYTICS_COUNT,
    (VIDEO, 10): AlarmType.ANALYTICS_CROWD,
    (VIDEO, 11): AlarmType.VIDEO_ABNORMAL,
    (VIDEO, 12): AlarmType.ANALYTICS_FAST_MOTION,
    (VIDEO, 13): AlarmType.TAMPER,
    (FAULT, 1): AlarmType.STORAGE_ERROR,
    (FAULT, 2): AlarmType.HARDWARE,
}
"""By method and type."""

_WHOLE_METHODS: Final = {DEVICE: AlarmType.IO, VIDEO: AlarmType.ANALYTICS_OTHER, FAULT: AlarmType.HARDWARE}
"""What an alarm of a method is without a type: that of an input is its plain alarm."""

_SEVERITIES: Final = {1: Severity.CRITICAL, 2: Severity.MAJOR, 3: Severity.MINOR, 4: Severity.INFO}
_HEADER: Final = frozenset({"cmdtype", "deviceid", "info", "alarmdescription"})
_MAX_FIELDS: Final = 32


def heard_alarm(envelope: Envelope, channels: ChannelTable, zone: tzinfo) -> HeardAlarm:
    """Return what an alarm is on the bus.

    Args:
        envelope: the alarm.
        channels: what is behind the device.
        zone: of the device's clock.

    Raises:
        ProtocolError: it is none.
    """
    notice = AlarmNotice.parse(envelope)
    kind = alarm_type(notice)
    code, native = envelope.code, native_code(notice)
    alarm_input = _input(code, channels)
    channel = channels.channel_of(code)
    time = read_time(notice.time, zone)
    place, bad_place = _place(notice)
    flags = _flags(
        bad_time=notice.time is not None and time is None,
        no_time=notice.time is None,
        bad_coordinates=bad_place,
        unknown_code=channel is None and alarm_input is None and code != channels.code,
    )
    parts: list[str | int] = [native.replace("/", "-")]
    if notice.event_type is not None:
        parts.append(notice.event_type)
    if code != channels.code and channels.number_of(code) is None:
        parts.append("".join(each for each in code[:64] if each.isascii() and each.isalnum()) or "-")
    return HeardAlarm(
        type=kind,
        severity=_SEVERITIES.get(notice.priority or 0, default_severity(kind)),
        key=alarm_key(kind, channel, *parts),
        channel=channel,
        native=NativeAlarm(
            code=native, text=text(notice.description, 500), detail=_detail(envelope.element, code, flags)
        ),
        device_time=time,
        input=alarm_input if kind is AlarmType.IO else None,
        text=text(notice.description, 500),
        location=place,
        facts=(code, envelope.sn or 0, native, notice.event_type or 0),
    )


def alarm_type(notice: AlarmNotice) -> AlarmType:
    """What an alarm is about, by its method and type; what no table has is `other`."""
    if not notice.kind:  # none, or 0
        return _WHOLE_METHODS.get(notice.method or 0, AlarmType.OTHER)
    usual = AlarmType.ANALYTICS_OTHER if notice.method == VIDEO else AlarmType.OTHER
    return TYPES.get((notice.method or 0, notice.kind), usual)


def native_code(notice: AlarmNotice) -> str:
    """Method and type as the device has them: `5/2`; `-` for what it does not say."""
    return "/".join("-" if number is None else str(number) for number in (notice.method, notice.kind))


def _input(code: str, channels: ChannelTable) -> AlarmInput | None:
    number = channels.input_of(code) if kind_of(code) is NodeKind.ALARM_INPUT else None
    if number is None:
        return None
    of_camera = channels.channel_of(code) is not None
    return AlarmInput(kind=InputKind.CAMERA if of_camera else InputKind.LOCAL, number=number)


def _place(notice: AlarmNotice) -> tuple[GeoPoint | None, bool]:
    """Where it happened, and whether what it says of that is nonsense."""
    longitude, latitude = notice.longitude, notice.latitude
    if longitude is None or latitude is None or (longitude, latitude) == (0.0, 0.0):
        return None, False  # nothing, or what devices say that do not know
    if not Position(longitude=longitude, latitude=latitude).plausible:
        return None, True
    return GeoPoint(latitude=latitude, longitude=longitude), False


def _flags(**named: bool) -> list[str]:
    return [name.replace("_", "-") for name, is_so in named.items() if is_so]


def _detail(element: Element, code: str, flags: Iterable[str]) -> JsonObject:
    """Every field as the device wrote it, those of `Info` among them, and what is wrong with them."""
    detail: JsonObject = {"DeviceID": text(code, 64)}
    _collect(element, detail)
    if flags:
        detail["flags"] = [*flags]
    return detail


def _collect(element: Element, found: JsonObject, depth: int = 0) -> None:
    for child in element.children:
        if len(found) >= _MAX_FIELDS:
            return
        if child.children and depth < 3:
            _collect(child, found, depth + 1)
        elif child.name.lower() not in _HEADER:
            found.setdefault(text(child.name, 64), text(child.text, 200))
