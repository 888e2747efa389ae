"""Logging in again on a connection whose session the device has forgotten (DVRIP §5): 105, 202 in mid-session."""

import asyncio
from collections.abc import Awaitable, Callable

from cambus.dvrip.codes import SESSION_LOST
from cambus.dvrip.connection import Reply
from cambus.dvrip.errors import DvripError, ProtocolError


def is_forgotten(reply: Reply) -> bool:
    """Whether a reply says that the device does not know the session."""
    if not reply.payload.startswith(b"{"):
        return False
    try:
        return reply.code in SESSION_LOST
    except ProtocolError:
        return False


class SessionRenewal:
    """One login at a time for all requests that found the session forgotten.

    Args:
        log_in: logs in again.

    Attributes:
        count: how often that was done.
    """

    def __init__(self, log_in: Callable[[], Awaitable[None]]) -> None:
        self.count = 0
        self._log_in = log_in
        self._hopeless = False
        self._task: asyncio.Task[None] | None = None

    async def renew(self, before: int) -> bool:
        """Log in again unless that was done since ``before``; False when it does not help.

        Raises:
            DvripError: the login failed; the connection is closed.
        """
        if self.count == before and self._task is None:
            if self._hopeless:
                return False
            self._task = asyncio.create_task(self._run(), name="session renewal")
            self._task.add_done_callback(_retrieve)
        await self.join()
        return True

    async def join(self) -> None:
        """Wait for a login that is under way.

        Raises:
            DvripError: it failed.
        """
        if self._task is not None:
            await asyncio.shield(self._task)

    async def since(self, before: int) -> bool:
        """Whether there was a login since ``before``, or is one that succeeds."""
        try:
            await self.join()
        except DvripError:
            return False
        return self.count != before

    def give_up(self) -> None:
        """The device forgets a session as soon as it has one: no more logins."""
        self._hopeless = True

    async def close(self) -> None:
        """Stop a login that is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            await self._log_in()
            self.count += 1
        finally:
            self._task = None


def _retrieve(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()  # whoever asked for it may have gone; the connection says the same
