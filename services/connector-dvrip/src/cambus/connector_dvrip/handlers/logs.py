"""The device's own log (DVRIP §7.4)."""

from datetime import UTC, datetime

from cambus.connector.handlers import HandlerTable
from cambus.connector_dvrip.files import store_file
from cambus.connector_dvrip.handlers.guarded import add
from cambus.connector_dvrip.mapping.recordings import log_entry_of
from cambus.connector_dvrip.session import DvripSession
from cambus.schemas.commands import logs as commands
from cambus.schemas.errors import BadRequest
from cambus.schemas.model import Done, Empty
from cambus.schemas.objects import ObjectRef


def register(table: HandlerTable[DvripSession]) -> None:
    """Add the commands of this noun."""
    add(table, commands.FIND, find, during_upgrade=False)
    add(table, commands.EXPORT, export, during_upgrade=False)
    add(table, commands.CLEAR, clear)
    add(table, commands.SWITCH, switch)


async def find(session: DvripSession, request: commands.LogsFindRequest) -> commands.LogsFindReply:
    """Search the log; the cursor is how many entries are known already."""
    known = _known(request.cursor)
    if request.end <= request.start:
        raise BadRequest("end: wanted a time after start")
    entries = await session.client.files.log(
        *session.zone.span_to_local(request.start, request.end),
        request.type or "LogAll",
        limit=known + request.limit + 1,
    )
    page = entries[known : known + request.limit]
    more = len(entries) > known + request.limit
    return commands.LogsFindReply(
        entries=[log_entry_of(entry, session.zone) for entry in page],
        cursor=str(known + len(page)) if more else None,
    )


async def export(session: DvripSession, _request: Empty) -> ObjectRef:
    """Fetch the whole log as the device packs it."""
    archive = await session.client.transfers.export_log()
    return await store_file(session.device, "log", "zip", archive, datetime.now(UTC))


async def clear(session: DvripSession, _request: commands.LogsClearRequest) -> Done:
    """Delete every entry."""
    await session.client.machine.clear_log(confirm=True)
    return Done()


async def switch(session: DvripSession, request: commands.LogsSwitchRequest) -> Done:
    """Have the log written, or no longer."""
    await session.client.machine.keep_log(on=request.enabled, confirm=True)
    return Done()


def _known(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 6):
        raise BadRequest("cursor: wanted the one of the previous page")
    return int(cursor)
