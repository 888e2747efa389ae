"""Tells the bus of live streams that open and close."""

import asyncio
from typing import Final

from cambus.connector.device_events import DeviceEvents
from cambus.media.frame import Codec, Frame
from cambus.schemas.encoding import VideoCodec
from cambus.schemas.events import live as live_events

_CODECS: Final[dict[Codec, VideoCodec]] = {
    Codec.H264: "h264",
    Codec.H265: "h265",
    Codec.MPEG4: "mpeg4",
    Codec.MJPEG: "mjpeg",
}


class LiveReporter:
    """Publishes `live.started` and `live.stopped` of one device."""

    def __init__(self, events: DeviceEvents) -> None:
        self._events = events
        self._began: dict[tuple[int, str], float] = {}

    async def live_started(self, channel: int, stream: str, subject: str, first: Frame) -> None:
        """The first picture of a stream is on the bus."""
        self._began[channel, stream] = asyncio.get_running_loop().time()
        await self._events.tell(
            live_events.STARTED,
            channel=channel,
            stream=stream,
            subject=subject,
            codec=_CODECS.get(first.codec, "other"),
        )

    async def live_stopped(self, channel: int, stream: str, reason: str) -> None:
        """A stream that flowed is closed for good."""
        now = asyncio.get_running_loop().time()
        began = self._began.pop((channel, stream), now)
        await self._events.tell(
            live_events.STOPPED, channel=channel, stream=stream, reason=reason, duration_s=now - began
        )
