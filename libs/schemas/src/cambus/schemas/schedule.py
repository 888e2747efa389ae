"""Weekly schedules, for recording policies, alarm rules and upgrades alike."""

import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, StringConstraints

from cambus.schemas.model import Message, example

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

TimeOfDay = Annotated[
    str, StringConstraints(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?|24:00(:00)?)$")
]
"""`HH:MM` or `HH:MM:SS`; 24:00 is the end of the day."""


def zone(name: str) -> tzinfo:
    """Return the time zone of an IANA name.

    Raises:
        ValueError: there is none of that name on this system.
    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("wanted an IANA time zone such as Europe/Berlin or UTC") from None


def _known_zone(name: str) -> str:
    zone(name)
    return name


TimeZone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_known_zone)]
"""The IANA name of a time zone."""


def _seconds(time: str) -> int:
    hours, minutes, seconds = (*time.split(":"), "0")[:3]
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds)


def _instants(day: date, second: int, where: tzinfo) -> Iterator[datetime]:
    """When the clock on the wall shows that second of the day: twice where it was set back in between."""
    shown = datetime.combine(day, time(), None) + timedelta(seconds=second)
    for fold in (0, 1):
        yield shown.replace(tzinfo=where, fold=fold).astimezone(UTC)


def _clock_changes(start: datetime, end: datetime, where: tzinfo) -> Iterator[datetime]:
    """When the clock on the wall is set forward or back between two instants."""
    at = start
    while at < end:
        before, after = at, min(at + timedelta(hours=6), end)
        at = after
        if before.astimezone(where).utcoffset() == after.astimezone(where).utcoffset():
            continue
        while after - before > timedelta(seconds=1):
            middle = before + (after - before) / 2
            same = middle.astimezone(where).utcoffset() == before.astimezone(where).utcoffset()
            before, after = (middle, after) if same else (before, middle)
        yield after.replace(microsecond=0)


class TimeSpan(Message):
    """A span on some days of the week; one that ends no later than it starts runs past midnight."""

    model_config = example(days=["mon", "tue", "wed", "thu", "fri"], start="22:00", end="06:00")

    days: list[Weekday] = Field(
        default_factory=lambda: list(WEEKDAYS),
        min_length=1,
        max_length=7,
        description="The days it starts on.",
    )
    start: TimeOfDay = Field(default="00:00", description="First second of the span, local time.")
    end: TimeOfDay = Field(default="24:00", description="First second after the span, local time.")

    @property
    def edges(self) -> tuple[int, int]:
        """Its start and its end, as seconds of their days."""
        return _seconds(self.start), _seconds(self.end)

    def covers(self, weekday: int, second: int) -> bool:
        """Whether `second` of the day `weekday` (0 is Monday) lies in the span."""
        start, end = _seconds(self.start), _seconds(self.end)
        today, yesterday = WEEKDAYS[weekday] in self.days, WEEKDAYS[weekday - 1] in self.days
        if start < end:
            return today and start <= second < end
        return (today and second >= start) or (yesterday and second < end)


class WeekSchedule(Message):
    """When something applies: whenever one of the spans covers the clock on the wall of `time_zone`."""

    model_config = example(
        time_zone="Europe/Berlin",
        spans=[
            {"days": ["mon", "tue", "wed", "thu", "fri"], "start": "18:00", "end": "07:00"},
            {"days": ["sat", "sun"], "start": "00:00", "end": "24:00"},
        ],
    )

    time_zone: TimeZone = Field(default="UTC", description="The zone of the spans, an IANA name.")
    spans: list[TimeSpan] = Field(max_length=200, description="The spans; none means never.")

    def covers(self, at: datetime) -> bool:
        """Whether the schedule applies at the instant `at` (with a zone)."""
        local = at.astimezone(zone(self.time_zone))
        second = (local.hour * 60 + local.minute) * 60 + local.second
        return any(span.covers(local.weekday(), second) for span in self.spans)

    def between(self, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        """The times between two instants (with a zone) at which the schedule applies, in UTC, in order.

        Daylight saving is told as `covers` tells it: by what the clock on the wall shows.
        """
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        edges = [start, *self._edges(start, end), end]
        found: list[tuple[datetime, datetime]] = []
        for begin, finish in itertools.pairwise(edges):
            if begin >= finish or not self.covers(begin):
                continue
            if found and found[-1][1] == begin:
                found[-1] = (found[-1][0], finish)
            else:
                found.append((begin, finish))
        return found

    def _edges(self, start: datetime, end: datetime) -> list[datetime]:
        """The instants between two others at which it may begin or cease to apply, in order."""
        where = zone(self.time_zone)
        seconds = {0, *(second for span in self.spans for second in span.edges)}
        day, last = (start - timedelta(days=1)).date(), (end + timedelta(days=1)).date()
        edges = set(_clock_changes(start, end, where))
        while day <= last:
            edges.update(at for second in seconds for at in _instants(day, second, where))
            day += timedelta(days=1)
        return sorted(at for at in edges if start < at < end)
