"""Somebody at the upper platform speaks through a device: its sound is fetched and passed on (§8.5, §12, GB-248)."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import Final

from cambus.connector.talk_line import SPOKEN, transcode
from cambus.connector_gb28181.cascade.context import LinkContext
from cambus.connector_gb28181.cascade.nodes import Node
from cambus.connector_gb28181.cascade.session import may_receive
from cambus.gb28181 import sdp
from cambus.gb28181.errors import GbError, MediaError, Unreachable
from cambus.gb28181.manscdp.envelope import Envelope
from cambus.gb28181.manscdp.notices import Broadcast, BroadcastAnswer
from cambus.gb28181.media_input import Latch, MediaInput
from cambus.gb28181.media_port import MediaPort, PortRange
from cambus.gb28181.outcomes import failure_of
from cambus.gb28181.sdp import Description
from cambus.gb28181.ssrc import write_y
from cambus.gb28181.subject import Subject
from cambus.media.frame import Codec, Flag, Frame, Kind, encode_frame
from cambus.media.mpegps import StreamUnit
from cambus.schemas.commands import talk
from cambus.schemas.errors import CambusError
from cambus.schemas.ids import is_token
from cambus.sip.dialog import Dialog
from cambus.sip.endpoint import Incoming, Invitation
from cambus.sip.errors import SipError, TransactionTimeout
from cambus.sip.events import RequestReceived

logger = logging.getLogger(__name__)

START_TIMEOUT_S: Final = 4.0
"""The platform waits five seconds for our word."""
STOP_TIMEOUT_S: Final = 3.0
BYE_TIMEOUT_S: Final = 4.0
MAX_UNSENT: Final = 100
"""Pieces of 20 ms that wait for the bus."""
_HEARD: Final = frozenset({Codec.PCMA, Codec.PCMU})


class Broadcasts:
    """The broadcasts of one upper platform; one at a time through each device.

    Args:
        context: the link.

    Attributes:
        open: codes of what is spoken through.
    """

    def __init__(self, context: LinkContext) -> None:
        self.open: set[str] = set()
        self._context = context

    def told(self, envelope: Envelope) -> int:
        """The platform asks us to fetch its sound; the status it is answered with."""
        order = Broadcast.parse(envelope)
        node = self._context.shared.node((order.target or "").strip())
        if node is None:
            return 404
        source = (order.source or "").strip() or self._context.link.server_code
        refused = (
            node.device is None
            or not node.online
            or not self._context.link.permissions.broadcast
            or node.code in self.open
        )
        if refused:
            self._context.metrics.sessions("broadcast", "refused").inc()
            self._context.own(self._answer, envelope, node, ok=False)
            return 200
        return 200 if self._context.own(self._speak, envelope, node, source) else 503

    async def _answer(self, envelope: Envelope, node: Node, *, ok: bool) -> None:
        body = self._context.body(BroadcastAnswer(ok=ok), envelope.sn or 0, node.code)
        await self._context.agent.send(body)

    async def _speak(self, envelope: Envelope, node: Node, source: str) -> None:
        """Take the loudspeaker, say so, fetch the sound, pass it on."""
        context, count = self._context, self._context.metrics.sessions
        self.open.add(node.code)
        try:
            request = talk.TalkStartRequest(
                channel=node.channel, claimant=_claimant(context.link.id), listen=False
            )
            try:
                line = await context.client.call(
                    talk.START, request, device=node.device, timeout_s=START_TIMEOUT_S
                )
            except CambusError as error:
                count("broadcast", "refused").inc()
                logger.info(
                    "nobody can speak", extra={**context.facts, "code": node.code, "reason": str(error)}
                )
                await self._answer(envelope, node, ok=False)
                return
            try:
                spoken = line.codec in SPOKEN
                await self._answer(envelope, node, ok=spoken)
                if not spoken:
                    count("broadcast", "refused").inc()
                    return
                await _Listener(context, node, source, line).run()
            finally:
                with suppress(CambusError):  # it ends by itself
                    await context.client.call(
                        talk.STOP,
                        talk.TalkStopRequest(session=line.session),
                        device=node.device,
                        timeout_s=STOP_TIMEOUT_S,
                    )
        finally:
            self.open.discard(node.code)


class _Listener:
    """One broadcast: an audio session with the platform, and the talk it goes to."""

    def __init__(self, context: LinkContext, node: Node, source: str, line: talk.TalkStartReply) -> None:
        self._context = context
        self._node = node
        self._source = source
        self._line = line
        self._codec = SPOKEN[line.codec]
        self._over = asyncio.Event()
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(MAX_UNSENT)
        self._seq = 0
        self._pts = 0
        self._hung_up = False
        self._offer = b""

    async def run(self) -> None:
        """Fetch the sound until either side hangs up. Raises GbError."""
        context, loop = self._context, asyncio.get_running_loop()
        ssrc = context.ssrcs.take(loop.time(), history=False)
        peer = context.agent.peer
        hosts = frozenset({peer.host}) if peer is not None else frozenset()
        media = MediaInput(self._heard, Latch(ssrc, hosts))
        port = MediaPort(media, host=context.settings.media_listens)
        try:
            await port.open(PortRange(context.settings.media_ports).next())
            dialog = await self._fetch(media, port, ssrc)
            context.metrics.sessions("broadcast", "begun").inc()
            try:
                await self._pass_on(media)
            finally:
                await self._leave(dialog)
        except GbError:
            context.metrics.sessions("broadcast", "failed").inc()
            raise
        finally:
            media.close()
            port.close()
            context.ssrcs.give_back(ssrc, loop.time())

    # --- the session ------------------------------------------------------------------------------------

    async def _fetch(self, media: MediaInput, port: MediaPort, ssrc: int) -> Dialog:
        """INVITE the platform. Raises Refused, Unreachable, MediaError."""
        context, agent = self._context, self._context.agent
        peer = agent.peer
        if peer is None:
            raise Unreachable("the platform is not there")
        tcp = context.link.transport == "tcp"
        offer = Description(
            self._node.code,
            context.settings.media_reached,
            port.port,
            media="audio",
            tcp=tcp,
            formats=(sdp.PCMA,),
            direction="recvonly",
            setup="active" if tcp else None,
            ssrc=ssrc,
            wanted="v/////a/1/8/1",
        )
        request = agent.compose("INVITE", source=self._node.code, target=self._source)
        request.headers.add(
            "Subject", str(Subject(self._source, f"0{write_y(ssrc)[1:]}", self._node.code, write_y(ssrc)))
        )
        request.headers.add("Content-Type", sdp.CONTENT_TYPE)
        request.body = self._offer = offer.serialize()
        try:
            invitation = await agent.endpoint.invite(request, peer, timeout_s=context.settings.times.invite_s)
        except TransactionTimeout:
            raise Unreachable("the platform does not answer the INVITE") from None
        except SipError as error:
            raise Unreachable(str(error)) from None
        failure = failure_of(invitation.response)
        if failure is not None:
            raise failure
        return await self._begin(media, port, invitation, peer.host, tcp=tcp)

    async def _begin(
        self, media: MediaInput, port: MediaPort, invitation: Invitation, host: str, *, tcp: bool
    ) -> Dialog:
        context = self._context
        dialog = invitation.dialog
        assert dialog is not None  # noqa: S101 - it was a 2xx
        context.agent.in_dialog(dialog.key, self._incoming)
        context.agent.endpoint.acknowledge(invitation)
        try:
            answer = Description.parse(invitation.response.body)
            media.answered(answer.formats)
            if answer.ssrc is not None:
                media.latch.ssrc = answer.ssrc
            sender = self._sender(answer, host)
            media.latch.hosts |= {sender}
            if tcp and answer.setup != "active":
                await port.connect(sender, answer.port, sink=media)
        except BaseException:
            await self._leave(dialog)
            raise
        return dialog

    def _sender(self, answer: Description, host: str) -> str:
        """Where the sound comes from. Raises MediaError."""
        context = self._context
        sender = answer.address if answer.address and not answer.address.startswith("0.") else host
        loopback = context.settings.allow_loopback
        if not may_receive(sender, host, context.link.media_hosts, loopback=loopback):
            raise MediaError("address-refused", f"sound is not fetched from {sender}")
        return sender

    def _incoming(self, event: Incoming) -> None:
        if not isinstance(event, RequestReceived):
            return
        agent = self._context.agent
        if event.request.method == "INVITE":  # what was agreed still holds (§2.4)
            contact = ("Contact", f"<sip:{self._node.code}@{agent.address}>")
            headers = [contact, ("Content-Type", sdp.CONTENT_TYPE)]
            agent.endpoint.respond(event.transaction, 200, headers=headers, body=self._offer)
        else:
            agent.endpoint.respond(event.transaction, 200)
            if event.request.method == "BYE":
                self._hung_up = True
                self._over.set()

    async def _leave(self, dialog: Dialog) -> None:
        agent = self._context.agent
        if not self._hung_up:
            with suppress(SipError):
                await agent.endpoint.request(dialog.request("BYE"), dialog.peer, timeout_s=BYE_TIMEOUT_S)
        agent.in_dialog(dialog.key, None)

    # --- the sound --------------------------------------------------------------------------------------

    def _heard(self, units: list[StreamUnit]) -> None:
        """Sound came; what the bus does not take in time is left out."""
        for unit in units:
            if unit.codec in _HEARD and not self._waiting.full():
                self._waiting.put_nowait(transcode(unit.payload, unit.codec, self._codec))

    async def _pass_on(self, media: MediaInput) -> None:
        """Publish what comes, until the platform hangs up or falls silent."""
        loss_s, loop = self._context.settings.times.media_loss_s, asyncio.get_running_loop()
        begun = loop.time()
        while not self._over.is_set():
            getting = asyncio.create_task(self._waiting.get())
            over = asyncio.create_task(self._over.wait())
            try:
                await asyncio.wait({getting, over}, timeout=loss_s, return_when=asyncio.FIRST_COMPLETED)
                if getting.done():
                    await self._publish(getting.result())
                elif loop.time() - (media.last_at or begun) >= loss_s:
                    return
            finally:
                getting.cancel()
                over.cancel()

    async def _publish(self, sound: bytes) -> None:
        frame = Frame(
            Kind.AUDIO, self._codec, Flag.NONE, self._seq, self._pts, self._pts, time.time_ns() // 1000, sound
        )
        self._seq = self._seq + 1 & 0xFFFFFFFF
        self._pts += int(len(sound) * 11.25)
        for message in encode_frame(frame, self._context.bus.max_payload):
            await self._context.bus.publish(self._line.subject, message)


def _claimant(link: str) -> str:
    name = f"cascade-{link}"[:64]
    return name if is_token(name) else "cascade"
