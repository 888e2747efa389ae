"""Arming a device and its channels, and acknowledging their alarms (GB-089)."""

from collections.abc import Mapping
from typing import Final

from cambus.connector.handlers import HandlerTable
from cambus.connector_gb28181.handlers.guarded import add
from cambus.connector_gb28181.session import GbSession
from cambus.gb28181.manscdp.control import ControlInfo, DeviceControl
from cambus.schemas.alarms import AlarmType
from cambus.schemas.commands import alarm as commands
from cambus.schemas.errors import Unsupported
from cambus.schemas.model import Done

METHODS_AND_TYPES: Final[Mapping[AlarmType, tuple[str, str | None]]] = {
    AlarmType.IO: ("2", None),
    AlarmType.VIDEO_LOSS: ("2", "1"),
    AlarmType.TAMPER: ("2", "2"),
    AlarmType.STORAGE_FULL: ("2", "3"),
    AlarmType.MANUAL: ("5", "1"),
    AlarmType.MOTION: ("5", "2"),
    AlarmType.ANALYTICS_LEFT_OBJECT: ("5", "3"),
    AlarmType.ANALYTICS_REMOVED_OBJECT: ("5", "4"),
    AlarmType.TRIPWIRE: ("5", "5"),
    AlarmType.INTRUSION: ("5", "6"),
    AlarmType.ANALYTICS_WRONG_WAY: ("5", "7"),
    AlarmType.ANALYTICS_LOITERING: ("5", "8"),
    AlarmType.ANALYTICS_COUNT: ("5", "9"),
    AlarmType.ANALYTICS_CROWD: ("5", "10"),
    AlarmType.VIDEO_ABNORMAL: ("5", "11"),
    AlarmType.ANALYTICS_FAST_MOTION: ("5", "12"),
    AlarmType.STORAGE_ERROR: ("6", "1"),
    AlarmType.HARDWARE: ("6", "2"),
}
"""Which alarms are meant when only those of one type are acknowledged (§9)."""


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
    info = None
    if request.type is not None:
        if request.type not in METHODS_AND_TYPES:
            raise Unsupported(f"the protocol has no alarm {request.type.value}; acknowledge all of them")
        method, type_ = METHODS_AND_TYPES[request.type]
        info = ControlInfo(alarm_method=method, alarm_type=type_)
    control = DeviceControl(alarm="ResetAlarm", info=info)
    await session.remote.control(control, _code(session, request.channel))
    return Done()


def _code(session: GbSession, channel: int | None) -> str:
    return session.code if channel is None else session.code_of(channel)
