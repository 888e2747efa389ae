"""Listens for RTSP clients and owns their connections and the tasks that answer them."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Coroutine
from typing import Protocol

from cambus.bus.crowd import Crowd
from cambus.media_relay.access import Access
from cambus.media_relay.metrics import RelayMetrics
from cambus.media_relay.rtp_over_udp import RtpOverUdp, UdpOptions
from cambus.media_relay.streams import Streams
from cambus.media_relay.viewer import Closed, ViewerLimits

log = logging.getLogger(__name__)


class Connection(Protocol):
    """What the server does with a connection."""

    address: str

    def check(self) -> None:
        """Close it if it is silent or stalled."""

    def close(self, reason: Closed) -> None:
        """End it."""


class RtspServer:
    """One listening port.

    Args:
        streams: what can be watched.
        access: who may watch.
        metrics: counts refusals and starts.
        viewer_limits: how far behind a client may fall.
        crowd: how many connections there may be; more are refused.
        start_timeout_s: how long a client waits for the first picture.
        session_timeout_s: how long a client that does not play may be silent.
        send_buffer_bytes: the kernel's send buffer of a client, 0 for its own choice.
        udp: how RTP goes over UDP, None if it does not.
    """

    def __init__(
        self,
        streams: Streams,
        access: Access,
        metrics: RelayMetrics,
        *,
        viewer_limits: ViewerLimits,
        crowd: Crowd,
        start_timeout_s: float,
        session_timeout_s: float,
        send_buffer_bytes: int = 0,
        udp: UdpOptions | None = None,
    ) -> None:
        self.streams = streams
        self.access = access
        self.metrics = metrics
        self.viewer_limits = viewer_limits
        self.start_timeout_s = start_timeout_s
        self.session_timeout_s = session_timeout_s
        self.send_buffer_bytes = send_buffer_bytes
        self.udp: RtpOverUdp | None = None
        self._udp_options = udp
        self._crowd = crowd
        self._connections: dict[Connection, set[asyncio.Task[None]]] = {}
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port listened on, 0 before `start`."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server is not None else 0

    @property
    def rtp_ports(self) -> tuple[int, int] | None:
        """UDP ports of RTP and RTCP, None without RTP over UDP."""
        return self.udp.numbers if self.udp is not None else None

    async def start(
        self, make_connection: Callable[["RtspServer"], asyncio.Protocol], host: str, port: int
    ) -> None:
        """Listen, with a protocol of its own for every client. Raises OSError when the address is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: make_connection(self), host, port, backlog=1024)
        if self._udp_options is not None:
            try:
                self.udp = RtpOverUdp(self._udp_options, map(_listening_at, self._server.sockets))
            except OSError:
                self._server.close()
                raise

    async def stop(self) -> None:
        """Listen no more and end every connection."""
        if self._server is not None:
            self._server.close()
        tasks = [task for each in self._connections.values() for task in each]
        for connection in tuple(self._connections):
            connection.close(Closed.SHUTDOWN)
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
        if self.udp is not None:
            self.udp.close()

    def check(self) -> None:
        """Close silent and stalled clients; call it about once a second."""
        for connection in tuple(self._connections):
            connection.check()

    def admit(self, connection: Connection) -> bool:
        """Take a new connection in, unless there are too many."""
        if not self._crowd.enter(connection.address):
            return False
        self._connections[connection] = set()
        return True

    def forget(self, connection: Connection) -> None:
        """A connection has ended, and with it the tasks that answer it."""
        tasks = self._connections.pop(connection, None)
        if tasks is not None:
            self._crowd.leave(connection.address)
            for task in tasks:
                task.cancel()

    def spawn(self, connection: Connection, answering: Coroutine[None, None, None]) -> None:
        """Run the answer to a request; it is cancelled when the connection ends."""
        tasks = self._connections.get(connection)
        if tasks is None:
            answering.close()
            return
        task = asyncio.create_task(answering)
        tasks.add(task)
        task.add_done_callback(lambda task: self._on_answered(connection, task))

    def _on_answered(self, connection: Connection, task: asyncio.Task[None]) -> None:
        with contextlib.suppress(KeyError):
            self._connections[connection].discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("an RTSP request failed", exc_info=error)
            connection.close(Closed.SHUTDOWN)


def _listening_at(listening: socket.socket) -> tuple[int, str]:
    return listening.family, listening.getsockname()[0]
