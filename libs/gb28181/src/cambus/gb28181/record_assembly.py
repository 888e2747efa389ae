"""Putting the parts of a list of recordings together (§7, GB-121, GB-122). Pure: time comes in as a value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cambus.gb28181.manscdp.records import RecordItem, RecordPart

MAX_RECORDS: Final = 100_000


@dataclass(frozen=True, slots=True)
class RecordTimes:
    """How long things may take, in seconds: to the first part, between two, and in all."""

    first_s: float = 15.0
    gap_s: float = 5.0
    total_s: float = 60.0


@dataclass(frozen=True, slots=True)
class RecordResult:
    """The recordings as far as they came.

    Attributes:
        records: each once, oldest first.
        announced: how many the device said there are, None if it did not.
        complete: whether as many came.
    """

    records: tuple[RecordItem, ...]
    announced: int | None
    complete: bool


@dataclass(slots=True)
class RecordAssembly:
    """The answer to one query.

    Args:
        asked_at: when the query was sent, in seconds.
        times: how long things may take.
    """

    asked_at: float
    times: RecordTimes = field(default_factory=RecordTimes)
    _records: dict[tuple[str | None, ...], RecordItem] = field(default_factory=dict)
    _announced: int | None = None
    _last_at: float | None = None

    def add(self, part: RecordPart, now: float) -> None:
        """Take a part; what comes twice counts once."""
        self._last_at = now
        if part.announced is not None:
            self._announced = max(self._announced or 0, part.announced)
        for item in part.records:
            if len(self._records) < MAX_RECORDS:
                self._records.setdefault((item.start, item.end, item.type, item.file_path), item)

    @property
    def complete(self) -> bool:
        """Whether all that were announced are there; none announced and none there is complete too."""
        return self._announced is not None and len(self._records) >= self._announced

    @property
    def deadline(self) -> float:
        """When waiting is over."""
        if self._last_at is None:
            return self.asked_at + self.times.first_s
        return min(self._last_at + self.times.gap_s, self.asked_at + self.times.total_s)

    def result(self) -> RecordResult | None:
        """The recordings; None where nothing came at all, which is no empty list (GB-122)."""
        if self._last_at is None:
            return None
        records = sorted(self._records.values(), key=lambda each: each.start or "")
        return RecordResult(tuple(records), self._announced, self.complete)
