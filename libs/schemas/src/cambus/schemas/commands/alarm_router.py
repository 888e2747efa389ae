"""The alarm router: which alarms go where, and which are raised."""

from pydantic import Field

from cambus.schemas.alarms import AlarmTypePattern, Severity
from cambus.schemas.events.alarm import AlarmRaised
from cambus.schemas.ids import Token
from cambus.schemas.matching import DeviceGlob
from cambus.schemas.model import Done, Empty, Message, example
from cambus.schemas.spec import CommandSpec
from cambus.schemas.state.alarm_rule import AlarmRule, Phase
from cambus.schemas.state.alarms import ActiveAlarm

SERVICE = "alarm-router"


class RulesPutRequest(Message):
    """Write an alarm rule."""

    model_config = example(
        rule={
            "id": "north-night",
            "match": {"devices": ["gate-*"], "types": ["motion", "intrusion"]},
            "sinks": [
                {"kind": "webhook", "url": "https://ops.example.org/hooks/alarms", "secret": "ops-webhook"}
            ],
        }
    )

    rule: AlarmRule = Field(description="The rule; replaces the one of the same id.")


class RulesCheckReply(Message):
    """What is wrong with an alarm rule."""

    model_config = example(
        problems=["sinks[0].secret: cambus-credentials holds no secret 'ops-webhook'"],
    )

    problems: list[str] = Field(description="Each as `<field>: <what>`; none: it may be written.")


class RulesListReply(Message):
    """The alarm rules."""

    model_config = example(
        rules=[
            {
                "id": "north-night",
                "match": {"devices": ["gate-*"]},
                "sinks": [{"kind": "bus", "subject": "ops.alarms.north"}],
            }
        ]
    )

    rules: list[AlarmRule] = Field(description="The rules, by id.")


class RulesDeleteRequest(Message):
    """Forget an alarm rule."""

    model_config = example(id="north-night")

    id: Token = Field(description="The rule.")


class RulesTestRequest(Message):
    """Ask which rules an alarm would meet, and where it would go; nothing is sent."""

    model_config = example(
        alarm={
            "id": "01KGE5C8QXG1Z5X0N3V7M4T2RB",
            "device": "gate-1",
            "at": "2026-02-01T12:17:22.100Z",
            "channel": 0,
            "type": "motion",
            "severity": "info",
            "key": "motion:0",
        },
        rules=None,
    )

    alarm: AlarmRaised = Field(description="The alarm; one that was, or one made up.")
    phase: Phase = Field(default="raised", description="What of it.")
    rules: list[AlarmRule] | None = Field(
        default=None, max_length=1000, description="Try these instead of those that are written; None: those."
    )


class RuleVerdict(Message):
    """What one rule does with an alarm."""

    model_config = example(
        rule="north-night", applies=True, sinks=["webhook https://ops.example.org/hooks/alarms"]
    )

    rule: Token = Field(description="The rule.")
    applies: bool = Field(description="Whether it fits, and no rule before it stops.")
    why_not: str = Field(
        default="",
        description="The field of `match` that does not fit; `disabled`; `stopped` by a rule before it; `unusable: …`.",
    )
    stops: bool = Field(default=False, description="Whether rules behind it are not looked at.")
    sinks: list[str] = Field(default_factory=list, description="Where the alarm goes, without secrets.")
    actions: list[str] = Field(default_factory=list, description="What is done.")
    escalation: list[str] = Field(default_factory=list, description="Who is told later, and when.")


class RulesTestReply(Message):
    """What the rules do with an alarm."""

    model_config = example(verdicts=[{"rule": "north-night", "applies": True}])

    verdicts: list[RuleVerdict] = Field(description="Rule by rule, in their order.")


class AlarmFilter(Message):
    """Which alarms are meant."""

    devices: list[DeviceGlob] = Field(
        default_factory=lambda: ["*"],
        max_length=1000,
        description="Device ids or patterns; one of them must fit.",
    )
    types: list[AlarmTypePattern] = Field(
        default_factory=lambda: ["*"],
        max_length=100,
        description="The alarms, as types or patterns; one must fit.",
    )
    min_severity: Severity = Field(default=Severity.INFO, description="The least severity.")
    acknowledged: bool | None = Field(
        default=None, description="Only those that somebody looks after, or nobody; None for both."
    )


class AlarmsListRequest(AlarmFilter):
    """Ask which alarms are raised now."""

    model_config = example(devices=["gate-*"], types=["*"], min_severity="minor", limit=100)

    limit: int = Field(default=500, ge=1, le=2000, description="At most this many alarms.")


class AlarmsListReply(Message):
    """The alarms that are raised now, newest first."""

    model_config = example(
        alarms=[
            {
                "raised": {
                    "id": "01KGE5C8QXG1Z5X0N3V7M4T2RB",
                    "device": "gate-1",
                    "protocol": "dvrip",
                    "at": "2026-02-01T12:17:22.100Z",
                    "channel": 0,
                    "type": "motion",
                    "severity": "info",
                    "key": "motion:0",
                },
                "last_at": "2026-02-01T12:17:30Z",
                "count": 3,
            }
        ],
        total=1,
    )

    alarms: list[ActiveAlarm] = Field(description="The alarms.")
    total: int = Field(ge=0, description="How many fit, with those beyond the limit.")


RULES_PUT = CommandSpec(
    "rules", "put", RulesPutRequest, Done, "Write an alarm rule.", service=SERVICE, idempotent=True
)
RULES_CHECK = CommandSpec(
    "rules",
    "check",
    RulesPutRequest,
    RulesCheckReply,
    "Find out what would keep an alarm rule from being written.",
    service=SERVICE,
    idempotent=True,
)
RULES_LIST = CommandSpec(
    "rules", "list", Empty, RulesListReply, "List the alarm rules.", service=SERVICE, idempotent=True
)
RULES_DELETE = CommandSpec(
    "rules", "delete", RulesDeleteRequest, Done, "Forget an alarm rule.", service=SERVICE, idempotent=True
)
RULES_TEST = CommandSpec(
    "rules",
    "test",
    RulesTestRequest,
    RulesTestReply,
    "Find out where an alarm would go.",
    service=SERVICE,
    idempotent=True,
)
ALARMS_LIST = CommandSpec(
    "alarms",
    "list",
    AlarmsListRequest,
    AlarmsListReply,
    "List the alarms that are raised.",
    service=SERVICE,
    idempotent=True,
)
