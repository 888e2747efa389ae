"""The clocks of a session's tracks, put on one time line: RTP timestamps to ticks of 90 kHz (RFC 3550 §6.4.1).

Until the sender says which wall clock its timestamps belong to, each track begins when its first packet came. From the
first sender reports on, sound is where the sender's clock puts it beside the picture. That clock may be years off: only
the difference between the tracks counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cambus.media.mpegps import Unwrapper

TICKS: Final = 90_000
FAR: Final = 10 * TICKS
"""A clock that leads so far away from arrival was set, or is none: the session is placed anew by arrival."""
WORTH: Final = TICKS // 50
"""Corrections below this are not heard."""
MOST_APART: Final = 10 * TICKS
"""Tracks of one session are not so far apart: reports that say so are wrong."""


@dataclass(slots=True)
class _Clock:
    """One track.

    Attributes:
        rate: ticks of its timestamps a second.
        unwrap: makes them grow for ever.
        offset: what is added to its time; None before its first packet.
        sender: the sender's wall clock minus its time; None before its first report.
    """

    rate: int
    unwrap: Unwrapper = field(default_factory=lambda: Unwrapper(32))
    offset: int | None = None
    sender: int | None = None

    def time(self, timestamp: int) -> int:
        return self.unwrap(timestamp) * TICKS // self.rate


class LipSync:
    """The time line of one session.

    Args:
        rates: of the timestamps of each track; the first is the one the others follow.
        placed: how often the session was placed anew.
        drift_us: the sender's wall clock minus ours, microseconds, by its last report; None before.
    """

    def __init__(self, rates: dict[int, int]) -> None:
        self.placed = 0
        self.drift_us: int | None = None
        self._clocks = {track: _Clock(rate) for track, rate in rates.items()}
        self._leader = next(iter(rates))

    def place(self, track: int, timestamp: int, arrival_us: int) -> tuple[int, bool]:
        """The time of a unit, and whether it does not continue what came before.

        Args:
            track: whose unit.
            timestamp: of its packets, 32 bits.
            arrival_us: when it arrived.
        """
        clock, arrival = self._clocks[track], arrival_us * 9 // 100
        time = clock.time(timestamp)
        if clock.offset is None:
            clock.offset = arrival - time
            self._align(track)
        elif abs(time + clock.offset - arrival) > FAR:
            self._place_anew()
            clock.offset = arrival - time
            return arrival, True
        return time + (clock.offset or 0), False

    def report(self, track: int, wall_us: int, timestamp: int, arrival_us: int) -> None:
        """The sender says which wall clock a timestamp belongs to.

        Args:
            track: whose timestamp.
            wall_us: microseconds since 1970 UTC, by the sender.
            timestamp: 32 bits.
            arrival_us: when that came.
        """
        clock = self._clocks[track]
        clock.sender = wall_us * 9 // 100 - clock.time(timestamp)
        self.drift_us = wall_us - arrival_us
        for each in self._clocks:
            self._align(each)

    def _align(self, track: int) -> None:
        """Put a track where the sender's clock has it beside the leader."""
        clock, leader = self._clocks[track], self._clocks[self._leader]
        if clock is leader or None in {clock.offset, clock.sender, leader.offset, leader.sender}:
            return
        wanted = (leader.offset or 0) + (clock.sender or 0) - (leader.sender or 0)
        apart = abs(wanted - (clock.offset or 0))
        if WORTH < apart <= MOST_APART:
            clock.offset = wanted

    def _place_anew(self) -> None:
        self.placed += 1
        for each in self._clocks.values():
            each.offset = each.sender = None
