"""The clock of a simulated device: host time plus what somebody set, without a zone, as DVRIP has it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def _utc_now() -> datetime:
    return datetime.now(UTC)


class DeviceClock:
    """Device local time, as a naive datetime.

    Args:
        utc_offset_minutes: local time minus UTC.
        utc_now: where the time comes from; aware.

    Attributes:
        offset: how far the clock is off, e.g. because it was set; assign to make it lie.
    """

    def __init__(self, utc_offset_minutes: int = 0, utc_now: Callable[[], datetime] = _utc_now) -> None:
        self.utc_offset = timedelta(minutes=utc_offset_minutes)
        self.offset = timedelta()
        self._utc_now = utc_now

    def local(self) -> datetime:
        """What the device believes it is now."""
        return self._utc_now().replace(tzinfo=None) + self.utc_offset + self.offset

    def set_local(self, time: datetime) -> None:
        """Set the clock to a local time."""
        self.offset = time - (self._utc_now().replace(tzinfo=None) + self.utc_offset)

    def set_offset(self, seconds: float) -> None:
        """Be off by so many seconds."""
        self.offset = timedelta(seconds=seconds)

    def set_utc(self, time: datetime) -> None:
        """Set the clock by a UTC time without zone."""
        self.set_local(time + self.utc_offset)
