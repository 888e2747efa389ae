"""Arming a device and its channels, and acknowledging their alarms (GB-089)."""

from collections.abc import Mapping
from typing import Final

from cambus.connector.handlers import HandlerTable
from cambus.connector_gb28181.handlers.guarded import add
from cambus.connector_gb28181.mapping.alarms import DEVICE, TYPES
from cambus.connector_gb28181.session import GbSession
from cambus.gb28181.manscdp.control import ControlInfo, DeviceControl
from cambus.schemas.alarms import AlarmType
from cambus.schemas.commands import alarm as commands
from cambus.schemas.errors import Unsupported
from cambus.schemas.model import Done


def _orders() -> dict[AlarmType, list[ControlInfo]]:
    """What is to be sent so that the alarms of one type are acknowledged, and no others (§9)."""
    orders = {AlarmType.IO: [ControlInfo(alarm_method=str(DEVICE))]}
    for (method, type_), alarm in TYPES.items():
        orders.setdefault(alarm, []).append(ControlInfo(alarm_method=str(method), alarm_type=str(type_)))
    return orders


ORDERS: Final[Mapping[AlarmType, list[ControlInfo]]] = _orders()


def register(table: HandlerTable[GbSession]) -> None:
    """Add the commands of this noun."""
    add(table, commands.ARM, arm)
    add(table, commands.DISARM, disarm)
    add(table, commands.RESET, reset)
    table.refuse(
        commands.OUTPUT_SET, "the protocol can not switch alarm outputs; some cameras take ptz.aux for one"
    )
    table.refuse(commands.INPUTS_SET, "the protocol has no network alarm inputs")


async def arm(session: GbSession, request: commands.AlarmArmRequest) -> Done:
    """Have alarms reported, of the device or of one channel."""
    return await _guard(session, request, "SetGuard")


async def disarm(session: GbSession, request: commands.AlarmArmRequest) -> Done:
    """Have alarms reported no longer."""
    return await _guard(session, request, "ResetGuard")


async def _guard(session: GbSession, request: commands.AlarmArmRequest, command: str) -> Done:
    if request.types:
        raise Unsupported("the protocol arms a device or a channel as a whole; choose with its settings")
    await session.remote.control(DeviceControl(guard=command), _code(session, request.channel))
    return Done()


async def reset(session: GbSession, request: commands.AlarmResetRequest) -> Done:
    """Acknowledge the alarms a device holds, all or those of one type."""
    code = _code(session, request.channel)
    if request.type is None:
        await session.remote.control(DeviceControl(alarm="ResetAlarm"), code)
        await session.device.alarms.reset(code)
        return Done()
    if request.type not in ORDERS:
        raise Unsupported(f"the protocol has no alarm {request.type.value}; acknowledge all of them")
    for info in ORDERS[request.type]:
        await session.remote.control(DeviceControl(alarm="ResetAlarm", info=info), code)
    return Done()


def _code(session: GbSession, channel: int | None) -> str:
    return session.code if channel is None else session.code_of(channel)
