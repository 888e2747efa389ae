"""What pages of the allowed web origins are told (Fetch §3.3): on every answer of an output, errors too.

A page can not read an answer without these headers, and so would not see why it got no picture.
"""

from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from cambus.media_relay.access import Access

_OUTPUTS: Final = ("/live/", "/hls/", "/whep/")
_EXPOSED: Final = "Location, ETag, Link, Cambus-Taken-At"
_METHODS: Final = "GET, POST, PATCH, DELETE, OPTIONS"
_HEADERS: Final = "Authorization, Content-Type, If-Match"
_KEPT_S: Final = "600"


def let_origins_in(app: web.Application, access: Access) -> None:
    """Have every answer of an output name the origin it may be read by, if that is allowed."""

    async def name_origin(request: web.Request, response: web.StreamResponse) -> None:
        if not _is_output(request):
            return
        origin = access.allowed_origin(request)
        response.headers[hdrs.VARY] = hdrs.ORIGIN
        if origin is None:
            return
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
        response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = _EXPOSED
        if request.method == hdrs.METH_OPTIONS:
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = _METHODS
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = _HEADERS
            response.headers[hdrs.ACCESS_CONTROL_MAX_AGE] = _KEPT_S

    app.on_response_prepare.append(name_origin)


def answers_preflights(access: Access) -> Middleware:
    """The middleware that answers a preflight (Fetch §4.8) where the output itself takes no OPTIONS."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPMethodNotAllowed:
            asked = hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers and _is_output(request)
            if request.method == hdrs.METH_OPTIONS and asked and access.allowed_origin(request) is not None:
                return web.Response(status=204)
            raise

    return middleware


def _is_output(request: web.Request) -> bool:
    return request.path.startswith(_OUTPUTS)
