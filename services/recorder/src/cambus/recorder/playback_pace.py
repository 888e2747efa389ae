"""When a unit of a playback is due, and what its time stamp is; no clock inside.

The time stamps of a playback are those of its viewers: they go on at the pace of a clock, whatever the speed, and do
not jump where recorded time does. A pause takes no time at all.
"""

from cambus.recorder.extent import TICKS_PER_S

STEP = TICKS_PER_S // 25
"""Ticks between the last picture before a jump and the first behind it."""

MOST_LATE_S = 2.0
"""What is later than this is not caught up with: the disk, the machine or NATS stood still."""


class Pace:
    """The line from recorded time to the time of viewers.

    Args:
        speed: recorded seconds for each second; below 0 backwards.
        pts: the time stamp to begin with.

    Attributes:
        next_pts: what comes after a jump is stamped with this.
        last_pts: of the last picture that went out.
    """

    def __init__(self, speed: float, pts: int = 0) -> None:
        self.next_pts = pts
        self.last_pts = pts - STEP
        self._speed = speed
        self._anchor: tuple[int, int, float] | None = None  # recorded ticks, time stamp, clock
        self._held_at: float | None = None

    @property
    def speed(self) -> float:
        """Recorded seconds for each second; below 0 backwards."""
        return self._speed

    def stamp(self, at: int, now: float) -> tuple[int, float]:
        """The time stamp of recorded time `at` (ticks), and when it is due; after a jump that is now."""
        if self._anchor is None:
            self._anchor = (at, self.next_pts, now)
        from_at, from_pts, from_clock = self._anchor
        ahead = (at - from_at) / self._speed
        due = from_clock + ahead / TICKS_PER_S
        if now - due > MOST_LATE_S and self._held_at is None:
            self._anchor = (from_at, from_pts, from_clock + (now - due))
            due = now
        return max(round(from_pts + ahead), 0), due

    def shown(self, pts: int) -> None:
        """A picture went out with this time stamp."""
        self.last_pts = pts
        self.next_pts = max(self.next_pts, pts + STEP)

    def jump(self) -> None:
        """What comes next does not continue what came before, and is due at once."""
        self._anchor = None

    def hold(self, now: float) -> None:
        """Time stands still from now on."""
        if self._held_at is None:
            self._held_at = now

    def go(self, now: float) -> None:
        """Time goes on."""
        held, self._held_at = self._held_at, None
        if held is not None and self._anchor is not None:
            at, pts, clock = self._anchor
            self._anchor = (at, pts, clock + now - held)

    def set_speed(self, speed: float) -> None:
        """Another speed, from the next unit on."""
        self._speed = speed
        self.jump()
