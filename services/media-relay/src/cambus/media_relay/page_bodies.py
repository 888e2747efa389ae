"""What the page sends and gets: JSON, and nothing a foreign page's form could send."""

import asyncio
from datetime import datetime
from typing import Any, Final, TypeVar

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from cambus.schemas.codec import JSON, decode
from cambus.schemas.errors import BadRequest
from cambus.schemas.model import Instant, Message

MAX_HOURS: Final = 24 * 31
BODY_S: Final = 20.0
"""How long a body may take: a few kilobytes."""

_INSTANT: Final[TypeAdapter[datetime]] = TypeAdapter(Instant)

M = TypeVar("M", bound=Message)


async def body_of(request: web.Request, wanted: type[M]) -> M:
    """The JSON body; its content type must say so, which no foreign page's form can. Raises BadRequest."""
    if request.content_type != JSON:
        raise BadRequest(f"Content-Type: wanted {JSON}")
    return decode(wanted, await bytes_of(request), JSON)


async def bytes_of(request: web.Request) -> bytes:
    """The body; aiohttp bounds its size. Raises BadRequest if it does not come."""
    try:
        async with asyncio.timeout(BODY_S):
            return await request.read()
    except TimeoutError:
        request.protocol.force_close()
        raise BadRequest(f"the body did not come within {BODY_S:g} s", reason="slow") from None
    except web.RequestPayloadError:
        raise BadRequest("the body is not what its headers say") from None


def json_answer(body: dict[str, Any]) -> web.Response:
    """An answer that nobody keeps."""
    return web.json_response(body, headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})


def hours_of(request: web.Request) -> int:
    """How far back the query wants to look. Raises BadRequest."""
    hours = request.query.get("hours", "24")
    if not (hours.isascii() and hours.isdigit() and 0 < int(hours[:6]) <= MAX_HOURS):
        raise BadRequest(f"hours: wanted 1 to {MAX_HOURS}")
    return int(hours)


def instant_of(request: web.Request, name: str) -> datetime:
    """An instant of the query, with its time zone. Raises BadRequest."""
    try:
        return _INSTANT.validate_json(f'"{request.query.get(name, "")}"')
    except ValidationError:
        raise BadRequest(f"{name}: wanted an instant such as 2026-02-01T12:00:00Z") from None
