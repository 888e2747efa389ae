"""A port inside of TLS: a connection is a guest from its first byte on, and comes to its door once TLS is agreed on."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Final

from cambus.client.tasks import end
from cambus.connector_rtsp.publish.door import Door
from cambus.connector_rtsp.publish.gate import Gate

logger = logging.getLogger(__name__)

HANDSHAKE_S: Final = 10.0
_BREATH_S: Final = 0.2
"""How long nobody is taken after the system could not: for want of descriptors, most likely."""


class TlsPort:
    """Listens from its making on, and takes connections while it runs.

    Not `create_server`: that agrees on TLS with anybody before our limits are asked.

    Args:
        gate: counts guests.
        address: host and port; 0 takes a free one.
        backlog: of the socket.
        context: the certificate.
        make: makes doors.

    Raises:
        OSError: the address is taken.
    """

    def __init__(
        self,
        gate: Gate,
        address: tuple[str, int],
        backlog: int,
        context: ssl.SSLContext,
        make: Callable[[], Door],
    ) -> None:
        self._gate = gate
        self._context = context
        self._make = make
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._socket = socket.create_server(address, family=family, backlog=backlog)
        self._socket.setblocking(False)
        self._accepting: asyncio.Task[None] | None = asyncio.create_task(self._accept(), name="TLS port")
        self._agreeing: set[asyncio.Task[None]] = set()

    @property
    def number(self) -> int:
        """The port."""
        return int(self._socket.getsockname()[1])

    def stop(self) -> None:
        """Take no more connections."""
        if self._accepting is not None:
            self._accepting.cancel()

    async def close(self) -> None:
        """Hang up on those that have not come to their door."""
        accepting, self._accepting = self._accepting, None
        if accepting is not None:
            await end(accepting, *self._agreeing)
            self._socket.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, peer = await loop.sock_accept(self._socket)
            except OSError as error:
                logger.warning("a publisher could not be taken", extra={"reason": error.strerror})
                await asyncio.sleep(_BREATH_S)
                continue
            task = asyncio.create_task(self._agree(connection, str(peer[0])), name="publisher's TLS")
            self._agreeing.add(task)
            task.add_done_callback(self._agreeing.discard)

    async def _agree(self, connection: socket.socket, address: str) -> None:
        """Agree on TLS, which brings the connection to its door."""
        loop, guests = asyncio.get_running_loop(), self._gate.guests
        door = self._make()
        why = guests.admit(address, loop.time())
        if why is not None:
            self._gate.metrics.attempt(door.by, why)
            connection.close()
            return
        door.expect()
        try:
            await loop.connect_accepted_socket(
                lambda: door, connection, ssl=self._context, ssl_handshake_timeout=HANDSHAKE_S
            )
        except (OSError, EOFError) as error:
            self._gate.metrics.attempt(door.by, "no-tls")
            logger.debug("no TLS with a publisher", extra={"source": address, "reason": str(error)})
        finally:
            if not door.met:
                guests.left(address)
