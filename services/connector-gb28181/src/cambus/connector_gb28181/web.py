"""The port devices upload pictures to and fetch firmware from (2022). It answers nothing else.

One request a connection; a client that dawdles is cut off. Addresses hold tokens, so nothing here is logged that holds
an address: neither by us nor by the library.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Self

from aiohttp import web

from cambus.bus.crowd import Crowd
from cambus.bus.http_site import BoundedSite
from cambus.bus.metrics import Metrics
from cambus.connector_gb28181.settings import Gb28181Settings

MAX_CONNECTIONS: Final = 512
MAX_OF_ADDRESS: Final = 128
"""Connections of one address; whole sites stand behind one."""
HEAD_S: Final = 10.0
"""Until the head of a request has come."""
LINGER_S: Final = 2.0
"""What a client still sends is read for so long after a refusal, or it would not see the answer."""
SHUTDOWN_S: Final = 1.0
BACKLOG: Final = 128
_SILENT: Final = logging.Logger("silent", logging.CRITICAL + 1)  # noqa: LOG001 - outside the tree: nothing listens

Serve = Callable[[web.BaseRequest, str], Awaitable[web.StreamResponse]]
"""Answers a request for the thing of a token."""


class _Connection(web.RequestHandler):
    """A connection whose errors have no body: what was sent is not sent back."""

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - the library's
        status: int = 500,
        exc: BaseException | None = None,  # noqa: ARG002
        message: str | None = None,  # noqa: ARG002
    ) -> web.StreamResponse:
        """Say no more than that."""
        return empty(status)


class _Server(web.Server):
    """Makes connections."""

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class WebServer:
    """Listens, and knows what is behind an address: `/<kind>/<token>`, whatever a device appends to it.

    Args:
        settings: of the connector.
        kinds: what is served, by the first part of the path.
        metrics: the service's registry.
    """

    def __init__(self, settings: Gb28181Settings, kinds: Mapping[str, Serve], metrics: Metrics) -> None:
        self._settings = settings
        self._kinds = kinds
        self._requests = metrics.counter(
            "gb28181_web_requests",
            "HTTP requests of devices, by what they were for and how they were answered",
            {"kind": [*kinds, "none"], "status": [str(status) for status in STATUSES]},
        )
        self._runner: web.ServerRunner | None = None
        self._port = 0

    def address(self, own_host: str) -> str:
        """What the addresses a device is given begin with; `own_host` is ours on the way to it."""
        return self._settings.web_address(self._port, own_host)

    async def __aenter__(self) -> Self:
        """Listen. Raises OSError if the address is taken."""
        server = _Server(
            self._answer,
            handler_cancellation=True,
            access_log=None,
            logger=_SILENT,
            keepalive_timeout=HEAD_S,
            lingering_time=LINGER_S,
            auto_decompress=False,
        )
        runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=SHUTDOWN_S)
        await runner.setup()
        try:
            host, port = self._settings.web_host, self._settings.gb28181_web_port
            crowd = Crowd(MAX_CONNECTIONS, MAX_OF_ADDRESS)
            await BoundedSite(runner, host, port, crowd, backlog=BACKLOG).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner, self._port = runner, runner.addresses[0][1]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Listen no more, and end every connection."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        _, _, path = request.path.partition("/")
        kind, _, rest = path.partition("/")
        token, _, _ = rest.partition("/")
        serve = self._kinds.get(kind)
        response = empty(404) if serve is None else await serve(request, token)
        self._requests("none" if serve is None else kind, str(response.status)).inc()
        return response


STATUSES: Final = (200, 206, 403, 404, 408, 413, 415, 416, 503)


def empty(status: int) -> web.Response:
    """An answer without a body, after which the connection is closed."""
    response = web.Response(status=status, headers={"Server": "cambus"})
    response.force_close()
    return response
