"""One viewer: a socket, a bounded queue for what the kernel did not take, and the rules for slow ones.

The common case costs one system call: `send` takes the whole shared buffer. Only an unsent tail is queued,
as a view of the same shared buffer. A viewer whose queue is over `queue_bytes` misses everything up to the
next keyframe that finds room; one whose queue passes `hard_bytes`, or whose peer takes nothing for
`stall_s`, is closed. None of this waits, so a slow viewer costs the others nothing.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable


class Closed(StrEnum):
    """Why a viewer was closed; also the label of the metric that counts them."""

    LEFT = "left"
    STALLED = "stalled"
    OVERFLOW = "overflow"
    SOURCE_LOST = "source-lost"
    FORMAT_CHANGED = "format-changed"
    ENDED = "ended"
    SILENT = "silent"
    SHUTDOWN = "shutdown"


class Wire(Protocol):
    """A non-blocking byte sink, as `wire.SocketWire` is one."""

    def send(self, data: bytes | memoryview, /) -> int:
        """Take some bytes and say how many; `BlockingIOError` when none can be taken now."""

    def watch(self, writable: Callable[[], None]) -> None:
        """Call back whenever bytes can be taken again, until `unwatch`."""

    def unwatch(self) -> None:
        """Stop calling back."""

    def close(self) -> None:
        """Give the peer up at once."""


@runtime_checkable
class OnSocket(Protocol):
    """A wire that puts what it is sent into a socket of its own and nowhere else, so that others may do so as well."""

    descriptor: int
    """The socket's number, while the wire is open."""

    def unacknowledged(self) -> int:
        """Bytes the socket took that the peer has not acknowledged."""


class Crowd(Protocol):
    """Those a viewer is sent to with, as `audience.Audience` is one."""

    sent_bytes: int
    """What everybody who kept up all the time has been sent."""

    def moved(self, viewer: "Viewer", /) -> None:
        """`flowing` has changed."""


@dataclass(frozen=True, slots=True)
class ViewerLimits:
    """How far behind a viewer may fall."""

    queue_bytes: int = 4 << 20
    hard_bytes: int = 16 << 20
    stall_s: float = 10.0


