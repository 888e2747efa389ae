"""RTP in datagrams: an access unit laid out so that one system call sends many packets of it.

The fragments of a picture are all of one size but for the last. Linux takes such a run in one call and cuts it into
datagrams itself (UDP_SEGMENT, "generic segmentation offload"), which costs a fifth of sending them one by one. So the
packets of a delivery are serialised once, as runs with a head each, and every viewer is sent the same buffer, run by
run; where the kernel or the route does not know segmentation, the runs are cut here.
"""

import errno
import ipaddress
import socket
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from cambus.media_relay.pacer import Pacer, Pacing

DATAGRAM_BYTES: Final = 1400
"""Most bytes of an RTP packet: with the heads of UDP and IP it fits every usual path, tunnels included."""

MAX_RUN_BYTES: Final = 32 * 1024
"""Most bytes sent at one go: half of what a player's socket can be counted on to hold."""

MAX_SEGMENTS: Final = 64  # UDPMAX_SEGMENTS of Linux before 6.9
_HEAD: Final = struct.Struct(">BHI")  # channel, bytes of each datagram but the last, bytes behind the head
_UDP_SEGMENT: Final = 103  # linux/udp.h and linux/in.h: the socket module does not name these
_IP_PKTINFO: Final = 8
_SEGMENT: Final = struct.Struct("=H")
CUTTING_REFUSED: Final = frozenset({errno.EINVAL, errno.EIO, errno.EMSGSIZE, errno.ENOPROTOOPT})
_FULL: Final = frozenset({errno.EAGAIN, errno.ENOBUFS})

Address = tuple[str, int] | tuple[str, int, int, int]
Ancillary = tuple[int, int, bytes]


def bundle(packets: Iterable[bytes], channel: int) -> bytes:
    """Packets for one channel as runs.

    Channels are numbered as in an interleaved connection: RTP of a track, then its RTCP, then the next track's.
    """
    return b"".join([part for run in _runs(packets) for part in (_head(channel, run), *run)])


def _head(channel: int, run: Sequence[bytes]) -> bytes:
    return _HEAD.pack(channel, len(run[0]), sum(map(len, run)))


def _runs(packets: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Consecutive packets of one size, the last perhaps shorter."""
    run: list[bytes] = []
    size = last = 0
    for packet in packets:
        length = len(packet)
        fits = run and last == len(run[0]) >= length
        if not fits or len(run) == MAX_SEGMENTS or size + length > MAX_RUN_BYTES:
            if run:
                yield run
            run, size = [], 0
        run.append(packet)
        size += length
        last = length
    if run:
        yield run


class DatagramWire:
    """A `viewer.Wire` over the sockets all viewers share; takes whole runs, at most as fast as `pacing` allows.

    Args:
        sockets: the server's RTP and RTCP socket, neither of them connected.
        places: where each channel goes: an even one leaves by the RTP socket, an odd one by the other.
        pacer: calls back when more may be sent.
        pacing: how fast.
        source: the address to send from, where the sockets are bound to all; None if they are bound to one.
        on_close: called when the wire closes.
    """

    def __init__(
        self,
        sockets: tuple[socket.socket, socket.socket],
        places: Mapping[int, Address],
        pacer: Pacer,
        pacing: Pacing,
        *,
        source: str | None = None,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self._sockets = sockets
        self._places = dict(places)
        self._pacer = pacer
        self._budget = pacing.budget()
        self._ancillary = _source(source)
        self._on_close = on_close
        self._cuts = sys.platform == "linux"
        self.lost = 0

    def send(self, data: bytes | memoryview, /) -> int:
        """Send whole runs while there is budget for them.

        Raises:
            BlockingIOError: not a single one may be sent now.
        """
        view = data if isinstance(data, memoryview) else memoryview(data)
        at = 0
        while at < len(view) and self._budget.left():
            channel, segment, size = _HEAD.unpack_from(view, at)
            start = at + _HEAD.size
            if not self._send_run(channel, view[start : start + size], segment):
                break
            self._budget.take(size)
            at = start + size
        if not at:
            raise BlockingIOError
        return at

    def watch(self, writable: Callable[[], None]) -> None:
        """Call back every few milliseconds, until `unwatch`."""
        self._pacer.add(self, writable)

    def unwatch(self) -> None:
        """Stop calling back."""
        self._pacer.discard(self)

    def close(self) -> None:
        """Send no more; the sockets stay, they are everybody's."""
        self.unwatch()
        if self._on_close is not None:
            self._on_close()
            self._on_close = None

    def _send_run(self, channel: int, run: memoryview, segment: int) -> bool:
        """Send the datagrams of a run; False if the kernel takes nothing now."""
        place = self._places.get(channel)
        if place is None:
            return True
        sock = self._sockets[channel & 1]
        if len(run) > segment and self._cuts:
            try:
                sock.sendmsg((run,), (*self._ancillary, cut_into(segment)), 0, place)
            except OSError as error:
                if error.errno not in CUTTING_REFUSED:
                    return self._failed(error)
                self._cuts = False  # this route has no use for it: a tunnel, or an old kernel
            else:
                return True
        for start in range(0, len(run), segment):
            try:
                sock.sendmsg((run[start : start + segment],), self._ancillary, 0, place)
            except OSError as error:
                if not self._failed(error):
                    if not start:
                        return False
                    self.lost += 1  # a run that began can not be sent anew
        return True

    def _failed(self, error: OSError) -> bool:
        """Whether to go on: a datagram that can not be delivered is lost, as on any network."""
        if error.errno in _FULL:
            return False
        self.lost += 1
        return True


def cut_into(segment: int) -> Ancillary:
    """The ancillary data that has Linux cut what is sent into datagrams of so many bytes."""
    return socket.IPPROTO_UDP, _UDP_SEGMENT, _SEGMENT.pack(segment)


def _source(address: str | None) -> list[Any]:
    """The ancillary data that sets the address a datagram comes from (ip(7), ipv6(7))."""
    if address is None or sys.platform != "linux":
        return []
    ip = ipaddress.ip_address(address.partition("%")[0])
    if ip.version == 4:
        return [(socket.IPPROTO_IP, _IP_PKTINFO, struct.pack("=i4s4s", 0, ip.packed, bytes(4)))]
    return [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, ip.packed + struct.pack("=i", 0))]
