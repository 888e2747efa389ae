"""Recordings on the disk of a device: a list that follows from a few numbers, with the loops as their content."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cambus.gb28181.manscdp.records import RecordItem, RecordQuery
from cambus.gb28181.values import read_time, write_time

_TYPES: Final = ("time", "time", "alarm", "manual")
_HOUR: Final = 3600
ELSEWHERE: Final = "34020000002100000001"
"""The code of the other storage."""


@dataclass(frozen=True, slots=True)
class ArchivePlan:
    """What is on the disk.

    Attributes:
        files: recordings per channel, one after the other up to `end`.
        file_s: length of each, seconds.
        end: when the newest ends, UNIX seconds; None for the full hour before the start.
        elsewhere: more of them, before those, that only another storage has, such as that of a platform.
    """

    files: int = 24
    file_s: int = 3600
    end: int | None = None
    elsewhere: int = 0


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording, in UNIX seconds; the end is exclusive; in the device's own storage or another."""

    start: int
    end: int
    type: str
    elsewhere: bool = False

    def item(self, code: str, name: str, size_bytes: int, *, located: bool = False) -> RecordItem:
        """The recording in a list; with where it is, if several storages were searched."""
        return RecordItem(
            code=code,
            name=name,
            file_path=f"{self.start}_{self.end}",
            address="Address 1",
            start=_local(self.start),
            end=_local(self.end),
            secrecy=0,
            type=self.type,
            size_bytes=size_bytes,
            location=(ELSEWHERE if self.elsewhere else code) if located else None,
        )


class Archive:
    """The recordings of a channel."""

    def __init__(self, plan: ArchivePlan) -> None:
        end = plan.end if plan.end is not None else int(time.time()) // _HOUR * _HOUR
        first = end - plan.files * plan.file_s
        self.recordings = [
            Recording(first + n * plan.file_s, first + (n + 1) * plan.file_s, _TYPES[n % len(_TYPES)], n < 0)
            for n in range(-plan.elsewhere, plan.files)
        ]

    def find(self, query: RecordQuery) -> list[Recording]:
        """What a query asks for; of other storages only where it is indistinct."""
        start, end = _instant(query.start, 0), _instant(query.end, 2**32)
        wanted = (query.type or "all").lower()
        return [
            each
            for each in self.recordings
            if each.start < end
            and each.end > start
            and wanted in {"all", "", each.type}
            and (query.indistinct == 1 or not each.elsewhere)
        ]

    def recorded_s(self, start: int, end: int) -> int:
        """How many seconds between two instants were recorded."""
        return sum(max(min(each.end, end) - max(each.start, start), 0) for each in self.recordings)


def _instant(text: str | None, otherwise: int) -> int:
    found = read_time(text)
    return int(found.timestamp()) if found is not None else otherwise


def _local(instant: int) -> str:
    return write_time(datetime.fromtimestamp(instant, UTC))
