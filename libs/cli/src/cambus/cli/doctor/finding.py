"""One thing the doctor found."""

from dataclasses import dataclass
from enum import StrEnum

from cambus.cli.formatting import clean


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: what it is about: `NATS`, `recorder`, a device.
        level: how bad it is; only a problem makes the exit code 1.
        text: what was found.
        todo: what to do about it; empty if nothing has to be done.
    """

    subject: str
    level: Level
    text: str
    todo: str = ""

    def as_json(self) -> dict[str, str]:
        """What `--json` shows."""
        return {"subject": self.subject, "level": self.level, "text": clean(self.text), "todo": self.todo}


def ok(subject: str, text: str) -> Finding:
    """All is well."""
    return Finding(subject, Level.OK, text)


def note(subject: str, text: str, todo: str = "") -> Finding:
    """Worth knowing."""
    return Finding(subject, Level.NOTE, text, todo)


def problem(subject: str, text: str, todo: str) -> Finding:
    """Something has to be done."""
    return Finding(subject, Level.PROBLEM, text, todo)
