"""Which devices there are and how they are: the registry and the presence of the bus, followed."""

import asyncio
from collections.abc import Callable, Collection, Mapping

from cambus.bus.connection import Bus
from cambus.client.kv import KeyValue, Watch
from cambus.schemas.assets import KV_DEVICES, KV_PRESENCE
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.presence import Presence


class Directory:
    """The devices of the bus, up to date while `run` runs.

    Args:
        bus: the connection.
        on_online: called with the name of a device that has just come online, or to another process.
    """

    def __init__(self, bus: Bus, on_online: Callable[[str], None]) -> None:
        self._records_bucket = KeyValue(bus, KV_DEVICES, DeviceRecord)
        self._presence_bucket = KeyValue(bus, KV_PRESENCE, Presence)
        self._records_watch: Watch[DeviceRecord] = self._records_bucket.watch()
        self._presence_watch: Watch[Presence] = self._presence_bucket.watch()
        self._on_online = on_online
        self._records: dict[str, DeviceRecord] = {}
        self._presence: dict[str, Presence] = {}

    @property
    def presence(self) -> Mapping[str, Presence]:
        """What is known of each device that was ever seen."""
        return self._presence

    @property
    def records(self) -> Mapping[str, DeviceRecord]:
        """The devices that are to be."""
        return self._records

    def known(self, device: str) -> bool:
        """Whether there is such a device; yes to everything until the registry has been read."""
        read = self._records_watch.synced.is_set() and self._presence_watch.synced.is_set()
        return not read or device in self._records or device in self._presence

    async def exists(self, device: str) -> bool:
        """As `known`, but asks the buckets before it says no. Raises BusError when they do not answer."""
        return (
            self.known(device)
            or await self._records_bucket.get(device) is not None
            or await self._presence_bucket.get(device) is not None
        )

    def may_have(self, device: str, channel: int) -> bool:
        """Whether a device has a channel; yes while its presence does not name all it has."""
        presence = self._presence.get(device)
        if presence is None or not presence.channels or presence.channels_total > len(presence.channels):
            return True
        return any(each.channel == channel for each in presence.channels)

    def streams_of(self, device: str, channel: int) -> Collection[str]:
        """The streams a device's channel is known to have; none while its presence does not name it."""
        presence = self._presence.get(device)
        named = presence.channels if presence is not None else ()
        return next((each.streams for each in named if each.channel == channel), ())

    async def run(self) -> None:
        """Follow both buckets, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_records())
            group.create_task(self._follow_presence())

    async def _follow_records(self) -> None:
        async for device, entry in self._records_watch:
            if entry is None:
                self._records.pop(device, None)
            else:
                self._records[device] = entry.value

    async def _follow_presence(self) -> None:
        async for device, entry in self._presence_watch:
            before = self._presence.pop(device, None)
            if entry is None:
                continue
            self._presence[device] = entry.value
            session = entry.value.session
            if session is not None and (before is None or before.session != session):
                self._on_online(device)
