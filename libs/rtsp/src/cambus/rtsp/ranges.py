"""The `Range` and `RTP-Info` headers of PLAY (RFC 2326 §3.6, §3.7, §12.29, §12.33)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from cambus.rtsp.errors import ProtocolError
from cambus.rtsp.status import Status

_NPT_SECONDS = re.compile(r"(\d{1,9})(\.\d{1,9})?", re.ASCII)
_NPT_CLOCK = re.compile(r"(\d{1,5}):([0-5]?\d):([0-5]?\d)(\.\d{1,9})?", re.ASCII)
_CLOCK = re.compile(r"(\d{8}T\d{6})(?:\.(\d{1,6}))?Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class NptRange:
    """`npt=10.5-20`: seconds from the beginning; None is `now` at the start and open at the end."""

    start_s: float | None = None
    end_s: float | None = None

    def serialize(self) -> str:
        """The header's value."""
        start = "now" if self.start_s is None else f"{self.start_s:.3f}"
        return f"npt={start}-" + ("" if self.end_s is None else f"{self.end_s:.3f}")


@dataclass(frozen=True, slots=True)
class ClockRange:
    """`clock=20250101T080000Z-`: UTC instants; an open end is None."""

    start: datetime
    end: datetime | None = None

    def serialize(self) -> str:
        """The header's value."""
        return f"clock={_utc(self.start)}-" + ("" if self.end is None else _utc(self.end))


Range = NptRange | ClockRange


@dataclass(frozen=True, slots=True)
class RtpInfo:
    """Where the RTP stream of a track stands when PLAY is answered (RFC 2326 §12.33)."""

    track: int
    seq: int
    rtptime: int


def parse_range(header: str) -> Range:
    """Parse a `Range` header in `npt` or `clock` units.

    Raises:
        ProtocolError: status 457, another unit or no valid range.
    """
    unit, _, rest = header.partition(";")[0].strip().partition("=")
    start, dash, end = rest.partition("-")
    start, end = start.strip(), end.strip()
    if not dash:
        raise _invalid()
    if unit.strip().lower() == "npt":
        beginning = 0.0 if not start else _npt(start)
        ending = _npt(end) if end else None
        if ending is not None and beginning is not None and ending < beginning:
            raise _invalid()
        return NptRange(beginning, ending)
    if unit.strip().lower() == "clock":
        return ClockRange(_instant(start), _instant(end) if end else None)
    raise _invalid()


def _npt(text: str) -> float | None:
    if text.lower() == "now":
        return None
    if _NPT_SECONDS.fullmatch(text):
        return float(text)
    clock = _NPT_CLOCK.fullmatch(text)
    if clock is None:
        raise _invalid()
    hours, minutes, seconds, fraction = clock.groups()
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(fraction or 0)


def _instant(text: str) -> datetime:
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise _invalid()
    try:
        whole = datetime.strptime(found.group(1), "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise _invalid() from error
    return whole.replace(microsecond=int((found.group(2) or "0").ljust(6, "0")))


def _utc(instant: datetime) -> str:
    text = instant.astimezone(UTC).strftime("%Y%m%dT%H%M%S")
    return f"{text}.{instant.microsecond:06d}Z" if instant.microsecond else f"{text}Z"


def _invalid() -> ProtocolError:
    return ProtocolError("the Range header is not npt= or clock=", status=Status.INVALID_RANGE)
