"""The commands of the catalog, as GB/T 28181 carries them out."""

from typing import TYPE_CHECKING

from cambus.connector.handlers import HandlerTable
from cambus.connector_gb28181.handlers import (
    absent,
    alarm,
    config,
    device,
    native,
    playback,
    ptz,
    recording,
    snapshot,
    storage,
    talk,
    upgrade,
    video,
)

if TYPE_CHECKING:
    from cambus.connector_gb28181.session import GbSession


def all_handlers() -> "HandlerTable[GbSession]":
    """Return the table of all commands."""
    table: HandlerTable[GbSession] = HandlerTable()
    for family in (
        absent,
        alarm,
        config,
        device,
        native,
        playback,
        ptz,
        recording,
        snapshot,
        storage,
        talk,
        upgrade,
        video,
    ):
        family.register(table)
    return table
