"""Structured logs: one line an event, facts as fields (`extra={"device": "gate-1"}`), secrets never.

`json` is for machines, `console` for people. A field whose name says it is a secret is starred, and so are
credentials inside addresses, whoever logged them: nats-py and aiohttp write through the same formatter.
"""

import json
import logging
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

from cambus.client.trace import trace_id

STARS = "***"
MAX_VALUE = 2000
MAX_DEPTH = 4

_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)?|secret|token|credential|authorization|cookie|seed|jwt|(^|_)key$", re.IGNORECASE
)
_URL_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", None, None))) | {
    "message",
    "asctime",
    "taskName",
}
_CONTROLS = {
    code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code not in {0x09, 0x0A}
}
_COLOURS = {"WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[31;1m"}


def redacted(name: str, value: Any, depth: int = 0) -> Any:
    """Return a field's value as it may be written: plain types, secrets starred, long texts cut."""
    if _SECRET_NAME.search(name) and value is not None and not isinstance(value, bool):
        return STARS
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping) and depth < MAX_DEPTH:
        return {str(key): redacted(str(key), item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset) and depth < MAX_DEPTH:
        return [redacted(name, item, depth + 1) for item in value]
    return scrubbed(str(value))


def scrubbed(text: str) -> str:
    """Return a text without credentials in addresses, cut to a bounded length."""
    text = _URL_CREDENTIALS.sub(STARS, text) if "@" in text else text
    return text if len(text) <= MAX_VALUE else text[:MAX_VALUE] + "…"


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields = {name: redacted(name, value) for name, value in vars(record).items() if name not in _STANDARD}
    trace = trace_id()
    return fields if trace is None else {**fields, "trace_id": trace}


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `at`, `level`, `service`, `logger`, `event`, then the fields."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Write the record; a traceback goes into `error`, still on the one line."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "event": scrubbed(record.getMessage()),
            **_fields(record),
        }
        if record.exc_info:
            line["error"] = scrubbed_traceback(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, default=str)


class ConsoleFormatter(logging.Formatter):
    """`2026-02-01 09:31:00.125 INFO    connector-dvrip  device online  device=gate-1`, in this machine's zone."""

    def __init__(self, service: str, *, colour: bool) -> None:
        super().__init__()
        self._service = service
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        """Write the record; a traceback follows on lines of its own."""
        at = datetime.fromtimestamp(record.created).astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        event = _visible(scrubbed(record.getMessage())).replace("\n", "\\n")
        line = f"{at} {record.levelname:<7} {self._service}  {event}"
        facts = "".join(f" {name}={_logfmt(value)}" for name, value in _fields(record).items())
        line += f" {facts}" if facts else ""
        if self._colour and record.levelname in _COLOURS:
            line = f"{_COLOURS[record.levelname]}{line}\x1b[0m"
        if record.exc_info:
            line += "\n" + _visible(scrubbed_traceback(self.formatException(record.exc_info)))
        return line


def scrubbed_traceback(text: str) -> str:
    """Return a traceback without credentials in addresses, its end kept when it is too long."""
    text = _URL_CREDENTIALS.sub(STARS, text)
    limit = 10 * MAX_VALUE
    return text if len(text) <= limit else "…" + text[-limit:]


def _visible(text: str) -> str:
    """A text without what a terminal obeys: a device's name is not to move its cursor or hide a line."""
    return text.translate(_CONTROLS)


def _logfmt(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    if not text or re.search(r'[\s"=]', text):
        text = json.dumps(text, ensure_ascii=False)
    return _visible(text)


def configure_logging(
    service: str,
    *,
    level: str = "info",
    log_format: Literal["json", "console"] = "json",
    stream: TextIO | None = None,
) -> None:
    """Send everything the process logs to `stream` (standard error) in one format.

    Args:
        service: the name written on every line.
        level: least important level to write.
        log_format: `json` or `console`.
        stream: where to; standard error when None.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    if log_format == "json":
        handler.setFormatter(JsonFormatter(service))
    else:
        handler.setFormatter(ConsoleFormatter(service, colour=handler.stream.isatty()))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    for noisy in ("asyncio", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
