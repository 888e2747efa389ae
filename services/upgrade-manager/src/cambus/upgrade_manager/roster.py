"""Which devices there are to be, and the tags they carry."""

from collections.abc import Callable, Collection

from cambus.bus.connection import Bus
from cambus.client.kv import KeyValue
from cambus.schemas import assets
from cambus.schemas.state.devices import DeviceRecord


class Roster:
    """Follows `cambus-devices`.

    Args:
        bus: the connection.
        devices: the devices of interest.
        on_change: called when one of them is added, removed or changed.
    """

    def __init__(self, bus: Bus, devices: Collection[str], on_change: Callable[[], None]) -> None:
        self._devices = frozenset(devices)
        self._on_change = on_change
        self._records: dict[str, DeviceRecord] = {}
        self._watch = KeyValue(bus, assets.KV_DEVICES, DeviceRecord).watch()
        self.synced = self._watch.synced

    async def follow(self) -> None:
        """Keep it current; runs until it is cancelled."""
        async for device, entry in self._watch:
            if device not in self._devices:
                continue
            if entry is None:
                self._records.pop(device, None)
            else:
                self._records[device] = entry.value
            self._on_change()

    def of(self, device: str) -> DeviceRecord | None:
        """What is written of a device, if it is to be there."""
        return self._records.get(device)

    def tags(self, device: str) -> list[str]:
        """The tags of a device."""
        record = self._records.get(device)
        return record.tags if record is not None else []
