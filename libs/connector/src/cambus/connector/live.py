"""The live streams of one device.

Claims outlive a session: when the device comes back its claimed streams come back with it, and the first frame says
that there is a gap. They end with the claims, a linger later, whatever becomes of the viewers.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from cambus.connector.driver import DeviceSession
from cambus.connector.live_stream import LiveStream
from cambus.connector.media_metrics import MediaMetrics
from cambus.connector.publisher import FramePublisher
from cambus.media.frame import Frame
from cambus.schemas.errors import CambusError, NotFound, Offline

LINGER_S: Final = 10.0


class LiveEvents(Protocol):
    """Who wants to hear of streams that open and close."""

    async def live_started(self, channel: int, stream: str, subject: str, first: Frame) -> None:
        """The first picture of a stream is on the bus."""

    async def live_stopped(self, channel: int, stream: str, reason: str) -> None:
        """A stream that flowed is closed for good: nobody claims it, or the device is given up."""


class LiveStreams:
    """The claims on one device's streams, and the streams themselves while it has a session.

    Args:
        device: for the log.
        publisher: makes the publisher of a (channel, stream).
        events: told of streams that open and close.
        metrics: counts streams, claims and restarts.
        linger_s: how long a stream stays open after its last claim.
    """

    def __init__(
        self,
        device: str,
        publisher: Callable[[int, str], FramePublisher],
        events: LiveEvents,
        metrics: MediaMetrics,
        *,
        linger_s: float = LINGER_S,
    ) -> None:
        self._device = device
        self._publisher = publisher
        self._events = events
        self._metrics = metrics
        self._linger_s = linger_s
        self._session: DeviceSession | None = None
        self._streams: dict[tuple[int, str], LiveStream] = {}

    @property
    def open(self) -> frozenset[tuple[int, str]]:
        """The (channel, stream) pairs that the device sends now."""
        return frozenset(key for key, stream in self._streams.items() if stream.open)

    @property
    def known(self) -> frozenset[tuple[int, str]]:
        """The (channel, stream) pairs that are claimed, linger or close."""
        return frozenset(self._streams)

    # --- sessions ---------------------------------------------------------------------------------------

    async def attach(self, session: DeviceSession) -> None:
        """The device is online: open what is still claimed."""
        self._session = session
        for stream in list(self._streams.values()):
            if stream.wanted:
                stream.attach(session)
            else:
                await self._closed(stream, "unclaimed")

    async def detach(self) -> None:
        """The device is offline: close every stream; the claims live on."""
        self._session = None
        await asyncio.gather(*(stream.detach() for stream in self._streams.values()))

    async def close(self, reason: str) -> None:
        """The device is no longer held here: close every stream and forget the claims."""
        await self.detach()
        for stream in list(self._streams.values()):
            stream.drop_claims()
            await self._closed(stream, reason)

    # --- commands ---------------------------------------------------------------------------------------

    async def start(self, channel: int, stream: str, claimant: str, ttl_s: float) -> str:
        """Claim a stream and wait until the device sends it; return the subject of its frames.

        If the device refuses, the claim is void. If the wait is cut short the claim stands, and lapses like any
        other.

        Raises:
            CambusError: the device is offline, has no such channel, refuses; there are too many claims.
        """
        session = self._session
        if session is None:
            raise Offline("the device is offline")
        if session.description.channel(channel) is None:
            raise NotFound(f"the device has no channel {channel}", reason="no-such-channel")
        live = self._streams.get((channel, stream)) or self._create(channel, stream)
        joins = live.open and not live.claimed_by(claimant)
        live.claim(claimant, ttl_s)
        live.attach(session)
        try:
            await live.opened()
        except CambusError:
            live.release(claimant, linger=False)
            raise
        if joins:
            await live.welcome()
        return live.publisher.subject

    async def touch(self, channel: int, stream: str, claimant: str, ttl_s: float) -> str:
        """Renew a claim; one that lapsed is made again, as by `start`. Raises as `start`."""
        live = self._streams.get((channel, stream))
        if live is not None and self._session is not None and live.touch(claimant, ttl_s):
            return live.publisher.subject
        return await self.start(channel, stream, claimant, ttl_s)

    def stop(self, channel: int, stream: str, claimant: str) -> None:
        """Give a claim up; no claim is no error."""
        live = self._streams.get((channel, stream))
        if live is not None:
            live.release(claimant)

    def route(self, channel: int, stream: str) -> str:
        """By which systems below the device an open stream comes; empty where nobody says."""
        live = self._streams.get((channel, stream))
        return "" if live is None else live.route

    async def keyframe(self, channel: int, stream: str) -> None:
        """Ask the encoder of an open stream for a keyframe. Raises `NotFound`, or what the device says."""
        live = self._streams.get((channel, stream))
        if live is None:
            raise NotFound("the stream is not open; claim it first", reason="stream-not-open")
        await live.request_keyframe()

    # --- inside -----------------------------------------------------------------------------------------

    def _create(self, channel: int, stream: str) -> LiveStream:
        live = LiveStream(
            self._device,
            channel,
            stream,
            self._publisher(channel, stream),
            linger_s=self._linger_s,
            metrics=self._metrics,
            on_started=lambda first: self._events.live_started(
                channel, stream, live.publisher.subject, first
            ),
            on_closed=lambda reason: self._closed(live, reason),
        )
        self._streams[channel, stream] = live
        return live

    async def _closed(self, live: LiveStream, reason: str) -> None:
        self._streams.pop((live.channel, live.stream), None)
        if live.announced:
            await self._events.live_stopped(live.channel, live.stream, reason)
