"""Where the media of one session comes in: one port for UDP and TCP, and who may send to it (§11, GB-182 to GB-184).

The port takes both, whatever was agreed: devices answer a TCP offer with UDP, and the other way round.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, cast

from cambus.gb28181.errors import MediaError
from cambus.gb28181.media_payload import PayloadRouter
from cambus.gb28181.sdp import PayloadFormat
from cambus.media.mpegps import StreamUnit
from cambus.media.rtp_input import ReorderBuffer, RtpPacket, is_rtcp, parse_rtp
from cambus.media.rtp_stream import RtpStreamReader, StreamLostError

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S: Final = 3.0
CONNECT_TRIES: Final = 3
CONNECT_PAUSE_S: Final = 1.0
MAX_CONNECTIONS: Final = 4
RECEIVE_BUFFER_BYTES: Final = 2 * 1024 * 1024
"""A keyframe comes as a burst of hundreds of packets."""
READ_BYTES: Final = 256 * 1024
_PORT_TRIES: Final = 50
_TICKS: Final = 90_000


@dataclass(slots=True)
class Latch:
    """Who sends the media of a session.

    Attributes:
        ssrc: what was agreed; None takes whatever comes from the right address.
        hosts: addresses the device is known by.
        strict: whether the SSRC must be right even from the right address.
    """

    ssrc: int | None
    hosts: frozenset[str]
    strict: bool = False
    _ssrc: int | None = field(default=None)
    _host: str | None = field(default=None)

    def takes(self, ssrc: int, host: str) -> bool:
        """Whether a packet is of the session; the first one that is holds it (GB-182, GB-183)."""
        if ssrc == self._ssrc and host == self._host:
            return True
        known = host in self.hosts
        if self.strict and ssrc != self.ssrc:
            return False
        if not known and ssrc != self.ssrc:
            return False
        if self._host is not None and self._host in self.hosts and not known:
            return False
        self._ssrc, self._host = ssrc, host
        return True


class MediaInput:
    """Receives one session.

    Args:
        on_units: called with what has been received; must not block.
        latch: who may send it.
        host: address to listen on.
        ports: ports to choose from; any free one if empty.

    Attributes:
        packets: how many of the session have come.
        octets: bytes in them, without RTP headers.
        last_at: when the last one did, by the event loop's clock; None before the first.
        counts: what was dropped, by reason.
        failure: why nothing more will come; None while it may.
    """

    def __init__(
        self,
        on_units: Callable[[list[StreamUnit]], None],
        latch: Latch,
        *,
        host: str = "127.0.0.1",
        ports: Iterable[int] = (),
    ) -> None:
        self.packets = 0
        self.octets = 0
        self.last_at: float | None = None
        self.counts: Counter[str] = Counter()
        self.failure: MediaError | None = None
        self.latch = latch
        self._on_units = on_units
        self._host = host
        self._ports = list(ports)
        self._router = PayloadRouter()
        self._reorder = ReorderBuffer()
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._connections: set[_StreamProtocol] = set()
        self._started = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._times: tuple[int, int] | None = None
        self.port = 0

    @property
    def span_s(self) -> float:
        """How much media time has come, as its own clock has it."""
        return (self._times[1] - self._times[0]) / _TICKS if self._times is not None else 0.0

    # --- life -------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Take a port. Raises MediaError `no-port`."""
        loop = asyncio.get_running_loop()
        for port in self._ports[:_PORT_TRIES] or [0] * _PORT_TRIES:
            try:
                server = await loop.create_server(lambda: _StreamProtocol(self), self._host, port)
            except OSError:
                continue
            number = server.sockets[0].getsockname()[1]
            try:
                self._udp, _ = await loop.create_datagram_endpoint(
                    lambda: _DatagramProtocol(self), local_addr=(self._host, number)
                )
            except OSError:
                server.close()
                continue
            receiver = self._udp.get_extra_info("socket")
            receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            self._tcp, self.port = server, number
            return
        raise MediaError("no-port", "no port is free for media")

    async def connect(self, host: str, port: int) -> None:
        """Fetch the media over TCP: three tries, a second apart (GB-142). Raises MediaError `no-connection`."""
        loop = asyncio.get_running_loop()
        for attempt in range(CONNECT_TRIES):
            if attempt:
                await asyncio.sleep(CONNECT_PAUSE_S)
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await loop.create_connection(lambda: _StreamProtocol(self), host, port)
                return
        raise MediaError("no-connection", f"cannot connect to {host}:{port} for media")

    def answered(self, formats: Iterable[PayloadFormat]) -> None:
        """The device has said what its payload types are; media may have come before that."""
        self._router.said(formats)

    async def started(self) -> None:
        """Wait for the first packet of the session."""
        await self._started.wait()

    async def close(self) -> None:
        """Give the port back."""
        if self._timer is not None:
            self._timer.cancel()
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
        for connection in list(self._connections):
            connection.abort()

    # --- packets ----------------------------------------------------------------------------------------

    def datagram(self, data: bytes, host: str) -> None:
        """A datagram came."""
        packet = parse_rtp(data)
        if packet is None:
            self.counts["rtcp" if is_rtcp(data) else "not-rtp"] += 1
            return
        if not self._take(packet, host):
            return
        now = self._heard(packet)
        self._put(self._reorder.push(packet, now))
        self._set_timer()

    def packet(self, data: bytes, host: str) -> None:
        """A packet came on a connection; an empty one says that bytes are missing."""
        if not data:
            self.counts["resync"] += 1
            self._router.lost()
            return
        packet = parse_rtp(data)
        if packet is None:
            self.counts["rtcp" if is_rtcp(data) else "not-rtp"] += 1
        elif self._take(packet, host):
            self._heard(packet)
            self._put([packet])

    def fail(self, failure: MediaError) -> None:
        """Nothing more will come."""
        self.failure = self.failure or failure
        self._started.set()

    def _take(self, packet: RtpPacket, host: str) -> bool:
        if self.latch.takes(packet.ssrc, host):
            return True
        self.counts["foreign"] += 1
        return False

    def _heard(self, packet: RtpPacket) -> float:
        now = asyncio.get_running_loop().time()
        self.packets += 1
        self.octets += len(packet.payload)
        if self.last_at is None:
            self._started.set()
        self.last_at = now
        return now

    def _put(self, packets: Iterable[RtpPacket | None]) -> None:
        units: list[StreamUnit] = []
        try:
            for packet in packets:
                if packet is None:
                    self._router.lost()
                else:
                    units += self._router.push(packet)
        except MediaError as failure:
            self.fail(failure)
        if units:
            times = [unit.pts for unit in units if unit.pts is not None and not unit.codec.is_audio]
            if times:
                first, last = self._times or (times[0], times[0])
                self._times = (min(first, *times), max(last, *times))
            self._on_units(units)

    def _set_timer(self) -> None:
        """What waits for a missing packet waits no longer than it may."""
        deadline = self._reorder.deadline
        if deadline is not None and self._timer is None:
            self._timer = asyncio.get_running_loop().call_at(deadline, self._due)

    def _due(self) -> None:
        self._timer = None
        self._put(self._reorder.due(asyncio.get_running_loop().time()))
        self._set_timer()

    # --- connections ------------------------------------------------------------------------------------

    def joined(self, connection: _StreamProtocol) -> bool:
        """A connection is there; whether it may stay."""
        if len(self._connections) >= MAX_CONNECTIONS:
            self.counts["connections"] += 1
            return False
        self._connections.add(connection)
        return True

    def left(self, connection: _StreamProtocol) -> None:
        """A connection is gone."""
        self._connections.discard(connection)


