"""The loudspeaker of a device: a broadcast is fetched from the platform, and what is heard is kept (§8.5)."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from cambus.gb28181 import sdp
from cambus.gb28181.agent import Agent
from cambus.gb28181.manscdp.envelope import Envelope
from cambus.gb28181.manscdp.notices import Broadcast, BroadcastAnswer
from cambus.gb28181.sdp import Description
from cambus.media.mpegps import ProgramStreamDemuxer
from cambus.media.rtp_input import RtpPacket, parse_rtp
from cambus.media.rtp_stream import RtpStreamReader, StreamLostError
from cambus.sip.dialog import Dialog
from cambus.sip.endpoint import Incoming
from cambus.sip.errors import SipError
from cambus.sip.events import RequestReceived
from cambus.sip.message import Request

if TYPE_CHECKING:
    from cambus.simulators.gb28181.simulator import Gb28181Simulator

logger = logging.getLogger(__name__)

Transport = Literal["udp", "tcp_active", "tcp_passive"]
MAX_HEARD_BYTES: Final = 8 * 1024 * 1024
_INVITE_TIMEOUT_S: Final = 8.0
_UNUSED_PORT: Final = 9


class Listening:
    """One broadcast that is heard.

    Args:
        agent: how the device speaks.
        source: who speaks: the SourceID of the order.
        target: the code of what is heard through.
        transport: how sound is fetched.
        ps: whether it is wanted in PS.
        y: whether the offer says which SSRC.

    Attributes:
        heard: the samples, as they came.
        packets: every RTP packet.
        answer: the platform's description.
        over: set once either side has hung up.
    """

    def __init__(
        self, agent: Agent, source: str, target: str, transport: Transport, *, ps: bool, y: bool = True
    ) -> None:
        self.heard = bytearray()
        self.packets: list[RtpPacket] = []
        self.answer: Description | None = None
        self.over = asyncio.Event()
        self.target = target
        self._agent = agent
        self._source = source
        self._transport = transport
        self._y = y
        self._demuxer = ProgramStreamDemuxer() if ps else None
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Transport | None = None
        self._server: asyncio.Server | None = None
        self._dialog: Dialog | None = None

    async def start(self) -> None:
        """Fetch it. Raises SipError."""
        port = await self._open()
        request = self._invite(port)
        peer = self._agent.peer
        if peer is None:
            return
        invitation = await self._agent.endpoint.invite(request, peer, timeout_s=_INVITE_TIMEOUT_S)
        if invitation.dialog is None:
            self._release()
            return
        self._dialog = invitation.dialog
        self._agent.in_dialog(self._dialog.key, self._incoming)
        self._agent.endpoint.acknowledge(invitation)
        self.answer = Description.parse(invitation.response.body)
        if self._transport == "tcp_active":
            await asyncio.get_running_loop().create_connection(
                lambda: _Stream(self), self.answer.address, self.answer.port
            )

    async def _open(self) -> int:
        loop, host = asyncio.get_running_loop(), self._agent.settings.host
        if self._transport == "udp":
            self._udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), local_addr=(host, 0))
            return int(self._udp.get_extra_info("sockname")[1])
        if self._transport == "tcp_active":
            return _UNUSED_PORT
        self._server = await loop.create_server(lambda: _Stream(self), host, 0)
        return int(self._server.sockets[0].getsockname()[1])

    def _invite(self, port: int) -> Request:
        agent, tcp = self._agent, self._transport != "udp"
        setup: sdp.Setup = "active" if self._transport == "tcp_active" else "passive"
        offer = Description(
            self.target,
            agent.settings.host,
            port,
            media="audio",
            tcp=tcp,
            formats=(sdp.PS,) if self._demuxer is not None else (sdp.PCMA,),
            direction="recvonly",
            setup=setup if tcp else None,
            ssrc=200_000_000 + port if self._y else None,
            wanted="v/////a/1/8/1",
        )
        request = agent.compose("INVITE", source=self.target)
        request.uri = request.uri.replace(agent.settings.server_code, self._source)
        request.headers.set(
            "To", (request.headers.get("To") or "").replace(agent.settings.server_code, self._source)
        )
        request.headers.add("Subject", f"{self._source}:1,{self.target}:1")
        request.headers.add("Content-Type", sdp.CONTENT_TYPE)
        request.body = offer.serialize()
        return request

    def _incoming(self, event: Incoming) -> None:
        if isinstance(event, RequestReceived):
            self._agent.endpoint.respond(event.transaction, 200)
            if event.request.method == "BYE":
                self._release()

    def take(self, data: bytes) -> None:
        """A packet came."""
        packet = parse_rtp(data)
        if packet is None or len(self.heard) >= MAX_HEARD_BYTES:
            return
        self.packets.append(packet)
        if self._demuxer is None:
            self.heard += packet.payload
        else:
            for unit in self._demuxer.feed(packet.payload, packet.timestamp, complete=True):
                self.heard += unit.payload

    def joined(self, transport: asyncio.Transport) -> None:
        """The platform is on the line."""
        self._tcp = transport

    async def hang_up(self) -> None:
        """The device has heard enough."""
        dialog = self._dialog
        self._release()
        if dialog is not None:
            try:
                await self._agent.endpoint.request(dialog.request("BYE"), dialog.peer, timeout_s=4.0)
            except SipError as error:
                logger.debug("a broadcast was not hung up", extra={"reason": str(error)})

    def close(self) -> None:
        """Hear no more."""
        self._release()

    def _release(self) -> None:
        self.over.set()
        if self._dialog is not None:
            self._agent.in_dialog(self._dialog.key, None)
            self._dialog = None
        for transport in (self._udp, self._tcp):
            if transport is not None:
                transport.close()
        if self._server is not None:
            self._server.close()


class Loudspeakers:
    """What a device does about broadcasts.

    Args:
        sim: the device.

    Attributes:
        listenings: the broadcasts it has fetched.
    """

    def __init__(self, sim: Gb28181Simulator) -> None:
        self.listenings: list[Listening] = []
        self._sim = sim

    def told(self, envelope: Envelope) -> None:
        """The platform wants to be heard."""
        sim, order, how = self._sim, Broadcast.parse(envelope), self._sim.quirks.broadcast
        target = order.target or sim.code
        ok = how != "error" and target in sim.device.codes
        if how == "silent":
            return
        answer = BroadcastAnswer(ok).serialize(sim.echo(envelope), target, charset=sim.profile.charset)
        sim.own(self._fetch(answer, order.source or "", target, invite=ok and how == "accept"))

    async def _fetch(self, answer: bytes, source: str, target: str, *, invite: bool) -> None:
        sim = self._sim
        await sim.agent.send(answer)
        quirks = sim.quirks
        for _ in range(quirks.loudspeakers if invite else 0):
            transport = quirks.broadcast_transport
            listening = Listening(
                sim.agent, source, target, transport, ps=quirks.broadcast_ps, y=quirks.broadcast_y
            )
            self.listenings.append(listening)
            await listening.start()

    def close(self) -> None:
        """Hear no more."""
        for each in self.listenings:
            each.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, listening: Listening) -> None:
        self._listening = listening

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:  # noqa: ARG002 - whoever it is
        self._listening.take(data)


class _Stream(asyncio.Protocol):
    def __init__(self, listening: Listening) -> None:
        self._listening = listening
        self._reader = RtpStreamReader()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._listening.joined(self._transport)

    def data_received(self, data: bytes) -> None:
        try:
            for packet in self._reader.receive_data(data):
                self._listening.take(packet)
        except StreamLostError:
            if self._transport is not None:
                self._transport.abort()
