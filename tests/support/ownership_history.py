"""Says from the histories of all replicas whether two ever owned one thing at once, and for how long nobody did.

The histories are what replicas write themselves (`cambus.bus.lease_history`). What they can not write, that they were
killed or frozen, whoever did it to them adds: a `Fate`.
"""

import itertools
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from cambus.bus.leases import sleepless_clock

K = TypeVar("K")

OURS = {"taken", "renewed", "lost", "released"}
UNDER_LEASE = {"dialled", "command"}


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a history."""

    at: float
    what: str
    key: str
    run: str
    holder: str = ""
    pid: int = 0
    boot: str = ""
    epoch: int = 0
    until: float = 0.0
    ttl_s: float = 0.0
    device: str = ""


@dataclass(frozen=True, slots=True)
class Fate:
    """What was done to a process, and when it certainly was."""

    what: Literal["killed", "frozen", "continued"]
    pid: int
    at: float


def fate(what: Literal["killed", "frozen", "continued"], pid: int) -> Fate:
    """What has just been done to a process; for `frozen` and `killed` once it is certain."""
    return Fate(what, pid, sleepless_clock())


@dataclass(frozen=True, slots=True)
class Span:
    """For so long something was certainly somebody's."""

    key: str
    run: str
    holder: str
    pid: int
    epoch: int
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Fault:
    """What must never be."""

    kind: Literal["two owners", "epoch", "act without lease", "history"]
    key: str
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Absence:
    """For so long nobody had something; `until` is the end of the history if nobody ever took it again."""

    of: str
    since: float
    until: float
    ended: bool

    @property
    def length_s(self) -> float:
        return self.until - self.since


def read(files: Iterable[Path]) -> list[Record]:
    """All lines of some histories. A last line that was cut off by a kill does not count; any other is an error."""
    known = set(Record.__dataclass_fields__)
    records: list[Record] = []
    for file in files:
        parts = [part for part in (file.with_name(file.name + ".1"), file) if part.exists()]
        text = "".join(part.read_text() for part in parts)
        lines = text.split("\n")[:-1]
        entries = [json.loads(line) for line in lines]
        records += [Record(**{name: entry[name] for name in known & entry.keys()}) for entry in entries]
    return records


