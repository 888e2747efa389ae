"""The HTTP port of the viewers; metrics and health have a port of their own (`cambus.bus.http`)."""

from collections.abc import Iterable
from typing import Final

from aiohttp import web

from cambus.bus.crowd import Crowd
from cambus.bus.http_site import BoundedSite, bounded_runner
from cambus.media_relay.access import Access
from cambus.media_relay.cross_origin import answers_preflights, let_origins_in
from cambus.media_relay.http_errors import errors_as_json
from cambus.media_relay.metrics import RelayMetrics

_MAX_BODY_BYTES: Final = 64 * 1024
_SHUTDOWN_S: Final = 2.0
_BACKLOG: Final = 1024


class ViewerServer:
    """Serves routes to viewers; a viewer that disconnects cancels its handler.

    Args:
        routes: what to serve.
        metrics: counts what was refused.
        access: knows which other sites' pages may read the answers.
        crowd: how many connections there may be.
    """

    def __init__(
        self, routes: Iterable[web.AbstractRouteDef], metrics: RelayMetrics, access: Access, crowd: Crowd
    ) -> None:
        self._app = web.Application(
            client_max_size=_MAX_BODY_BYTES, middlewares=[answers_preflights(access), errors_as_json(metrics)]
        )
        let_origins_in(self._app, access)
        self._app.add_routes(routes)
        self._crowd = crowd
        self._runner = bounded_runner(self._app, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_S)

    @property
    def port(self) -> int:
        """The port listened on, 0 before `start`."""
        addresses = self._runner.addresses
        return int(addresses[0][1]) if addresses else 0

    async def start(self, host: str, port: int) -> None:
        """Listen. Raises OSError when the address is taken."""
        await self._runner.setup()
        try:
            await BoundedSite(self._runner, host, port, self._crowd, backlog=_BACKLOG).start()
        except BaseException:
            await self._runner.cleanup()
            raise

    async def stop(self) -> None:
        """Listen no more and end every connection."""
        await self._runner.cleanup()
