"""What devices have said of themselves, kept on the bus: their channels keep their numbers over every restart.

The channels of one device may be more than one message holds: they are kept in pages, of which those are written that
have changed.
"""

import asyncio
import itertools
import logging
from collections.abc import Callable, Sequence
from typing import Final

from cambus.bus.connection import Bus
from cambus.client.errors import BusError
from cambus.client.kv import KeyValue
from cambus.schemas import keys
from cambus.schemas.assets import KV_REGISTRATIONS
from cambus.schemas.channels import ChannelInfo
from cambus.schemas.errors import CambusError
from cambus.schemas.state.registrations import KnownChannels, KnownDevice

logger = logging.getLogger(__name__)

RETRY_S: Final = 5.0
"""How often what NATS did not take is offered to it again."""
PAGE: Final = 400
"""Channels kept under one key: with the longest names and codes still less than a message may hold."""

Known = tuple[KnownDevice, Sequence[ChannelInfo]]
"""What is known of a device, and the channels there were last."""


class KnownDevices:
    """Reads and writes what is known of devices.

    Args:
        bus: the connection.
        protocol: of the devices.
    """

    def __init__(self, bus: Bus, protocol: str) -> None:
        self.devices = KeyValue(bus, KV_REGISTRATIONS, KnownDevice)
        self.channels = KeyValue(bus, KV_REGISTRATIONS, KnownChannels)
        self.protocol = protocol

    def of(self, device: str) -> "DeviceMemory":
        """What is known of one device, to be read first."""
        return DeviceMemory(self, device)


class DeviceMemory:
    """What is known of one device, as it is kept.

    Args:
        kept: where.
        device: its id.

    Attributes:
        overdue: whether something waits for NATS to take it.
    """

    def __init__(self, kept: KnownDevices, device: str) -> None:
        self.overdue = False
        self._kept = kept
        self._device = device
        self._key = keys.known_device(kept.protocol, device)
        self._revision: int | None = None
        self._known: KnownDevice | None = None
        self._pages: list[Sequence[ChannelInfo]] = []
        self._writing = asyncio.Lock()
        self._news = False

    async def read(self) -> Known | None:
        """What is known; None if that is what was read or written here last.

        Raises:
            BusError: NATS does not answer.
            CambusError: what is stored is unreadable.
        """
        entry = await self._kept.devices.get(self._key)
        revision = 0 if entry is None else entry.revision
        if revision == self._revision:
            return None
        known = KnownDevice(device=self._device) if entry is None else entry.value
        pages = [await self._page(page) for page in range(known.pages)]
        self._revision, self._known, self._pages = revision, known, list(pages)
        return known, list(itertools.chain.from_iterable(pages))

    async def _page(self, page: int) -> Sequence[ChannelInfo]:
        entry = await self._kept.channels.get(self._page_key(page))
        return () if entry is None else entry.value.channels

    async def write(self, now: Callable[[], Known]) -> None:
        """Keep what is known; calls that come while one is under way are one more.

        Args:
            now: says what that is when it is written.

        Raises:
            BusError: NATS does not answer.
            CambusError: it is more than a message may hold.
        """
        self._news = True
        async with self._writing:
            if self._news:
                self._news = False
                await self._write(*now())

    async def catch_up(self, now: Callable[[], Known]) -> None:
        """Keep what NATS did not take, as soon as it does (GB-265); whoever calls sets `overdue` before.

        Args:
            now: says what is known when it is written.
        """
        try:
            while True:
                await asyncio.sleep(RETRY_S)
                try:
                    await self.write(now)
                    break
                except BusError as error:
                    logger.debug("not kept yet", extra={"device": self._device, "reason": str(error)})
        except CambusError as error:
            logger.warning(
                "what is known of a device is not kept", extra={"device": self._device, "reason": error.text}
            )
        finally:
            self.overdue = False

    async def _write(self, known: KnownDevice, channels: Sequence[ChannelInfo]) -> None:
        """Numbers first: a page that is lost is asked for again, a number that is lost could be given out twice."""
        pages = [channels[start : start + PAGE] for start in range(0, len(channels), PAGE)]
        known = known.model_copy(update={"pages": len(pages)})
        if known != self._known:
            self._revision = await self._kept.devices.put(self._key, known)
            self._known = known
        for page, content in enumerate(pages):
            if page >= len(self._pages) or self._pages[page] != content:
                value = KnownChannels(device=self._device, page=page, channels=list(content))
                await self._kept.channels.put(self._page_key(page), value)
                self._pages[page:] = [content, *self._pages[page + 1 :]]
        for page in range(len(pages), len(self._pages)):
            await self._kept.channels.delete(self._page_key(page))
        del self._pages[len(pages) :]

    def _page_key(self, page: int) -> str:
        return keys.known_channels(self._kept.protocol, self._device, page)
