"""Questions that wait for their answers, which come as messages of their own (§4.1, GB-061 to GB-064)."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from cambus.gb28181.manscdp.envelope import Envelope

FIRST_SN: Final = (100_000, 999_999)
"""We begin anywhere in here: away from the numbers devices count by, and from those of our last start."""
_SN_PERIOD: Final = 2**31 - 1
MAX_PAST: Final = 64
Take = Callable[[Envelope], None]


class Pending:
    """The open questions to one device.

    Attributes:
        stray: answers nobody waited for, so far.
    """

    def __init__(self) -> None:
        self.stray = 0
        self._numbers = itertools.count(random.randint(*FIRST_SN))  # noqa: S311 - a number, no secret
        self._open: dict[tuple[str, int], Take] = {}
        self._past: OrderedDict[tuple[str, int], Take | None] = OrderedDict()

    def next_sn(self) -> int:
        """A number no question to this device has had."""
        return next(self._numbers) % _SN_PERIOD or next(self._numbers)

    @contextmanager
    def waiting(self, command: str, sn: int, take: Take, *, late: Take | None = None) -> Iterator[None]:
        """Wait for the answers to a question for the length of a block; begin before it is sent.

        Args:
            command: its CmdType.
            sn: its number.
            take: called with every part of the answer.
            late: called with those that come after the block, until a question of the same kind is asked, or
                `MAX_PAST` others have ended.
        """
        key = (command.lower(), sn)
        self._let_go(key[0])
        self._open[key] = take
        try:
            yield
        finally:
            self._open.pop(key, None)
            self._past[key] = late
            while len(self._past) > MAX_PAST:
                self._past.popitem(last=False)

    def nobody_listens(self) -> None:
        """Whoever asked is gone: what comes late is dropped, and nothing of them is held."""
        for command in {name for name, _ in self._past}:
            self._let_go(command)

    def _let_go(self, command: str) -> None:
        """What comes late of earlier questions of a kind is no news any more."""
        for key, late in self._past.items():
            if key[0] == command and late is not None:
                self._past[key] = _no_news

    def answer(self, envelope: Envelope) -> bool:
        """Hand an answer to whoever asked; whether somebody had.

        An answer with a number nobody asked under is taken if only one question of its kind is open: there are
        devices that do not echo it. One that is late never answers another question.
        """
        command = envelope.command.lower()
        key = (command, envelope.sn or 0)
        take = self._open.get(key)
        if take is None and key in self._past:
            take = self._past[key]
            if take is None:
                self.stray += 1
                return False
        if take is None:
            same = [each for (name, _), each in self._open.items() if name == command]
            if len(same) != 1:
                self.stray += 1
                return False
            take = same[0]
        take(envelope)
        return True


def _no_news(_: Envelope) -> None:
    """Drop what came too late for anybody."""


class Parts:
    """The parts of an answer as they come, for a question that may have several."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Envelope] = asyncio.Queue(maxsize=20_000)

    def put(self, envelope: Envelope) -> None:
        """Take a part; beyond the bound it is dropped."""
        if not self._queue.full():
            self._queue.put_nowait(envelope)

    async def next(self, until: float) -> Envelope | None:
        """The next part, None if none comes until an instant of the event loop's clock."""
        if not self._queue.empty():
            return self._queue.get_nowait()
        try:
            async with asyncio.timeout_at(until):
                return await self._queue.get()
        except TimeoutError:
            return None
