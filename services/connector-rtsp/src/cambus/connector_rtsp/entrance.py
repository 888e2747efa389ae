"""The way in to a device: an account it refused is not shown again by everybody who wants one of its streams.

Each wrong login counts at the device, and after a few it locks the account. A recorder of sixteen channels whose
password was changed would get sixteen at once, for all its streams break off and are opened again together.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from cambus.connector.backoff import Backoff
from cambus.rtsp.client_errors import AuthRefused
from cambus.rtsp.client_url import Source

IN_A_ROW: Final = 2
"""Refusals at different streams without a login between them: the account is wrong, not its rights."""

SURE_S: Final = 5.0
"""How long a login shows that the account is right."""

T = TypeVar("T")


class _Refusal:
    """What was refused, and how long that counts."""

    def __init__(self) -> None:
        self._backoff = Backoff(rng=lambda: 0.0)  # never longer than who tries the device again waits himself
        self._error: AuthRefused | None = None
        self._until = 0.0

    def note(self, error: AuthRefused, now: float, logins: int = 1) -> None:
        """It was refused now, for so many logins."""
        self._error, self._until = error, now + self._backoff.refused(logins)

    def check(self, now: float) -> None:
        """Raise what was raised, if it is too early to try again."""
        if self._error is not None and now < self._until:
            raise AuthRefused(self._error.text, self._error.detail)


class Entrance:
    """The logins of one account at a device.

    While it is not known whether the account is right, one logs in and the others wait how that goes. What was
    refused for one stream is not tried there before its time; what was refused for two, for none.

    Args:
        clock: seconds on any monotonic clock.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._refused: dict[Source, _Refusal] = {}
        self._everywhere = _Refusal()
        self._in_a_row = 0
        self._sure_until = -math.inf
        self._trial: asyncio.Event | None = None

    def doubt(self) -> None:
        """A stream broke off, or could not be opened: the account may not be right any more."""
        self._sure_until = -math.inf

    @property
    def _sure(self) -> bool:
        return self._clock() < self._sure_until

    async def enter(self, source: Source, attempt: Callable[[], Awaitable[T]]) -> T:
        """Do what logs in at a stream, unless that was refused a while ago. Raises what it raises, or AuthRefused."""
        while not self._sure and self._trial is not None:
            await self._trial.wait()
            if not self._in_a_row:
                break
        self._check(source)
        if self._sure or self._trial is not None:
            return await self._attempt(source, attempt)
        self._trial = asyncio.Event()
        try:
            return await self._attempt(source, attempt)
        finally:
            self._trial.set()
            self._trial = None

    def _check(self, source: Source) -> None:
        now = self._clock()
        self._everywhere.check(now)
        if (refusal := self._refused.get(source)) is not None:
            refusal.check(now)

    async def _attempt(self, source: Source, attempt: Callable[[], Awaitable[T]]) -> T:
        try:
            result = await attempt()
        except AuthRefused as error:
            now = self._clock()
            self.doubt()
            self._in_a_row += 1
            self._refused.setdefault(source, _Refusal()).note(error, now)
            if self._in_a_row >= IN_A_ROW:
                self._everywhere.note(error, now, IN_A_ROW if self._in_a_row == IN_A_ROW else 1)
            raise
        self._sure_until, self._in_a_row = self._clock() + SURE_S, 0
        self._refused.pop(source, None)
        self._everywhere = _Refusal()
        return result
