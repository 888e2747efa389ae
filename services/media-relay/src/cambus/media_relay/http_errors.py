"""How an error reaches an HTTP client: its code as the status, and a JSON body that says what is wrong."""

import logging
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from cambus.media_relay.metrics import RelayMetrics
from cambus.schemas.errors import CambusError, ErrorCode, Internal

log = logging.getLogger(__name__)

_MAY_PASS: Final = 502
"""What went wrong behind the relay, from this code on, may be over at the next try."""

_PEER_GONE: Final = 499
"""Stands in the access log for a client that left before its answer; nobody receives it."""


def error_body(error: CambusError) -> dict[str, object]:
    """The JSON form of an error: `code`, `reason`, `text`, `retryable`."""
    return {
        "code": int(error.code),
        "reason": error.reason,
        "text": error.text,
        "retryable": error.retryable or error.code >= _MAY_PASS,
    }


def errors_as_json(metrics: RelayMetrics) -> Middleware:
    """The middleware that answers a `CambusError` with its code and a JSON body, and hides every other.

    A peer that leaves before its answer is no error.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except CambusError as error:
            metrics.refused(str(int(error.code))).inc()
            headers = {"WWW-Authenticate": "Bearer"} if error.code is ErrorCode.UNAUTHORIZED else {}
            return web.json_response(error_body(error), status=int(error.code), headers=headers)
        except web.HTTPException:
            raise
        except ConnectionResetError:
            return web.Response(status=_PEER_GONE)
        except Exception:
            log.exception("a request failed")
            metrics.refused("500").inc()
            return web.json_response(error_body(Internal()), status=500)

    return middleware
