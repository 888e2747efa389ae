"""What devices have said of themselves, kept on the bus: their channels keep their numbers over every restart."""

from cambus.bus.connection import Bus
from cambus.bus.kv import KeyValue
from cambus.schemas import keys
from cambus.schemas.assets import KV_REGISTRATIONS
from cambus.schemas.state.registrations import KnownDevice


class KnownDevices:
    """Reads and writes what is known of each device.

    Args:
        bus: the connection.
        protocol: of the devices.
    """

    def __init__(self, bus: Bus, protocol: str) -> None:
        self._bucket = KeyValue(bus, KV_REGISTRATIONS, KnownDevice)
        self._protocol = protocol

    async def load(self, device: str) -> KnownDevice:
        """What is known of a device. Raises BusError, or CambusError for what is stored and unreadable."""
        entry = await self._bucket.get(keys.known_device(self._protocol, device))
        return KnownDevice(device=device) if entry is None else entry.value

    async def save(self, known: KnownDevice) -> None:
        """Remember what is known of a device. Raises BusError, or CambusError for more than a message may hold."""
        await self._bucket.put(keys.known_device(self._protocol, known.device), known)
