"""Arming the device, and its alarm outputs (DVRIP §8, §12)."""

import asyncio

from cambus.connector.handlers import HandlerTable
from cambus.connector_dvrip.handlers.guarded import add
from cambus.connector_dvrip.pushed import PUSHED, PushedAlarm
from cambus.connector_dvrip.session import DvripSession
from cambus.dvrip.errors import DvripError
from cambus.dvrip.messages.alarm import AlarmReport
from cambus.schemas.commands import alarm as commands
from cambus.schemas.errors import Unsupported
from cambus.schemas.model import Done


def register(table: HandlerTable[DvripSession]) -> None:
    """Add the commands of this noun."""
    add(table, commands.ARM, arm)
    add(table, commands.DISARM, disarm)
    add(table, commands.OUTPUT_SET, output_set, during_upgrade=False)
    add(table, commands.INPUTS_SET, inputs_set)
    add(table, PUSHED, pushed, exclusive=False)
    table.refuse(commands.RESET, "these devices hold no alarm until it is acknowledged; each ends by itself")


async def arm(session: DvripSession, request: commands.AlarmArmRequest) -> Done:
    """Have alarms reported, until the session ends or `alarm.disarm`."""
    _check_whole(request)
    await session.client.alarms.guard()
    session.armed = True
    return Done()


async def disarm(session: DvripSession, request: commands.AlarmArmRequest) -> Done:
    """Have alarms reported no longer; a new session arms again, as the device's options say."""
    _check_whole(request)
    await session.client.alarms.unguard()
    session.armed = False
    return Done()


async def inputs_set(session: DvripSession, request: commands.AlarmInputsSetRequest) -> Done:
    """Switch the network alarm inputs (1506): those named are on, all others off."""
    await session.client.alarms.set_net_inputs(sum(1 << number for number in set(request.active)))
    return Done()


async def output_set(session: DvripSession, request: commands.AlarmOutputSetRequest) -> Done:
    """Switch an alarm output by hand, and back if a time is given."""
    await session.client.alarms.set_output(request.output, closed=request.active)
    if request.duration_s is not None:
        hooks = session.device.context.hooks
        hooks.spawn(_switch_back(session, request, request.duration_s), "alarm output")
    return Done()


async def _switch_back(
    session: DvripSession, request: commands.AlarmOutputSetRequest, after_s: float
) -> None:
    await asyncio.sleep(after_s)
    present = session.device.session
    if present is None:
        session.log.warning("alarm output not switched back", extra={"output": request.output})
        return
    try:
        await present.client.alarms.set_output(request.output, closed=not request.active)
    except DvripError as error:
        extra = {"output": request.output, "reason": str(error)}
        session.log.warning("alarm output not switched back", extra=extra)


async def pushed(session: DvripSession, request: PushedAlarm) -> Done:
    """Take an alarm that the device pushed to the alarm centre of some replica."""
    await session.device.pump.report(AlarmReport.parse(request.body), "push")
    return Done()


def _check_whole(request: commands.AlarmArmRequest) -> None:
    if request.channel is not None or request.types:
        raise Unsupported("these devices report alarms as a whole or not at all; choose with their settings")
