"""What is seen of the devices of one campaign: which of them are there, since when, and what they run."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from cambus.bus.connection import Bus
from cambus.client.kv import KeyValue
from cambus.schemas import assets
from cambus.schemas.state.presence import Presence


@dataclass(frozen=True, slots=True)
class Sighting:
    """A device that is there.

    Attributes:
        version: the firmware it runs.
        since: when its present session began, by the clock of its connector.
        session: names that session: as long as it lasts, the connector is the same process.
        presence: all that is known.
    """

    version: str
    since: datetime
    session: str
    presence: Presence


class Sightings:
    """Follows `cambus-presence`.

    Args:
        bus: the connection.
        devices: the devices of interest.
        on_change: called when one of them comes, goes or runs something else.
    """

    def __init__(self, bus: Bus, devices: Collection[str], on_change: Callable[[], None]) -> None:
        self._devices = frozenset(devices)
        self._on_change = on_change
        self._present: dict[str, Sighting] = {}
        self._known: set[str] = set()
        self._watch = KeyValue(bus, assets.KV_PRESENCE, Presence).watch()
        self.synced = self._watch.synced

    async def follow(self) -> None:
        """Keep them current; runs until it is cancelled."""
        async for device, entry in self._watch:
            if device in self._devices:
                self._see(device, entry.value if entry is not None else None)

    def of(self, device: str) -> Sighting | None:
        """The device, if it is there."""
        return self._present.get(device)

    def knows(self, device: str) -> bool:
        """Whether anything is said of the device, if only that it is away."""
        return device in self._known

    def _see(self, device: str, presence: Presence | None) -> None:
        if presence is None:
            self._known.discard(device)
        else:
            self._known.add(device)
        seen = None
        if presence is not None and presence.online:
            seen = Sighting(presence.software_version, presence.since, presence.session_name, presence)
        if seen is None and device not in self._present:
            return
        known = self._present.get(device)
        if seen is None:
            del self._present[device]
        else:
            self._present[device] = seen
        if known is None or seen is None or (known.session, known.version) != (seen.session, seen.version):
            self._on_change()
