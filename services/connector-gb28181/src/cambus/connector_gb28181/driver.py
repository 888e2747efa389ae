"""The driver: what the connector asks for GB/T 28181 devices."""

from typing import Final

from cambus.connector.context import DeviceContext
from cambus.connector.errors import InvalidRecord
from cambus.connector.handlers import HandlerTable
from cambus.connector_gb28181.device import GbDevice
from cambus.connector_gb28181.handlers import all_handlers
from cambus.connector_gb28181.hub import Hub
from cambus.connector_gb28181.options import Gb28181Options
from cambus.connector_gb28181.session import GbSession
from cambus.schemas.state.devices import DeviceRecord

PROTOCOL: Final = "gb28181"


class Gb28181Driver:
    """Makes GB/T 28181 devices of records.

    Args:
        hub: what all devices share.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._handlers = all_handlers()

    @property
    def protocol(self) -> str:
        """The name in device records."""
        return PROTOCOL

    @property
    def handlers(self) -> HandlerTable[GbSession]:
        """The commands it answers."""
        return self._handlers

    def identity(self, record: DeviceRecord) -> str:
        """Return the code a device registers with. Raises `InvalidRecord` if the record does not say."""
        return Gb28181Options.of(record.options).code_of(record.id)

    def device(self, record: DeviceRecord, context: DeviceContext) -> GbDevice:
        """Make a device of a record. Raises `InvalidRecord` if it can not work."""
        if record.address is not None:
            raise InvalidRecord("address: wanted none; GB/T 28181 devices register with us")
        return GbDevice(record, context, self._hub)
