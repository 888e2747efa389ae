"""One media session of the upper platform: from its INVITE to the BYE of either side (§8, §12, GB-244 to GB-246)."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from cambus.connector_gb28181.cascade.feed import Feed
from cambus.connector_gb28181.cascade.nodes import Node
from cambus.connector_gb28181.cascade.sources import Source
from cambus.gb28181 import sdp
from cambus.gb28181.errors import GbError, MediaError, ProtocolError
from cambus.gb28181.manscdp.envelope import CONTENT_TYPE
from cambus.gb28181.manscdp.notices import MEDIA_END, MediaStatus
from cambus.gb28181.mansrtsp import Control
from cambus.gb28181.media_output import MediaOutput
from cambus.gb28181.sdp import Description, Purpose
from cambus.gb28181.subject import Subject
from cambus.schemas.errors import CambusError, ErrorCode
from cambus.sip.dialog import Dialog, DialogKey
from cambus.sip.endpoint import Incoming
from cambus.sip.errors import SipError
from cambus.sip.events import AckReceived, RequestReceived, TransactionFailed
from cambus.sip.message import Request
from cambus.sip.transactions import ServerTransaction

if TYPE_CHECKING:
    from cambus.connector_gb28181.cascade.sessions import Sessions

logger = logging.getLogger(__name__)

BYE_TIMEOUT_S: Final = 4.0
SAY_TIMEOUT_S: Final = 8.0
LOOK_S: Final = 0.5
DRAIN_S: Final = 10.0
"""How long what was sent may take to leave, before its end is told: that hangs up."""
DRAIN_LOOK_S: Final = 0.02
_STATUS: Final = {
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.OFFLINE: 480,
    ErrorCode.DEADLINE: 480,
    ErrorCode.CONFLICT: 486,
    ErrorCode.OVERLOADED: 486,
    ErrorCode.UNSUPPORTED: 488,
    ErrorCode.BAD_REQUEST: 488,
}
"""With what an INVITE is refused for what the device's connector said; 480 for the rest."""


