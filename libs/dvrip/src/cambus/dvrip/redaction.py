"""Secrets out of anything that may be logged or shown (DVRIP §19)."""

import re
from collections.abc import Mapping
from typing import Any, Final

from cambus.dvrip.ids import MEDIA_IDS
from cambus.dvrip.wire import HEADER_SIZE, Header

#: Keys whose values never leave the process, lower case.
SECRET_KEYS: Final = frozenset(
    {"password", "newpassword", "passwd", "communicatekey", "ddnskey", "arspkey", "randomstra", "randomstrb"}
)
REDACTED: Final = "***"

_SECRET_TEXT: Final = re.compile(
    rb'("(?:'
    + b"|".join(key.encode() for key in sorted(SECRET_KEYS))
    + rb')\s*"\s*:\s*)("(?:[^"\\]|\\.)*"?|[^\s,}]*)',
    re.IGNORECASE | re.DOTALL,
)


def redact(value: Any) -> Any:
    """A copy of a JSON value with the values of secret keys replaced, at any depth."""
    if isinstance(value, Mapping):
        return {
            key: REDACTED if str(key).strip().lower() in SECRET_KEYS else redact(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact(item) for item in value]
    return value


def redact_payload(payload: bytes) -> bytes:
    """A raw payload with the values of secret keys replaced, even in JSON that is cut or malformed."""
    return _SECRET_TEXT.sub(rb'\1"' + REDACTED.encode() + rb'"', payload)


def describe_packet(packet: bytes, limit: int = 200) -> str:
    """One packet for a log: header fields, and at most ``limit`` bytes of its payload without secrets.

    Of a part of a message the payload is left out: it may begin in the middle of a secret.
    """
    header = Header.parse(packet)
    payload = redact_payload(packet[HEADER_SIZE:])[:limit]
    if header.total_or_channel > 1 and header.message_id not in MEDIA_IDS:
        body = "..."
    else:
        body = payload.decode("utf-8", "backslashreplace") if payload[:1] == b"{" else payload.hex(" ", 4)
    return (
        f"id={header.message_id} sid=0x{header.session_id:08X} seq={header.sequence} "
        f"{header.total_or_channel}/{header.current_or_end} len={header.length} {body!r}"
    )
