"""One event as one line for people."""

from functools import singledispatch
from typing import Any, Final

from rich.text import Text

from cambus.cli.formatting import clean, duration, local, plural, size
from cambus.client.received import ReceivedEvent
from cambus.schemas.alarms import Severity
from cambus.schemas.events.alarm import AlarmCleared, AlarmEvent, AlarmRaised
from cambus.schemas.events.alarm_handling import (
    AlarmAcknowledged,
    AlarmActed,
    AlarmEscalated,
    AlarmSuppressed,
)
from cambus.schemas.events.base import Event
from cambus.schemas.events.channel import ChannelChanged
from cambus.schemas.events.device import DeviceAuthFailed, DeviceChanged, DeviceOffline, DeviceOnline
from cambus.schemas.events.exception import ExceptionReported
from cambus.schemas.events.live import LiveStarted, LiveStopped
from cambus.schemas.events.picture import PictureStored
from cambus.schemas.events.recording import RecordingClosed
from cambus.schemas.events.upgrade import CampaignChanged, UpgradeFinished, UpgradeProgressed

NAME_WIDTH: Final = 18
WHERE_WIDTH: Final = 14

_SEVERITIES: Final = {Severity.MAJOR: "yellow", Severity.CRITICAL: "bold red"}
_NAMES: Final = {
    "device.online": "green",
    "device.offline": "red",
    "device.auth-failed": "bold red",
    "alarm.raised": "bold",
    "exception.reported": "yellow",
}


def event_line(received: ReceivedEvent) -> Text:
    """`12:17:22  gate/0  alarm.raised  motion, info: Motion at North gate`."""
    event = received.event
    where = event.device if event.channel is None else f"{event.device}/{event.channel}"
    style = _SEVERITIES.get(event.severity, "") if isinstance(event, AlarmEvent) else ""
    return Text.assemble(
        (f"{local(event.at)}  ", "dim"),
        f"{where:<{WHERE_WIDTH}}  ",
        (f"{received.name:<{NAME_WIDTH}}  ", _NAMES.get(received.name, "")),
        (clean(describe(event)), style),
    )


@singledispatch
def describe(event: Event) -> str:
    """What happened, without where and when; not cleaned yet.

    An unusual event is told by the fields it has beyond what every event says.
    """
    fields: dict[str, Any] = event.model_dump(mode="json", exclude_defaults=True)
    return ", ".join(f"{name}={value}" for name, value in fields.items() if name not in Event.model_fields)


@describe.register
def _(event: AlarmRaised) -> str:
    return _joined(f"{event.type}, {event.severity}", event.text or _native(event))


@describe.register
def _(event: AlarmCleared) -> str:
    lasted = "" if event.duration_s is None else f"lasted {duration(event.duration_s)}"
    return _joined(str(event.type), lasted or event.cause)


@describe.register
def _(event: AlarmAcknowledged) -> str:
    return _joined(f"{event.type}, {event.by}", event.note)


@describe.register
def _(event: AlarmEscalated) -> str:
    return f"{event.type}, {event.reason}: rule {event.rule}, step {event.step + 1}"


@describe.register
def _(event: AlarmSuppressed) -> str:
    return f"{plural(event.count, 'alarm')} like {event.type} kept back by rule {event.rule}"


@describe.register
def _(event: AlarmActed) -> str:
    return _joined(f"{event.action} by rule {event.rule}, {event.outcome}", event.error)


@describe.register
def _(event: DeviceOnline) -> str:
    model = " ".join(part for part in (event.vendor, event.model, event.software_version) if part)
    return _joined(model, plural(event.channels_total, "channel") if event.channels_total else "")


@describe.register(DeviceOffline)
@describe.register(DeviceAuthFailed)
def _(event: DeviceOffline | DeviceAuthFailed) -> str:
    return _joined(event.reason, event.text)


@describe.register
def _(event: DeviceChanged) -> str:
    return ", ".join(f"{each.field}: {each.before} -> {each.after}" for each in event.changes)


@describe.register
def _(event: ChannelChanged) -> str:
    return _joined(event.change, event.info.name if event.info is not None else "")


@describe.register
def _(event: ExceptionReported) -> str:
    return _joined(event.code, event.text)


@describe.register
def _(event: LiveStarted) -> str:
    picture = f"{event.codec or ''} {event.width}x{event.height}" if event.width else event.codec or ""
    return _joined(event.stream, picture.strip())


@describe.register
def _(event: LiveStopped) -> str:
    return _joined(event.stream, event.reason)


@describe.register
def _(event: RecordingClosed) -> str:
    length = duration((event.end - event.start).total_seconds())
    return _joined(event.stream, f"{length}, {size(event.bytes)} on {event.replica}")


@describe.register
def _(event: PictureStored) -> str:
    return _joined(event.cause, event.picture.object)


@describe.register
def _(event: UpgradeProgressed) -> str:
    return event.state if event.percent is None else f"{event.state} {event.percent:.0f} %"


@describe.register
def _(event: UpgradeFinished) -> str:
    versions = f"{event.version_before} -> {event.version_after or '?'}"
    return _joined(event.state, event.text or versions)


@describe.register
def _(event: CampaignChanged) -> str:
    return _joined(f"campaign {event.campaign} {event.change}", event.text)


def _native(event: AlarmRaised) -> str:
    return "" if event.native is None else event.native.text or event.native.code


def _joined(head: str, rest: str) -> str:
    return f"{head}: {rest}" if head and rest else head or rest
