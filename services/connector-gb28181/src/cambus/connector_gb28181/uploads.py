"""Pictures that devices upload: who may, how many, how large, and what counts as one (§10, GB-225)."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cambus.connector_gb28181.web_tokens import Tokens

MAX_PICTURE_BYTES: Final = 10 << 20
MAX_WRAPPED_BYTES: Final = MAX_PICTURE_BYTES + (64 << 10)
"""A body of several parts, with a picture in one of them."""
MAX_PIXELS: Final = 8192 * 8192
MAX_PARTS: Final = 16
MAX_HELD_BYTES: Final = 64 << 20
"""Of all pictures that are on their way or were not taken yet."""
MAX_UPLOADS: Final = 16
SPARE_S: Final = 60.0
"""How much longer than its pictures take a device may upload (§10)."""
SPARE_ATTEMPTS: Final = 3
"""So many bodies that are no pictures end an order."""

_SOI: Final = b"\xff\xd8\xff"
_SIZES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
_END_OF_HEADER: Final = frozenset({0xD9, 0xDA})


class Busy(Exception):
    """Too much is being uploaded at the moment."""


class UsedUp(Exception):
    """The order has its pictures."""


@dataclass(frozen=True, slots=True)
class UploadedPicture:
    """A JPEG file, its size in pixels, and when it came."""

    data: bytes
    width: int
    height: int
    at: datetime


class UploadOrder:
    """Pictures one device was told to upload.

    Args:
        code: the device.
        wanted: how many.
        hold: told how many bytes are kept.

    Attributes:
        code: the device.
        session: names the order to the device; no secret.
        wanted: how many.
        pictures: those that have come.
        over: the device has said that it is done.
    """

    def __init__(self, code: str, wanted: int, hold: Callable[[int], None]) -> None:
        self.code = code
        self.session = secrets.token_hex(16)
        self.wanted = wanted
        self.pictures: list[UploadedPicture] = []
        self.over = False
        self._hold = hold
        self._coming = 0
        self._failed = 0
        self._changed = asyncio.Event()

    @property
    def settled(self) -> bool:
        """Whether nothing more will come."""
        return self.over or len(self.pictures) >= self.wanted

    @contextmanager
    def slot(self) -> Iterator[None]:
        """The place of one more picture, while it is on its way. Raises UsedUp."""
        if self._is_used_up or len(self.pictures) + self._coming >= self.wanted:
            raise UsedUp
        self._coming += 1
        try:
            yield
        finally:
            self._coming -= 1

    @property
    def _is_used_up(self) -> bool:
        return self.over or self._failed >= SPARE_ATTEMPTS

    def take(self, data: bytes) -> bool:
        """Take a picture into its slot; False if it is none. Raises UsedUp if nobody waits for it any more."""
        if self._is_used_up:
            raise UsedUp
        size = jpeg_size(data)
        if size is None:
            self._failed += 1
            return False
        self.pictures.append(UploadedPicture(data, *size, datetime.now(UTC)))
        self._hold(len(data))
        self._changed.set()
        return True

    def finished(self) -> None:
        """The device has said that it is done; it may say so again."""
        self.over = True
        self._changed.set()

    async def wait(self) -> None:
        """Return when nothing more will come."""
        while not self.settled:
            self._changed.clear()
            await self._changed.wait()


class Uploads:
    """The orders of all devices, and how much they may send at a time.

    Args:
        now: the clock, in seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._tokens: Tokens[UploadOrder] = Tokens(now)
        self._by_session: dict[str, UploadOrder] = {}
        self._held_bytes = 0
        self._under_way = 0

    @contextmanager
    def ordered(self, code: str, wanted: int, interval_s: int) -> Iterator[tuple[UploadOrder, str]]:
        """An order and its token, for as long as somebody waits for the pictures."""
        order = UploadOrder(code, wanted, self._hold)
        token = self._tokens.issue(order, wanted * interval_s + SPARE_S)
        self._by_session[order.session] = order
        try:
            yield order, token
        finally:
            self._tokens.withdraw(token)
            del self._by_session[order.session]
            order.finished()
            self._hold(-sum(len(picture.data) for picture in order.pictures))
            order.pictures = []

    def find(self, token: str) -> UploadOrder | None:
        """The order of a token."""
        return self._tokens.find(token)

    def finished(self, code: str, session: str) -> bool:
        """A device has said that it is done; whether anybody waited for that."""
        order = self._by_session.get(session)
        if order is None or order.code != code:
            return False
        order.finished()
        return True

    @contextmanager
    def room(self, most_bytes: int) -> Iterator[None]:
        """Room for a body of that length, while it is read. Raises Busy."""
        if self._under_way >= MAX_UPLOADS or self._held_bytes + most_bytes > MAX_HELD_BYTES:
            raise Busy
        self._under_way += 1
        self._hold(most_bytes)
        try:
            yield
        finally:
            self._under_way -= 1
            self._hold(-most_bytes)

    def _hold(self, count: int) -> None:
        self._held_bytes += count


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in the header of a JPEG; None if it is none, or claims to be too large (ISO/IEC 10918-1 B.2)."""
    if not data.startswith(_SOI) or len(data) > MAX_PICTURE_BYTES:
        return None
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill
            at += 1
            continue
        if marker in _ALONE:
            at += 2
            continue
        if marker in _END_OF_HEADER:
            return None
        length = int.from_bytes(data[at + 2 : at + 4])
        if marker in _SIZES:
            return _frame_size(data[at + 4 : at + 2 + length])
        if length < 2:
            return None
        at += 2 + length
    return None


def _frame_size(frame: bytes) -> tuple[int, int] | None:
    """Precision 1, lines 2, samples 2, components 1, and three bytes of each component (B.2.2)."""
    if len(frame) < 6 or len(frame) < 6 + 3 * frame[5] or frame[5] == 0:
        return None
    height, width = int.from_bytes(frame[1:3]), int.from_bytes(frame[3:5])
    return (width, height) if 0 < width * height <= MAX_PIXELS else None


def picture_in(body: bytes, boundary: bytes | None) -> bytes | None:
    """The one picture in a body, which may be of several parts (RFC 2046 §5.1); None if there is none, or more."""
    if boundary is None:
        return body
    if not 0 < len(boundary) <= 70:
        return None
    found = []
    for part in body.split(b"--" + boundary, MAX_PARTS + 1)[1:]:
        if part.startswith(b"--"):
            break
        _, _, content = part.partition(
            b"\r\n\r\n"
        )  # names and types in the head are the device's word: not used
        if content.startswith(_SOI):
            found.append(content.removesuffix(b"\r\n"))
    return found[0] if len(found) == 1 else None
