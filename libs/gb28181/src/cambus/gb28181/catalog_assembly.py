"""Putting the parts of a catalog together (§6, GB-102 to GB-106). Pure: time comes in as a value."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from cambus.gb28181.manscdp.catalog import CatalogItem, CatalogPart


@dataclass(frozen=True, slots=True)
class AssemblyTimes:
    """How long things may take, in seconds.

    Attributes:
        first_s: until the first part.
        gap_s: between two parts.
        late_s: how long after the end parts still count.
        quiet_s: how long it must be quiet after the announced number: devices announce too little.
        retries_s: how long to wait before asking again, each time no part came.
    """

    first_s: float = 30.0
    gap_s: float = 5.0
    late_s: float = 60.0
    quiet_s: float = 0.3
    retries_s: tuple[float, ...] = (10.0, 60.0)


class Outcome(Enum):
    """How a catalog ended."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    """Parts stopped coming before the announced number was there."""
    FAILED = "failed"
    """No part came at all."""


@dataclass(frozen=True, slots=True)
class CatalogResult:
    """A catalog as far as it came.

    Attributes:
        outcome: how it ended; only a complete one says what is gone.
        items: by code, in the order they came.
        announced: the largest number announced, None where none was.
    """

    outcome: Outcome
    items: dict[str, CatalogItem]
    announced: int | None


@dataclass(slots=True)
class CatalogAssembly:
    """The answer to one query.

    Args:
        asked_at: when the query was sent, in seconds.
        times: how long things may take.
    """

    asked_at: float
    times: AssemblyTimes = field(default_factory=AssemblyTimes)
    _items: dict[str, CatalogItem] = field(default_factory=dict)
    _announced: int | None = None
    _last_at: float | None = None
    _ended_at: float | None = None

    def add(self, part: CatalogPart, now: float) -> CatalogResult | None:
        """Take a part.

        Returns:
            The catalog anew, if it had ended and the part came late and brought something.
        """
        before = len(self._items)
        self._items.update((item.code, item) for item in part.items)
        if part.announced is not None:
            self._announced = max(self._announced or 0, part.announced)
        self._last_at = now
        late = self._ended_at is not None and len(self._items) > before
        return self._result() if late else None

    def due(self, now: float) -> CatalogResult | None:
        """The catalog, once it has ended; only once."""
        if self._ended_at is not None or now < self.deadline:
            return None
        self._ended_at = now
        return self._result()

    @property
    def deadline(self) -> float:
        """When to look again: the end of waiting, or of the time for late parts."""
        if self._ended_at is not None:
            return self._ended_at + self.times.late_s
        if self._last_at is None:
            return self.asked_at + self.times.first_s
        return self._last_at + (self.times.quiet_s if self._enough else self.times.gap_s)

    def over(self, now: float) -> bool:
        """Whether late parts no longer count."""
        return self._ended_at is not None and now >= self._ended_at + self.times.late_s

    @property
    def _enough(self) -> bool:
        return self._announced is not None and len(self._items) >= self._announced

    def _result(self) -> CatalogResult:
        ended = Outcome.COMPLETE if self._enough else Outcome.PARTIAL
        outcome = Outcome.FAILED if self._last_at is None else ended
        return CatalogResult(outcome, dict(self._items), self._announced)
