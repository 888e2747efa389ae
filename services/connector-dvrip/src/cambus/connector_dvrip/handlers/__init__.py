"""The commands DVRIP devices answer, one file for each noun; what has no handler is answered 501."""

from cambus.connector.handlers import HandlerTable
from cambus.connector_dvrip.handlers import (
    alarm,
    config,
    device,
    logs,
    native,
    playback,
    ptz,
    recording,
    serial,
    snapshot,
    storage,
    talk,
    upgrade,
    users,
    video,
)
from cambus.connector_dvrip.session import DvripSession


def all_handlers() -> HandlerTable[DvripSession]:
    """Return the table of every command."""
    table: HandlerTable[DvripSession] = HandlerTable()
    for module in (
        alarm,
        config,
        device,
        logs,
        native,
        playback,
        ptz,
        recording,
        serial,
        snapshot,
        storage,
        talk,
        upgrade,
        users,
        video,
    ):
        module.register(table)
    return table
