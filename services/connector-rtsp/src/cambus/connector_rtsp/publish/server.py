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
from cambus.connector_rtsp.publish.tls import Certificate
from cambus.connector_rtsp.publish.tls_port import TlsPort
from cambus.connector_rtsp.settings import RtspSettings

logger = logging.getLogger(__name__)

LOOK_S: Final = 1.0
BACKLOG: Final = 256


class PublishServer:
    """Listens for publishers.

    Args:
        settings: of the connector.
        gate: decides.
        certificate: shown to those that come by TLS; None: nobody may.

    Attributes:
        gate: see above.
    """

    def __init__(self, settings: RtspSettings, gate: Gate, certificate: Certificate | None = None) -> None:
        self.gate = gate
        self._certificate = certificate
        self._tls_ports: dict[str, TlsPort] = {}
        self._settings = settings
        self._servers: dict[str, asyncio.Server] = {}
        self._doors: set[Door] = set()
        self._empty = asyncio.Event()

    def port(self, by: str) -> int | None:
        """The port for `rtsp`, `rtmp`, `rtsps` or `rtmps`; None if none is listened on."""
        if by in self._tls_ports:
            return self._tls_ports[by].number
        server = self._servers.get(by)
        return None if server is None else int(server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen. Raises OSError if an address is taken."""
        settings = self._settings
        rtmp: Callable[[], Door] = partial(RtmpDoor, self)
        rtsp: Callable[[], Door] = partial(RtspDoor, self, udp=settings.publish_udp)
        rtsp_alone: Callable[[], Door] = partial(RtspDoor, self, udp=False)  # UDP would go beside the TLS
        for by, port, make in (
            ("rtsp", settings.rtsp_publish_port, rtsp),
            ("rtmp", settings.rtmp_publish_port, rtmp),
            ("rtsps", settings.rtsps_publish_port, rtsp_alone),
            ("rtmps", settings.rtmps_publish_port, rtmp),
        ):
            if port is not None:
                await self._listen(by, (settings.publish_host, port), make)
                logger.info("listening for publishers", extra={"by": by, "port": self.port(by)})

    async def _listen(self, by: str, address: tuple[str, int], make: Callable[[], Door]) -> None:
        if not by.endswith("s"):
            loop = asyncio.get_running_loop()
            self._servers[by] = await loop.create_server(make, *address, backlog=BACKLOG)
        elif self._certificate is not None:
            context = self._certificate.context
            self._tls_ports[by] = TlsPort(self.gate, address, BACKLOG, context, make)

    async def run(self) -> None:
        """Look after the connections until cancelled; then hang up."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await asyncio.sleep(LOOK_S)
                for door in list(self._doors):
                    self._look_at(door, loop.time())
                if self._certificate is not None:
                    self._certificate.renew()
        finally:
            await self._close()

    def stop(self) -> None:
        """Take no more connections."""
        for server in self._servers.values():
            server.close()
        for port in self._tls_ports.values():
            port.stop()

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
        for port in self._tls_ports.values():
            await port.close()
        self._empty.clear()
        for door in list(self._doors):
            door.abort()
        if self._doors:
            await self._empty.wait()
        for server in self._servers.values():
            with contextlib.suppress(OSError):
                await server.wait_closed()
