"""One clock for all tracks of a session: output time that only rises, whatever a device writes (§11, GB-185)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

TICKS: Final = 90_000
JUMP: Final = 10 * TICKS
"""Larger steps are not of the pictures but of the device's clock, or of a seek."""
BACK: Final = TICKS // 2
"""Pictures shown before one that was sent earlier are no further back than this."""


@dataclass(slots=True)
class MediaClock:
    """What the tracks of a session have in common.

    Attributes:
        first: output time and arrival of the first unit of the session; None before it.
        low, high: the span of picture times as the device has them.
    """

    first: tuple[int, float] | None = None
    low: int | None = None
    high: int = 0

    @property
    def span_s(self) -> float:
        """How much media time has come, as the device's own clock has it."""
        return 0.0 if self.low is None else (self.high - self.low) / TICKS

    def saw(self, time: int) -> None:
        """A picture has this time on the device's clock."""
        if self.low is None:
            self.low = self.high = time
        elif time > self.high:
            self.high = time
        elif time < self.low:
            self.low = time


@dataclass(slots=True)
class TimeBase:
    """The zero from which a device counts: PS has one for all that is in it, RTP one for each payload type.

    Attributes:
        session: what it has in common with others; a later one is put in step by when its first unit came.
        offset: what is added to its times; None before the first.
    """

    session: MediaClock
    offset: int | None = None

    def begin(self, time: int, now: float) -> int:
        """The output time of the first unit of a track."""
        session = self.session
        if session.first is None:
            session.first = (time, now)
        if self.offset is None:
            self.offset = session.first[0] + round((now - session.first[1]) * TICKS) - time
        return time + self.offset


@dataclass(slots=True)
class TrackClock:
    """Output times of one track: by its PTS, else by its RTP timestamps, else by when it came.

    Attributes:
        base: from where it counts.
    """

    base: TimeBase
    _last: tuple[int | None, int, float, int] | None = field(default=None)
    _offset: int = field(default=0)

    def __call__(self, pts: int | None, rtp: int, now: float) -> int:
        """The output time of a unit, in 90 kHz; later than all before it.

        Args:
            pts: as the stream has it, unwrapped; None where it has none.
            rtp: of its packets, unwrapped, in 90 kHz.
            now: when it came, in seconds.
        """
        first = self._last is None
        out = self.base.begin(rtp if pts is None else pts, now) if first else self._next(pts, rtp, now)
        if pts is not None and (first or self._broke(pts, out)):
            self._offset = out - pts
        self._last = (pts, rtp, now, out)
        return out

    def _next(self, pts: int | None, rtp: int, now: float) -> int:
        assert self._last is not None  # noqa: S101 - not the first
        last_pts, last_rtp, last_now, last = self._last
        if pts is not None and last_pts is not None and pts != last_pts:
            out = pts + self._offset
            if abs(pts - last_pts) <= JUMP and out > last - BACK:
                return max(out, last + 1)
        if 0 < rtp - last_rtp <= JUMP:
            return last + rtp - last_rtp
        return last + max(1, round((now - last_now) * TICKS))

    def _broke(self, pts: int, out: int) -> bool:
        """Whether the PTS does not lead to this time any more: those that follow are counted from here."""
        return abs(pts + self._offset - out) > BACK
