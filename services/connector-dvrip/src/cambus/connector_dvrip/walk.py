"""A span of time, walked through the recordings by name.

Asked for a span, some recorders play channel 0 whatever was wanted (DVRIP §10.1); asked for a file they play that file.
Files may overlap (an alarm's beside the regular one), begin before the span and end behind it: each is asked for, and
cut, so that together they cover the span once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cambus.dvrip.archive_cut import GroupCutter
from cambus.dvrip.messages.playback import PlaybackTarget
from cambus.dvrip.messages.search import FileRecord, parse_file_name

SHORTEST: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording, or the wanted part of it, by the device's clock.

    Attributes:
        file_name: as the device calls it.
        begin: from when, as the device is asked; None if nobody knows.
        end: until when.
        length_kib: size of what is wanted of it; 0 if unknown.
        cut_begin: what is older is left out, should the device send it; None: nothing is.
        cut_end: the same for what is newer.
    """

    file_name: str
    begin: datetime | None = None
    end: datetime | None = None
    length_kib: int = 0
    cut_begin: datetime | None = None
    cut_end: datetime | None = None

    def cutter(self) -> GroupCutter:
        """What cuts its bytes."""
        return GroupCutter(self.cut_begin, self.cut_end)

    def target(self, channel: int, stream: int, begin: datetime | None = None) -> PlaybackTarget:
        """What to ask the device for, from `begin` on if that is given; `channel` as the device counts."""
        return PlaybackTarget(self.file_name, channel, begin or self.begin, self.end, stream)


def walk(records: Iterable[FileRecord], start: datetime, end: datetime) -> list[Clip]:
    """Return what to ask for, oldest first: every recorded instant of the span once, none twice."""
    timed = [(times[0], times[1], record) for record in records if (times := times_of(record)) is not None]
    timed.sort(key=lambda each: (each[0], -each[1].timestamp()))
    clips = []
    covered = start
    for first, last, record in timed:
        if last <= covered or first >= end:
            continue
        begin, finish = max(first, covered), min(last, end)
        clips.append(
            Clip(
                record.name,
                begin,
                record.end if finish == last and record.end is not None else finish,
                record.length_kib if (begin, finish) == (first, last) else 0,
                begin if begin > first else None,
                finish if finish < last else None,
            )
        )
        covered = finish
    return clips


def whole(record: FileRecord, start: datetime | None, end: datetime | None) -> Clip:
    """One recording, or the part of it that lies in a span."""
    times = times_of(record)
    if times is None:
        return Clip(record.name, start, end, record.length_kib)
    clips = walk([record], start or times[0], end or times[1])
    return clips[0] if clips else Clip(record.name, start, end)


def times_of(record: FileRecord) -> tuple[datetime, datetime] | None:
    """When a recording begins and ends, from the search or from its name; None if neither tells.

    One that ends before it begins was made while the clock was put back: it is wanted whole.
    """
    named = parse_file_name(record.name)
    begin = record.begin or (named.begin if named else None)
    end = record.end or (named.end if named else None)
    if begin is None or end is None:
        return None
    return begin, max(end, begin + SHORTEST)
