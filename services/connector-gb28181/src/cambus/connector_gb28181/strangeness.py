"""Messages of a device that nobody here knows: shown as they are, now and then (§2.4, GB-072)."""

import asyncio
from typing import Final

from cambus.connector.device_events import DeviceEvents
from cambus.connector_gb28181.mapping.native import shown
from cambus.connector_gb28181.mapping.text import text
from cambus.gb28181.manscdp.envelope import Envelope

UNKNOWN_EVERY_S: Final = 60.0
MAX_SHOWN: Final = 8192


class UnknownMessages:
    """Tells what a device says and nobody understands: one message a minute, and how many there were besides.

    Args:
        events: of the device.
    """

    def __init__(self, events: DeviceEvents) -> None:
        self._events = events
        self._next_at = 0.0
        self._left_out = 0

    async def heard(self, envelope: Envelope) -> None:
        """Tell it, unless another was told a moment ago."""
        now = asyncio.get_running_loop().time()
        if now < self._next_at:
            self._left_out += 1
            return
        self._next_at = now + UNKNOWN_EVERY_S
        left_out, self._left_out = self._left_out, 0
        command = text(envelope.command, 64)
        await self._events.exception(
            "unknown-message",
            f"the device says {command}, which is not understood",
            command=command,
            about=text(envelope.code, 64),
            message=shown(envelope)[:MAX_SHOWN],
            left_out=left_out,
        )
