"""Requests that carry a proof of who sent them, in Date and Note (GB/T 28181-2022 §8.3, GB-277).

The proof is a digest over From, To, Call-ID and Date as they stand in the request, a secret both sides know, and the
body. It says who wrote the request and when, whatever address it comes from::

    Date: 2026-01-02T03:04:05.678
    Note: Digest nonce="nP8uZ4…=", algorithm=SM3
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import datetime
from enum import Enum
from typing import Final

from cambus.gb28181.values import read_time, write_time_ms
from cambus.sip.digest import Algorithm
from cambus.sip.message import Request

WINDOW_S: Final = 300.0
"""How far the clocks of two sides may be apart: for so long, a request that was overheard is good once more."""
_NOTE: Final = re.compile(
    r'(?i)\s*digest\s+nonce\s*=\s*"([A-Za-z0-9+/=]{1,128})"\s*,\s*algorithm\s*=\s*"?([A-Za-z0-9-]{1,20})"?\s*\Z'
)
_SIGNED: Final = ("From", "To", "Call-ID", "Date")


class Proof(Enum):
    """What the proof of a request is worth."""

    GOOD = "good"
    MISSING = "missing"
    WRONG = "wrong"
    """Another secret, or something was changed on the way."""
    OLD = "old"
    """Right, but of another time."""


def sign(request: Request, secret: str, now: datetime, *, algorithm: Algorithm = Algorithm.SM3) -> None:
    """Put Date and Note into a request that is otherwise complete.

    Args:
        request: what is sent; its From, To, Call-ID and body do not change any more.
        secret: what both sides know.
        now: the time, with its zone.
        algorithm: of the digest. Raises ValueError where it is not available.
    """
    request.headers.set("Date", write_time_ms(now))
    digest = _digest(request, secret, algorithm)
    request.headers.set("Note", f'Digest nonce="{digest}", algorithm={algorithm.value}')


def proof_of(request: Request, secret: str, now: datetime, *, window_s: float = WINDOW_S) -> Proof:
    """Judge the proof of a request.

    Args:
        request: what came.
        secret: what both sides know.
        now: the time, with its zone.
        window_s: how far its Date may be from it, in seconds.
    """
    note = _NOTE.match(request.headers.get("Note") or "")
    date = read_time(request.headers.get("Date"))
    algorithm = Algorithm.named(note[2]) if note is not None else None
    if note is None or date is None or algorithm is None or not algorithm.available:
        return Proof.MISSING
    if not hmac.compare_digest(_digest(request, secret, algorithm), note[1]):
        return Proof.WRONG
    return Proof.GOOD if abs((now - date).total_seconds()) <= window_s else Proof.OLD


def _digest(request: Request, secret: str, algorithm: Algorithm) -> str:
    name = algorithm.value.lower().replace("-", "")
    fields = "".join(request.headers.get(each) or "" for each in _SIGNED) + secret
    data = fields.encode("utf-8", "surrogateescape") + request.body
    # what the standard prescribes, not what we would choose
    return base64.b64encode(hashlib.new(name, data, usedforsecurity=False).digest()).decode()
