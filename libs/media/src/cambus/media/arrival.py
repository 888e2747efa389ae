"""Follows the arrivals of one medium: where its true time line runs, although the network delays every frame.

The reasoning is in ``docs/design/time.md``. In short: a frame is late, never early, so the least late frame
of the recent past is the one to go by. All times are microseconds.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

#: How much of the recent past is looked at for its least late frame.
WINDOW_US: Final = 3_000_000
#: So long without frames is a gap, unless frames come that rarely anyway.
GAP_US: Final = 500_000
GAP_INTERVALS: Final = 4
#: After such a gap nobody waits to see whether a burst makes up for it.
LONG_GAP_US: Final = 3_000_000
#: How long frames must stay late after a gap until the source is held to have stalled.
_SETTLE_US: Final = 500_000
#: Frames that come this much faster than real time are making up for a gap.
_CATCHING_UP: Final = 1.5
#: A frame is no longer late when it is this close to where the base says it should be.
_CAUGHT_UP_US: Final = 100_000
#: Corrections below this are not worth an uneven step.
_TOLERANCE_US: Final = 10_000
#: How much of its pace a time line gives up when it is far ahead of real time.
_BRAKE: Final = 0.9
#: A time line that has just begun may hurry: its first frame was as late as chance had it.
_HASTE: Final = 10


@dataclass(frozen=True, slots=True)
class Tuning:
    """How a medium takes corrections.

    Attributes:
        jump_us: forward, more than this is made at once and is a discontinuity; backward, the time line
            brakes.
        time_constant_us: how fast smaller differences are worked off.
        max_slew: the largest share of a step by which a small difference may alter it.
    """

    jump_us: int
    time_constant_us: int
    max_slew: float


VIDEO: Final = Tuning(jump_us=500_000, time_constant_us=500_000, max_slew=_BRAKE)
#: A player has to insert or drop samples for every correction: half a percent is not heard.
AUDIO: Final = Tuning(jump_us=200_000, time_constant_us=500_000, max_slew=0.005)


@dataclass(slots=True)
class _Gap:
    """A pause of which it is open whose it was.

    Attributes:
        media: the media clock where the frames were last seen to come faster than real time, at first where
            it ended.
        arrival_us: the arrival of that frame.
        level: how late frames were before it; when they are no later again, everything has come.
        least: the least lateness since.
        anchored: whether the time line has been put on the frame behind it already.
    """

    media: float
    arrival_us: int
    level: float
    least: float
    anchored: bool


class ArrivalFollower:
    """The time line of one medium.

    Attributes:
        lateness_us: how much later than counted the last frame came, the first frame's delay being zero.
        steady: False while a gap is open, that is, until it is known whether a burst makes up for it and
            until that burst has come: what was counted before and what is counted now must not be compared.
    """

    def __init__(self, tuning: Tuning) -> None:
        self._tuning = tuning
        self._origin: int | None = None
        self._media = 0.0
        self._offset = 0.0
        self._last_arrival = 0
        self._interval = 0.0
        # Lateness of recent frames, rising: the first is the least, later ones count when it has aged out.
        self._recent: deque[tuple[float, float]] = deque()
        self._progress = 0.0
        self._gap: _Gap | None = None
        self._braking = False
        self.lateness_us = 0.0
        self.steady = False

    def advance(self, step_us: float, arrival_us: int) -> tuple[float, bool]:
        """Count one frame on.

        Args:
            step_us: how much media time lies between the frame before and this one.
            arrival_us: when it arrived; never less than the time before.

        Returns:
            The frame's time on the arrival clock, jitter removed, and whether it is a discontinuity.
        """
        if self._origin is None:
            self._origin = self._last_arrival = arrival_us
            self._interval = step_us
            self._recent.append((0.0, 0.0))
            self.steady = True
            return float(arrival_us), True
        waited = arrival_us - self._last_arrival
        self._last_arrival = arrival_us
        self._media += step_us
        lateness = self.lateness_us = arrival_us - self._origin - self._media
        gap_us = max(GAP_US, GAP_INTERVALS * self._interval)
        self._interval += (min(waited, LONG_GAP_US) - self._interval) / 8
        self.steady = self._judge_gap(waited, gap_us, lateness)
        self._remember(min(waited, gap_us), lateness)
        jumped = self._follow(step_us)
        return self._origin + self._media + self._offset, jumped

    def _judge_gap(self, waited: int, gap_us: float, lateness: float) -> bool:
        """Whether this frame may be compared with those before: no gap is open."""
        if waited >= gap_us:
            anchored = waited >= LONG_GAP_US
            self._gap = _Gap(self._media, self._last_arrival, self._recent[0][1], lateness, anchored)
            if anchored:
                self._restart(lateness)
            return False
        gap = self._gap
        if gap is None:
            return True
        if lateness <= gap.level + _CAUGHT_UP_US:
            self._gap = None
            return False
        gap.least = min(gap.least, lateness)
        since = self._last_arrival - gap.arrival_us
        if since >= _SETTLE_US:
            if self._media - gap.media < _CATCHING_UP * since:
                self._gap = None
                if not gap.anchored:
                    self._restart(gap.least)
            else:
                gap.media, gap.arrival_us = self._media, self._last_arrival
        return False

    def _restart(self, lateness: float) -> None:
        """Go by this from now on."""
        self._recent.clear()
        self._recent.append((self._progress, lateness))

    def _remember(self, waited: float, lateness: float) -> None:
        """Keep the least lateness of the window, which stands still while a gap is open."""
        recent = self._recent
        if self._gap is None:
            self._progress += waited
            oldest = self._progress - WINDOW_US
            while len(recent) > 1 and recent[0][0] < oldest:
                recent.popleft()
        while recent and recent[-1][1] >= lateness:
            recent.pop()
        recent.append((self._progress, lateness))

    def _follow(self, step_us: float) -> bool:
        """Move the offset towards the base; True for a jump."""
        tuning = self._tuning
        error = self._recent[0][1] - self._offset
        if -_TOLERANCE_US <= error <= _TOLERANCE_US:
            self._braking = False
            return False
        if error > tuning.jump_us:
            self._offset += error
            return True
        if error < -tuning.jump_us:
            self._braking = True
        if self._braking and error < 0:
            self._offset -= min(_BRAKE * step_us, -error)
            return False
        haste = _HASTE if self._progress < WINDOW_US else 1
        most = min(_BRAKE, tuning.max_slew * haste) * step_us
        excess = error - _TOLERANCE_US if error > 0 else error + _TOLERANCE_US
        self._offset += max(-most, min(most, excess * step_us / tuning.time_constant_us))
        return False
