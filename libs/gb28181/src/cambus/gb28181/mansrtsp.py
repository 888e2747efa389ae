"""Control of a playback: RTSP-like text in the body of INFO (GB/T 28181-2022 annex B, GB-125 to GB-127)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from cambus.gb28181.errors import ProtocolError

CONTENT_TYPE: Final = "Application/MANSRTSP"
LEGACY_CONTENT_TYPE: Final = "application/RTSP"
MAX_BODY_BYTES: Final = 65_536
_REQUEST = re.compile(r"\s*(PLAY|PAUSE|TEARDOWN)\s+(?:\S+\s+)?(?:MANSRTSP|RTSP)/1\.0", re.IGNORECASE)
_RESPONSE = re.compile(r"\s*(?:MANSRTSP|RTSP)/1\.0\s+(\d{3})(?:\s+([^\r\n]*))?", re.IGNORECASE)
_RANGE = re.compile(r"\s*(npt|smpte)\s*=\s*([^-\s]*)\s*-\s*(\S*)", re.IGNORECASE)
_CLOCK = re.compile(r"(\d+):(\d{1,2}):(\d{1,2})(?:[.:](\d+))?")


@dataclass(frozen=True, slots=True)
class Control:
    """One command to a playback.

    Attributes:
        method: `PLAY`, `PAUSE` or `TEARDOWN`.
        cseq: its number; rises within a session.
        scale: the speed wanted, None to leave it; negative plays backwards.
        start_s: where to go on from, in seconds from the start of what was asked for; None for here.
        end_s: where to stop; None for the end.
        has_range: whether a Range was there: `npt=now-` has neither start nor end.
    """

    method: str
    cseq: int
    scale: float | None = None
    start_s: float | None = None
    end_s: float | None = None
    has_range: bool = False

    def serialize(self, *, legacy: bool = False) -> bytes:
        """The body.

        Args:
            legacy: as devices before 2016 want it: `PauseTime: 0`, `Scale` and `Range` always together, no
                blank line at the end.
        """
        lines = [f"{self.method} RTSP/1.0", f"CSeq: {self.cseq}"]
        if self.method == "PAUSE":
            lines.append(f"PauseTime: {0 if legacy else 'now'}")
        elif self.method == "PLAY":
            if self.scale is not None or legacy:
                scale = 1.0 if self.scale is None else self.scale
                lines.append(f"Scale: {scale:f}" if legacy else f"Scale: {scale}")
            if self.has_range or self.start_s is not None or legacy:
                lines.append(f"Range: npt={_span(self.start_s, self.end_s, here='0' if legacy else 'now')}")
        text = "\r\n".join(lines) + "\r\n"
        return (text if legacy else text + "\r\n").encode()

    @classmethod
    def parse(cls, body: bytes) -> Control:
        """Read a body, in either form. Raises ProtocolError."""
        text = _text(body)
        match = _REQUEST.match(text)
        if match is None:
            raise ProtocolError("no MANSRTSP request", context=body)
        fields = _fields(text)
        return cls(
            match.group(1).upper(),
            _int(fields.get("cseq")),
            _float(fields.get("scale")),
            *_range(fields),
            _RANGE.match(fields.get("range", "")) is not None,
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: 200, or the device's error.
        reason: its words.
        scale: the speed it plays at now, if it says so.
        rtp_info: as it came; devices repeat constants there.
        start_s: where it goes on from, if the device says so; seconds from the start of what was asked for.
        end_s: where it stops, if the device says so.
    """

    status: int = 200
    reason: str = ""
    scale: float | None = None
    rtp_info: str | None = None
    start_s: float | None = None
    end_s: float | None = None

    @classmethod
    def parse(cls, body: bytes) -> Answer:
        """Read a body; an empty one is a success (GB-126). Raises ProtocolError."""
        text = _text(body)
        if not text.strip():
            return cls()
        match = _RESPONSE.match(text)
        if match is None:
            raise ProtocolError("no MANSRTSP response", context=body)
        fields = _fields(text)
        reason = (match.group(2) or "").strip()
        return cls(
            int(match.group(1)), reason, _float(fields.get("scale")), fields.get("rtp-info"), *_range(fields)
        )

    def serialize(self, cseq: int) -> bytes:
        """The body of the 200 to an INFO."""
        lines = [f"RTSP/1.0 {self.status} {self.reason or 'OK'}", f"CSeq: {cseq}"]
        if self.scale is not None:
            lines.append(f"Scale: {self.scale}")
        if self.start_s is not None or self.end_s is not None:
            lines.append(f"Range: npt={_span(self.start_s, self.end_s)}")
        if self.rtp_info is not None:
            lines.append(f"RTP-Info: {self.rtp_info}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _text(body: bytes) -> str:
    if len(body) > MAX_BODY_BYTES:
        raise ProtocolError(f"{len(body)} bytes of MANSRTSP")
    return body.decode("utf-8", "replace")


def _fields(text: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in text.splitlines()[1:])
    return {name.strip().lower(): value.strip() for name, colon, value in pairs if colon}


def _range(fields: dict[str, str]) -> tuple[float | None, float | None]:
    """From where, and to where; None for what is not said."""
    match = _RANGE.match(fields.get("range", ""))
    return (_seconds(match.group(2)), _seconds(match.group(3))) if match is not None else (None, None)


def _span(start_s: float | None, end_s: float | None, *, here: str = "now") -> str:
    return f"{here if start_s is None else _number(start_s)}-{'' if end_s is None else _number(end_s)}"


def _int(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else 0


def _float(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else None
    except ValueError:
        return None
    return number if number is not None and abs(number) <= 1000 else None


def _seconds(text: str) -> float | None:
    """A point in time: seconds, hours:minutes:seconds, or None for `now` and nothing."""
    clock = _CLOCK.match(text)
    if clock is not None:
        hours, minutes, seconds = (int(part) for part in clock.groups()[:3])
        return float(hours * 3600 + minutes * 60 + seconds)
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < 1e9 else None


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.3f}".rstrip("0")
