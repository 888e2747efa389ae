"""Which alarms go where, and what is done about them."""

from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from cambus.schemas.alarms import AlarmTypePattern, Severity
from cambus.schemas.events.alarm import AlarmEvent, AlarmRaised
from cambus.schemas.ids import Token
from cambus.schemas.matching import DeviceMatch
from cambus.schemas.model import Message, example
from cambus.schemas.schedule import WeekSchedule
from cambus.schemas.state.alarm_actions import AlarmAction
from cambus.schemas.state.alarm_sinks import AlarmSink
from cambus.schemas.text_pattern import TextPattern, found

Phase = Literal["raised", "cleared", "acknowledged"]
"""What of an alarm a rule tells: its beginning, its end, that somebody looks after it."""


class AlarmMatch(DeviceMatch):
    """Some alarms: those of the devices, of one of the types, at least so bad, inside the schedule."""

    model_config = example(
        devices=["gate-*"],
        tags=["site:north"],
        types=["motion", "storage-*"],
        min_severity="minor",
        schedule={
            "time_zone": "Europe/Berlin",
            "spans": [{"days": ["sat", "sun"], "start": "00:00", "end": "24:00"}],
        },
        phases=["raised"],
    )

    types: list[AlarmTypePattern] = Field(
        default_factory=lambda: ["*"],
        max_length=100,
        description="The alarms, as types or patterns; one must fit.",
    )
    min_severity: Severity = Field(default=Severity.INFO, description="The least severity.")
    schedule: WeekSchedule | None = Field(
        default=None, description="Only inside it, by our receive time; None is always."
    )
    text_contains: list[Annotated[str, StringConstraints(min_length=1, max_length=256)]] = Field(
        default_factory=list,
        max_length=100,
        description="Words; the alarm's text, or the device's own, holds one of them, whatever the case. None: any.",
    )
    text_matches: TextPattern | None = Field(
        default=None, description="A regular expression that is found in one of these texts."
    )
    phases: list[Phase] = Field(
        default=["raised", "cleared"],
        min_length=1,
        max_length=3,
        description="Beginnings, ends, acknowledgements.",
    )

    def misfit(self, alarm: AlarmEvent, *, phase: Phase, tags: list[str]) -> str | None:
        """The first of our fields that an alarm of a device with these tags does not fit; None: it is covered.

        `phases` comes last: all else fits then.
        """
        if alarm.severity.rank < self.min_severity.rank:
            return "min_severity"
        if not any(fnmatchcase(alarm.type.value, pattern) for pattern in self.types):
            return "types"
        elsewhere = self._place_misfit(alarm, tags) or self._text_misfit(alarm)
        return elsewhere or ("phases" if phase not in self.phases else None)

    def _place_misfit(self, alarm: AlarmEvent, tags: list[str]) -> str | None:
        if not self.covers(alarm.device, tags=tags, protocol=alarm.protocol):
            return "devices"
        if not self.covers_channel(alarm.channel):
            return "channels"
        if self.schedule is not None and not self.schedule.covers(alarm.at):
            return "schedule"
        return None

    def _text_misfit(self, alarm: AlarmEvent) -> str | None:
        if not self.text_contains and self.text_matches is None:
            return None
        texts = [alarm.text] if isinstance(alarm, AlarmRaised) else []
        texts += [alarm.native.text] if alarm.native is not None else []
        folded = [text.casefold() for text in texts]
        if self.text_contains and not any(
            word.casefold() in text for word in self.text_contains for text in folded
        ):
            return "text_contains"
        if self.text_matches is not None and not any(found(self.text_matches, text) for text in texts):
            return "text_matches"
        return None

    def covers_alarm(self, alarm: AlarmEvent, *, phase: Phase, tags: list[str]) -> bool:
        """Whether an alarm of a device with these tags is one of those."""
        return self.misfit(alarm, phase=phase, tags=tags) is None


class EscalationStep(Message):
    """Tell others as well if nothing happens about an alarm for a while."""

    model_config = example(
        after_s=300.0, until=["acknowledged"], sinks=[{"kind": "bus", "subject": "ops.alarms.supervisor"}]
    )

    after_s: float = Field(gt=0, le=7 * 86_400, description="Seconds after the beginning.")
    until: list[Literal["acknowledged", "ended"]] = Field(
        default=["acknowledged"],
        min_length=1,
        max_length=2,
        description="The step is left out if one of these has happened; `[ended]` tells of alarms that do not end.",
    )
    sinks: list[AlarmSink] = Field(min_length=1, max_length=20, description="Who is told.")


class AlarmLimit(Message):
    """At most so many beginnings in a span of time; the others are counted, and the count is told."""

    model_config = example(per="type", most=10, within_s=60.0)

    per: Literal["alarm", "type", "device", "rule"] = Field(
        default="type",
        description="What is counted together: the same device and key, the same device and type, all of a device, all "
        "that the rule fits.",
    )
    most: int = Field(default=1, ge=1, le=100_000, description="Beginnings that pass.")
    within_s: float = Field(gt=0, le=86_400, description="In so many seconds, from the first one on.")


class AlarmRule(Message):
    """Some alarms, where they go and what is done. A value of `cambus-policies`; every rule that matches applies."""

    model_config = example(
        id="north-night",
        name="North site at the weekend",
        enabled=True,
        order=100,
        stop=False,
        match={"devices": ["gate-*"], "types": ["motion", "intrusion"], "min_severity": "info"},
        sinks=[{"kind": "webhook", "url": "https://ops.example.org/hooks/alarms", "secret": "ops-webhook"}],
        min_interval_s=60.0,
        limit={"per": "device", "most": 20, "within_s": 300.0},
        actions=[{"kind": "snapshot"}],
        escalation=[{"after_s": 300.0, "sinks": [{"kind": "bus", "subject": "ops.alarms.supervisor"}]}],
    )

    id: Token = Field(description="Its name; also in the key.")
    name: str = Field(default="", max_length=256, description="What people call it.")
    enabled: bool = Field(default=True, description="False to ignore it without forgetting it.")
    order: int = Field(
        default=100,
        ge=0,
        le=10_000,
        description="Rules are looked at by this number, and by id where it is the same.",
    )
    stop: bool = Field(
        default=False,
        description="True: rules behind it are not looked at for what it fits; alone it ignores alarms.",
    )
    match: AlarmMatch = Field(default_factory=AlarmMatch, description="The alarms.")
    sinks: list[AlarmSink] = Field(
        default_factory=list, max_length=20, description="Where they go; each by itself."
    )
    min_interval_s: float = Field(
        default=0.0,
        ge=0,
        le=86400,
        description="Seconds between two starts with the same device and key; those between are counted and "
        "left out.",
    )
    limit: AlarmLimit | None = Field(default=None, description="How many pass at most; None: all.")
    actions: list[AlarmAction] = Field(
        default_factory=list,
        max_length=20,
        description="What is done when one begins; once, and each by itself.",
    )
    escalation: list[EscalationStep] = Field(
        default_factory=list, max_length=10, description="Who is told later; by rising time."
    )
