"""Sockets that are not where a simulated device registered from: another port, or another address (GB-270)."""

import asyncio
from typing import Any, Final

from cambus.sip.peer import Peer

ALIEN_HOST: Final = "127.0.0.9"


class Elsewhere:
    """Sends from other places than the device's own.

    Args:
        host: the address of the device.

    Attributes:
        heard: what was answered there.
    """

    def __init__(self, host: str) -> None:
        self.heard: list[bytes] = []
        self._host = host
        self._sockets: list[asyncio.DatagramTransport] = []

    async def send(self, peer: Peer, data: bytes, how: str) -> None:
        """Send a datagram from another address (`host`), or from another port of the same."""
        place = (ALIEN_HOST if how == "host" else self._host, 0)
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Hearing(self.heard), local_addr=place
        )
        self._sockets.append(transport)
        transport.sendto(data, (peer.host, peer.port))

    def close(self) -> None:
        """Close all of them."""
        for transport in self._sockets:
            transport.close()
        self._sockets.clear()


class _Hearing(asyncio.DatagramProtocol):
    def __init__(self, heard: list[bytes]) -> None:
        self._heard = heard

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:  # noqa: ARG002 - the platform
        self._heard.append(data)
