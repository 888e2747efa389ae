"""Firmware that devices fetch: each image under an address of its own, for one device, for a while (§10)."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from cambus.connector.ending import end
from cambus.connector.firmware import FirmwareFile
from cambus.connector.outflow import Outflow
from cambus.connector_gb28181.web_tokens import Tokens

MAX_FETCHES: Final = 4
"""Of one image at a time: some devices fetch pieces beside each other."""
MAX_PIECES: Final = 4096
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class Coverage:
    """Which bytes have gone out at least once.

    Args:
        size_bytes: of all there is.
    """

    def __init__(self, size_bytes: int) -> None:
        self._size = size_bytes
        self._spans: list[tuple[int, int]] = []

    def add(self, start: int, stop: int) -> None:
        """These went out."""
        merged, others = (start, stop), list[tuple[int, int]]()
        for span in self._spans:
            if span[1] < merged[0] or merged[1] < span[0]:
                others.append(span)
            else:
                merged = (min(span[0], merged[0]), max(span[1], merged[1]))
        if len(others) < MAX_PIECES:
            others.append(merged)
        self._spans = others

    @property
    def percent(self) -> float:
        """How much that is."""
        return 100.0 * sum(stop - start for start, stop in self._spans) / self._size

    @property
    def whole(self) -> bool:
        """Whether that is everything."""
        return self._spans == [(0, self._size)]


class Offer:
    """An image one device may fetch.

    Args:
        image: the image, checked.
        on_sent: told when some of it has gone out: percent, and whether all of it has.
        may_end: whether its end may go out now; without it no device can install it.
        bytes_per_s: send it no faster, all fetches together; None for as fast as it is taken.

    Attributes:
        image: the image.
        fetches: those under way.
    """

    def __init__(
        self,
        image: FirmwareFile,
        on_sent: Callable[[float, bool], None],
        *,
        may_end: Callable[[], bool] = lambda: True,
        bytes_per_s: int | None = None,
    ) -> None:
        self.image = image
        self._outflow = Outflow(bytes_per_s)
        self._may_end = may_end
        self._on_sent = on_sent
        self._coverage = Coverage(image.size_bytes)
        self.fetches: set[asyncio.Task[None]] = set()

    @property
    def has_room(self) -> bool:
        """Whether it may be fetched once more at this moment."""
        return len(self.fetches) < MAX_FETCHES

    async def may_send(self, start: int, stop: int) -> bool:
        """Whether these bytes may go out; returns when they may by the pace."""
        await self._outflow.take(stop - start)
        return stop < self.image.size_bytes or self._may_end()

    def sent(self, start: int, stop: int) -> None:
        """These bytes are about to go out; noted before, so that an image counts as sent rather too early."""
        self._coverage.add(start, stop)
        self._on_sent(self._coverage.percent, self._coverage.whole)

    def fetching(self, task: asyncio.Task[None]) -> None:
        """A fetch that ends with the offer."""
        self.fetches.add(task)
        task.add_done_callback(self.fetches.discard)

    async def close(self) -> None:
        """Break off what is under way."""
        await end(*self.fetches)


class FirmwareOffers:
    """The images that may be fetched.

    Args:
        now: the clock, in seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._tokens: Tokens[Offer] = Tokens(now)

    def find(self, token: str) -> Offer | None:
        """The offer of a token."""
        return self._tokens.find(token)

    @asynccontextmanager
    async def offered(self, offer: Offer, valid_s: float) -> AsyncIterator[str]:
        """The token under which an image is there, until the end of the block or of its time."""
        token = self._tokens.issue(offer, valid_s)
        try:
            yield token
        finally:
            self._tokens.withdraw(token)
            await offer.close()


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """First and one past the last byte of a Range header (RFC 9110 §14.2); None for the whole of it.

    Raises:
        ValueError: there is nothing in that range.
    """
    match = None if header is None else _RANGE.fullmatch(header.strip())
    if match is None or not (match[1] or match[2]):
        return None  # none, several, or of another unit: to be ignored
    if not match[1]:
        start, stop = max(size - int(match[2]), 0), size
    else:
        start = int(match[1])
        stop = min(int(match[2]) + 1, size) if match[2] else size
        if match[2] and int(match[2]) < start:
            return None
    if start >= stop:
        raise ValueError("there is nothing in that range")
    return start, stop
