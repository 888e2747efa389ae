"""The commands of alarm-router."""

from fnmatch import fnmatchcase

from cambus.alarm_router.active import ActiveAlarms
from cambus.alarm_router.rules import RuleBook
from cambus.bus.calls import CallContext
from cambus.bus.endpoints import Endpoints
from cambus.schemas import keys
from cambus.schemas.commands import alarm_router as commands
from cambus.schemas.errors import NotFound
from cambus.schemas.model import Done, Empty
from cambus.schemas.state.alarms import ActiveAlarm


class AlarmRouterCommands:
    """Answers `svc.alarm-router.…`."""

    def __init__(self, rules: RuleBook, active: ActiveAlarms) -> None:
        self._rules = rules
        self._active = active

    def register(self, endpoints: Endpoints) -> None:
        """Answer the commands."""
        endpoints.add(commands.RULES_PUT, self.put_rule)
        endpoints.add(commands.RULES_LIST, self.list_rules)
        endpoints.add(commands.RULES_DELETE, self.delete_rule)
        endpoints.add(commands.ALARMS_LIST, self.list_alarms)

    async def put_rule(self, _: CallContext, request: commands.RulesPutRequest) -> Done:
        """Write a rule; it applies to the next alarm."""
        await self._rules.stored.put(keys.alarm_rule(request.rule.id), request.rule)
        return Done()

    async def list_rules(self, _: CallContext, __: Empty) -> commands.RulesListReply:
        """Every rule, by id."""
        entries = await self._rules.stored.items(f"{keys.ALARM_RULES}>")
        return commands.RulesListReply(rules=[entries[key].value for key in sorted(entries)])

    async def delete_rule(self, _: CallContext, request: commands.RulesDeleteRequest) -> Done:
        """Forget a rule.

        Raises:
            NotFound: There is none of that name.
        """
        key = keys.alarm_rule(request.id)
        if await self._rules.stored.get(key) is None:
            raise NotFound(f"there is no rule {request.id}")
        await self._rules.stored.delete(key)
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
