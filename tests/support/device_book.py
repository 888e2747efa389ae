"""The book of a device that may be killed: a file, written before anything is told and after it was heard."""

import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from alarm_flood import now
from alarm_ledger import AlarmLedger, Report


class DeviceBook:
    """What a device told and was told is heard, over all its lives.

    Nothing is lost by SIGKILL: each line is with the kernel before the device goes on.

    Args:
        path: the file; what stands there is what it did before it was killed.
        keeps: whether it still knows the report nobody had heard: then it tells it again; else it has forgotten it.

    Attributes:
        began: when it was first started.
        lives: how often it was started.
        first: the number of the report to go on with.
    """

    def __init__(self, path: Path, *, keeps: bool) -> None:
        before = list(entries(path.read_bytes())) if path.exists() else []
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        if not before:
            before = [self._write("began", now().isoformat())]
        self.began = datetime.fromisoformat(before[0][1])
        self.lives = sum(what == "lives" for what, _ in before) + 1
        self._write("lives", self.lives)
        told = [_report(value) for what, value in before if what == "told"]
        self.first = told[-1][2] + 1 if told else 1
        if told and not any(what == "heard" and _report(value) == told[-1] for what, value in before):
            if keeps:
                self.first = told[-1][2]
            else:
                self._write("forgot", told[-1])

    def tell(self, report: Report) -> None:
        """It is about to tell something."""
        self._write("told", report)

    def acknowledge(self, report: Report) -> None:
        """It was told that this was heard."""
        self._write("heard", report)

    def close(self) -> None:
        """Nothing more is written."""
        os.close(self._file)

    def _write(self, what: str, value: Any) -> tuple[str, Any]:
        os.write(self._file, json.dumps([what, value]).encode() + b"\n")
        return what, value


class Reader:
    """Enters what a device writes into the ledger, as it is written."""

    def __init__(self, path: Path, ledger: AlarmLedger) -> None:
        self._path = path
        self._ledger = ledger
        self._read = 0

    def number_of(self, device_time: str) -> int:
        """Which report of a DVRIP recorder has this time."""
        began = next(entries(self._path.read_bytes()))[1]
        return round((datetime.fromisoformat(device_time) - datetime.fromisoformat(began)).total_seconds())

    def read(self) -> None:
        """Enter what is new."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        data = data[: data.rfind(b"\n") + 1]
        self._read += len(data)
        enter = {
            "told": self._ledger.tell,
            "heard": self._ledger.acknowledge,
            "forgot": self._ledger.forget,
        }
        for what, value in entries(data):
            if what in enter:
                enter[what](_report(value))


def entries(data: bytes) -> Iterator[tuple[str, Any]]:
    """The whole lines of a book."""
    for line in data.splitlines():
        what, value = json.loads(line)
        yield what, value


def _report(value: Any) -> Report:
    device, key, number, what = value
    return device, key, number, what
