"""The commands of the catalog that RTSP has means for; all others are answered 501."""

from typing import TYPE_CHECKING

from cambus.connector.handlers import HandlerTable
from cambus.connector_rtsp.handlers import device, snapshot

if TYPE_CHECKING:
    from cambus.connector_rtsp.driver import AnySession


def all_handlers() -> "HandlerTable[AnySession]":
    """Return the table of all commands."""
    table: HandlerTable[AnySession] = HandlerTable()
    device.register(table)
    snapshot.register(table)
    return table
