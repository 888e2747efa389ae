"""Whether a registered device is there: keepalives, and anything else it says (§3.4, GB-048 to GB-053).

Pure: time is a value, of a clock that only rises.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DEFAULT_INTERVAL_S: Final = 60.0
DEFAULT_COUNT: Final = 3
_INTERVALS_S: Final = (5.0, 3600.0)
_COUNTS: Final = (1, 10)
_SMOOTHING: Final = 0.3


@dataclass(slots=True)
class Heartbeat:
    """When a device was last heard, and when it counts as gone.

    Attributes:
        last_at: when it was last heard.
        interval_s: how often it says it is there, as configured.
        count: how many may be missed.
        measured_s: how often it really does, as seen; None before three have come. Of the last two periods it is
            the shorter one: an outage is no period.
    """

    last_at: float
    interval_s: float = DEFAULT_INTERVAL_S
    count: int = DEFAULT_COUNT
    measured_s: float | None = None
    _keepalive_at: float | None = None
    _period_s: float | None = None

    def configure(self, interval_s: float | None, count: int | None) -> None:
        """Take the device's own settings; nonsense is brought within bounds, what is missing is as usual (GB-050)."""
        self.interval_s = _clamp(interval_s or DEFAULT_INTERVAL_S, *_INTERVALS_S)
        self.count = int(_clamp(count or DEFAULT_COUNT, *_COUNTS))

    def heard(self, now: float) -> None:
        """Something came from it."""
        self.last_at = max(self.last_at, now)

    def kept_alive(self, now: float) -> None:
        """A keepalive came; its period is learnt (GB-051)."""
        self.heard(now)
        if self._keepalive_at is not None:
            period = min(now - self._keepalive_at, _INTERVALS_S[1])
            if self._period_s is not None:
                self._measured(min(period, self._period_s))
            self._period_s = period
        self._keepalive_at = now

    def _measured(self, period: float) -> None:
        if self.measured_s is None or period > self.measured_s:
            self.measured_s = period  # never less patient than it needs
        else:
            self.measured_s += _SMOOTHING * (period - self.measured_s)

    @property
    def gone_at(self) -> float:
        """When it counts as gone, if nothing is heard until then."""
        return self.last_at + max(self.interval_s, self.measured_s or 0.0) * self.count


def _clamp(value: float, least: float, most: float) -> float:
    return max(least, min(value, most))
