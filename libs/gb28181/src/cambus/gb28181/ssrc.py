"""The `y=` of a session: ten digits whose number is the SSRC (GB/T 28181-2022 annex G, GB-145 to GB-148).

::

    1 34000 0007
    |   |   number within the domain
    |   digits 4 to 8 of the SIP domain
    0 live, 1 history
"""

from __future__ import annotations

from collections import deque
from typing import Final

from cambus.gb28181.errors import MediaError

POOL: Final = 10_000
QUARANTINE_S: Final = 5.0
DIGITS: Final = 10
MAX_SSRC: Final = 2**32 - 1
WIDE_POOL: Final = 10**9


def read_y(text: str | None) -> int | None:
    """The SSRC in a `y=`; None for none, too many digits, or a number that is none (GB-145)."""
    value = (text or "").strip()
    if not 1 <= len(value) <= DIGITS or not (value.isascii() and value.isdigit()):
        return None
    number = int(value)
    return number if 0 < number <= MAX_SSRC else None


def write_y(ssrc: int) -> str:
    """An SSRC as the ten digits of a `y=`."""
    return f"{ssrc:0{DIGITS}d}"


class SsrcPool:
    """Gives out SSRCs, none of them twice at a time, and rests each for a while after its session.

    Args:
        domain: the ten digits of our SIP domain.
        share: which part of the pool is ours, and of how many: replicas never give out the same (GB-148).
        wide: use all nine digits behind the first, not only the last four; more than the standard allows.
        quarantine_s: how long one rests.
    """

    def __init__(
        self,
        domain: str,
        *,
        share: tuple[int, int] = (0, 1),
        wide: bool = False,
        quarantine_s: float = QUARANTINE_S,
    ) -> None:
        index, of = share
        if not 0 <= index < of <= POOL:
            raise ValueError(f"share {index} of {of}")
        self._base = 0 if wide else int(domain[3:8].ljust(5, "0")) * POOL
        self._size = WIDE_POOL if wide else POOL
        self._quarantine_s = quarantine_s
        self._first = index or of
        """0 is never used: it means nothing in a `y=` of a live session."""
        self._step = of
        self._fresh = {True: self._first, False: self._first}
        self._resting: dict[bool, deque[tuple[float, int]]] = {True: deque(), False: deque()}
        self._used: set[int] = set()

    def take(self, now: float, *, history: bool) -> int:
        """An SSRC nobody uses.

        Args:
            now: the time in seconds, of any clock that only rises.
            history: for playback or download, else for live video and talk.

        Raises:
            MediaError: `ssrc-exhausted`.
        """
        fresh = self._fresh[history]
        resting = self._resting[history]
        rested = bool(resting) and now - resting[0][0] >= self._quarantine_s
        if fresh < self._size and not (rested and len(resting) >= POOL):
            self._fresh[history] = fresh + self._step
            number = fresh
        elif rested:
            number = resting.popleft()[1]
        else:
            raise MediaError("ssrc-exhausted", f"all {self._size // self._step} session numbers are in use")
        ssrc = (10**9 if history else 0) + self._base + number
        self._used.add(ssrc)
        return ssrc

    def give_back(self, ssrc: int, now: float) -> None:
        """The session is over; the number rests before it is given out again."""
        if ssrc in self._used:
            self._used.discard(ssrc)
            history = ssrc >= 10**9
            number = ssrc - (10**9 if history else 0) - self._base
            self._resting[history].append((now, number))

    @property
    def in_use(self) -> int:
        """How many are in use."""
        return len(self._used)
