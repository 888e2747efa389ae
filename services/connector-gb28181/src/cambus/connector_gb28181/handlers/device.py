"""The device as a whole: what it is, how it is, its clock and its power."""

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import Final

from cambus.connector.handlers import HandlerTable
from cambus.connector_gb28181.handlers.guarded import Handle, add
from cambus.connector_gb28181.handlers.storage import cards_of
from cambus.connector_gb28181.mapping.device import (
    capabilities_reply,
    info_reply,
    status_reply,
    time_reply,
    with_info,
)
from cambus.connector_gb28181.session import GbSession
from cambus.gb28181.errors import DeviceOffline, GbError
from cambus.gb28181.manscdp.control import DeviceControl
from cambus.gb28181.manscdp.presence import DeviceStatus
from cambus.schemas.commands import device as commands
from cambus.schemas.disks import Disk
from cambus.schemas.model import Done, Empty
from cambus.schemas.schedule import zone

CHANNELS_S: Final = 8.0
"""For so long channels are asked how they are; what has not answered by then is left open."""
MAX_ASKED: Final = 64
"""Of more channels only what the catalog says is told: each is a question of its own."""
CONNECTOR_COMMANDS: Final = ("device.channels", "live.keyframe", "live.start", "live.stop", "live.touch")
"""Answered by the connector itself, for every protocol."""
ONLY_2022: Final = frozenset(
    {
        "device.storage.format",
        "device.storage.list",
        "ptz.home",
        "ptz.position.get",
        "ptz.position.set",
        "ptz.tour.list",
        "snapshot.series",
        "upgrade.start",
        "video.get",
        "video.set",
    }
)
"""What only devices of the edition of 2022 can do (GB-095)."""


def register(table: HandlerTable[GbSession]) -> None:
    """Add the commands of this noun."""
    add(table, commands.INFO, info)
    add(table, commands.STATUS, status, exclusive=False)  # it may ask many channels
    add(table, commands.CAPABILITIES, capabilities_of(table), exclusive=False)
    add(table, commands.REBOOT, reboot)
    add(table, commands.TIME_GET, time_get)
    table.refuse(commands.SHUTDOWN, "the protocol can restart a device, not switch it off")
    table.refuse(
        commands.TIME_SET,
        "devices take the time when they register, from the Date of our answer; make it register anew, or reboot it",
    )


async def info(session: GbSession, _request: Empty) -> commands.DeviceInfoReply:
    """Read anew what the device is."""
    answer = await session.remote.info()
    session.known = with_info(session.known, answer)
    session.described()
    return info_reply(answer, session.description)


async def status(session: GbSession, _request: Empty) -> commands.DeviceStatusReply:
    """Read how the device and its channels are; what does not answer in time is left open."""
    answer = await session.remote.status()
    channels = session.description.channels
    told = await _channels(session, [channel.channel for channel in channels])
    return status_reply(answer, channels, told, session.channels.input_of, await _cards(session))


async def _channels(session: GbSession, numbers: list[int]) -> dict[int, DeviceStatus]:
    told: dict[int, DeviceStatus] = {}

    async def ask(number: int) -> None:
        with contextlib.suppress(GbError):
            told[number] = await session.remote.status(session.code_of(number))

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CHANNELS_S), asyncio.TaskGroup() as tasks:
            for number in numbers if len(numbers) <= MAX_ASKED else ():
                tasks.create_task(ask(number), name=f"status {session.device.id}")
    return told


async def _cards(session: GbSession) -> list[Disk]:
    """Its memory cards, if it is of the edition that tells them, and does."""
    if not session.remote.version.is_2022:
        return []
    try:
        return await cards_of(session)
    except DeviceOffline:
        raise
    except GbError:
        return []


def capabilities_of(table: HandlerTable[GbSession]) -> Handle[Empty, commands.CapabilitiesReply]:
    """Return the handler that lists what this table, and so the device, can do."""

    async def capabilities(session: GbSession, _request: Empty) -> commands.CapabilitiesReply:
        version = session.remote.version
        names = {*table.names, *CONNECTOR_COMMANDS} - (set() if version.is_2022 else ONLY_2022)
        return capabilities_reply(sorted(names), session.channels.tree, version)

    return capabilities


async def reboot(session: GbSession, _request: commands.DeviceRebootRequest) -> Done:
    """Restart the device; it answers nothing (GB-089)."""
    await session.remote.control(DeviceControl(boot="Boot"), session.code)
    return Done()


async def time_get(session: GbSession, _request: Empty) -> commands.DeviceTimeReply:
    """Read the device's clock, beside ours."""
    answer = await session.remote.status()
    reply = time_reply(answer, datetime.now(UTC), zone(session.device.options.time_zone))
    session.device.context.hooks.drifted(reply.drift_s)
    return reply
