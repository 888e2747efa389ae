"""Serving a firmware image over HTTP: GET and HEAD, whole or in pieces (§10)."""

import asyncio
from typing import Final

from aiohttp import web

from cambus.connector_gb28181.firmware import FirmwareOffers, Offer, byte_range
from cambus.connector_gb28181.web import empty

KIND: Final = "firmware"
PIECE_BYTES: Final = 64 << 10
STALL_S: Final = 30.0
"""A client that takes no piece for so long is cut off."""
_METHODS: Final = frozenset({"GET", "HEAD"})


class FirmwareDownloads:
    """Gives devices what they were told to fetch.

    Args:
        offers: what that is.
        stall_s: a client that takes no piece for so long is cut off.
    """

    def __init__(self, offers: FirmwareOffers, *, stall_s: float = STALL_S) -> None:
        self._offers = offers
        self._stall_s = stall_s

    async def serve(self, request: web.BaseRequest, token: str) -> web.StreamResponse:
        """Answer a request."""
        offer = self._offers.find(token) if request.method in _METHODS else None
        if offer is None:
            return empty(404)
        size = offer.image.size_bytes
        try:
            piece = byte_range(request.headers.get("Range"), size)
        except ValueError:
            refused = empty(416)
            refused.headers["Content-Range"] = f"bytes */{size}"
            return refused
        if not offer.has_room:
            return empty(503)
        response = _head(piece, size)
        if request.method == "GET":
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - a request is served in one
            offer.fetching(task)
            await self._send(request, response, offer, piece or (0, size))
        return response

    async def _send(
        self, request: web.BaseRequest, response: web.StreamResponse, offer: Offer, piece: tuple[int, int]
    ) -> None:
        start, stop = piece
        try:
            async with asyncio.timeout(self._stall_s):
                await response.prepare(request)
            while start < stop:
                data = await offer.image.read(start, min(PIECE_BYTES, stop - start))
                if not data:
                    return
                if not await offer.may_send(start, start + len(data)):
                    _cut(request)
                    return
                offer.sent(start, start + len(data))
                async with asyncio.timeout(self._stall_s):
                    await response.write(data)
                start += len(data)
            async with asyncio.timeout(self._stall_s):
                await response.write_eof()
        except TimeoutError:
            _cut(request)
            raise ConnectionResetError("the client takes nothing") from None
        except asyncio.CancelledError:  # what was withdrawn is not sent to its end
            _cut(request)
            raise


def _cut(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()


def _head(piece: tuple[int, int] | None, size: int) -> web.StreamResponse:
    start, stop = piece or (0, size)
    response = web.StreamResponse(status=200 if piece is None else 206)
    response.headers["Server"] = "cambus"
    response.headers["Accept-Ranges"] = "bytes"
    response.content_type = "application/octet-stream"
    response.content_length = stop - start
    if piece is not None:
        response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    response.force_close()
    return response
