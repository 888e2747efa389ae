"""Frames onto the bus: numbered, cut to what one message carries, dropped rather than queued.

Media is lossy by contract. When NATS is away or slower than the device, whole groups of pictures are left out
and counted; the device's socket is drained all the same.
"""

import time
from collections.abc import Callable
from typing import Final, Protocol

from cambus.client.errors import BusError
from cambus.connector.media_metrics import MediaMetrics
from cambus.media.errors import FrameError
from cambus.media.frame import Codec, Flag, Frame, Kind, encode_frame

MAX_BACKLOG_BYTES: Final = 8 << 20
"""Unsent bytes on the connection above which frames are left out; nats-py's own buffer is twice that."""

_SEQ_MASK: Final = 0xFFFFFFFF


class FrameBus(Protocol):
    """What a publisher needs of the bus; `cambus.bus.connection.Bus` is one."""

    @property
    def max_payload(self) -> int:
        """The most bytes of one message."""

    @property
    def backlog_bytes(self) -> int:
        """Bytes accepted and not handed to the socket yet."""

    async def publish(self, subject: str, data: bytes = b"") -> None:
        """Send one message."""


class FramePublisher:
    """Publishes the frames of one media subject.

    Args:
        bus: the connection.
        subject: where to.
        metrics: counts frames, bytes and drops.
        wall_us: the clock of the END frame, microseconds since 1970 UTC.

    Attributes:
        published: frames sent.
        dropped: frames left out.
        last_pts: pts of the newest frame sent, None before the first.
    """

    def __init__(
        self,
        bus: FrameBus,
        subject: str,
        metrics: MediaMetrics,
        *,
        wall_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self.subject = subject
        self.published = 0
        self.dropped = 0
        self.last_pts: int | None = None
        self._bus = bus
        self._metrics = metrics
        self._wall_us = wall_us
        self._seq = 0
        self._broken = True
        self._await_keyframe = False

    def mark_discontinuity(self) -> None:
        """What comes next does not continue what came before: the stream was opened anew."""
        self._broken = True

    async def publish(self, frame: Frame) -> bool:
        """Number a frame and send it; False if it was left out. The `seq` it comes with does not matter.

        Only the connection's own buffer is written to, so this returns at once unless the socket is full.
        """
        if self._await_keyframe and frame.kind is Kind.VIDEO and not frame.keyframe:
            return self._drop(frame, "backlog")
        if self._bus.backlog_bytes > MAX_BACKLOG_BYTES:
            return self._lose(frame, "backlog")
        flags = frame.flags | Flag.DISCONTINUITY if self._broken else frame.flags
        try:
            messages = encode_frame(frame, self._bus.max_payload, seq=self._seq, flags=flags)
        except FrameError:
            return self._lose(frame, "oversize")
        self._seq = (self._seq + 1) & _SEQ_MASK
        try:
            for message in messages:
                await self._bus.publish(self.subject, message)
        except BusError:
            return self._lose(frame, "bus")
        self._broken = False
        if frame.kind is Kind.VIDEO:
            self._await_keyframe = False
        self.published += 1
        self.last_pts = frame.pts
        self._metrics.sent(frame.kind, frame.codec, len(frame.payload))
        return True

    async def end(self) -> None:
        """Say that the stream ends here; nothing if nothing was ever sent."""
        if not self.published:
            return
        pts = self.last_pts or 0
        last = Frame(Kind.DATA, Codec.OPAQUE, Flag.END, 0, pts, pts, self._wall_us(), b"")
        self._await_keyframe = False
        await self.publish(last)
        self.mark_discontinuity()

    def _lose(self, frame: Frame, reason: str) -> bool:
        """Leave a frame out; video goes on with the next keyframe, for the rest of the group would not decode."""
        if frame.kind is Kind.VIDEO:
            self._await_keyframe = True
            self._broken = True
        return self._drop(frame, reason)

    def _drop(self, frame: Frame, reason: str) -> bool:
        self.dropped += 1
        self._metrics.dropped(frame.kind, reason)
        return False
