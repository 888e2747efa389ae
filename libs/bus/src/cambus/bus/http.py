"""The one HTTP port of a service: `/metrics`, `/livez`, `/readyz`, and what the service adds."""

import asyncio
import socket
from collections.abc import Iterable

from aiohttp import web

from cambus.bus.crowd import Crowd
from cambus.bus.health import Health
from cambus.bus.http_site import BoundedSite, bounded_runner
from cambus.bus.metrics import CONTENT_TYPE, Metrics

MAX_BODY_BYTES = 1024 * 1024
SHUTDOWN_S = 2.0
MAX_CONNECTIONS = 512
MAX_OF_ADDRESS = 128
"""Connections of one address: descriptors are what a service keeps its files open with."""


class HttpServer:
    """Serves health and metrics, and the routes of the service.

    Args:
        metrics: what `/metrics` shows.
        health: what `/readyz` answers from. `/livez` asks nothing: if the loop turns, the process lives.
        host: address to listen on.
        port: 0 takes a free port, see `port` after `start()`.
    """

    def __init__(self, metrics: Metrics, health: Health, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._metrics = metrics
        self._health = health
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None
        self.app = web.Application(client_max_size=MAX_BODY_BYTES)
        self.app.add_routes(
            [
                web.get("/metrics", self._show_metrics),
                web.get("/livez", self._show_alive),
                web.get("/readyz", self._show_ready),
            ]
        )

    def add_routes(self, routes: Iterable[web.AbstractRouteDef]) -> None:
        """Add routes of the service, before `start()`."""
        self.app.add_routes(routes)

    @property
    def port(self) -> int:
        """The port listened on, once started."""
        return self._port

    @property
    def url(self) -> str:
        """Where the port is reached, once started; one that listens everywhere is named after this host."""
        everywhere = self._host in {"", "0.0.0.0", "::"}  # noqa: S104 - compared, not bound
        host = socket.gethostname() if everywhere else self._host
        return f"http://[{host}]:{self._port}" if ":" in host else f"http://{host}:{self._port}"

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address is taken or not ours.
        """
        runner = bounded_runner(self.app, shutdown_timeout=SHUTDOWN_S)
        await runner.setup()
        crowd = Crowd(MAX_CONNECTIONS, MAX_OF_ADDRESS)
        try:
            await BoundedSite(runner, self._host, self._port, crowd).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        self._port = runner.addresses[0][1]

    async def stop(self) -> None:
        """Close the listener and every connection."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _show_metrics(self, request: web.Request) -> web.Response:
        del request
        # Rendering a few thousand series takes milliseconds the loop does not have.
        body = await asyncio.to_thread(self._metrics.render)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})

    async def _show_alive(self, request: web.Request) -> web.Response:
        del request
        return web.json_response({"alive": True})

    async def _show_ready(self, request: web.Request) -> web.Response:
        del request
        return web.json_response(self._health.report(), status=200 if self._health.ready else 503)
