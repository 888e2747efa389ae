"""The pair of UDP ports that RTP and RTCP of one track come to (RFC 3550 §11)."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Self

from cambus.media.rtcp_receiver import receiver_report
from cambus.rtsp.client_errors import Unreachable

MOST_BYTES: Final = 4 << 20
"""Datagrams that wait to be taken apart; more are dropped."""
RECEIVE_BUFFER_BYTES: Final = 1 << 20
_ATTEMPTS: Final = 32
_FIRST, _LAST = 20_000, 60_000


class _Receiver(asyncio.DatagramProtocol):
    """One port of the pair."""

    def __init__(self, heard: Callable[[bytes, str], None]) -> None:
        self._heard = heard

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self._heard(data, str(addr[0]))


class UdpPorts:
    """A pair of ports, the first even. Made by `open`, ended by `close`.

    Args:
        peer: the host media comes from; what others send is dropped.

    Attributes:
        numbers: of the ports.
        strangers: datagrams of others.
        dropped: datagrams nobody had time for.
        on_data: called when datagrams wait.
    """

    def __init__(self, peer: str) -> None:
        self.numbers = (0, 0)
        self.strangers = 0
        self.dropped = 0
        self.on_data: Callable[[], None] = lambda: None
        self._peer = peer
        self._ssrc = secrets.randbits(32)
        self._transports: list[asyncio.DatagramTransport] = []
        self._waiting: deque[tuple[bool, bytes]] = deque()
        self._waiting_bytes = 0

    @classmethod
    async def open(cls, local: str, peer: str) -> Self:
        """Take a pair that is free. Raises Unreachable."""
        ports = cls(peer)
        family = socket.AF_INET6 if ":" in local else socket.AF_INET
        loop = asyncio.get_running_loop()
        for _ in range(_ATTEMPTS):
            first = _FIRST + 2 * secrets.randbelow((_LAST - _FIRST) // 2)
            pair = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(2)]
            try:
                for offset, each in enumerate(pair):
                    each.setblocking(False)
                    with contextlib.suppress(OSError):
                        each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
                    each.bind((local, first + offset))
            except OSError:
                for each in pair:
                    each.close()
                continue
            try:
                for rtcp, each in zip((False, True), pair, strict=True):
                    receiver = partial(_Receiver, partial(ports.heard, rtcp=rtcp))
                    transport, _ = await loop.create_datagram_endpoint(receiver, sock=each)
                    ports._transports.append(transport)
            except BaseException:
                ports.close()
                for each in pair:
                    each.close()
                raise
            ports.numbers = (first, first + 1)
            return ports
        raise Unreachable("no pair of UDP ports is free")

    def heard(self, data: bytes, host: str, *, rtcp: bool) -> None:
        """A datagram has come."""
        if host != self._peer:
            self.strangers += 1
            return
        if self._waiting_bytes > MOST_BYTES:
            self.dropped += 1
            return
        self._waiting.append((rtcp, data))
        self._waiting_bytes += len(data)
        self.on_data()

    def take(self) -> list[tuple[bool, bytes]]:
        """What waits, each with whether it came as RTCP."""
        waiting = list(self._waiting)
        self._waiting.clear()
        self._waiting_bytes = 0
        return waiting

    def report(self, server_ports: tuple[int, int] | None) -> None:
        """Tell the server that we are there; a firewall on the way learns where media comes from."""
        if server_ports is None:
            return
        message = receiver_report(self._ssrc, "cambus")
        for transport, port in zip(self._transports, server_ports, strict=True):
            if port > 0 and not transport.is_closing():
                transport.sendto(message, (self._peer, port))

    def close(self) -> None:
        """Give the ports back; may be called twice."""
        for transport in self._transports:
            transport.close()
