"""One device that publishes, over all its sessions."""

from cambus.connector.context import DeviceContext
from cambus.connector.errors import EndReason, SessionEnd
from cambus.connector_rtsp.options import RtspOptions
from cambus.connector_rtsp.publish.session import PublishedSession
from cambus.connector_rtsp.publish.visitor import Visitor
from cambus.connector_rtsp.surroundings import Shared
from cambus.schemas.state.credentials import Credentials
from cambus.schemas.state.devices import DeviceRecord


class PublishedDevice:
    """A device of a record that publishes.

    Args:
        record: what it is to be.
        context: what the connector gives it.
        shared: what all devices share.

    Attributes:
        id: on the bus.
        options: of its record.
        context: see above.
        shared: see above.

    Raises:
        InvalidRecord: an option can not work.
    """

    def __init__(self, record: DeviceRecord, context: DeviceContext, shared: Shared) -> None:
        self.id = record.id
        self.options = RtspOptions.of(record.options)
        self.context = context
        self.shared = shared

    async def connect(self, credentials: Credentials | None) -> PublishedSession:
        """There is nobody to call."""
        del credentials
        raise SessionEnd(EndReason.UNSUPPORTED, "the device publishes, and can not be called")

    async def accept(self, link: Visitor, credentials: Credentials) -> PublishedSession:
        """Its first stream has come. Raises SessionEnd if that is over already."""
        del credentials
        if link.over is not None:
            raise link.over
        return PublishedSession(self, link)

    async def close(self) -> None:
        """Nothing of it outlives its sessions."""
