"""RTP in datagrams: an access unit laid out so that one system call sends many packets of it.

The fragments of a picture are all of one size but for the last. Linux takes such a run in one call and cuts it into
datagrams itself (UDP_SEGMENT, "generic segmentation offload"), which costs a fifth of sending them one by one. So the
packets of a delivery are serialised once, as runs with a head each, and every viewer is sent the same buffer, run by
run; where the kernel or the route does not know segmentation, the runs are cut here. The heads are read once for all
viewers, too.
"""

import errno
import ipaddress
import logging
import socket
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from cambus.media_relay.pacer import Pacer, Pacing

log = logging.getLogger(__name__)

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


class Run(NamedTuple):
    """Packets of a delivery that one call sends.

    Attributes:
        channel: where they go.
        data: the packets, one behind the other.
        segment: bytes of each but the last.
        cut: what has the kernel cut them; nothing for a single one.
        end: where the next run begins in the delivery.
    """

    channel: int
    data: memoryview
    segment: int
    cut: tuple[Ancillary, ...]
    end: int


class Cutter:
    """What all viewers of a server share: the runs of the present delivery, and whether the kernel cuts them.

    Args:
        cuts: whether to try, as `kernel_cuts` says.
    """

    def __init__(self, cuts: bool) -> None:
        self.cuts = cuts
        self._data = b""
        self._runs: tuple[Run, ...] = ()
        self._told = False

    def runs(self, data: bytes | memoryview) -> Iterable[Run]:
        """The runs of a delivery, or of what one viewer has left of it."""
        if isinstance(data, memoryview):
            return _read(data)
        if data is not self._data:
            self._data, self._runs = data, tuple(_read(memoryview(data)))
        return self._runs

    def refused(self, error: OSError) -> None:
        """A route has no use for it: a tunnel, an odd interface. Told once, for there may be many viewers."""
        if not self._told:
            self._told = True
            log.info("a route does not cut datagrams: they are sent one by one", extra={"error": str(error)})


def _read(view: memoryview) -> Iterator[Run]:
    at = 0
    while at < len(view):
        channel, segment, size = _HEAD.unpack_from(view, at)
        start, at = at + _HEAD.size, at + _HEAD.size + size
        cut = (cut_into(segment),) if size > segment else ()
        yield Run(channel, view[start:at], segment, cut, at)


def kernel_cuts() -> bool:
    """Whether the kernel knows how. One that does not may send a run as one datagram, in fragments of IP."""
    if sys.platform != "linux":
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.getsockopt(socket.IPPROTO_UDP, _UDP_SEGMENT)
        except OSError:
            return False
    return True


class DatagramWire:
    """A `viewer.Wire` over the sockets all viewers share; takes whole runs, at most as fast as `pacing` allows.

    Args:
        sockets: the server's RTP and RTCP socket, neither of them connected.
        places: where each channel goes: an even one leaves by the RTP socket, an odd one by the other.
        pacer: calls back when more may be sent.
        pacing: how fast.
        cutter: of all wires over these sockets.
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
        cutter: Cutter,
        source: str | None = None,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self._sockets = sockets
        self._places = dict(places)
        self._pacer = pacer
        self._budget = pacing.budget()
        self._ancillary = _source(source)
        self._on_close = on_close
        self._cutter = cutter
        self._cuts = cutter.cuts
        self.lost = 0

    def send(self, data: bytes | memoryview, /) -> int:
        """Send whole runs while there is budget for them.

        Raises:
            BlockingIOError: not a single one may be sent now.
        """
        budget, sent = self._budget, 0
        if budget.left():
            for run in self._cutter.runs(data):
                if not self._send_run(run):
                    break
                sent = run.end
                if not budget.take(len(run.data)):
                    break
        if not sent and data:
            raise BlockingIOError
        return sent

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

    def _send_run(self, run: Run) -> bool:
        """Send the datagrams of a run; False if the kernel takes nothing now."""
        channel, data, _, cut, _ = run
        place = self._places.get(channel)
        if place is None:
            return True
        sock = self._sockets[channel & 1]
        if self._cuts or not cut:
            ancillary = (*self._ancillary, *cut) if self._ancillary else cut
            try:
                sock.sendmsg((data,), ancillary, 0, place)
            except OSError as error:
                if not cut or error.errno not in CUTTING_REFUSED:
                    return self._failed(error)
                self._cuts = False
                self._cutter.refused(error)
            else:
                return True
        return self._send_one_by_one(sock, run, place)

    def _send_one_by_one(self, sock: socket.socket, run: Run, place: Address) -> bool:
        for start in range(0, len(run.data), run.segment):
            try:
                sock.sendmsg((run.data[start : start + run.segment],), self._ancillary, 0, place)
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
