"""The devices on the bus as they are now, for all links of this process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from cambus.bus.connection import Bus
from cambus.client.calling import BusClient
from cambus.client.kv import KeyValue
from cambus.client.tasks import TaskSet
from cambus.schemas import assets
from cambus.schemas.channels import ChannelInfo
from cambus.schemas.commands import device as commands
from cambus.schemas.errors import CambusError
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.presence import Presence

logger = logging.getLogger(__name__)

PAGE = 2000


@dataclass(slots=True)
class Seen:
    """One device.

    Attributes:
        presence: what is known of it now; None before it was ever seen.
        record: what it is to be; None where nobody wrote one.
        more: its channels beyond those of the presence.
    """

    presence: Presence | None = None
    record: DeviceRecord | None = None
    more: list[ChannelInfo] = field(default_factory=list)

    @property
    def channels(self) -> list[ChannelInfo]:
        """All its channels."""
        return [*(self.presence.channels if self.presence is not None else ()), *self.more]


class Directory:
    """Follows `cambus-presence` and `cambus-devices`.

    Args:
        bus: the connection.
        client: asks for the channels a presence does not list.
        on_change: called after something has changed.

    Attributes:
        devices: by id.
        synced: set once everything is known that was there at the start.
    """

    def __init__(self, bus: Bus, client: BusClient, on_change: Callable[[], None]) -> None:
        self.devices: dict[str, Seen] = {}
        self.synced = asyncio.Event()
        self._client = client
        self._on_change = on_change
        self._presences = KeyValue(bus, assets.KV_PRESENCE, Presence)
        self._records = KeyValue(bus, assets.KV_DEVICES, DeviceRecord)
        self._asking = TaskSet(16)

    async def run(self) -> None:
        """Follow both until cancelled."""
        presences, records = self._presences.watch(), self._records.watch()

        async def follow_presences() -> None:
            async for device, entry in presences:
                self._learn(device, entry.value if entry is not None else None)

        async def follow_records() -> None:
            async for device, entry in records:
                self._seen(device).record = entry.value if entry is not None else None
                self._changed(device)

        async def sync() -> None:
            await asyncio.gather(presences.synced.wait(), records.synced.wait())
            self.synced.set()
            self._on_change()

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(follow_presences())
                group.create_task(follow_records())
                group.create_task(sync())
        finally:
            self._asking.cancel()
            await self._asking.wait(1.0)

    def snapshot(self) -> dict[str, Seen]:
        """All devices as they are now, for another thread."""
        return {device: Seen(seen.presence, seen.record, seen.more) for device, seen in self.devices.items()}

    def _seen(self, device: str) -> Seen:
        return self.devices.setdefault(device, Seen())

    def _learn(self, device: str, presence: Presence | None) -> None:
        seen = self._seen(device)
        before, seen.presence = seen.presence, presence
        listed = len(presence.channels) if presence is not None else 0
        if presence is None or presence.channels_total <= listed:
            seen.more = seen.more and []
        elif presence.online and (before is None or before.session != presence.session or not seen.more):
            self._asking.spawn(self._ask(device, seen, presence))
        if _shown(before) != _shown(presence):
            self._changed(device)

    async def _ask(self, device: str, seen: Seen, presence: Presence) -> None:
        """Fetch the channels a presence has no room for."""
        found = list[ChannelInfo]()
        after = presence.channels[-1].channel if presence.channels else None
        try:
            while len(presence.channels) + len(found) < presence.channels_total:
                request = commands.DeviceChannelsRequest(after=after, limit=PAGE)
                reply = await self._client.call(commands.CHANNELS, request, device=device)
                if not reply.channels:
                    break
                found += reply.channels
                after = found[-1].channel
        except CambusError as error:
            logger.info("channels not listed", extra={"device": device, "reason": error.reason})
            return
        seen.more = found
        self._changed(device)

    def _changed(self, device: str) -> None:
        seen = self.devices[device]
        if seen.presence is None and seen.record is None:
            del self.devices[device]
        if self.synced.is_set():
            self._on_change()


def _shown(presence: Presence | None) -> tuple[object, ...]:
    """What of a presence a platform sees; when a device was last heard changes all the time."""
    if presence is None:
        return ()
    facts = (presence.online, presence.protocol, presence.vendor, presence.model, presence.software_version)
    return (*facts, presence.channels_total, presence.channels)
