"""An HTTP port that nobody can fill: not by many connections, not by dawdling, not by what he sends.

aiohttp by itself takes any number of connections, gives each an hour to send the head of a request, unpacks bodies, and
logs a traceback with what was sent, perhaps a token, for all that is no HTTP.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, cast

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from cambus.bus.crowd import Crowd

IDLE_S: Final = 75.0
"""How long a connection may take for the head of a request, and be idle after an answer."""

_NOISE: Final = (HttpProcessingError, web.RequestPayloadError)

logger = logging.getLogger(__name__)


class _NoNoise(logging.Filter):
    """Leaves out of the log what is no HTTP."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is to be logged."""
        return not (record.exc_info and isinstance(record.exc_info[1], _NOISE))


logger.addFilter(_NoNoise())


def bounded_runner(app: web.Application, *, idle_s: float = IDLE_S, **options: Any) -> web.AppRunner:
    """What runs an application behind `BoundedSite`; options as of `web.AppRunner`."""
    return web.AppRunner(
        app,
        access_log=None,  # addresses hold tokens
        handle_signals=False,
        keepalive_timeout=idle_s,
        auto_decompress=False,
        logger=logger,
        **options,
    )


class BoundedSite(web.BaseSite):
    """Listens; connections for which there is no room are closed without a word.

    Args:
        runner: has been set up.
        host: address to listen on.
        port: 0 takes a free one.
        crowd: who is in.
        backlog: of the socket.
    """

    def __init__(
        self, runner: web.BaseRunner, host: str, port: int, crowd: Crowd, *, backlog: int = 128
    ) -> None:
        super().__init__(runner, backlog=backlog)
        self._address = (host, port)
        self._crowd = crowd

    @property
    def name(self) -> str:
        """Where it listens."""
        host, port = self._address
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def start(self) -> None:
        """Listen. Raises OSError if the address is taken."""
        await super().start()
        server = self._runner.server
        if server is None:
            raise RuntimeError("the runner was not set up")
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Entry(self._crowd, server), *self._address, backlog=self._backlog
        )


class _Entry(asyncio.Protocol):
    """A connection: counted, and handed to aiohttp's own protocol if there is room."""

    def __init__(self, crowd: Crowd, make: Callable[[], asyncio.Protocol]) -> None:
        self._crowd = crowd
        self._make = make
        self._inner: asyncio.Protocol | None = None
        self._address = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if peer else ""
        if not self._crowd.enter(self._address):
            cast(asyncio.Transport, transport).abort()
            return
        self._inner = self._make()
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        inner, self._inner = self._inner, None
        if inner is not None:
            self._crowd.leave(self._address)
            inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._inner is not None:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return None if self._inner is None else self._inner.eof_received()

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner is not None:
            self._inner.resume_writing()
