"""Sending the media of one session: PS in RTP over UDP or TCP, as the offer wants it (§8.3, §11, §12)."""

from __future__ import annotations

import asyncio
import secrets
import struct
from collections.abc import Iterable
from typing import Final, cast

from cambus.gb28181.errors import MediaError
from cambus.gb28181.sdp import Description, Setup

PAYLOAD_TYPE: Final = 96
MTU: Final = 1400
MAX_UNSENT_BYTES: Final = 4 * 1024 * 1024
CONNECT_TIMEOUT_S: Final = 3.0
CONNECT_TRIES: Final = 3
_HEADER = struct.Struct(">BBHII")


class MediaOutput:
    """Sends one session.

    Args:
        offer: what the receiver said.
        ssrc: of the packets.
        host: address to send from, and to listen on where the receiver connects.
        payload_type: of the packets.
        receiver: where it is, if its description does not say so readably.

    Attributes:
        port: where we listen or send from, once open.
        dropped: packets that were not sent because the receiver does not read.
    """

    def __init__(
        self,
        offer: Description,
        ssrc: int,
        *,
        host: str = "127.0.0.1",
        payload_type: int = PAYLOAD_TYPE,
        receiver: str | None = None,
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

    @property
    def setup(self) -> Setup | None:
        """What we do about the connection; None on UDP."""
        if not self._offer.tcp:
            return None
        return "passive" if self._offer.setup == "active" else "active"

    async def open(self) -> None:
        """Take a port; to be called before the offer is answered. Raises MediaError."""
        loop = asyncio.get_running_loop()
        try:
            if not self._offer.tcp:
                self._udp, _ = await loop.create_datagram_endpoint(
                    asyncio.DatagramProtocol,
                    local_addr=(self._host, 0),
                    remote_addr=(self._receiver, self._offer.port),
                )
                self.port = int(self._udp.get_extra_info("sockname")[1])
            elif self.setup == "passive":
                self._server = await loop.create_server(lambda: _Sender(self), self._host, 0)
                self.port = int(self._server.sockets[0].getsockname()[1])
            else:
                self.port = 9  # we connect; nothing listens here (RFC 4145 §4.1)
        except OSError as error:
            raise MediaError("no-port", f"no way to send media: {error}") from None

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
        loop = asyncio.get_running_loop()
        for attempt in range(CONNECT_TRIES):
            if attempt:
                await asyncio.sleep(1.0)
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await loop.create_connection(lambda: _Sender(self), self._receiver, self._offer.port)
            except (OSError, TimeoutError):
                continue
            return
        raise MediaError("no-connection", f"cannot connect to {self._receiver}:{self._offer.port}")

    def joined(self, transport: asyncio.Transport) -> None:
        """The receiver is on the line; the first one counts."""
        if self._tcp is not None:
            transport.abort()
            return
        self._tcp = transport
        self._connected.set()

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
            if self._tcp.get_write_buffer_size() > MAX_UNSENT_BYTES:
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

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._output.joined(cast("asyncio.Transport", transport))