class _DatagramProtocol(asyncio.DatagramProtocol):
    def __init__(self, input_: MediaInput) -> None:
        self._input = input_

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self._input.datagram(data, addr[0])


class _StreamProtocol(asyncio.BufferedProtocol):
    """One connection with media, ours or the device's."""

    def __init__(self, input_: MediaInput) -> None:
        self._input = input_
        self._reader = RtpStreamReader()
        self._buffer = bytearray(READ_BYTES)
        self._view = memoryview(self._buffer)
        self._transport: asyncio.Transport | None = None
        self._host = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._host = transport.get_extra_info("peername")[0]
        if not self._input.joined(self):
            self._transport.abort()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - always the same
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        try:
            for packet in self._reader.receive_data(bytes(self._view[:nbytes])):
                self._input.packet(packet, self._host)
        except StreamLostError:
            self._input.counts["lost-stream"] += 1
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - it is gone either way
        self._input.left(self)

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()


def may_connect(host: str, bound: str, allowed: Iterable[str], *, loopback: bool = False) -> bool:
    """Whether a device may have us connect to an address: its own, or one that was allowed (GB-143)."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if address.is_multicast or address.is_unspecified or address.is_reserved or address.is_link_local:
        return False
    if address.is_loopback and not loopback:
        return False
    return host == bound or host in set(allowed)
