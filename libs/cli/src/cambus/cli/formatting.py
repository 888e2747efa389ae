"""How sizes, spans and instants are written for people, and how foreign text is made harmless."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

#: Everything that could move a cursor, change a colour or turn the line round in somebody's terminal.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")


def clean(value: Any) -> str:
    """Return text of a device, or of anybody, as one line without control characters."""
    return _CONTROL.sub(" ", str(value)).strip()


def harmless(text: str) -> str:
    """Return text in as many lines as it has, without any other control character."""
    return "\n".join(_CONTROL.sub(" ", line) for line in text.split("\n"))


def duration(seconds: float) -> str:
    """`42 s`, `3 min 5 s`, `2 h 10 min`, `5 d 3 h`: the two largest units."""
    left = max(0, round(seconds))
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or (parts and len(parts) < 2):
            parts.append(f"{count} {unit}" if count else "")
        if len(parts) == 2:
            break
    return " ".join(part for part in parts if part) or "0 s"


def size(count: float) -> str:
    """`312 B`, `1.4 MiB`, `20 GiB`."""
    if count < 1024:
        return f"{count:.0f} B"
    for unit in ("KiB", "MiB", "GiB"):
        count /= 1024
        if count < 1024:
            return f"{count:.1f} {unit}" if count < 10 else f"{count:.0f} {unit}"
    return f"{count / 1024:.1f} TiB"


def plural(count: int, noun: str, many: str | None = None) -> str:
    """`1 device`, `2 devices`, `3 replies`."""
    return f"{count} {noun}" if count == 1 else f"{count} {many or noun + 's'}"


def local(instant: datetime, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> str:
    """An instant in the zone of this machine: the time alone for today, with the date otherwise."""
    here, today = instant.astimezone(), now().astimezone().date()
    return here.strftime("%H:%M:%S" if here.date() == today else "%Y-%m-%d %H:%M:%S")


def ago(instant: datetime | None, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> str:
    """How long ago an instant was; empty for None."""
    return "" if instant is None else duration(max(timedelta(), now() - instant).total_seconds())
