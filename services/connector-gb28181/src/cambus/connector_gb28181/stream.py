"""One live stream of a device, from its media session to the sink."""

from typing import TYPE_CHECKING

from cambus.connector.driver import DeviceStream, FrameSink
from cambus.schemas.errors import Unsupported

if TYPE_CHECKING:
    from cambus.connector_gb28181.session import GbSession


async def open_live(session: "GbSession", channel: int, stream: str, sink: FrameSink) -> DeviceStream:
    """Have a channel send a live stream. Raises CambusError."""
    raise Unsupported("not yet")
