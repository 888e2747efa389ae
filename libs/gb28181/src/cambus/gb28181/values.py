"""Numbers, dates and yes-or-no in elements: what cannot be read is None, and never costs the rest (GB-071)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final

BEIJING: Final = timezone(timedelta(hours=8))
MAX_SECONDS: Final = 2**32
_DATE = re.compile(
    r"\s*(\d{4})-(\d{1,2})-(\d{1,2})[T ](\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,9}))?\s*(Z|[+-]\d{2}:?\d{2})?\s*\Z"
)
_ON: Final = frozenset({"on", "online", "ok", "1", "true", ""})


def read_int(text: str | None) -> int | None:
    """A whole number, None where there is none."""
    try:
        return int((text or "").strip())
    except ValueError:
        return None


def read_float(text: str | None) -> float | None:
    """A finite number, None where there is none."""
    try:
        number = float((text or "").strip())
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None


def read_time(text: str | None, zone: tzinfo = BEIJING) -> datetime | None:
    """An instant: `2024-05-01T08:00:00[.sss]`, a space for the `T`, `Z` or an offset; None where it is none.

    Args:
        text: what the device wrote.
        zone: where its clock is, for the usual form without an offset.
    """
    match = _DATE.match(text or "")
    if match is None:
        return None
    *parts, fraction, offset = match.groups()
    micros = int((fraction or "0")[:6].ljust(6, "0"))
    try:
        year, month, day, hour, minute, second = (int(part) for part in parts)
        return datetime(year, month, day, hour, minute, second, micros, tzinfo=_zone(offset, zone))
    except ValueError:
        return None


def _zone(offset: str | None, zone: tzinfo) -> tzinfo:
    if offset is None:
        return zone
    if offset == "Z":
        return UTC
    hours, minutes = int(offset[1:3]), int(offset[-2:])
    delta = timedelta(hours=hours, minutes=minutes)
    return timezone(-delta if offset[0] == "-" else delta)


def write_time(instant: datetime, zone: tzinfo = BEIJING) -> str:
    """An instant as devices read it: local time to the second, without a zone."""
    return instant.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S")


def write_time_ms(instant: datetime, zone: tzinfo = BEIJING) -> str:
    """An instant as the Date header has it, to the millisecond (GB-040)."""
    local = instant.astimezone(zone)
    return f"{local:%Y-%m-%dT%H:%M:%S}.{local.microsecond // 1000:03d}"


def read_status(text: str | None) -> bool:
    """Whether a status says that something is there; none at all says so too (GB-109)."""
    return (text or "").strip().lower() in _ON
