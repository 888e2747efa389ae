"""One GB/T 28181 device, over all its registrations."""

import logging

from cambus.bus.errors import BusError
from cambus.connector.context import DeviceContext
from cambus.connector.errors import EndReason, SessionEnd
from cambus.connector_gb28181.channels import ChannelTable
from cambus.connector_gb28181.hub import Hub
from cambus.connector_gb28181.link import GbLink
from cambus.connector_gb28181.options import Gb28181Options
from cambus.connector_gb28181.session import GbSession
from cambus.schemas.errors import CambusError
from cambus.schemas.state.credentials import Credentials
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.registrations import KnownDevice

logger = logging.getLogger(__name__)


class GbDevice:
    """A device of a record.

    Args:
        record: its record.
        context: its surroundings.
        hub: what all devices share.

    Attributes:
        id: on the bus.
        code: its code.
        options: of its record.
        known: what it has said of itself, None before it was read.
        channels: what is behind it, None before that was read.
        synced_at: loop time of its last complete catalog, None before one came.
        session: the present one, None without one.

    Raises:
        InvalidRecord: the record can not work.
    """

    def __init__(self, record: DeviceRecord, context: DeviceContext, hub: Hub) -> None:
        self.id = record.id
        self.options = Gb28181Options.of(record.options)
        self.code = self.options.code_of(record.id)
        self.context = context
        self.hub = hub
        self.known: KnownDevice | None = None
        self.channels: ChannelTable | None = None
        self.synced_at: float | None = None
        self.session: GbSession | None = None

    async def connect(self, credentials: Credentials | None) -> GbSession:  # noqa: ARG002 - the contract's
        """Nobody can be called: devices register."""
        raise SessionEnd(EndReason.UNSUPPORTED, "GB/T 28181 devices are not dialled; they register")

    async def accept(self, link: GbLink, credentials: Credentials) -> GbSession:  # noqa: ARG002 - the contract's
        """Make a session of a registration; what the device is, is asked once it is up."""
        if link.over.done():
            raise link.over.result()
        if self.known is None:
            await self._remember()
        assert self.known is not None and self.channels is not None  # noqa: S101, PT018 - read just now
        self.session = GbSession(self, link, self.known, self.channels)
        return self.session

    async def close(self) -> None:
        """Nothing of it outlives its sessions."""

    async def _remember(self) -> None:
        """Read what it has said before: without that its channels would get other numbers."""
        try:
            self.known = await self.hub.known.load(self.id)
        except BusError as error:
            raise SessionEnd(
                EndReason.INTERNAL, f"what is known of the device was not read: {error}"
            ) from None
        except CambusError as error:
            logger.error("what was known is unreadable", extra={"device": self.id, "reason": error.text})
            self.known = KnownDevice(device=self.id)
        self.channels = ChannelTable(self.code, self.known.numbers, self.known.channels)
