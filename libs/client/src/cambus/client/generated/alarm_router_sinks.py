"""Commands to alarm-router about sinks. Generated from the catalog by `make schemas`; not edited by hand."""

from cambus.client.namespace import UNSET, Commands, Unset
from cambus.schemas.commands import alarm_cases as alarm_cases_commands


class AlarmRouterSinksCommands(Commands):
    """Commands to alarm-router about sinks."""

    async def list_(
        self, *, rules: list[str] | Unset = UNSET, within_s: float | None = None
    ) -> list[alarm_cases_commands.SinksListReply]:
        """Find out which sinks take alarms.

        The command `alarm-router.sinks.list`.
        Every replica is asked; those that refuse are left out, unless all do.

        Args:
            rules: Only those of these rules; none: all.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call_all(alarm_cases_commands.SINKS_LIST, within_s, rules=rules)
