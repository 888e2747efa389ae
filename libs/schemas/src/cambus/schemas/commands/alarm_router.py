"""The alarm router: which alarms go where, and which are raised."""

from pydantic import Field

from cambus.schemas.alarms import AlarmTypePattern, Severity
from cambus.schemas.ids import Token
from cambus.schemas.matching import DeviceGlob
from cambus.schemas.model import Done, Empty, Message, example
from cambus.schemas.spec import CommandSpec
from cambus.schemas.state.alarm_rule import AlarmRule
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


class AlarmsListRequest(Message):
    """Ask which alarms are raised now."""

    model_config = example(devices=["gate-*"], types=["*"], min_severity="minor", limit=100)

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
RULES_LIST = CommandSpec(
    "rules", "list", Empty, RulesListReply, "List the alarm rules.", service=SERVICE, idempotent=True
)
RULES_DELETE = CommandSpec(
    "rules", "delete", RulesDeleteRequest, Done, "Forget an alarm rule.", service=SERVICE, idempotent=True
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
