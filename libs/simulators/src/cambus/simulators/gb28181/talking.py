"""A conversation with a device: sound both ways in one session, on one connection or between two ports (§8.5)."""

from __future__ import annotations

import asyncio
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final

from cambus.gb28181 import sdp
from cambus.gb28181.sdp import Description
from cambus.gb28181.sound_packets import SoundPackets
from cambus.media.rtp_input import RtpPacket, parse_rtp
from cambus.media.rtp_stream import RtpStreamReader
from cambus.simulators.tone import PACKETS_PER_S, channel_tone
from cambus.sip.dialog import Dialog
from cambus.sip.endpoint import Incoming
from cambus.sip.events import AckReceived, RequestReceived

if TYPE_CHECKING:
    from cambus.simulators.gb28181.streams import Streams

MAX_HEARD_BYTES: Final = 8 * 1024 * 1024


class Conversation:
    """One conversation.

    Args:
        streams: all of the device.
        event: the INVITE.
        offer: what is in it.
        channel: number of the camera whose sound it is.

    Attributes:
        heard: samples, as they came.
        packets: every RTP packet.
        over: set once it has ended.
    """

    def __init__(self, streams: Streams, event: RequestReceived, offer: Description, channel: int) -> None:
        self.heard = bytearray()
        self.packets: list[RtpPacket] = []
        self.over = asyncio.Event()
        self.offer = offer
        self._streams = streams
        self._event = event
        self._sound = cycle(channel_tone(channel))
        self._rtp = SoundPackets(offer.ssrc or 1)
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Transport | None = None
        self._speaking: asyncio.Task[None] | None = None
        self._dialog: Dialog | None = None

    async def accept(self) -> None:
        """Answer, and open a way. Raises SipError, OSError."""
        loop, agent, offer = asyncio.get_running_loop(), self._streams.host.agent, self.offer
        host, port = agent.settings.host, 9
        if not offer.tcp:
            self._udp, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self), local_addr=(host, 0), remote_addr=(offer.address, offer.port)
            )
            port = int(self._udp.get_extra_info("sockname")[1])
        answer = Description(
            self._streams.device.code,
            host,
            port,
            media="audio",
            tcp=offer.tcp,
            formats=(sdp.PCMA,),
            direction="sendrecv",
            setup="active" if offer.tcp else None,
            purpose=offer.purpose,
            ssrc=offer.ssrc,
            wanted="v/////a/1/8/1",
        )
        transaction = self._event.transaction
        self._dialog = Dialog.taken(self._event.request, transaction.to_tag, self._event.peer)
        agent.in_dialog(self._dialog.key, self._incoming)
        headers = [
            ("Contact", f"<sip:{agent.settings.code}@{agent.address}>"),
            ("Content-Type", sdp.CONTENT_TYPE),
        ]
        agent.endpoint.respond(transaction, 200, headers=headers, body=answer.serialize())

    def _incoming(self, event: Incoming) -> None:
        if isinstance(event, AckReceived) and self._speaking is None:
            self._speaking = self._streams.host.own(self._speak())
        elif isinstance(event, RequestReceived):
            self._streams.host.agent.endpoint.respond(event.transaction, 200)
            if event.request.method == "BYE":
                self.close()
                self._streams.host.changed()

    async def _speak(self) -> None:
        loop, offer = asyncio.get_running_loop(), self.offer
        if offer.tcp:
            self._tcp, _ = await loop.create_connection(lambda: _Stream(self), offer.address, offer.port)
        while True:
            for packet in self._rtp.cut(next(self._sound)):
                if self._udp is not None:
                    self._udp.sendto(packet)
                elif self._tcp is not None:
                    self._tcp.write(len(packet).to_bytes(2, "big") + packet)
            await asyncio.sleep(1 / PACKETS_PER_S / (self._streams.quirks.pace or 1.0))

    def take(self, data: bytes) -> None:
        """A packet came."""
        packet = parse_rtp(data)
        if packet is not None and len(self.heard) < MAX_HEARD_BYTES:
            self.packets.append(packet)
            self.heard += packet.payload
            self._streams.host.changed()

    def close(self) -> None:
        """It is over."""
        self.over.set()
        if self._speaking is not None:
            self._speaking.cancel()
        if self._dialog is not None:
            self._streams.host.agent.in_dialog(self._dialog.key, None)
            self._dialog = None
        for transport in (self._udp, self._tcp):
            if transport is not None:
                transport.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:  # noqa: ARG002 - connected
        self._conversation.take(data)


class _Stream(asyncio.Protocol):
    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._reader = RtpStreamReader()

    def data_received(self, data: bytes) -> None:
        for packet in self._reader.receive_data(data):
            self._conversation.take(packet)
