"""Sending the media of one session: PS in RTP over UDP or TCP, as the offer wants it (§8.3, §11, §12)."""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, cast

from cambus.gb28181.errors import MediaError
from cambus.gb28181.media_port import CONNECT_TIMEOUT_S, CONNECT_TRIES, connect_media
from cambus.gb28181.sdp import Description, Setup

PAYLOAD_TYPE: Final = 96
MTU: Final = 1400
MAX_UNSENT_BYTES: Final = 4 * 1024 * 1024
UNUSED_PORT: Final = 9
"""Said by who connects: nothing listens there (RFC 4145 §4.1)."""
SEND_BUFFER_BYTES: Final = 2 * 1024 * 1024
"""A keyframe leaves as a burst of hundreds of packets."""
_PORT_TRIES: Final = 50
_HEADER = struct.Struct(">BBHII")


class MediaOutput:
    """Sends one session.

    Args:
        offer: what the receiver said.
        ssrc: of the packets.
        host: address to send from, and to listen on where the receiver connects.
        payload_type: of the packets.
        receiver: where it is, if its description does not say so readably.
        ports: ports to choose from; any free one if empty.
        callers: addresses that may connect to us; None lets any.
        on_lost: called when the receiver has hung up its connection.

    Attributes:
        port: where we listen or send from, once open.
        dropped: frames that were not sent because the receiver does not read.
    """

    def __init__(
        self,
        offer: Description,
        ssrc: int,
        *,
        host: str = "127.0.0.1",
        payload_type: int = PAYLOAD_TYPE,
        receiver: str | None = None,
        ports: Sequence[int] = (),
        callers: Collection[str] | None = None,
        on_lost: Callable[[], None] | None = None,
    ) -> None:
        self.port = 0
        self.dropped = 0
        self.ssrc = ssrc
        self._offer = offer
        self._host = host
        self._receiver = receiver or offer.address
        self._payload_type = payload_type
        self._sequence = secrets.randbits(16)
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Transport | None = None
        self._server: asyncio.Server | None = None
        self._connected = asyncio.Event()
        self._ports = ports
        self._callers = callers
        self._on_lost = on_lost

    @property
    def setup(self) -> Setup | None:
        """What we do about the connection; None on UDP."""
        if not self._offer.tcp:
            return None
        return "passive" if self._offer.setup == "active" else "active"

    async def open(self) -> None:
        """Take a port; to be called before the offer is answered. Raises MediaError."""
        if self.setup == "active":
            self.port = UNUSED_PORT
            return
        failure: OSError | None = None
        for port in self._ports[:_PORT_TRIES] or (0,):
            try:
                await self._take(port)
            except OSError as error:
                failure = error
            else:
                return
        raise MediaError("no-port", f"no way to send media: {failure}")

    async def _take(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        if self._offer.tcp:
            self._server = await loop.create_server(lambda: _Sender(self), self._host, port)
            self.port = int(self._server.sockets[0].getsockname()[1])
            return
        self._udp, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol,
            local_addr=(self._host, port),
            remote_addr=(self._receiver, self._offer.port),
        )
        self._udp.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self.port = int(self._udp.get_extra_info("sockname")[1])

    async def connect(self) -> None:
        """Get through to the receiver; to be called once it has acknowledged. Raises MediaError `no-connection`."""
        if self._udp is not None:
            return
        if self.setup == "passive":
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S * CONNECT_TRIES):
                    await self._connected.wait()
            except TimeoutError:
                raise MediaError("no-connection", "the receiver did not connect") from None
            return
        await connect_media(
            lambda: _Sender(self), self._receiver, self._offer.port, tries=CONNECT_TRIES, pause_s=1.0
        )

    def joined(self, transport: asyncio.Transport) -> None:
        """The receiver is on the line; the first one counts."""
        foreign = self._callers is not None and transport.get_extra_info("peername")[0] not in self._callers
        if self._tcp is not None or (foreign and self._server is not None):
            transport.abort()
            return
        self._tcp = transport
        self._connected.set()

    def left(self, transport: asyncio.Transport) -> None:
        """A connection is gone."""
        if transport is self._tcp and self._on_lost is not None:
            self._on_lost()

    @property
    def congested(self) -> bool:
        """Whether the receiver reads too slowly for more to be sent now."""
        return self._tcp is not None and self._tcp.get_write_buffer_size() > MAX_UNSENT_BYTES

    def send(self, frame: bytes, timestamp: int, *, payload_type: int | None = None) -> None:
        """Send one frame, cut into packets that share a timestamp; the last has the marker.

        Args:
            frame: what a pack or more are of.
            timestamp: 90 kHz.
            payload_type: another than usual.
        """
        self.write(self.packets(frame, timestamp, payload_type=payload_type))

    def packets(self, frame: bytes, timestamp: int, *, payload_type: int | None = None) -> list[bytes]:
        """The RTP packets of one frame; arguments as `send`."""
        type_ = self._payload_type if payload_type is None else payload_type
        stamp = timestamp & 0xFFFFFFFF
        packets: list[bytes] = []
        for at in range(0, len(frame), MTU):
            piece = frame[at : at + MTU]
            marker = 0x80 if at + MTU >= len(frame) else 0
            packets.append(_HEADER.pack(0x80, marker | type_, self._sequence, stamp, self.ssrc) + piece)
            self._sequence = self._sequence + 1 & 0xFFFF
        return packets

    def write(self, packets: Iterable[bytes]) -> None:
        """Send RTP packets as they are; a receiver that does not read is sent nothing more."""
        if self._udp is not None:
            for packet in packets:
                self._udp.sendto(packet)
        elif self._tcp is not None and not self._tcp.is_closing():
            if self.congested:
                self.dropped += 1
                return
            framed = (part for packet in packets for part in (len(packet).to_bytes(2, "big"), packet))
            self._tcp.write(b"".join(framed))

    async def move(self) -> None:
        """Go on from another port, as some devices do in the middle of a stream; UDP only."""
        if self._udp is not None:
            before = self._udp
            await self.open()
            before.close()

    def write_raw(self, data: bytes) -> None:
        """Write bytes as they are, for devices that send what they should not."""
        if self._tcp is not None and not self._tcp.is_closing():
            self._tcp.write(data)
        elif self._udp is not None:
            self._udp.sendto(data)

    def close(self) -> None:
        """Stop sending."""
        for transport in (self._udp, self._tcp):
            if transport is not None:
                transport.close()
        if self._server is not None:
            self._server.close()

    @property
    def drained(self) -> bool:
        """Whether all that was sent has left: what is under way when a TCP connection is closed is not lost."""
        return self._tcp is None or not self._tcp.get_write_buffer_size()


class _Sender(asyncio.Protocol):
    def __init__(self, output: MediaOutput) -> None:
        self._output = output
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._output.joined(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - it is gone either way
        if self._transport is not None:
            self._output.left(self._transport)
