"""Frames out of runs of RTP packets, for streams that do not mind where packets end."""

from __future__ import annotations

from typing import Final, NamedTuple

from cambus.media.rtp_receiver import RtpRun

MAX_FRAME_BYTES: Final = 8 * 1024 * 1024


class RtpFrame(NamedTuple):
    """The payloads of one timestamp, joined.

    Attributes:
        timestamp: of its packets, 32 bits.
        payload: all of them.
        complete: whether its marker came: nothing of it will follow.
    """

    timestamp: int
    payload: bytes
    complete: bool


class FrameJoiner:
    """Joins runs of one payload type to frames.

    Args:
        max_bytes: larger frames are cut into several.
    """

    def __init__(self, *, max_bytes: int = MAX_FRAME_BYTES) -> None:
        self._most = max_bytes
        self._parts: list[bytes] = []
        self._size = 0
        self._timestamp = 0

    def push(self, run: RtpRun) -> list[RtpFrame]:
        """Take a run; the frames it ends."""
        found = []
        if self._parts and run.timestamp != self._timestamp:
            found.append(self._take(complete=False))
        self._timestamp = run.timestamp
        self._parts += filter(None, run.payloads)  # what is empty adds to no size, and would never be enough
        if run.marker:
            found.append(self._take(complete=True))
            return found
        self._size += sum(map(len, run.payloads))
        if self._size >= self._most:
            found.append(self._take(complete=False))
        return found

    def drop(self) -> None:
        """Something is missing: what is under way is dropped."""
        self._parts = []
        self._size = 0

    def flush(self) -> list[RtpFrame]:
        """What is under way."""
        return [self._take(complete=False)] if self._parts else []

    def _take(self, *, complete: bool) -> RtpFrame:
        parts = self._parts
        payload = parts[0] if len(parts) == 1 else b"".join(parts)
        self.drop()
        return RtpFrame(self._timestamp, payload, complete)
