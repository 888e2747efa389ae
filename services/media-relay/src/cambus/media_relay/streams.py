"""All streams this process relays: opened for the first viewer, shared by all, limited in number."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from cambus.media_relay.key import StreamKey
from cambus.media_relay.stalls import Stall
from cambus.media_relay.stream import RelayedStream
from cambus.media_relay.viewer import Closed
from cambus.schemas.errors import Overloaded

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """How many may watch, and how long a picture may stand still.

    Attributes:
        viewers: connections in all.
        viewers_per_stream: connections of one stream.
        source_lost_s: viewers of a stream without frames for so long are closed, so that they ask again.
    """

    viewers: int = 2000
    viewers_per_stream: int = 2000
    source_lost_s: float = 30.0


class Streams:
    """Owns the task of every stream; `close` ends them all.

    Args:
        make_stream: builds a stream that has not been started.
        limits: see `StreamLimits`.
        on_stall: told of every live source that comes to stand still while it is watched.
    """

    def __init__(
        self,
        make_stream: Callable[[StreamKey], RelayedStream],
        limits: StreamLimits,
        on_stall: Callable[[Stall], None] = lambda _: None,
    ) -> None:
        self._on_stall = on_stall
        self._make_stream = make_stream
        self._limits = limits
        self._streams: dict[StreamKey, RelayedStream] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._users = 0
        self._closed = False

    @property
    def running(self) -> Mapping[StreamKey, RelayedStream]:
        """The streams that are relayed now."""
        return self._streams

    @property
    def users(self) -> int:
        """Connections that hold a stream."""
        return self._users

    @contextmanager
    def watch(self, key: StreamKey) -> Iterator[RelayedStream]:
        """Hold a stream open, starting it if need be.

        Raises:
            Overloaded: a limit is reached, or the relay is stopping.
        """
        stream = self._admit(key)
        self._users += 1
        stream.retain()
        try:
            yield stream
        finally:
            self._users -= 1
            stream.release()

    def wake(self, device: str) -> None:
        """The device has come back: claim its streams at once."""
        for key, stream in self._streams.items():
            if key.device == device:
                stream.wake()

    def check(self) -> None:
        """Close stalled viewers and those whose source is lost; call it about once a second."""
        now = time.monotonic()
        for stream in tuple(self._streams.values()):
            stall = stream.check(now)
            if stall is not None:
                log.warning("a source stands still", extra=_about(stream.key))
                self._on_stall(stall)
            last = stream.hub.last_frame_at
            if stream.hub.viewers and last is not None and now - last > self._limits.source_lost_s:
                log.warning("no frames, viewers are sent away", extra=_about(stream.key))
                stream.hub.close(Closed.SOURCE_LOST)

    async def close(self) -> None:
        """End every stream: viewers are closed, claims given up."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _admit(self, key: StreamKey) -> RelayedStream:
        if self._closed:
            raise Overloaded("the relay is stopping", reason="stopping")
        if self._users >= self._limits.viewers:
            raise Overloaded("this relay serves as many viewers as it may", reason="too-many-viewers")
        stream = self._streams.get(key)
        if stream is None or stream.closing:
            return self._start(key)
        if stream.users >= self._limits.viewers_per_stream:
            raise Overloaded("this stream has as many viewers as it may", reason="too-many-viewers-of-stream")
        return stream

    def _start(self, key: StreamKey) -> RelayedStream:
        stream = self._streams[key] = self._make_stream(key)
        task = asyncio.create_task(stream.run(), name=f"stream {key}")
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._on_done(stream, task))
        log.info("relaying a stream", extra=_about(key))
        return stream

    def _on_done(self, stream: RelayedStream, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._streams.get(stream.key) is stream:
            del self._streams[stream.key]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a stream failed", extra=_about(stream.key), exc_info=error)
        else:
            log.info("no longer relaying a stream", extra=_about(stream.key))


def _about(key: StreamKey) -> dict[str, str | int]:
    return {"device": key.device, "channel": key.channel, "stream": key.stream}