class Session:
    """One session.

    Args:
        sessions: all of the link.
        event: the INVITE.
        node: what is watched.
        offer: what the platform wants.

    Attributes:
        subject: who sends what to whom, as the INVITE has it.
        ending: why it is over; None while it lasts.
    """

    def __init__(self, sessions: Sessions, event: RequestReceived, node: Node, offer: Description) -> None:
        self.node = node
        self.offer = offer
        self.call_id = event.request.call_id
        self.subject = self.subject_of(event.request)
        self.ending: str | None = None
        self.source: Source | None = None
        self._sessions = sessions
        self._context = sessions.context
        self._event = event
        self._dialog = Dialog.taken(event.request, event.transaction.to_tag, event.peer)
        self._answer = b""
        self._answered = False
        self._acknowledged = asyncio.Event()
        self._over = asyncio.Event()
        self._finished = asyncio.Event()
        self._said_bye = False
        self._controls = asyncio.Lock()
        self._context.agent.in_dialog(self._dialog.key, self.incoming)

    @property
    def purpose(self) -> Purpose:
        """What it is for."""
        return self.offer.purpose or Purpose.PLAY

    @property
    def dialog_key(self) -> DialogKey:
        """What its dialog is found by."""
        return self._dialog.key

    @property
    def transaction(self) -> ServerTransaction:
        """That of the INVITE."""
        return self._event.transaction

    @staticmethod
    def subject_of(request: Request) -> Subject | None:
        """Who sends what to whom; None where the INVITE does not say."""
        return Subject.parse(request.headers.get("Subject"))

    def same_as(self, subject: Subject | None) -> bool:
        """Whether another INVITE means this session: the sender and his tag are the same (§8.2)."""
        own = self.subject
        if own is None or subject is None or not subject.sender_tag:
            return False
        return (own.sender, own.sender_tag) == (subject.sender, subject.sender_tag)

    # --- its life ---------------------------------------------------------------------------------------

    async def run(self, source: Source, ssrc: int) -> None:
        """Set it up, and send until either side ends it."""
        self.source = source
        output = self._output(ssrc)
        feed = Feed(output, self._context.metrics, self._finished.set)
        close = None
        try:
            subject = await source.open()
            await output.open()
            if subject is not None:
                close = (await self._context.bus.subscribe(subject, feed.receive)).close
            if self.ending is None:
                self._accept(output)
                await self._send(output, feed, source)
        except CambusError as error:
            self._refuse(_STATUS.get(ErrorCode(error.code), 480), error.text)
        except MediaError as error:
            self._refuse(488 if not self._answered else 0, error.text)
        finally:
            output.close()
            try:
                if close is not None:
                    await close()
            finally:
                await source.close()
                await self._leave()

    def _output(self, ssrc: int) -> MediaOutput:
        settings, offer, peer = self._context.settings, self.offer, self._event.peer
        receiver = offer.address if _named(offer.address) else peer.host
        return MediaOutput(
            offer,
            ssrc,
            host=settings.media_listens,
            receiver=receiver,
            ports=self._sessions.some_ports(),
            callers={receiver, peer.host},
            on_lost=lambda: self.over("connection-lost"),
        )

    def _accept(self, output: MediaOutput) -> None:
        """The 200, with what we send from."""
        context, offer = self._context, self.offer
        history = self.purpose is not Purpose.PLAY
        described = Description(
            self.node.code,
            context.settings.media_reached,
            output.port,
            tcp=offer.tcp,
            formats=(sdp.PS,),
            direction="sendonly",
            setup=output.setup,
            purpose=self.purpose,
            start=offer.start if history else 0,
            end=offer.end if history else 0,
            ssrc=output.ssrc,
            wanted=offer.wanted if offer.wanted is not None else "",
        )
        self._answer = described.serialize()
        self._respond(self._event)
        self._answered = True
        context.metrics.sessions(self.purpose.value.lower(), "begun").inc()

    def _respond(self, event: RequestReceived) -> None:
        agent = self._context.agent
        headers = [
            ("Contact", f"<sip:{self.node.code}@{agent.address}>"),
            ("Content-Type", sdp.CONTENT_TYPE),
            *self._sessions.route_headers(self.source),
        ]
        agent.endpoint.respond(event.transaction, 200, headers=headers, body=self._answer)

    def _refuse(self, status: int, reason: str) -> None:
        outcome = "failed" if self._answered else "refused"
        self._context.metrics.sessions(self.purpose.value.lower(), outcome).inc()
        facts = {**self._context.facts, "code": self.node.code, "status": status, "reason": reason}
        logger.info("a session for an upper platform came to nothing", extra=facts)
        if not self._answered and not self._event.transaction.answered:
            self._said_bye = True
            self._context.agent.endpoint.respond(self._event.transaction, status)
        self.over("failed")

    async def _send(self, output: MediaOutput, feed: Feed, source: Source) -> None:
        """Send once the platform has acknowledged, until it is over."""
        if not await self._unless_over(self._acknowledged):
            return
        await output.connect()
        feed.start()
        feed.last_at = asyncio.get_running_loop().time()
        await source.begin(feed)
        while not self._over.is_set():
            if self._finished.is_set():
                await self._end_of_recording(output)
                return
            idle_s = asyncio.get_running_loop().time() - (feed.last_at or 0.0)
            if feed.unsupported is not None or (
                idle_s > self._context.settings.feed_loss_s and not source.paused
            ):
                self.over("source-lost")
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._unless_over(self._finished)

    async def _unless_over(self, event: asyncio.Event) -> bool:
        """Wait for something; False if the session is over before."""
        waiting = [asyncio.create_task(event.wait()), asyncio.create_task(self._over.wait())]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        return not self._over.is_set()

    async def _end_of_recording(self, output: MediaOutput) -> None:
        """Say so, and give the platform time to hang up (GB-245); a live stream just ends."""
        if self.purpose is Purpose.PLAY:
            self.over("source-lost")
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                while not output.drained:  # noqa: ASYNC110 - a transport tells nobody but its protocol
                    await asyncio.sleep(DRAIN_LOOK_S)
        body = self._context.body(MediaStatus(MEDIA_END), None, self.node.code)
        request = self._dialog.request("MESSAGE", headers=[("Content-Type", CONTENT_TYPE)], body=body)
        with suppress(SipError):
            await self._context.agent.endpoint.request(request, self._dialog.peer, timeout_s=SAY_TIMEOUT_S)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._context.settings.linger_s):
                await self._over.wait()
        self.over("finished")

    # --- its end ----------------------------------------------------------------------------------------

    def over(self, ending: str) -> None:
        """It is over."""
        if self.ending is None:
            self.ending = ending
        self._over.set()

    async def _leave(self) -> None:
        """Hang up, unless the platform has."""
        agent = self._context.agent
        if self._answered and not self._said_bye:
            with suppress(SipError, GbError):
                await agent.endpoint.request(
                    self._dialog.request("BYE"), self._dialog.peer, timeout_s=BYE_TIMEOUT_S
                )
        agent.in_dialog(self._dialog.key, None)

    # --- what the platform says -------------------------------------------------------------------------

    def incoming(self, event: Incoming) -> None:
        """Something came in the dialog."""
        if isinstance(event, AckReceived):
            self._acknowledged.set()
        elif isinstance(event, RequestReceived):
            self._request(event)
        elif isinstance(event, TransactionFailed):
            self.over("no-ack")
        else:
            self._said_bye = True  # it was cancelled, and is answered
            self.over("cancelled")

    def _request(self, event: RequestReceived) -> None:
        endpoint, method = self._context.agent.endpoint, event.request.method
        if method == "INVITE" and self._answered:
            self._respond(event)
        elif method == "INFO":
            if not self._context.own(self._info, event):
                endpoint.respond(event.transaction, 503)
        elif method == "BYE":
            self._said_bye = True
            endpoint.respond(event.transaction, 200)
            self.over("bye")
        else:
            endpoint.respond(event.transaction, 200)

    async def _info(self, event: RequestReceived) -> None:
        """Control of a recording; one after the other, as they came."""
        endpoint = self._context.agent.endpoint
        try:
            control = Control.parse(event.request.body)
        except ProtocolError:
            endpoint.respond(event.transaction, 400)
            return
        if control.method == "TEARDOWN":
            endpoint.respond(event.transaction, 200)
            self.over("torn-down")
            return
        async with self._controls:
            assert self.source is not None  # noqa: S101 - set before the dialog is
            answer = await self.source.obey(control)
        kind = [("Content-Type", event.request.headers.get("Content-Type") or "")]
        endpoint.respond(event.transaction, 200, headers=kind, body=answer.serialize(control.cseq))


def _named(address: str) -> bool:
    """Whether an address of an offer says anything: behind a NAT, some say 0.0.0.0."""
    return bool(address) and not address.startswith("0.")


def may_receive(host: str, upper: str, allowed: list[str], *, loopback: bool) -> bool:
    """Whether media may be sent to an address that an upper platform names (§16).

    Args:
        host: the address.
        upper: where the platform itself is.
        allowed: addresses of the link; none for all of the network.
        loopback: whether this very host may be named.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if address.is_multicast or address.is_unspecified or address.is_reserved or address.is_link_local:
        return False
    if host == upper:
        return True
    if address.is_loopback and not loopback:
        return False
    return not allowed or host in allowed
