"""Instants and spans as people type them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from cambus.cli.failures import UsageError

FORMS: Final = "wanted 2026-02-01T12:00:00Z, 2026-02-01 12:00, 14:30, -15m, -2h, -1d or now"

_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?", re.ASCII)
_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)([smhdw]?)", re.ASCII)
_SECONDS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def parse_instant(text: str, *, now: datetime | None = None) -> datetime:
    """Return the instant `text` means, in UTC.

    RFC 3339; the same without a zone, which is the zone of this machine; `HH:MM` of today, or of yesterday if
    that is still to come; `-15m`, so long ago (s, m, h, d, w); `now`.

    Raises:
        UsageError: it is none of those.
    """
    now = now or datetime.now(UTC)
    word = text.strip()
    if word.lower() == "now":
        return now.astimezone(UTC)
    span = parse_span(word[1:]) if word.startswith("-") else None
    clock = _CLOCK.fullmatch(word)
    try:
        if span is not None:
            return now.astimezone(UTC) - span
        if clock is not None:
            return _today_at(clock, now).astimezone(UTC)
        return datetime.fromisoformat(word).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r} is no time: {FORMS}") from None


def _today_at(clock: re.Match[str], now: datetime) -> datetime:
    hour, minute, second = (int(part or 0) for part in clock.groups())
    here = now.astimezone()
    at = here.replace(hour=hour, minute=minute, second=second, microsecond=0, tzinfo=None)
    past = at.astimezone() <= here
    return (at if past else at - timedelta(days=1)).astimezone()


def parse_span(text: str) -> timedelta:
    """Return the span of time `90`, `90s`, `15m`, `2h`, `30d` or `1w` means.

    Raises:
        UsageError: it is none.
    """
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{text!r} is no span of time: wanted 90s, 15m, 2h, 30d or 1w")
    try:
        return timedelta(seconds=float(found[1]) * _SECONDS[found[2]])
    except OverflowError:
        raise UsageError(f"{text!r} is too long: wanted 90s, 15m, 2h, 30d or 1w") from None


def parse_range(start: str, end: str, *, now: datetime | None = None) -> tuple[datetime, datetime]:
    """Return two instants, the first before the second.

    Raises:
        UsageError: one is no time, or they are the wrong way round.
    """
    now = now or datetime.now(UTC)
    begin, finish = parse_instant(start, now=now), parse_instant(end, now=now)
    if finish <= begin:
        raise UsageError(f"--to ({end}) must be later than --from ({start})")
    return begin, finish
