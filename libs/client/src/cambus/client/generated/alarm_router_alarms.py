"""Commands to alarm-router about alarms. Generated from the catalog by `make schemas`; not edited by hand."""

from datetime import datetime

from cambus.client.namespace import UNSET, Commands, Unset
from cambus.schemas.alarms import Severity
from cambus.schemas.commands import alarm_cases as alarm_cases_commands
from cambus.schemas.commands import alarm_router as alarm_router_commands


class AlarmRouterAlarmsCommands(Commands):
    """Commands to alarm-router about alarms."""

    async def acknowledge(
        self, *, id: str, by: str, note: str = "", within_s: float | None = None
    ) -> alarm_cases_commands.AlarmsAcknowledgeReply:
        """Say that somebody looks after an alarm.

        The command `alarm-router.alarms.acknowledge`.

        Args:
            id: The event that began it.
            by: Who.
            note: What they say.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(alarm_cases_commands.ALARMS_ACKNOWLEDGE, within_s, id=id, by=by, note=note)

    async def history(
        self,
        *,
        devices: list[str] | Unset = UNSET,
        types: list[str] | Unset = UNSET,
        min_severity: Severity = Severity.INFO,
        acknowledged: bool | None = None,
        since: datetime,
        until: datetime,
        limit: int = 200,
        within_s: float | None = None,
    ) -> alarm_cases_commands.AlarmsHistoryReply:
        """Search the alarms that were.

        The command `alarm-router.alarms.history`.

        Args:
            devices: Device ids or patterns; one of them must fit.
            types: The alarms, as types or patterns; one must fit.
            min_severity: The least severity.
            acknowledged: Only those that somebody looks after, or nobody; None for both.
            since: First instant at which they began.
            until: First instant no longer of interest.
            limit: At most so many.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            alarm_cases_commands.ALARMS_HISTORY,
            within_s,
            devices=devices,
            types=types,
            min_severity=min_severity,
            acknowledged=acknowledged,
            since=since,
            until=until,
            limit=limit,
        )

    async def list_(
        self,
        *,
        devices: list[str] | Unset = UNSET,
        types: list[str] | Unset = UNSET,
        min_severity: Severity = Severity.INFO,
        acknowledged: bool | None = None,
        limit: int = 500,
        within_s: float | None = None,
    ) -> alarm_router_commands.AlarmsListReply:
        """List the alarms that are raised.

        The command `alarm-router.alarms.list`.

        Args:
            devices: Device ids or patterns; one of them must fit.
            types: The alarms, as types or patterns; one must fit.
            min_severity: The least severity.
            acknowledged: Only those that somebody looks after, or nobody; None for both.
            limit: At most this many alarms.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            alarm_router_commands.ALARMS_LIST,
            within_s,
            devices=devices,
            types=types,
            min_severity=min_severity,
            acknowledged=acknowledged,
            limit=limit,
        )

    async def show(self, *, id: str, within_s: float | None = None) -> alarm_cases_commands.AlarmCase:
        """Find out what became of an alarm.

        The command `alarm-router.alarms.show`.

        Args:
            id: The event that began it.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(alarm_cases_commands.ALARMS_SHOW, within_s, id=id)
