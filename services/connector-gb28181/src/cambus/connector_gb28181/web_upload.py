"""Receiving a picture over HTTP: PUT or POST, as it is or in a form (§10, GB-225)."""

import asyncio
from typing import Final

from aiohttp import HttpVersion11, web

from cambus.connector_gb28181.uploads import (
    MAX_PICTURE_BYTES,
    MAX_WRAPPED_BYTES,
    Busy,
    UploadOrder,
    Uploads,
    UsedUp,
    picture_in,
)
from cambus.connector_gb28181.web import empty

KIND: Final = "pictures"
BODY_S: Final = 60.0
"""Until a picture has come."""
_METHODS: Final = frozenset({"PUT", "POST"})


class _TooLarge(Exception):
    """The body is longer than a picture may be."""


class PictureUploads:
    """Takes what devices upload.

    Args:
        uploads: what was ordered.
        body_s: until a picture has come.
    """

    def __init__(self, uploads: Uploads, *, body_s: float = BODY_S) -> None:
        self._uploads = uploads
        self._body_s = body_s

    async def serve(self, request: web.BaseRequest, token: str) -> web.StreamResponse:
        """Answer a request: 200 for a picture that is taken, else why not, in a number."""
        order = self._uploads.find(token) if request.method in _METHODS else None
        if order is None:
            return empty(404)
        try:
            return empty(await self._receive(request, order))
        except UsedUp:
            return empty(403)
        except _TooLarge:
            return empty(413)
        except Busy:
            return empty(503)
        except TimeoutError:
            return empty(408)

    async def _receive(self, request: web.BaseRequest, order: UploadOrder) -> int:
        """The status of the answer. Raises what is refused before, or while, the body is read."""
        wrapped = request.content_type.startswith("multipart/")
        most = MAX_WRAPPED_BYTES if wrapped else MAX_PICTURE_BYTES
        length = request.content_length
        if length is not None and length > most:
            raise _TooLarge
        with order.slot(), self._uploads.room(most if length is None else length):
            await _go_ahead(request)
            async with asyncio.timeout(self._body_s):
                body = await _read(request, most)
            boundary = _boundary(request) if wrapped else None
            return 200 if order.take(picture_in(body, boundary) or b"") else 415


async def _read(request: web.BaseRequest, most: int) -> bytes:
    """The body. Raises _TooLarge as soon as it is longer than that."""
    pieces, count = list[bytes](), 0
    async for piece in request.content.iter_any():
        count += len(piece)
        if count > most:
            raise _TooLarge
        pieces.append(piece)
    return b"".join(pieces)


def _boundary(request: web.BaseRequest) -> bytes:
    """What is between the parts; empty if the head does not say."""
    return _parameters(request).get("boundary", "").encode("latin-1", "replace")


def _parameters(request: web.BaseRequest) -> dict[str, str]:
    """The parameters of the content type, by name; some devices quote them."""
    pairs = (part.partition("=") for part in request.headers.get("Content-Type", "").split(";")[1:])
    return {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


async def _go_ahead(request: web.BaseRequest) -> None:
    """Tell a client that asked before it sends its body (RFC 9110 §10.1.1)."""
    if request.version >= HttpVersion11 and request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
