"""Accounts for every alarm: what devices told and were told is heard, against what a receiver has got.

The receiver is one as receivers must be: it remembers ids, and takes what comes again under one as the same. A device
repeats a report, unchanged, until it is told that it was heard; one that is killed goes on with that when it is back if
it keeps its reports, and else has forgotten it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

What = Literal["raised", "cleared"]
Report = tuple[str, str, int, What]
"""Device, pairing key, number of the report within the device, and what it says."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What must not be."""

    kind: Literal["lost", "twice", "order", "unheard of"]
    report: Report
    text: str = ""


@dataclass(slots=True)
class AlarmLedger:
    """Both sides of the account.

    Attributes:
        told: the reports devices have told.
        heard: those a device was told are heard.
        forgotten: those a device had told, was not told were heard, and no longer knew after it was killed: they
            were never accepted, and may have arrived, once, or not.
        received: (id, report) of what the receiver took, in order, repeats under one id included.
    """

    told: set[Report] = field(default_factory=set)
    heard: set[Report] = field(default_factory=set)
    forgotten: set[Report] = field(default_factory=set)
    received: list[tuple[str, Report]] = field(default_factory=list)

    def tell(self, report: Report) -> None:
        """A device tells something; again, if it was not told that it was heard."""
        self.told.add(report)

    def acknowledge(self, report: Report) -> None:
        """The device was told that it was heard: from now on somebody else answers for it."""
        self.heard.add(report)

    def forget(self, report: Report) -> None:
        """The device was killed before it was told that it was heard, and does not tell it again."""
        self.forgotten.add(report)

    def take(self, delivery: str, report: Report) -> None:
        """The receiver has accepted something."""
        self.received.append((delivery, report))

    @property
    def missing(self) -> set[Report]:
        """What was heard and has not come."""
        return self.heard - {report for _, report in self.received}

    @property
    def unanswered(self) -> set[Report]:
        """What was told, never heard, and not given up by its device: none once all devices have stopped."""
        return self.told - self.heard - self.forgotten

    @property
    def repeats(self) -> int:
        """How often something came again under the id it had."""
        return len(self.received) - len({delivery for delivery, _ in self.received})

    def problems(self) -> list[Problem]:
        """Everything that is wrong."""
        first: dict[str, Report] = {}
        for delivery, report in self.received:
            first.setdefault(delivery, report)
        return [
            *(Problem("lost", report) for report in sorted(self.missing)),
            *self._twice(first),
            *(Problem("unheard of", report) for report in sorted(set(first.values()) - self.told)),
            *self._disorder(first.values()),
        ]

    def _twice(self, first: dict[str, Report]) -> Iterable[Problem]:
        for report, times in Counter(first.values()).items():
            if times > 1:
                ids = sorted(delivery for delivery, each in first.items() if each == report)
                yield Problem("twice", report, f"under {ids}")

    def _disorder(self, received: Iterable[Report]) -> Iterable[Problem]:
        reached: dict[tuple[str, str], int] = defaultdict(int)
        for report in received:
            device, key, number, _ = report
            if number < reached[device, key]:
                yield Problem("order", report, f"after {reached[device, key]}")
            reached[device, key] = max(reached[device, key], number)


def alarm_of(body: dict[str, Any]) -> dict[str, Any]:
    """The alarm in what a receiver got, wherever it stands in it."""
    for name in ("alarm", "data"):
        inner = body.get(name)
        if isinstance(inner, dict):
            return inner if "native" in inner else alarm_of(inner)
    return body
