"""The commands of alarm-router."""

from collections.abc import AsyncIterator, Callable
from fnmatch import fnmatchcase

from cambus.alarm_router import acknowledging, history
from cambus.alarm_router.active import ActiveAlarms
from cambus.alarm_router.rule_check import problems, sinks_of
from cambus.alarm_router.rules import RuleBook
from cambus.alarm_router.sink_secrets import SinkSecrets, UnusableSecret, key_of
from cambus.alarm_router.verdicts import verdicts
from cambus.bus.calls import CallContext
from cambus.bus.connection import Bus
from cambus.bus.endpoints import Endpoints
from cambus.schemas import keys
from cambus.schemas.commands import alarm_cases as cases
from cambus.schemas.commands import alarm_router as commands
from cambus.schemas.errors import BadRequest, NotFound
from cambus.schemas.model import Done, Empty
from cambus.schemas.state.alarm_rule import AlarmRule
from cambus.schemas.state.alarm_sinks import AlarmSink, EmailSink, HttpSink, MqttSink, WebhookSink
from cambus.schemas.state.alarms import ActiveAlarm

SinkReport = Callable[[], cases.SinksListReply]


class AlarmRouterCommands:
    """Answers `svc.alarm-router.…`.

    Args:
        bus: the connection.
        rules: the rules.
        active: what is raised.
        secrets: opens those that sinks name.
        report: tells how the sinks are.
    """

    def __init__(
        self, bus: Bus, rules: RuleBook, active: ActiveAlarms, secrets: SinkSecrets, report: SinkReport
    ) -> None:
        self._bus = bus
        self._rules = rules
        self._active = active
        self._secrets = secrets
        self._report = report

    def register(self, endpoints: Endpoints) -> None:
        """Answer the commands."""
        endpoints.add(commands.RULES_PUT, self.put_rule)
        endpoints.add(commands.RULES_CHECK, self.check_rule)
        endpoints.add(commands.RULES_LIST, self.list_rules)
        endpoints.add(commands.RULES_DELETE, self.delete_rule)
        endpoints.add(commands.RULES_TEST, self.try_rules)
        endpoints.add(commands.ALARMS_LIST, self.list_alarms)
        endpoints.add(cases.ALARMS_ACKNOWLEDGE, self.acknowledge)
        endpoints.add(cases.ALARMS_SHOW, self.show)
        endpoints.add(cases.ALARMS_HISTORY, self.search)
        endpoints.add(cases.SINKS_LIST, self.list_sinks)

    # --- rules ------------------------------------------------------------------------------------------

    async def put_rule(self, _: CallContext, request: commands.RulesPutRequest) -> Done:
        """Write a rule; here it applies to the next alarm, in other replicas a moment later.

        Raises:
            BadRequest: It could not do what it says; the text names the field.
        """
        rule = request.rule
        unusable = problems(rule)
        if unusable:
            raise BadRequest("; ".join(unusable[:3]), reason="unusable-rule")
        async for field, error in self._unusable_secrets(rule):
            raise BadRequest(f"{field}.secret: {error}", reason=error.reason)
        revision = await self._rules.stored.put(keys.alarm_rule(rule.id), rule)
        self._rules.learn(rule, revision)
        return Done()

    async def check_rule(self, _: CallContext, request: commands.RulesPutRequest) -> commands.RulesCheckReply:
        """All that would keep a rule from being written; nothing is."""
        found = problems(request.rule)
        async for field, error in self._unusable_secrets(request.rule):
            found.append(f"{field}.secret: {error}")
        return commands.RulesCheckReply(problems=found)

    async def _unusable_secrets(self, rule: AlarmRule) -> AsyncIterator[tuple[str, UnusableSecret]]:
        for field, sink in sinks_of(rule):
            try:
                await self._check_secret(sink)
            except UnusableSecret as error:
                yield field, error

    async def _check_secret(self, sink: AlarmSink) -> None:
        """See whether a sink's secret can be had. Raises UnusableSecret."""
        if isinstance(sink, WebhookSink | HttpSink | EmailSink | MqttSink) and sink.secret is not None:
            opened = await self._secrets.read(sink.secret)
            if isinstance(sink, WebhookSink):
                key_of(sink.secret, opened)

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

    async def try_rules(self, _: CallContext, request: commands.RulesTestRequest) -> commands.RulesTestReply:
        """What the rules would do with an alarm."""
        rules = self._rules.in_order if request.rules is None else request.rules
        tags = self._rules.tags(request.alarm.device)
        return commands.RulesTestReply(
            verdicts=verdicts(rules, request.alarm, phase=request.phase, tags=tags)
        )

    # --- alarms -----------------------------------------------------------------------------------------

    async def list_alarms(
        self, _: CallContext, request: commands.AlarmsListRequest
    ) -> commands.AlarmsListReply:
        """The alarms that are raised now, newest first."""
        entries = await self._active.stored.items()
        found = [entry.value for entry in entries.values() if _wanted(entry.value, request)]
        found.sort(key=lambda active: active.last_at, reverse=True)
        return commands.AlarmsListReply(alarms=found[: request.limit], total=len(found))

    async def acknowledge(
        self, _: CallContext, request: cases.AlarmsAcknowledgeRequest
    ) -> cases.AlarmsAcknowledgeReply:
        """Say that somebody looks after an alarm; the first who does stays.

        Raises:
            NotFound: there is no such alarm, or none any more.
        """
        return await acknowledging.acknowledge(self._bus, self._active, request)

    async def show(self, _: CallContext, request: cases.AlarmsShowRequest) -> cases.AlarmCase:
        """What became of an alarm.

        Raises:
            NotFound: there is no such alarm, or none any more.
        """
        return await history.case_of(self._bus, await acknowledging.find(self._bus, self._active, request.id))

    async def search(self, _: CallContext, request: cases.AlarmsHistoryRequest) -> cases.AlarmsHistoryReply:
        """The alarms that were.

        Raises:
            BadRequest: the time ends before it begins.
            DeadlineExceeded: there are too many to be read in time.
        """
        if request.until <= request.since:
            raise BadRequest("until: wanted later than since")
        return await history.search(self._bus, request)

    async def list_sinks(self, _: CallContext, request: cases.SinksListRequest) -> cases.SinksListReply:
        """How the sinks are, as this replica knows it."""
        report = self._report()
        if not request.rules:
            return report
        wanted = [sink for sink in report.sinks if sink.route.partition(".")[0] in request.rules]
        return report.model_copy(update={"sinks": wanted})


def _wanted(active: ActiveAlarm, request: commands.AlarmsListRequest) -> bool:
    alarm = active.raised
    return (
        any(fnmatchcase(alarm.device, pattern) for pattern in request.devices)
        and any(fnmatchcase(alarm.type.value, pattern) for pattern in request.types)
        and alarm.severity.rank >= request.min_severity.rank
        and request.acknowledged in {None, active.acknowledged is not None}
    )
