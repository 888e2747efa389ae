"""The memory cards of a device (2022, GB-228)."""

import asyncio
from typing import Final

from cambus.connector.handlers import HandlerTable
from cambus.connector_gb28181.handlers.guarded import add
from cambus.connector_gb28181.mapping.storage import ALL, disk_of
from cambus.connector_gb28181.session import GbSession
from cambus.gb28181.errors import GbError, Unconfirmed, Unreachable
from cambus.gb28181.manscdp.control import DeviceControl
from cambus.gb28181.manscdp.storage import CardList, CardQuery
from cambus.schemas.alarms import Severity
from cambus.schemas.commands import storage as commands
from cambus.schemas.disks import Disk, DiskState
from cambus.schemas.errors import DeviceRefused, NotFound, Unsupported
from cambus.schemas.model import Empty

POLL_S: Final = 5.0
"""A device answers nothing to the order: it is asked how far it is so often."""
WAIT_S: Final = 60.0
"""For so long the caller waits; after that only a failure is told, as an event."""
MOST_S: Final = 600.0
FAILED: Final = "format-failed"


def register(table: HandlerTable[GbSession]) -> None:
    """Add the commands of this noun."""
    add(table, commands.LIST, list_)
    add(table, commands.FORMAT, format_, exclusive=False)  # it takes long, and other commands go on
    for spec in (commands.SET, commands.RECOVER, commands.PARTITION):
        table.refuse(spec, "the protocol can only list and format memory cards")


async def list_(session: GbSession, _request: Empty) -> commands.StorageListReply:
    """List the memory cards."""
    return commands.StorageListReply(disks=await cards_of(session))


async def cards_of(session: GbSession) -> list[Disk]:
    """Ask for the memory cards. Raises GbError."""
    answer = await session.remote.ask(CardQuery(), CardList, session.code)
    return [disk_of(card, position) for position, card in enumerate(answer.cards)]


async def format_(session: GbSession, request: commands.StorageFormatRequest) -> commands.StorageFormatReply:
    """Format a card, or all of them, and wait until that is done, or for a minute."""
    if request.partition is not None:
        raise Unsupported("memory cards have no partitions in this protocol")
    cards = await cards_of(session)
    if not any(request.disk in (None, card.disk) for card in cards):
        raise NotFound("there is no such card", reason="no-such-disk")
    number = ALL if request.disk is None else request.disk + 1
    await session.remote.control(DeviceControl(format_card=number), session.code)
    watching = asyncio.create_task(_formatted(session, request.disk), name=f"format {session.device.id}")
    try:
        async with asyncio.timeout(WAIT_S):
            await asyncio.shield(watching)
    except TimeoutError:
        session.device.context.hooks.spawn(_tell_failure(session, watching), "format")
        return commands.StorageFormatReply(done=False)
    except BaseException:
        watching.cancel()
        raise
    return commands.StorageFormatReply(done=True)


async def _formatted(session: GbSession, disk: int | None) -> None:
    """Return once no card is being formatted any more. Raises DeviceRefused, TimeoutError, or GbError."""
    async with asyncio.timeout(MOST_S):
        while True:
            await asyncio.sleep(POLL_S)
            try:
                found = await cards_of(session)
            except (Unconfirmed, Unreachable):
                continue  # there are devices that are too busy to answer
            cards = [card for card in found if disk in (None, card.disk)]
            if all(card.state is not DiskState.FORMATTING for card in cards):
                break
    if any(card.state in {DiskState.ERROR, DiskState.UNFORMATTED} for card in cards):
        raise DeviceRefused("the card is not usable after it was formatted", reason=FAILED)


async def _tell_failure(session: GbSession, watching: asyncio.Task[None]) -> None:
    """Tell what the caller could not wait for, if it came to nothing."""
    try:
        await watching
    except (DeviceRefused, GbError, TimeoutError) as error:
        what = str(error) or f"a card is still being formatted after {MOST_S:.0f} s"
        await session.device.context.events.exception("format-failed", what, severity=Severity.MAJOR)
    finally:
        watching.cancel()
