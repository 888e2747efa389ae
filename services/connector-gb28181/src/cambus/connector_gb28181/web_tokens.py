"""Addresses devices are given once: each holds a token nobody can guess, for one thing, for a while (§16).

Only a digest of a token is kept: what is in memory, in an error or in a log opens nothing.
"""

import hashlib
import secrets
from collections.abc import Callable
from typing import Final, Generic, TypeVar

TOKEN_BYTES: Final = 16
MAX_TOKENS: Final = 10_000

T = TypeVar("T")


class Tokens(Generic[T]):
    """What is reached under tokens.

    Args:
        now: the clock, in seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._known: dict[bytes, tuple[T, float]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def issue(self, thing: T, valid_s: float) -> str:
        """A token of 128 random bits for something. Raises OverflowError if there are too many."""
        now = self._now()
        if len(self._known) >= MAX_TOKENS:
            self._known = {key: each for key, each in self._known.items() if each[1] > now}
            if len(self._known) >= MAX_TOKENS:
                raise OverflowError("too many addresses are given out")
        token = secrets.token_hex(TOKEN_BYTES)
        self._known[_digest(token)] = (thing, now + valid_s)
        return token

    def find(self, token: str) -> T | None:
        """What a token is for; None for a wrong or expired one."""
        key = _digest(token)
        found = self._known.get(key)
        if found is None:
            return None
        if found[1] <= self._now():
            del self._known[key]
            return None
        return found[0]

    def withdraw(self, token: str) -> None:
        """A token is good for nothing any more."""
        self._known.pop(_digest(token), None)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
