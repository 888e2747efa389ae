"""The device as a whole: what it is, how it is, its clock and its power."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, TypeVar

from cambus.connector.handlers import HandlerTable
from cambus.connector_dvrip.handlers.guarded import Handle, add
from cambus.connector_dvrip.mapping.alarms import alarms_of_functions
from cambus.connector_dvrip.mapping.device import (
    capabilities_reply,
    disks_of,
    info_reply,
    status_reply,
    time_reply,
)
from cambus.connector_dvrip.session import DvripSession
from cambus.dvrip.errors import DeviceError, ProtocolError
from cambus.dvrip.values import as_object, parse_flag
from cambus.schemas.commands import device as commands
from cambus.schemas.model import Done, Empty

T = TypeVar("T")
D = TypeVar("D")

CONNECTOR_COMMANDS: Final = ("device.channels", "live.keyframe", "live.start", "live.stop", "live.touch")
"""Answered by the connector itself, for every protocol."""


def register(table: HandlerTable[DvripSession]) -> None:
    """Add the commands of this noun."""
    add(table, commands.INFO, info)
    add(table, commands.STATUS, status)
    add(table, commands.CAPABILITIES, capabilities_of(table))
    add(table, commands.REBOOT, reboot)
    add(table, commands.SHUTDOWN, shutdown)
    add(table, commands.TIME_GET, time_get)
    add(table, commands.TIME_SET, time_set, during_upgrade=False)


async def info(session: DvripSession, _request: Empty) -> commands.DeviceInfoReply:
    """Read anew what the device is."""
    session.learn(replace(session.facts, info=await session.client.system.info()))
    return info_reply(session.facts, session.description)


async def status(session: DvripSession, _request: Empty) -> commands.DeviceStatusReply:
    """Read how the device is; what it does not tell is left open."""
    client = session.client
    system = await client.system.info()
    work = await _if_told(client.system.work_state, None)
    disks = await _if_told(client.system.storage, None)
    return status_reply(
        system, work, disks_of(disks or [], session.zone), session.description.channels, armed=session.armed
    )


def capabilities_of(table: HandlerTable[DvripSession]) -> Handle[Empty, commands.CapabilitiesReply]:
    """Return the handler that lists what this table, and so the device, can do."""

    async def capabilities(session: DvripSession, _request: Empty) -> commands.CapabilitiesReply:
        formats = await _if_told(session.client.system.talk_formats, None)
        return capabilities_reply(
            session.facts,
            sorted((*table.names, *CONNECTOR_COMMANDS)),
            alarms_of_functions(session.facts.functions),
            [each.encoding for each in formats or []],
        )

    return capabilities


async def reboot(session: DvripSession, _request: commands.DeviceRebootRequest) -> Done:
    """Restart the device; that it hangs up before or after the answer is success (DVRIP §7.5)."""
    session.device.expect_restart()
    await session.client.machine.reboot()
    session.restarting("the device was told to restart")
    return Done()


async def shutdown(session: DvripSession, _request: commands.DeviceShutdownRequest) -> Done:
    """Switch the device off."""
    session.device.expect_restart()
    await session.client.machine.shutdown(confirm=True)
    session.restarting("the device was switched off")
    return Done()


async def time_get(session: DvripSession, _request: Empty) -> commands.DeviceTimeReply:
    """Read the device's clock, beside ours."""
    local = await session.client.machine.time()
    at = datetime.now(UTC)
    server = as_object(await _if_told(lambda: session.client.config.get("NetWork.NetNTP"), None))
    await session.device.drifted(session.zone.drift_s(local, at))
    ntp = parse_flag(server.get("Enable")) if "Enable" in server else None
    return time_reply(local, at, session.zone, ntp=ntp)


async def time_set(session: DvripSession, request: commands.DeviceTimeSetRequest) -> commands.DeviceTimeReply:
    """Set the device's clock; it takes whole seconds of its own zone."""
    wanted = request.time or datetime.now(UTC)
    await session.client.machine.set_time(session.zone.to_local(wanted).replace(microsecond=0))
    return await time_get(session, Empty())


async def _if_told(ask: Callable[[], Awaitable[T]], default: D) -> T | D:
    """The answer, or `default` if the device has none."""
    try:
        return await ask()
    except (DeviceError, ProtocolError):
        return default
