"""Commands to alarm-router about rules. Generated from the catalog by `make schemas`; not edited by hand."""

from typing import Literal

from cambus.client.namespace import Commands
from cambus.schemas.commands import alarm_router as alarm_router_commands
from cambus.schemas.events.alarm import AlarmRaised
from cambus.schemas.model import Done
from cambus.schemas.state.alarm_rule import AlarmRule


class AlarmRouterRulesCommands(Commands):
    """Commands to alarm-router about rules."""

    async def check(
        self, *, rule: AlarmRule, within_s: float | None = None
    ) -> alarm_router_commands.RulesCheckReply:
        """Find out what would keep an alarm rule from being written.

        The command `alarm-router.rules.check`.

        Args:
            rule: The rule; replaces the one of the same id.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(alarm_router_commands.RULES_CHECK, within_s, rule=rule)

    async def delete(self, *, id: str, within_s: float | None = None) -> Done:
        """Forget an alarm rule.

        The command `alarm-router.rules.delete`.

        Args:
            id: The rule.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(alarm_router_commands.RULES_DELETE, within_s, id=id)

    async def list_(self, *, within_s: float | None = None) -> alarm_router_commands.RulesListReply:
        """List the alarm rules.

        The command `alarm-router.rules.list`.

        Args:
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(alarm_router_commands.RULES_LIST, within_s)

    async def put(self, *, rule: AlarmRule, within_s: float | None = None) -> Done:
        """Write an alarm rule.

        The command `alarm-router.rules.put`.

        Args:
            rule: The rule; replaces the one of the same id.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(alarm_router_commands.RULES_PUT, within_s, rule=rule)

    async def test(
        self,
        *,
        alarm: AlarmRaised,
        phase: Literal["raised", "cleared", "acknowledged"] = "raised",
        rules: list[AlarmRule] | None = None,
        within_s: float | None = None,
    ) -> alarm_router_commands.RulesTestReply:
        """Find out where an alarm would go.

        The command `alarm-router.rules.test`.

        Args:
            alarm: The alarm; one that was, or one made up.
            phase: What of it.
            rules: Try these instead of those that are written; None: those.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            alarm_router_commands.RULES_TEST, within_s, alarm=alarm, phase=phase, rules=rules
        )
