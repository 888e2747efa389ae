"""Alarms and how they are subscribed to (A.2.5.3, A.2.4.6, A.2.6.2, GB-203 to GB-207)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cambus.gb28181.manscdp.envelope import Envelope, Root
from cambus.gb28181.manscdp.layout import FLOAT, INT, OK_ERROR, Body, Part, leaf, part


@dataclass(frozen=True, slots=True)
class AlarmParameters(Part):
    """More about an analytic alarm: 1 for entering a zone, 2 for leaving it."""

    event_type: int | None = leaf("EventType", INT)


@dataclass(frozen=True, slots=True)
class AlarmDetails(Part):
    """What kind of alarm it is, by the tables of its method."""

    type: int | None = leaf("AlarmType", INT)
    parameters: AlarmParameters | None = part("AlarmTypeParam", AlarmParameters)


@dataclass(frozen=True, slots=True)
class AlarmNotice(Body):
    """Something has happened. `type` stands at the root with some devices, in `details` by the book."""

    ROOT: ClassVar = Root.NOTIFY
    COMMAND: ClassVar = "Alarm"

    priority: int | None = leaf("AlarmPriority", INT)
    method: int | None = leaf("AlarmMethod", INT)
    time: str | None = leaf("AlarmTime")
    description: str | None = leaf("AlarmDescription")
    longitude: float | None = leaf("Longitude", FLOAT)
    latitude: float | None = leaf("Latitude", FLOAT)
    type: int | None = leaf("AlarmType", INT)
    details: AlarmDetails | None = part("Info", AlarmDetails)

    @property
    def kind(self) -> int | None:
        """The alarm type, wherever it stands."""
        inside = self.details.type if self.details is not None else None
        return inside if inside is not None else self.type

    @property
    def event_type(self) -> int | None:
        """1 for entering, 2 for leaving, None for neither."""
        parameters = self.details.parameters if self.details is not None else None
        return parameters.event_type if parameters is not None else None


@dataclass(frozen=True, slots=True)
class AlarmAnswer(Body):
    """The alarm has been taken."""

    ROOT: ClassVar = Root.RESPONSE
    COMMAND: ClassVar = "Alarm"

    ok: bool | None = leaf("Result", OK_ERROR)


@dataclass(frozen=True, slots=True)
class AlarmQuery(Body):
    """The body of a subscription: which alarms are wanted; 0 is all of them."""

    ROOT: ClassVar = Root.QUERY
    COMMAND: ClassVar = "Alarm"

    start_priority: int | None = leaf("StartAlarmPriority", INT)
    end_priority: int | None = leaf("EndAlarmPriority", INT)
    method: str | None = leaf("AlarmMethod")
    type: str | None = leaf("AlarmType")
    start: str | None = leaf("StartAlarmTime")
    end: str | None = leaf("EndAlarmTime")


def is_alarm(envelope: Envelope) -> bool:
    """Whether a body is an alarm."""
    return envelope.root is Root.NOTIFY and envelope.command.lower() == "alarm"
