"""The device as a whole: what it is, and how it is."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from cambus.bus.calls import CallContext
from cambus.connector.handlers import HandlerTable
from cambus.connector_rtsp.mapping.device import capabilities_reply, info_reply, status_reply
from cambus.schemas.commands import device as commands
from cambus.schemas.model import Empty

if TYPE_CHECKING:
    from cambus.connector_rtsp.driver import AnySession

CONNECTOR_COMMANDS: Final = ("device.channels", "live.start", "live.stop", "live.touch")
"""Answered by the connector itself, for every protocol."""


def register(table: "HandlerTable[AnySession]") -> None:
    """Add the commands of this noun."""
    table.add(commands.INFO, info, exclusive=False)
    table.add(commands.STATUS, status)
    table.add(commands.CAPABILITIES, capabilities_of(table), exclusive=False)


async def info(session: "AnySession", _context: CallContext, _request: Empty) -> commands.DeviceInfoReply:
    """What was seen of the device when it was last looked at."""
    return info_reply(session.description)


async def status(session: "AnySession", _context: CallContext, _request: Empty) -> commands.DeviceStatusReply:
    """Look at the device now."""
    await session.look()
    return status_reply(session.description, session.titles)


def capabilities_of(
    table: "HandlerTable[AnySession]",
) -> Callable[["AnySession", CallContext, Empty], Awaitable[commands.CapabilitiesReply]]:
    """Return the handler that lists what this table, and so the device, can do."""

    async def capabilities(
        _session: "AnySession", _context: CallContext, _request: Empty
    ) -> commands.CapabilitiesReply:
        return capabilities_reply(sorted({*table.names, *CONNECTOR_COMMANDS}))

    return capabilities
