"""The pair of UDP ports all RTP leaves from and all RTCP comes in at (RFC 3550 §11)."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterable
from typing import Final

from cambus.media.rtp_input import is_rtcp
from cambus.media_relay.datagrams import Address

_TRIES: Final = 64
_SEND_BUFFER_BYTES: Final = 4 << 20
_MAX_REPORT_BYTES: Final = 1500
_READS_AT_ONCE: Final = 64  # then others have their turn

Heard = Callable[[bytes], None]


class RtpPorts:
    """Sockets for RTP and RTCP on every address RTSP listens on, with the same two port numbers.

    They are not connected: one pair serves all viewers, told apart by their addresses. RTP that clients send (to
    open a way through a firewall) is not read at all.
    """

    def __init__(self, pairs: dict[tuple[int, str], tuple[socket.socket, socket.socket]]) -> None:
        self._pairs = pairs
        self._listeners: dict[tuple[str, int], Heard] = {}
        self._loop = asyncio.get_running_loop()
        for _, rtcp in pairs.values():
            self._loop.add_reader(rtcp.fileno(), self._on_readable, rtcp)

    @classmethod
    def open(cls, addresses: Iterable[tuple[int, str]], port: int) -> "RtpPorts":
        """Bind on each (family, address): RTP to `port`, which is even, RTCP to the one above; 0 takes a free pair.

        Raises:
            OSError: an address is taken, or no pair is free.
        """
        places = tuple(dict.fromkeys(addresses))
        for attempt in range(_TRIES):
            try:
                return cls(_bind(places, port))
            except OSError:
                if port or attempt == _TRIES - 1:
                    raise
        raise AssertionError  # the last attempt returned or raised

    @property
    def numbers(self) -> tuple[int, int]:
        """The RTP and the RTCP port."""
        rtp, rtcp = next(iter(self._pairs.values()))
        return int(rtp.getsockname()[1]), int(rtcp.getsockname()[1])

    def sockets(self, family: int, address: str) -> tuple[tuple[socket.socket, socket.socket], str | None]:
        """The pair for a client who came to this address of ours, and the address to send from if it is bound to all.

        Raises:
            KeyError: there is none for this family.
        """
        exact = self._pairs.get((family, address))
        if exact is not None:
            return exact, None
        wildcard = "0.0.0.0" if family == socket.AF_INET else "::"  # noqa: S104 - looked up, not bound
        return self._pairs[family, wildcard], address

    def listen(self, address: Address, heard: Heard) -> None:
        """Hand what comes from this RTCP address to `heard`."""
        self._listeners[address[0], address[1]] = heard

    def forget(self, address: Address, heard: Heard) -> None:
        """Stop handing it over."""
        if self._listeners.get((address[0], address[1])) == heard:
            del self._listeners[address[0], address[1]]

    def close(self) -> None:
        """Close the sockets."""
        for rtp, rtcp in self._pairs.values():
            self._loop.remove_reader(rtcp.fileno())
            rtp.close()
            rtcp.close()

    def _on_readable(self, rtcp: socket.socket) -> None:
        for _ in range(_READS_AT_ONCE):
            try:
                data, sender = rtcp.recvfrom(_MAX_REPORT_BYTES)
            except OSError:  # nothing more, or the echo of a client that is gone
                return
            heard = self._listeners.get(sender[:2])
            if heard is not None and is_rtcp(data):
                heard(data)


def _bind(
    places: Iterable[tuple[int, str]], port: int
) -> dict[tuple[int, str], tuple[socket.socket, socket.socket]]:
    pairs: dict[tuple[int, str], tuple[socket.socket, socket.socket]] = {}
    with contextlib.ExitStack() as opened:
        for family, address in places:
            if not port:
                port = _free_even_port(family, address)
            rtp = opened.enter_context(_socket(family, address, port))
            rtcp = opened.enter_context(_socket(family, address, port + 1))
            pairs[family, address] = rtp, rtcp
        opened.pop_all()
    return pairs


def _free_even_port(family: int, address: str) -> int:
    with _socket(family, address, 0) as probe:
        return int(probe.getsockname()[1]) & ~1


def _socket(family: int, address: str, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        sock.setblocking(False)
        sock.bind((address, port))
    except BaseException:
        sock.close()
        raise
    return sock