class OwnershipHistory:
    """What all replicas did, put together.

    Args:
        records: in the order each replica wrote them.
        fates: what was done to their processes.
        end: until when to look; by default until the last line.

    Raises:
        ValueError: the clocks of the histories can not be compared.
    """

    def __init__(
        self, records: Iterable[Record], fates: Iterable[Fate] = (), end: float | None = None
    ) -> None:
        self.records = list(records)
        self.fates = sorted(fates, key=lambda each: each.at)
        if len({record.boot for record in self.records}) > 1:
            raise ValueError("histories of more than one boot: their clocks can not be compared")
        self.end = end if end is not None else max((record.at for record in self.records), default=0.0)
        self._faults: list[Fault] = []
        self._deaths = {each.pid: each.at for each in self.fates if each.what == "killed"}
        self.spans = self._all_spans()

    # --- what must never be -----------------------------------------------------------------------------

    def faults(self) -> list[Fault]:
        """Everything that is wrong, whatever it is about, in order of time."""
        found = [*self._faults, *self._two_owners(), *self._epochs(), *self._acts(), *self._dead_acts()]
        return sorted(found, key=lambda each: each.at)

    def _two_owners(self) -> Iterator[Fault]:
        for key, spans in self.spans.items():
            for one, other in itertools.combinations(spans, 2):
                since, until = max(one.start, other.start), min(one.end, other.end)
                if one.run != other.run and since < until:
                    text = (
                        f"{one.holder} ({one.run}) and {other.holder} ({other.run}) for {until - since:.3f} s"
                    )
                    yield Fault("two owners", key, since, text)

    def _epochs(self) -> Iterator[Fault]:
        for key, taken in _by(lambda each: each.key, self._of("taken")).items():
            for before, after in itertools.pairwise(sorted(taken, key=lambda each: each.at)):
                if after.epoch <= before.epoch:
                    text = f"{after.holder} took it as {after.epoch} after {before.holder} as {before.epoch}"
                    yield Fault("epoch", key, after.at, text)

    def _acts(self) -> Iterator[Fault]:
        for act in self.records:
            if act.what in UNDER_LEASE and not any(
                span.run == act.run and span.start <= act.at <= span.end
                for span in self.spans.get(act.key, ())
            ):
                text = f"{act.holder} ({act.run}): {act.what} {act.device} without the lease"
                yield Fault("act without lease", act.key, act.at, text)

    def _dead_acts(self) -> Iterator[Fault]:
        for record in self.records:
            if record.at > self._deaths.get(record.pid, record.at):
                yield Fault(
                    "history", record.key, record.at, f"{record.holder} wrote {record.what} after its death"
                )

    # --- who had what, when -----------------------------------------------------------------------------

    def owners(self, at: float) -> dict[str, str | None]:
        """Who was the last to take each, of all that anybody ever had; on a busy machine it may just be unrenewed."""
        return {
            key: next((span.holder for span in reversed(spans) if span.start <= at), None)
            for key, spans in self.spans.items()
        }

    def unowned(self, keys: Iterable[str] | None = None, since: float = 0.0) -> list[Absence]:
        """When nobody had the lease, from the first time somebody had it; one who is frozen has nothing."""
        found: list[Absence] = []
        for key in self.spans if keys is None else keys:
            thawed = [
                part
                for span in self.spans.get(key, ())
                for part in self._awake(span.pid, span.start, span.end)
            ]
            found += self._absences(key, thawed)
        return [each for each in found if each.until >= since]

    def unserved(self, devices: Iterable[str] | None = None, since: float = 0.0) -> list[Absence]:
        """When nobody had a session with a device, from its first on."""
        sessions = _by(lambda each: each.device, self._of("session-began", "session-ended"))
        found: list[Absence] = []
        for device in sessions if devices is None else devices:
            found += self._absences(device, list(self._sessions(sessions.get(device, []))))
        return [each for each in found if each.until >= since]

    # --- inside -----------------------------------------------------------------------------------------

    def _of(self, *what: str) -> list[Record]:
        return [record for record in self.records if record.what in what]

    def _all_spans(self) -> dict[str, list[Span]]:
        spans: dict[str, list[Span]] = defaultdict(list)
        leased = [record for record in self.records if record.what in OURS]
        for (key, _), records in _by(lambda each: (each.key, each.run), leased).items():
            spans[key] += self._spans(records)
        return {key: sorted(each, key=lambda span: span.start) for key, each in spans.items()}

    def _spans(self, records: list[Record]) -> list[Span]:
        """The times one run was certain of one lease."""
        done: list[Span] = []
        current: Span | None = None
        for record in records:
            if record.what == "taken" or (record.what == "renewed" and current and record.at > current.end):
                done += [current] if current else []
                current = Span(
                    record.key, record.run, record.holder, record.pid, record.epoch, record.at, record.until
                )
            elif current is None:
                text = f"{record.holder} ({record.run}): {record.what} what it did not have"
                self._faults.append(Fault("history", record.key, record.at, text))
            elif record.what == "renewed":
                current = replace(current, end=max(current.end, record.until))
            else:
                done.append(replace(current, end=min(current.end, record.at)))
                current = None
        done += [current] if current else []
        return [replace(span, end=min(span.end, self._deaths.get(span.pid, span.end))) for span in done]

    def _sessions(self, records: list[Record]) -> Iterator[tuple[float, float]]:
        for one_run in _by(lambda each: each.run, records).values():
            began: float | None = None
            for record in [*one_run, None]:
                if record is not None and record.what == "session-began":
                    began = record.at
                elif began is not None:
                    pid = one_run[0].pid
                    ended = record.at if record is not None else self._deaths.get(pid, self.end)
                    yield from self._awake(pid, began, ended)
                    began = None

    def _awake(self, pid: int, start: float, end: float) -> Iterator[tuple[float, float]]:
        """The parts of a time in which a process was not frozen."""
        reached, frozen = start, False
        for each in self.fates:
            if each.pid != pid or each.at >= end:
                continue
            if each.what == "frozen" and not frozen:
                if each.at > reached:
                    yield reached, each.at
                frozen = True
            elif each.what == "continued" and frozen:
                reached, frozen = max(start, each.at), False
        if not frozen:
            yield reached, end

    def _absences(self, of: str, held: list[tuple[float, float]]) -> Iterator[Absence]:
        if not held:
            yield Absence(of, 0.0, self.end, ended=False)
            return
        reached = min(start for start, _ in held)
        for start, end in sorted(held):
            if start > reached:
                yield Absence(of, reached, start, ended=True)
            reached = max(reached, end)
        if reached < self.end:
            yield Absence(of, reached, self.end, ended=False)


def _by(key: Callable[[Record], K], records: Iterable[Record]) -> dict[K, list[Record]]:
    groups: dict[K, list[Record]] = defaultdict(list)
    for record in records:
        groups[key(record)].append(record)
    return groups
