"""Nonces of our own: nothing is stored until one is used (GB/T 28181-2022 §8.3, RFC 7616 §5.12).

A nonce carries the instant it was made and a keyed hash over that instant and whom it was made for; every
process that has the key can tell its own nonces from invented ones, without having seen them. What is stored is
the count of those that were used, for as long as they are good: none is good twice.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct
from collections import OrderedDict
from enum import Enum
from typing import Final

LIFETIME_S: Final = 60.0
MAX_USED: Final = 200_000
_STAMP = struct.Struct(">QI")
_MAC_BYTES: Final = 15
_AHEAD_S: Final = 5.0
"""How far the clock of another process may be ahead of ours."""


class NonceState(Enum):
    """What a nonce that came back is worth."""

    GOOD = "good"
    STALE = "stale"
    """It was ours, and is too old."""
    REPLAYED = "replayed"
    """It was ours, and has been used with this count or a higher one."""
    FOREIGN = "foreign"
    """It is none of ours, or was made for somebody else."""


class NonceBook:
    """Makes nonces and judges those that come back.

    Args:
        key: shared by all processes that should accept each other's nonces; 16 bytes or more.
        lifetime_s: how long one is good.
        max_used: used nonces remembered at most; beyond that the oldest are forgotten.
    """

    def __init__(self, key: bytes, *, lifetime_s: float = LIFETIME_S, max_used: int = MAX_USED) -> None:
        if len(key) < 16:
            raise ValueError("a nonce key needs at least 16 bytes")
        self._key = key
        self._lifetime_s = lifetime_s
        self._max_used = max_used
        self._used: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def issue(self, subject: str, now: float) -> str:
        """A fresh nonce for one device, at a wall-clock instant in seconds."""
        stamp = _STAMP.pack(int(now * 1000), secrets.randbits(32))
        return base64.urlsafe_b64encode(stamp + self._mac(stamp, subject)).decode()

    def check(self, nonce: str, subject: str, now: float) -> NonceState:
        """Judge a nonce, without using it: do that once the digest has proved right."""
        try:
            raw = base64.urlsafe_b64decode(nonce.encode())
            stamp, mac = raw[: _STAMP.size], raw[_STAMP.size :]
            made_at = _STAMP.unpack(stamp)[0] / 1000
        except (ValueError, struct.error):
            return NonceState.FOREIGN
        if base64.urlsafe_b64encode(raw).decode() != nonce:
            return NonceState.FOREIGN  # another spelling of one of ours could be used once more
        if not hmac.compare_digest(mac, self._mac(stamp, subject)):
            return NonceState.FOREIGN
        return NonceState.GOOD if -_AHEAD_S <= now - made_at <= self._lifetime_s else NonceState.STALE

    def use(self, nonce: str, count: int | None, now: float) -> bool:
        """Use a good nonce up: without a count for good, with one for counts up to it.

        Returns:
            Whether it had not been used like this.
        """
        self._forget(now)
        used = self._used.get(nonce)
        if used is not None and (count is None or count <= used[1]):
            return False
        self._used[nonce] = (now if used is None else used[0], 2**32 if count is None else count)
        return True

    def _forget(self, now: float) -> None:
        while self._used:
            first = next(iter(self._used.values()))
            if now - first[0] <= self._lifetime_s + _AHEAD_S and len(self._used) < self._max_used:
                return
            self._used.popitem(last=False)

    def _mac(self, stamp: bytes, subject: str) -> bytes:
        return hmac.digest(self._key, stamp + subject.encode("utf-8", "surrogateescape"), hashlib.sha256)[
            :_MAC_BYTES
        ]
