"""The commands of alarm-router."""

from fnmatch import fnmatchcase

from cambus.alarm_router.active import ActiveAlarms
from cambus.alarm_router.rule_check import problems
from cambus.alarm_router.rules import RuleBook
from cambus.alarm_router.sinks import SigningKeys, UnusableSecret
from cambus.bus.calls import CallContext
from cambus.bus.endpoints import Endpoints
from cambus.schemas import keys
from cambus.schemas.commands import alarm_router as commands
from cambus.schemas.errors import BadRequest, NotFound
from cambus.schemas.model import Done, Empty
from cambus.schemas.state.alarm_rule import AlarmRule, WebhookSink
from cambus.schemas.state.alarms import ActiveAlarm


class AlarmRouterCommands:
    """Answers `svc.alarm-router.…`."""

    def __init__(self, rules: RuleBook, active: ActiveAlarms, signing: SigningKeys) -> None:
        self._rules = rules
        self._active = active
        self._signing = signing

    def register(self, endpoints: Endpoints) -> None:
        """Answer the commands."""
        endpoints.add(commands.RULES_PUT, self.put_rule)
        endpoints.add(commands.RULES_LIST, self.list_rules)
        endpoints.add(commands.RULES_DELETE, self.delete_rule)
        endpoints.add(commands.ALARMS_LIST, self.list_alarms)

    async def put_rule(self, _: CallContext, request: commands.RulesPutRequest) -> Done:
        """Write a rule; here it applies to the next alarm, in other replicas a moment later.

        Raises:
            BadRequest: It could not do what it says; the text names the field.
        """
        rule = request.rule
        unusable = problems(rule)
        if unusable:
            raise BadRequest("; ".join(unusable[:3]), reason="unusable-rule")
        await self._check_secrets(rule)
        revision = await self._rules.stored.put(keys.alarm_rule(rule.id), rule)
        self._rules.learn(rule, revision)
        return Done()

    async def _check_secrets(self, rule: AlarmRule) -> None:
        for index, sink in enumerate(rule.sinks):
            if isinstance(sink, WebhookSink) and sink.secret is not None:
                try:
                    await self._signing.read(sink.secret)
                except UnusableSecret as error:
                    raise BadRequest(f"sinks[{index}].secret: {error}", reason=error.reason) from None

    async def list_rules(self, _: CallContext, __: Empty) -> commands.RulesListReply:
        """Every rule, by id."""
        entries = await self._rules.stored.items(f"{keys.ALARM_RULES}>")
        return commands.RulesListReply(rules=[entries[key].value for key in sorted(entries)])

    async def delete_rule(self, _: CallContext, request: commands.RulesDeleteRequest) -> Done:
        """Forget a rule; what still waits for its sinks is not delivered any more.

        Raises:
            NotFound: There is none of that name.
        """
        key = keys.alarm_rule(request.id)
        entry = await self._rules.stored.get(key)
        if entry is None:
            raise NotFound(f"there is no rule {request.id}")
        await self._rules.stored.delete(key, entry.revision)
        self._rules.forget(request.id, entry.revision)
        return Done()

    async def list_alarms(
        self, _: CallContext, request: commands.AlarmsListRequest
    ) -> commands.AlarmsListReply:
        """The alarms that are raised now, newest first."""
        entries = await self._active.stored.items()
        found = [entry.value for entry in entries.values() if _wanted(entry.value, request)]
        found.sort(key=lambda active: active.last_at, reverse=True)
        return commands.AlarmsListReply(alarms=found[: request.limit], total=len(found))


def _wanted(active: ActiveAlarm, request: commands.AlarmsListRequest) -> bool:
    alarm = active.raised
    return (
        any(fnmatchcase(alarm.device, pattern) for pattern in request.devices)
        and any(fnmatchcase(alarm.type.value, pattern) for pattern in request.types)
        and alarm.severity.rank >= request.min_severity.rank
    )
