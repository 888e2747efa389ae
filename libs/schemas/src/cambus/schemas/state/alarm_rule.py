"""Which alarms go where."""

from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from cambus.schemas.alarms import AlarmTypePattern, Severity
from cambus.schemas.events.alarm import AlarmEvent
from cambus.schemas.ids import Token
from cambus.schemas.matching import DeviceMatch
from cambus.schemas.model import Message, example
from cambus.schemas.schedule import WeekSchedule

HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")]
HeaderValue = Annotated[str, StringConstraints(pattern=r"^[\t -~]{0,1000}$")]


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
    phases: list[Literal["raised", "cleared"]] = Field(
        default=["raised", "cleared"],
        min_length=1,
        max_length=2,
        description="Starts, ends or both.",
    )

    def covers_alarm(
        self, alarm: AlarmEvent, *, phase: Literal["raised", "cleared"], tags: list[str]
    ) -> bool:
        """Whether an alarm of a device with these tags is one of those."""
        return (
            phase in self.phases
            and alarm.severity.rank >= self.min_severity.rank
            and any(fnmatchcase(alarm.type.value, pattern) for pattern in self.types)
            and self.covers(alarm.device, tags=tags, protocol=alarm.protocol)
            and self.covers_channel(alarm.channel)
            and (self.schedule is None or self.schedule.covers(alarm.at))
        )


class WebhookSink(Message):
    """Post the alarm to a web server as JSON."""

    model_config = example(
        kind="webhook",
        url="https://ops.example.org/hooks/alarms",
        secret="ops-webhook",  # noqa: S106  # the name of a secret
        headers={"X-Site": "north"},
        timeout_s=10.0,
    )

    kind: Literal["webhook"] = Field(default="webhook", description="Tells the sinks apart.")
    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s#@]{1,2000}$")] = Field(
        description="Where to; no credentials in it.", repr=False
    )
    secret: Token | None = Field(
        default=None,
        description="Names the key in `cambus-credentials` the body is signed with (HMAC-SHA-256); None for "
        "unsigned.",
    )
    headers: dict[HeaderName, HeaderValue] = Field(
        default_factory=dict, max_length=50, description="Further headers; no secrets.", repr=False
    )
    timeout_s: float = Field(default=10.0, gt=0, le=60, description="Seconds to wait for the answer.")


class BusSink(Message):
    """Publish the alarm on another subject."""

    model_config = example(kind="bus", subject="ops.alarms.north")

    kind: Literal["bus"] = Field(default="bus", description="Tells the sinks apart.")
    subject: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,15}$", max_length=256)
    ] = Field(description="The subject, without wildcards.")


AlarmSink = Annotated[WebhookSink | BusSink, Field(discriminator="kind")]
"""Where an alarm goes; `kind` says which it is."""


class AlarmRule(Message):
    """Some alarms and where they go. A value of `cambus-policies`; every rule that matches applies."""

    model_config = example(
        id="north-night",
        name="North site at the weekend",
        enabled=True,
        match={"devices": ["gate-*"], "types": ["motion", "intrusion"], "min_severity": "info"},
        sinks=[{"kind": "webhook", "url": "https://ops.example.org/hooks/alarms", "secret": "ops-webhook"}],
        min_interval_s=60.0,
    )

    id: Token = Field(description="Its name; also in the key.")
    name: str = Field(default="", max_length=256, description="What people call it.")
    enabled: bool = Field(default=True, description="False to ignore it without forgetting it.")
    match: AlarmMatch = Field(default_factory=AlarmMatch, description="The alarms.")
    sinks: list[AlarmSink] = Field(min_length=1, max_length=20, description="Where they go; each by itself.")
    min_interval_s: float = Field(
        default=0.0,
        ge=0,
        le=86400,
        description="Seconds between two starts with the same device and key; those between are counted and "
        "left out.",
    )
