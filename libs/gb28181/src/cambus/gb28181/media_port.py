"""A port media comes in at, over UDP and TCP: devices answer a TCP offer with UDP, and the other way round (§8.3)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol, cast

from cambus.gb28181.datagram_poll import Batch, DatagramPoll
from cambus.gb28181.errors import MediaError
from cambus.media.rtp_stream import RtpStreamReader, StreamLostError

CONNECT_TIMEOUT_S: Final = 3.0
CONNECT_TRIES: Final = 4
"""The first, and three more (§8.3, GB-142)."""
MAX_UNSENT_BYTES: Final = 64 * 1024
RECEIVE_BUFFER_BYTES: Final = 2 * 1024 * 1024
"""A keyframe comes as a burst of hundreds of packets."""
READ_BYTES: Final = 256 * 1024
_FREE_TRIES: Final = 50


class MediaSink(Protocol):
    """Who takes what comes in."""

    @property
    def counts(self) -> Counter[str]:
        """What was dropped, by reason."""

    def knows(self, host: str) -> bool:
        """Whether an address is one of a device: others give way to it."""

    def datagrams(self, batch: Batch) -> None:
        """Datagrams, and where they come from."""

    def segments(self, packets: list[bytes], host: str) -> None:
        """Packets that came on a connection; an empty one says that bytes are missing."""


class PortRange:
    """Ports to choose from; the one that was used longest ago is tried first.

    Args:
        ports: they; any free one if empty.
    """

    def __init__(self, ports: Iterable[int] = ()) -> None:
        self._ports = deque(ports)

    def next(self) -> Iterable[int]:
        """What to try, one after the other."""
        if not self._ports:
            yield from [0] * _FREE_TRIES
        for _ in range(len(self._ports)):
            port = self._ports.popleft()
            self._ports.append(port)
            yield port


class MediaPort:
    """One port, UDP and TCP.

    Args:
        sink: who takes what comes in.
        host: address to listen on.
        max_connections: to it at a time.

    Attributes:
        port: its number, once open.
    """

    def __init__(self, sink: MediaSink, *, host: str = "127.0.0.1", max_connections: int = 4) -> None:
        self.port = 0
        self._sink = sink
        self._host = host
        self._most = max_connections
        self._udp: socket.socket | None = None
        self._tcp: asyncio.Server | None = None
        self._poll: DatagramPoll | None = None
        self._connections: dict[_Connection, None] = {}
        self._held = False

    async def open(self, ports: Iterable[int]) -> None:
        """Take the first port that is free. Raises MediaError `no-port`."""
        loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        for port in ports:
            udp = socket.socket(family, socket.SOCK_DGRAM)
            try:
                udp.bind((self._host, port))
                number = udp.getsockname()[1]
                self._tcp = await loop.create_server(self._connection, self._host, number)
            except OSError:
                udp.close()
                continue
            except BaseException:
                udp.close()
                raise
            udp.setblocking(False)
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            self._udp, self.port, self._poll = udp, number, DatagramPoll.of(loop)
            self._poll.add(udp, self._sink.datagrams)
            return
        raise MediaError("no-port", "no port is free for media")

    async def connect(
        self, host: str, port: int, *, sink: MediaSink, tries: int = CONNECT_TRIES, pause_s: float = 1.0
    ) -> None:
        """Fetch media over TCP: as many tries, so far apart (GB-142). Raises MediaError `no-connection`."""
        await connect_media(lambda: _Connection(self, sink), host, port, tries=tries, pause_s=pause_s)

    def disconnect(self, sink: MediaSink) -> None:
        """Close the connections that were opened for one of several."""
        for connection in [each for each in self._connections if each.sink is sink]:
            connection.abort()

    def send(self, packet: bytes, address: tuple[str, int] | None) -> bool:
        """Send an RTP packet to the other side: on its connection if there is one, else to an address."""
        connection = next(reversed(self._connections), None)
        if connection is not None:
            return connection.send(packet)
        if self._udp is None or address is None:
            return False
        with contextlib.suppress(OSError):
            self._udp.sendto(packet, address)
            return True
        return False

    def hold(self, *, held: bool) -> None:
        """Read connections no more, or go on: whoever sends on one waits meanwhile. Datagrams come all the same."""
        self._held = held
        for connection in self._connections:
            connection.hold(held=held)

    def close(self) -> None:
        """Give the port back."""
        if self._udp is not None and self._poll is not None:
            self._poll.remove(self._udp)
            self._udp.close()
            self._udp = None
        if self._tcp is not None:
            self._tcp.close()
            self._tcp = None
        for connection in list(self._connections):
            connection.abort()

    # --- connections ------------------------------------------------------------------------------------

    def _connection(self) -> _Connection:
        return _Connection(self, self._sink)

    def joined(self, connection: _Connection) -> bool:
        """A connection is there; whether it may stay."""
        if len(self._connections) >= self._most and self._sink.knows(connection.host):
            stranger = next((each for each in self._connections if not self._sink.knows(each.host)), None)
            if stranger is not None:
                self.left(stranger)
                stranger.abort()
        if self._udp is None or len(self._connections) >= self._most:
            self._sink.counts["connections"] += 1
            return False
        self._connections[connection] = None
        connection.hold(held=self._held)
        return True

    def left(self, connection: _Connection) -> None:
        """A connection is gone."""
        self._connections.pop(connection, None)


async def connect_media(
    factory: Callable[[], asyncio.BaseProtocol], host: str, port: int, *, tries: int, pause_s: float
) -> None:
    """Connect to a device for media, which may not listen yet (§8.3). Raises MediaError `no-connection`."""
    loop = asyncio.get_running_loop()
    for attempt in range(tries):
        if attempt:
            await asyncio.sleep(pause_s)
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await loop.create_connection(factory, host, port)
            return
    raise MediaError("no-connection", f"cannot connect to {host}:{port} for media")


class _Connection(asyncio.BufferedProtocol):
    """One connection with media, ours or the device's."""

    _buffer = memoryview(bytearray(READ_BYTES))
    """Shared by all: what is read is taken out of it at once."""

    def __init__(self, port: MediaPort, sink: MediaSink) -> None:
        self._port = port
        self.sink = sink
        self._reader = RtpStreamReader()
        self._transport: asyncio.Transport | None = None
        self.host = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        peer: tuple[Any, ...] = transport.get_extra_info("peername") or ("",)
        self.host = peer[0]
        if not self._port.joined(self):
            self._transport.abort()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - always the same
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        try:
            packets = self._reader.receive_data(bytes(self._buffer[:nbytes]))
        except StreamLostError:
            self.sink.counts["lost-stream"] += 1
            self.abort()
            return
        if packets:
            self.sink.segments(packets, self.host)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - it is gone either way
        self._port.left(self)

    def send(self, packet: bytes) -> bool:
        """Send a packet in the framing of RFC 4571; one that does not read is sent nothing more."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        if transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self.sink.counts["unsent"] += 1
            return False
        transport.write(len(packet).to_bytes(2, "big") + packet)
        return True

    def hold(self, *, held: bool) -> None:
        """Read no more, or go on."""
        if self._transport is None or self._transport.is_closing():
            return
        if held:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()
