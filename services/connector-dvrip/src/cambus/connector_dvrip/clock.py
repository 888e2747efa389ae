"""The device's clock: it says local times without a zone, and is wrong by seconds or years.

The zone comes from the record, else from the device's own setting, else from its clock itself: the quarter of an hour
that is nearest to its difference from ours. What remains is drift.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final

QUARTER: Final = timedelta(minutes=15)
MAX_OFFSET: Final = timedelta(hours=15)
PUT_BACK_QUARTERS: Final = 12
"""Clocks are put back by less than three hours, on a full quarter of an hour."""

_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DeviceZone:
    """The zone a device's clock runs in.

    Attributes:
        zone: fixed, or with daylight saving.
        guessed: it was read off the clock, so a clock that is wrong by more than some minutes looks like another zone.
    """

    zone: tzinfo
    guessed: bool = False

    def to_utc(self, local: datetime) -> datetime:
        """Return the instant of a time on the device's clock. In the hour that comes twice, the first.

        Years 1 and 9999, which devices write for "always", may reach beyond the calendar: then its edge.
        """
        try:
            return local.replace(tzinfo=self.zone).astimezone(UTC)
        except OverflowError:
            return _FIRST if local.year == 1 else _LAST

    def to_local(self, instant: datetime) -> datetime:
        """Return what the device's clock shows at an instant, without a zone."""
        try:
            return instant.astimezone(self.zone).replace(tzinfo=None)
        except OverflowError:
            return instant.replace(tzinfo=None)

    def span_to_utc(self, begin: datetime, end: datetime) -> tuple[datetime, datetime]:
        """Return the instants of something that lasted from one time on the device's clock to another.

        An end before the begin is one in the hour that comes twice, the second time, if that makes sense; else it is
        the begin. A time in the hour that is left out counts as if the clock had not been put forward.
        """
        start = self.to_utc(begin)
        stop = max(self.to_utc(end), start)
        if end < begin:
            stop = max(self.to_utc(end.replace(fold=1)), start)
        return start, stop

    def span_to_local(self, start: datetime, end: datetime) -> tuple[datetime, datetime]:
        """Return the earliest and the latest time the device's clock shows from one instant to another.

        Where the clock is put back that is more than it shows at the two: an hour comes twice, and both are in it.
        """
        first, last = _quarter(start), _quarter(end)
        shown = [self.to_local(start), self.to_local(end)]
        for step in range(PUT_BACK_QUARTERS):
            later, earlier = (step + 1) * QUARTER, step * QUARTER + timedelta(seconds=1)
            if end - first > later:
                shown.append(self.to_local(first + later))
            if last - start > earlier:
                shown.append(self.to_local(last - earlier))
        return min(shown), max(shown)

    def offset_s(self, instant: datetime) -> int:
        """Return how far its zone is ahead of UTC at an instant, in seconds."""
        offset = instant.astimezone(self.zone).utcoffset()
        return 0 if offset is None else round(offset.total_seconds())

    def drift_s(self, local: datetime, instant: datetime) -> float:
        """Return how far a clock that shows `local` at `instant` is ahead of ours, in seconds."""
        return (self.to_utc(local) - instant).total_seconds()


def _quarter(instant: datetime) -> datetime:
    """The last full quarter of an hour that is not after an instant."""
    return instant.replace(minute=instant.minute // 15 * 15, second=0, microsecond=0)


UTC_ZONE: Final = DeviceZone(UTC, guessed=True)


def zone_of_minutes(minutes_to_utc: int) -> DeviceZone | None:
    """Return the zone that `System.TimeZone` states: minutes to add to local time for UTC (-480 is UTC+8)."""
    offset = timedelta(minutes=-minutes_to_utc)
    return DeviceZone(timezone(offset)) if abs(offset) <= MAX_OFFSET else None


def guess_zone(local: datetime, instant: datetime) -> DeviceZone:
    """Return the zone in which a clock that shows `local` at `instant` would be most nearly right.

    A clock that is wrong by a day or more says nothing about its zone: then UTC.
    """
    difference = local.replace(tzinfo=UTC) - instant
    offset = QUARTER * round(difference / QUARTER)
    if abs(offset) > MAX_OFFSET:
        return UTC_ZONE
    return DeviceZone(timezone(offset), guessed=True)
