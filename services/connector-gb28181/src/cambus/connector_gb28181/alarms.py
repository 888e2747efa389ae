"""The alarms of one device: kept first, acknowledged afterwards, each once however often it is told (§9)."""

import asyncio
import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from cambus.connector.alarm_publisher import AlarmPublisher
from cambus.connector.held_alarms import HeldAlarms
from cambus.connector_gb28181.mapping.alarms import DEVICE, heard_alarm
from cambus.gb28181.errors import GbError
from cambus.gb28181.manscdp.alarms import AlarmNotice
from cambus.gb28181.manscdp.control import DeviceControl
from cambus.gb28181.manscdp.envelope import Envelope
from cambus.schemas.events.alarm import ClearCause

if TYPE_CHECKING:
    from cambus.connector_gb28181.device import GbDevice
    from cambus.connector_gb28181.session import GbSession

logger = logging.getLogger(__name__)

SAME_S: Final = 60.0
"""The same alarm told again within so many seconds was not heard, or is told by another way: it is no other one."""
MAX_REMEMBERED: Final = 1024
ARM_AGAIN_S: Final = (10.0, 60.0, 600.0)
"""When a device that did not let itself be armed is told again."""

_Facts = tuple[str, int | None, str | None, int | None, int | None]


class DeviceAlarms:
    """The alarms of one device, over all its sessions.

    Args:
        device: whose.
    """

    def __init__(self, device: "GbDevice") -> None:
        self._device = device
        context = device.context
        held = HeldAlarms(device.id, device.options.alarm_hold_s)
        self._publisher = AlarmPublisher(held, context.events, context.hooks)
        self._kept: OrderedDict[_Facts, float] = OrderedDict()

    async def heard(self, envelope: Envelope) -> bool:
        """The device tells an alarm; whether it is kept, now or from before. Raises ProtocolError: it is unreadable."""
        notice = AlarmNotice.parse(envelope)
        facts = (envelope.code, envelope.sn, notice.time, notice.method, notice.kind)
        now = asyncio.get_running_loop().time()
        if now - self._kept.get(facts, -SAME_S) < SAME_S:
            return True
        channels = self._device.channels
        assert channels is not None  # noqa: S101 - read before there was a session
        kept = await self._publisher.heard(heard_alarm(envelope, channels, self._device.options.zone))
        if kept:
            self._kept[facts] = now
            self._kept.move_to_end(facts)
            while len(self._kept) > MAX_REMEMBERED:
                self._kept.popitem(last=False)
        return kept

    async def reset(self, code: str) -> None:
        """Somebody has reset the alarms of the device, or of one of its channels or inputs: they are over."""
        whole = code == self._device.code
        await self._publisher.ended(
            lambda alarm: whole or alarm.native.detail.get("DeviceID") == code, ClearCause.RESET
        )

    async def close(self) -> None:
        """The device is not served here any more: nobody would tell the ends of its alarms."""
        await self._publisher.ended(lambda _: True, ClearCause.TIMEOUT)


def wants_reset(envelope: Envelope) -> bool:
    """Whether the device stays silent until its alarm is reset: so do inputs (GB-206)."""
    return AlarmNotice.parse(envelope).method == DEVICE


async def arm(session: "GbSession") -> None:
    """Have a device tell its alarms, where its record says that it has to be told to (GB-206)."""
    if not session.device.options.auto_guard:
        return
    for again_s in (*ARM_AGAIN_S, None):
        try:
            await session.remote.control(DeviceControl(guard="SetGuard"), session.code)
        except GbError as error:
            logger.info("a device was not armed", extra={"device": session.device.id, "reason": error.text})
        else:
            return
        if again_s is not None:
            await asyncio.sleep(again_s)
