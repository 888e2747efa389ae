"""Requests that carry a proof of who sent them, in Date and Note (GB/T 28181-2022 §8.3, GB-277).

The proof is a digest over From, To, Call-ID and Date as they stand in the request, a secret both sides know, and the
body. It says who wrote the request and when, whatever address it comes from::

    Date: 2026-01-02T03:04:05.678
    Note: Digest nonce="nP8uZ4…=", algorithm=SM3

REGISTER has a digest of its own, and ACK and CANCEL belong to an INVITE: these are neither signed nor judged.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
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


UNSIGNED_METHODS: Final = frozenset({"REGISTER", "ACK", "CANCEL"})
OBJECTIONS: Final = {
    Proof.MISSING: "signature-missing",
    Proof.WRONG: "signature-wrong",
    Proof.OLD: "signature-old",
}
"""Why a request is refused, by what its proof is worth."""


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


def proof_of(
    request: Request,
    secret: str,
    now: datetime,
    *,
    window_s: float = WINDOW_S,
    algorithm: Algorithm | None = None,
) -> Proof:
    """Judge the proof of a request.

    Args:
        request: what came.
        secret: what both sides know.
        now: the time, with its zone.
        window_s: how far its Date may be from it, in seconds.
        algorithm: the digest it has to be made with; None for any.
    """
    note = _NOTE.match(request.headers.get("Note") or "")
    date = read_time(request.headers.get("Date"))
    named = Algorithm.named(note[2]) if note is not None else None
    if note is None or date is None or named is None or not named.available:
        return Proof.MISSING
    if algorithm not in {None, named} or not hmac.compare_digest(_digest(request, secret, named), note[1]):
        return Proof.WRONG
    return Proof.GOOD if abs((now - date).total_seconds()) <= window_s else Proof.OLD


def phrase(objection: str) -> str:
    """The reason phrase of the 403 that says so."""
    return objection.replace("-", " ").title()


@dataclass(slots=True)
class Signature:
    """How two sides prove their requests to each other.

    Attributes:
        algorithm: of the digest; what is made with another is wrong.
        secret: what both know: the password.
        clock: tells the time.
    """

    algorithm: Algorithm
    secret: str = field(repr=False)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    @property
    def problem(self) -> str | None:
        """Why it can not be used; None if it can."""
        if not self.secret:
            return "requests can not be signed without a password"
        return None if self.algorithm.available else f"this OpenSSL has no {self.algorithm.value}"

    def sign(self, request: Request) -> None:
        """Put the proof into a request that has none."""
        if request.method not in UNSIGNED_METHODS and "Note" not in request.headers:
            sign(request, self.secret, self.clock(), algorithm=self.algorithm)

    def objection(self, request: Request) -> str | None:
        """Why a request is to be refused; None if it is proven."""
        if request.method in UNSIGNED_METHODS:
            return None
        return OBJECTIONS.get(proof_of(request, self.secret, self.clock(), algorithm=self.algorithm))


def _digest(request: Request, secret: str, algorithm: Algorithm) -> str:
    name = algorithm.value.lower().replace("-", "")
    fields = "".join(request.headers.get(each) or "" for each in _SIGNED) + secret
    data = fields.encode("utf-8", "surrogateescape") + request.body
    # what the standard prescribes, not what we would choose
    return base64.b64encode(hashlib.new(name, data, usedforsecurity=False).digest()).decode()