class Viewer:
    """Delivers shared buffers to one peer; see the module's rules.

    `on_closed` is called once, with the reason, from within whatever call closed the viewer.

    Attributes:
        flowing: nothing is queued and nothing skipped: a buffer may go straight to `send`. Where that takes less than
            all, it is for `took`, what it raises for `refused`. The fan-out does so itself, for a crowd at once.
        send: the wire's own.
        descriptor: the number of the wire's socket, None if it has none of its own.
        queued_bytes: what the kernel has yet to take.
        skips: how often this viewer had to skip to a keyframe.
        closed: why it was closed, None while it is open.
    """

    __slots__ = (
        "_clock",
        "_crowd",
        "_crowd_from",
        "_finishing",
        "_on_closed",
        "_progress_at",
        "_queue",
        "_reported",
        "_sent_bytes",
        "_skipping",
        "_socket",
        "_unacknowledged",
        "_wire",
        "closed",
        "descriptor",
        "flowing",
        "limits",
        "queued_bytes",
        "send",
        "skips",
    )

    def __init__(
        self,
        wire: Wire,
        limits: ViewerLimits,
        on_closed: Callable[["Viewer", Closed], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wire = wire
        self.send = wire.send
        self._socket = wire if isinstance(wire, OnSocket) else None
        self.descriptor = self._socket.descriptor if self._socket is not None else None
        self._unacknowledged = 0
        self._on_closed = on_closed
        self._clock = clock
        self._queue: deque[memoryview] = deque()
        self._skipping = True
        self._finishing = False
        self.flowing = False  # nothing queued, nothing to skip: the buffer can go straight to the socket
        self._progress_at = clock()
        self.limits = limits
        self.queued_bytes = 0
        self._sent_bytes = 0
        self._crowd: Crowd | None = None
        self._crowd_from = 0
        self.skips = 0
        self.closed: Closed | None = None
        self._reported = (0, 0)

    @property
    def sent_bytes(self) -> int:
        """What the kernel has taken."""
        if self._crowd is not None and self.flowing:
            return self._sent_bytes + self._crowd.sent_bytes - self._crowd_from
        return self._sent_bytes

    @property
    def skipping(self) -> bool:
        """Whether nothing is delivered until a keyframe."""
        return self._skipping

    def follow(self, crowd: Crowd | None) -> None:
        """From now on be sent to as one of these, or as nobody's."""
        self._sent_bytes = self.sent_bytes
        self._crowd = crowd
        self._crowd_from = crowd.sent_bytes if crowd is not None else 0

    def count(self, sent: int) -> None:
        """So many bytes have been sent past the wire."""
        self._sent_bytes += sent

    def begin(self, opening: bytes, group: Iterable[bytes]) -> None:
        """Send what precedes the picture and the cached group of pictures, however much that is.

        With an empty group the viewer starts at the next keyframe.
        """
        if opening:
            self.write(opening)
        for data in group:
            self._skipping = False
            self.write(data)
        self._flow(not (self._skipping or self._queue) and self.closed is None)

    def deliver(self, data: bytes, keyframe: bool) -> None:
        """Send one access unit (or a run of audio), unless this viewer is skipping."""
        if self.flowing:
            self._put(data)
            return
        if self._finishing:
            return
        has_room = not self._queue or self.queued_bytes + len(data) <= self.limits.queue_bytes
        if self._skipping:
            if not (keyframe and has_room):
                return
            self._skipping = False
        elif not has_room:
            self._skipping = True
            self.skips += 1
            self.check()
            return
        self.write(data)
        self._flow(not self._queue and self.closed is None)

    def write(self, data: bytes) -> None:
        """Send bytes that must not be skipped: a reply, a header, an access unit already decided on."""
        if self._queue:
            self._enqueue(memoryview(data))
        elif self.closed is None:
            self._put(data)

    def took(self, data: bytes, sent: int) -> None:
        """Account for a `send`: `sent` bytes of `data` are on their way, the rest is queued."""
        self._sent_bytes += sent
        if sent != len(data):
            self._flow(False)
            self._progress_at = self._clock()
            self._unacknowledged = 0
            self._wire.watch(self._drain)
            self._enqueue(memoryview(data)[sent:])

    def refused(self, data: bytes, error: OSError) -> None:
        """Account for a `send` that failed: the peer has gone, or takes nothing at the moment."""
        if isinstance(error, BlockingIOError):
            self.took(data, 0)
        else:
            self.close(Closed.LEFT)

    def check(self) -> None:
        """Close the viewer if its peer has taken nothing for `stall_s` although something is queued.

        What the socket has room for is not enough to go by: it says so again when a third of it is free, and a slow
        peer may take longer than that for some megabytes.
        """
        if not self._queue:
            return
        now = self._clock()
        if self._socket is not None:
            before, self._unacknowledged = self._unacknowledged, self._socket.unacknowledged()
            if self._unacknowledged < before:
                self._progress_at = now
        if now - self._progress_at > self.limits.stall_s:
            self.close(Closed.STALLED)

    def restart(self) -> None:
        """Wait for the next keyframe, as after a pause."""
        self._skipping = True
        self._flow(False)

    def finish(self, farewell: bytes = b"") -> None:
        """The stream has ended: send what is queued and a last word, then close."""
        if farewell:
            self.write(farewell)
        self._finishing = True
        self._flow(False)
        if not self._queue:
            self.close(Closed.ENDED)

    def close(self, reason: Closed) -> None:
        """Give the peer up and forget what is queued; further calls do nothing."""
        if self.closed is not None:
            return
        self.closed = reason
        self._flow(False)
        self._queue.clear()
        self.queued_bytes = 0
        self._wire.unwatch()
        self._wire.close()
        self._on_closed(self, reason)

    def take_counts(self) -> tuple[int, int]:
        """Bytes sent and skips made since the last call."""
        counts = self.sent_bytes - self._reported[0], self.skips - self._reported[1]
        self._reported = self.sent_bytes, self.skips
        return counts

    def _put(self, data: bytes) -> None:
        """Send now, since nothing is queued."""
        try:
            sent = self.send(data)
        except OSError as error:
            self.refused(data, error)
            return
        self.took(data, sent)

    def _enqueue(self, tail: memoryview) -> None:
        self._queue.append(tail)
        self.queued_bytes += len(tail)
        if self.queued_bytes > self.limits.hard_bytes:
            self.close(Closed.OVERFLOW)

    def _drain(self) -> None:
        queue = self._queue
        while queue:
            data = queue[0]
            try:
                sent = self.send(data)
            except BlockingIOError:
                return
            except OSError:
                self.close(Closed.LEFT)
                return
            self._progress_at = self._clock()
            self._sent_bytes += sent
            self.queued_bytes -= sent
            if sent < len(data):
                queue[0] = data[sent:]
                return
            queue.popleft()
        if self._finishing:
            self.close(Closed.ENDED)
            return
        self._wire.unwatch()
        self._flow(not self._skipping)

    def _flow(self, flowing: bool) -> None:
        """Have `flowing` be so, and the crowd know it."""
        if flowing is self.flowing:
            return
        if self._crowd is not None:
            self._sent_bytes = self.sent_bytes
            self._crowd_from = self._crowd.sent_bytes
        self.flowing = flowing
        if self._crowd is not None:
            self._crowd.moved(self)
