"""How wrong a device's clock is, by the dates it puts into its stream (``docs/design/time.md``)."""

from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Final

#: A clock that is off by this much more or less than before has been set.
JUMP_S: Final = 5.0
_KEPT: Final = 32
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class DeviceClock:
    """Compares the device's dates with the time at which they are true.

    Dates are cut to whole seconds, so a comparison is too small by up to a second: the largest of the last
    few is the best.
    """

    def __init__(self) -> None:
        self._offsets: deque[float] = deque(maxlen=_KEPT)

    @property
    def offset_s(self) -> float | None:
        """Device clock minus ours, seconds; positive when the device is ahead. None before the first date."""
        return max(self._offsets, default=None)

    def observe(self, device_time: datetime, true_us: float) -> float | None:
        """Compare one date.

        Args:
            device_time: what the device says; without a zone it is read as UTC.
            true_us: when that was by our clock, microseconds since 1970 UTC.

        Returns:
            By how many seconds the clock jumped, None if it did not jump by more than :data:`JUMP_S`.
        """
        aware = device_time if device_time.tzinfo else device_time.replace(tzinfo=UTC)
        offset = ((aware - _EPOCH) / _MICROSECOND - true_us) / 1e6
        before = self.offset_s
        jump = None if before is None else offset - before
        if jump is not None and abs(jump) > JUMP_S:
            self._offsets.clear()
        else:
            jump = None
        self._offsets.append(offset)
        return jump
