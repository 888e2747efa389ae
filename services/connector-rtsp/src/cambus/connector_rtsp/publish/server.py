"""The ports publishers come to, and their connections."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from functools import partial
from typing import Final

from cambus.connector_rtsp.publish.door import Door
from cambus.connector_rtsp.publish.gate import Gate
from cambus.connector_rtsp.publish.rtmp_door import RtmpDoor
from cambus.connector_rtsp.publish.rtsp_door import RtspDoor
from cambus.connector_rtsp.settings import RtspSettings

logger = logging.getLogger(__name__)

LOOK_S: Final = 1.0
BACKLOG: Final = 256


class PublishServer:
    """Listens for publishers.

    Args:
        settings: of the connector.
        gate: decides.

    Attributes:
        gate: see above.
    """

    def __init__(self, settings: RtspSettings, gate: Gate) -> None:
        self.gate = gate
        self._settings = settings
        self._servers: dict[str, asyncio.Server] = {}
        self._doors: set[Door] = set()
        self._empty = asyncio.Event()

    def port(self, by: str) -> int | None:
        """The port for `rtsp` or `rtmp`; None if none is listened on."""
        server = self._servers.get(by)
        return None if server is None else int(server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen. Raises OSError if an address is taken."""
        settings = self._settings
        make_rtsp: Callable[[], Door] = partial(RtspDoor, self, udp=settings.publish_udp)
        make_rtmp: Callable[[], Door] = partial(RtmpDoor, self)
        wanted = (
            ("rtsp", settings.rtsp_publish_port, make_rtsp),
            ("rtmp", settings.rtmp_publish_port, make_rtmp),
        )
        loop = asyncio.get_running_loop()
        for by, port, make in wanted:
            if port is not None:
                server = await loop.create_server(make, settings.publish_host, port, backlog=BACKLOG)
                self._servers[by] = server
                logger.info("listening for publishers", extra={"by": by, "port": self.port(by)})

    async def run(self) -> None:
        """Look after the connections until cancelled; then hang up."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await asyncio.sleep(LOOK_S)
                for door in list(self._doors):
                    self._look_at(door, loop.time())
        finally:
            await self._close()

    def stop(self) -> None:
        """Take no more connections."""
        for server in self._servers.values():
            server.close()

    def came(self, door: Door) -> None:
        """A connection was made."""
        self._doors.add(door)

    def left(self, door: Door) -> None:
        """It is gone."""
        self._doors.discard(door)
        if not self._doors:
            self._empty.set()

    @staticmethod
    def _look_at(door: Door, now: float) -> None:
        try:
            door.check(now)
        except Exception:  # a defect with one connection is no reason to hang up on all
            logger.exception("publisher failed")
            door.abort()

    async def _close(self) -> None:
        self.stop()
        self._empty.clear()
        for door in list(self._doors):
            door.abort()
        if self._doors:
            await self._empty.wait()
        for server in self._servers.values():
            with contextlib.suppress(OSError):
                await server.wait_closed()
