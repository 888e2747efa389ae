"""The device's clock: it says local times without a zone, and is wrong by seconds or years.

The zone comes from the record, else from the device's own setting, else from its clock itself: the quarter of an hour
that is nearest to its difference from ours. What remains is drift.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final

QUARTER: Final = timedelta(minutes=15)
MAX_OFFSET: Final = timedelta(hours=15)
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

    def offset_s(self, instant: datetime) -> int:
        """Return how far its zone is ahead of UTC at an instant, in seconds."""
        offset = instant.astimezone(self.zone).utcoffset()
        return 0 if offset is None else round(offset.total_seconds())

    def drift_s(self, local: datetime, instant: datetime) -> float:
        """Return how far a clock that shows `local` at `instant` is ahead of ours, in seconds."""
        return (self.to_utc(local) - instant).total_seconds()


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
