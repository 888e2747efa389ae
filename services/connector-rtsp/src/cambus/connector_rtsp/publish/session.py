"""A device that publishes: there while a stream of it comes."""

import asyncio
from typing import TYPE_CHECKING, Any, Final

from cambus.connector.driver import DeviceDescription, DeviceStream, FrameSink
from cambus.connector.taps import KeyframeTaps
from cambus.connector_rtsp.publish.visitor import Visitor
from cambus.connector_rtsp.stream import RtspStream
from cambus.schemas.channels import ChannelInfo
from cambus.schemas.errors import NotFound, Offline

if TYPE_CHECKING:
    from cambus.connector_rtsp.publish.device import PublishedDevice

COMES_S: Final = 5.0
"""How long a stream that nobody publishes is waited for: publishers come back after a moment."""
_ORDER: Final = ("main", "sub", "third", "fourth")


class PublishedSession:
    """A device while it publishes.

    Args:
        device: whose session.
        visitor: its streams.

    Attributes:
        device: see above.
        taps: keyframes of its live streams, for whoever waits for one.
    """

    def __init__(self, device: "PublishedDevice", visitor: Visitor) -> None:
        self.device = device
        self.taps = KeyframeTaps()
        self._visitor = visitor
        visitor.on_change = device.context.hooks.described

    @property
    def description(self) -> DeviceDescription:
        """What comes."""
        publications = self._visitor.publications.values()
        return DeviceDescription(
            software_version=next((each.software for each in publications if each.software), ""),
            channels=tuple(map(self._channel, range(len(self.device.options.publish_names)))),
            connection="registered",
            address=self._visitor.address,
        )

    @property
    def titles(self) -> list[str]:
        """What the channels call themselves: nothing, for publishers have no names for them."""
        return [""] * len(self.device.options.publish_names)

    async def run(self) -> None:
        """Until no stream comes any more. Raises SessionEnd."""
        while self._visitor.over is None:
            await self._visitor.changed()
        raise self._visitor.over

    async def look(self) -> None:
        """Nothing to be asked: what comes is known."""

    async def open_stream(self, channel: int, stream: str, sink: FrameSink) -> DeviceStream:
        """Take a stream that comes. Raises NotFound, or Offline if nobody publishes it."""
        if not 0 <= channel < len(self.device.options.publish_names):
            raise NotFound(f"the device has no channel {channel}", reason="no-such-channel")
        try:
            async with asyncio.timeout(COMES_S):
                while (publication := self._visitor.publications.get((channel, stream))) is None:
                    await self._visitor.changed()
        except TimeoutError:
            raise Offline("nobody publishes this stream", reason="not-published") from None
        publication.open()
        return RtspStream(self, channel, stream, publication, [], publication.clock, sink)

    def left(self, stream: RtspStream) -> None:
        """Nobody wants a stream any more."""

    def doubt(self) -> None:
        """Who publishes is there, or is not: there is nothing to doubt."""

    async def close(self) -> None:
        """Hang up on whoever still publishes."""
        self._visitor.on_change = lambda: None
        self._visitor.end("no longer held here")

    def _channel(self, number: int) -> ChannelInfo:
        found = {
            stream: each
            for (channel, stream), each in self._visitor.publications.items()
            if channel == number
        }
        best = next((found[name] for name in _ORDER if name in found), None)
        native: dict[str, Any] = {} if best is None else {"by": best.by, "tracks": best.tracks}
        return ChannelInfo(
            channel=number,
            name=self.device.options.publish_names[number],
            online=best is not None,
            ptz=False,
            audio=None if best is None else best.audible,
            streams=[each.stream for name in _ORDER if (each := found.get(name)) is not None],
            native=native,
        )
