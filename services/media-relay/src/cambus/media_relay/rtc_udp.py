"""The UDP port all WebRTC viewers share: one socket for each local address, datagrams sorted by session.

A STUN request names its session (RFC 8445 §7.2.2), an answer to one of ours the transaction; everything
else comes from an address that a session has exchanged such messages with.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Sequence
from typing import Any, Final

from aioice.ice import StunProtocol
from aioice.stun import COOKIE

from cambus.media_relay.datagrams import CUTTING_REFUSED, cut_into, kernel_cuts

log = logging.getLogger(__name__)

Address = tuple[str, int]

_MAX_DATAGRAM: Final = 2048
_READS_AT_ONCE: Final = 64
"""So many datagrams are read before others get their turn on the event loop."""
_BUFFER_BYTES: Final = 1 << 20
_PEERS_PER_PATH: Final = 16
_USERNAME: Final = 0x0006
_MEETING: Final = frozenset({0x0001, 0x0101})
"""A check of ours, or our word that a check of theirs showed the password (RFC 8489 §5)."""


class UdpPath(asyncio.DatagramTransport):
    """One session's share of one socket, to aioice a transport of its own."""

    def __init__(self, port: "UdpSocket", username: str, protocol: StunProtocol) -> None:
        super().__init__()
        self._port = port
        self.username = username
        self.protocol = protocol
        self.peers: list[Address] = []
        self._closing = False

    def sendto(self, data: Any, addr: Any = None) -> None:
        """Send what its sender repeats by itself if need be: STUN and DTLS. What the kernel refuses is lost."""
        if addr is None or self._closing:
            return
        datagram = bytes(data)
        if int.from_bytes(datagram[:2]) in _MEETING:
            self._port.meet(self, addr)
        try:
            self._port.send(datagram, addr)
        except OSError as error:
            log.debug("a datagram was not sent", extra={"error": error.strerror})

    def send_run(self, run: Sequence[bytes], addr: Address) -> None:
        """Send media. Raises BlockingIOError when the kernel can not take it now, OSError when it never will."""
        self._port.send_run(run, addr)

    def is_closing(self) -> bool:
        """Whether `close` has been called."""
        return self._closing

    def close(self) -> None:
        """Forget the session here; its protocol is told in the loop's next turn."""
        if not self._closing:
            self._closing = True
            self._port.remove(self)
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def abort(self) -> None:
        """Close: there is never anything to flush."""
        self.close()

    def get_extra_info(self, name: str, default: object = None) -> object:
        """`sockname` is all anybody asks for."""
        return self._port.address if name == "sockname" else default


class UdpSocket:
    """A bound socket and the sessions that use it. Raises OSError when the address cannot be bound."""

    def __init__(self, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                self._socket.setsockopt(socket.SOL_SOCKET, option, _BUFFER_BYTES)
            self._socket.bind((host, port))
        except OSError:
            self._socket.close()
            raise
        self._cuts = kernel_cuts()
        self._paths: dict[str, UdpPath] = {}
        self._peers: dict[Address, UdpPath] = {}
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._read)
        self.address: Address = self._socket.getsockname()[:2]

    def open(self, username: str, protocol: StunProtocol) -> UdpPath:
        """Give a session its share; `username` is its own fragment of the ICE user name."""
        path = UdpPath(self, username, protocol)
        self._paths[username] = path
        protocol.connection_made(path)
        return path

    def remove(self, path: UdpPath) -> None:
        """Forget a session."""
        self._paths.pop(path.username, None)
        for peer in path.peers:
            if self._peers.get(peer) is path:
                del self._peers[peer]

    def meet(self, path: UdpPath, peer: Address) -> None:
        """Remember that datagrams of this address belong to the session."""
        if self._peers.get(peer) is path:
            return
        self._peers[peer] = path
        path.peers.append(peer)
        if len(path.peers) > _PEERS_PER_PATH:
            oldest = path.peers.pop(0)
            if self._peers.get(oldest) is path:
                del self._peers[oldest]

    def send(self, data: bytes, addr: Address) -> None:
        """Send one datagram. Raises OSError."""
        self._socket.sendto(data, addr)

    def send_run(self, run: Sequence[bytes], addr: Address) -> None:
        """Send datagrams of one size, the last perhaps shorter, by one system call where the kernel knows how.

        Raises OSError when none of them was taken; a later one that is not is lost.
        """
        if len(run) > 1 and self._cuts:
            try:
                self._socket.sendmsg(run, (cut_into(len(run[0])),), 0, addr)
            except OSError as error:
                if error.errno not in CUTTING_REFUSED:
                    raise
                self._cuts = False  # this route has no use for it: a tunnel, or an old kernel
            else:
                return
        self._socket.sendto(run[0], addr)
        for datagram in run[1:]:
            with contextlib.suppress(OSError):
                self._socket.sendto(datagram, addr)

    def close(self) -> None:
        """Close the socket."""
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _read(self) -> None:
        for _ in range(_READS_AT_ONCE):
            try:
                data, addr = self._socket.recvfrom(_MAX_DATAGRAM)
            except OSError:  # nothing more, or an ICMP error about a peer who has gone
                return
            if data:
                self._sort(data, addr[:2])

    def _sort(self, data: bytes, addr: Address) -> None:
        path = self._path_of_stun(data) if _is_stun(data) else self._peers.get(addr)
        if path is None:
            return
        try:
            path.protocol.datagram_received(data, addr)
        except Exception:  # whatever a stranger's bytes lead to, the other sessions go on
            log.debug("a datagram made no sense", exc_info=True)

    def _path_of_stun(self, data: bytes) -> UdpPath | None:
        if data[0] & 0x01 or data[1] & 0x10:  # an answer
            transaction = data[8:20]
            return next(
                (each for each in self._paths.values() if transaction in each.protocol.transactions), None
            )
        return self._paths.get(stun_username(data).partition(":")[0])


class UdpPorts:
    """The sockets of all local addresses.

    Args:
        hosts: the addresses to bind, as literals; those that cannot be bound are left out.
        port: the port on each; 0 takes free ones.
    """

    def __init__(self, hosts: Callable[[], Sequence[str]], port: int) -> None:
        self._hosts = hosts
        self._port = port
        self.sockets: list[UdpSocket] = []

    def start(self) -> None:
        """Bind. Raises OSError when not one address can be bound."""
        failure: OSError | None = None
        for host in self._hosts():
            try:
                self.sockets.append(UdpSocket(host, self._port))
            except OSError as error:
                log.warning("cannot take WebRTC's UDP port", extra={"host": host, "error": error.strerror})
                failure = error
        if not self.sockets:
            raise failure or OSError("there is no address for WebRTC to be reached at")

    def stop(self) -> None:
        """Close the sockets."""
        for each in self.sockets:
            each.close()
        self.sockets.clear()


def stun_username(data: bytes) -> str:
    """The USERNAME of a STUN message, empty when it has none (RFC 8489 §5, §14.3)."""
    at, end = 20, min(len(data), 20 + int.from_bytes(data[2:4]))
    while at + 4 <= end:
        kind, size = int.from_bytes(data[at : at + 2]), int.from_bytes(data[at + 2 : at + 4])
        if kind == _USERNAME:
            return data[at + 4 : at + 4 + size].decode("ascii", "replace")
        at += 4 + size + -size % 4
    return ""


def _is_stun(data: bytes) -> bool:
    """Told from DTLS and SRTP by the first byte (RFC 7983 §7) and the cookie (RFC 8489 §5)."""
    return data[0] < 4 and len(data) >= 20 and int.from_bytes(data[4:8]) == COOKIE
