"""Devices that ask to be watched (VideoUploadNotify, 2022): told of, and opened by themselves for a while (GB-157)."""

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from cambus.connector_gb28181.positions import report_positions
from cambus.gb28181.manscdp.envelope import Envelope
from cambus.schemas.errors import CambusError

if TYPE_CHECKING:
    from cambus.connector_gb28181.device import GbDevice
    from cambus.connector_gb28181.session import GbSession

logger = logging.getLogger(__name__)

CLAIMANT: Final = "watch-request"
CLAIM_TTL_S: Final = 60.0
AGAIN_S: Final = 5.0
"""Seconds until what could not be opened is tried again: the catalog may not be there yet."""


class WatchRequests:
    """The requests of one device, over all its sessions.

    Args:
        device: whose.
    """

    def __init__(self, device: "GbDevice") -> None:
        self._device = device
        self._until: dict[str, float] = {}

    async def heard(self, session: "GbSession", envelope: Envelope) -> None:
        """The device, or one of its channels, asks to be watched. Raises ProtocolError: it is unreadable."""
        code, seconds = envelope.code or session.code, self._device.options.auto_watch_s
        await self._device.context.events.exception(
            "watch-requested", "the device asks to be watched", channel=session.channels.channel_of(code)
        )
        await report_positions(session, envelope)
        known = code == session.code or session.channels.channel_of(code) is not None
        if not seconds or not known:
            return
        running = code in self._until
        self._until[code] = asyncio.get_running_loop().time() + seconds
        if not running:
            self._device.context.hooks.spawn(self._watch(code), "watch")

    async def _watch(self, code: str) -> None:
        """Hold a claim like that of any viewer until nobody asked for it for long enough."""
        now = asyncio.get_running_loop().time
        try:
            while (left_s := self._until[code] - now()) > 0:
                try:
                    async with self._device.context.hooks.claimed(
                        self._channel(code), "main", CLAIMANT, CLAIM_TTL_S
                    ):
                        await asyncio.sleep(min(left_s, CLAIM_TTL_S / 2))
                except CambusError as error:
                    extra = {"device": self._device.id, "reason": error.text}
                    logger.info("a device that asks to be watched is not", extra=extra)
                    await asyncio.sleep(min(left_s, AGAIN_S))
        finally:
            del self._until[code]

    def _channel(self, code: str) -> int:
        """The channel that is meant: the first where the device does not say."""
        channels = self._device.channels
        channel = channels.channel_of(code) if channels is not None else None
        if channel is not None or channels is None:
            return channel or 0
        return min((each.channel for each in channels.channels), default=0)
