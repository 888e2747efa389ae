"""The media sessions of a device: INVITEs answered, media sent at its pace, INFO obeyed (§8)."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final, Protocol

from cambus.gb28181 import sdp
from cambus.gb28181.agent import Agent
from cambus.gb28181.manscdp.envelope import CONTENT_TYPE
from cambus.gb28181.manscdp.notices import MEDIA_END, MediaStatus
from cambus.gb28181.sdp import Description, Purpose
from cambus.gb28181.subject import Subject
from cambus.media.frame import Codec
from cambus.simulators.gb28181.device import Channel, SimulatedDevice
from cambus.simulators.gb28181.quirks import Quirks
from cambus.simulators.gb28181.session import Ending, Session
from cambus.simulators.gb28181.source import MediaPlan, Source
from cambus.simulators.gb28181.talking import Conversation
from cambus.simulators.video_loop import LoopStore
from cambus.sip.dialog import Dialog
from cambus.sip.endpoint import Incoming
from cambus.sip.errors import SipError
from cambus.sip.events import RequestReceived
from cambus.sip.uri import SipUri

logger = logging.getLogger(__name__)

MAX_SESSIONS: Final = 32
MAX_ENDED: Final = 100
_SUB_LINES: Final = ("a=streamprofile:1", "a=stream:1", "a=streammode:sub")
_FOREIGN_END: Final = "200"


class Host(Protocol):
    """What the sessions need of their device."""

    @property
    def agent(self) -> Agent:
        """How it speaks."""

    def own(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something for as long as the device lives."""

    def changed(self) -> None:
        """Something may have become true that somebody waits for."""


@dataclass
class Streams:
    """All sessions of one device.

    Args:
        host: whose they are.
        device: what it is made of.
        plan: what its streams look like.
        quirks: what goes wrong.
        random: what is left to chance.

    Attributes:
        open: sessions under way, by Call-ID.
        ended: the last of those that are over.
        conversations: the last that were called for, under way or over.
    """

    host: Host
    device: SimulatedDevice
    plan: MediaPlan
    quirks: Quirks
    random: Random

    def __post_init__(self) -> None:
        self.open: dict[str, Session] = {}
        self.ended: deque[Session] = deque(maxlen=MAX_ENDED)
        self.conversations: deque[Conversation] = deque(maxlen=MAX_ENDED)

    async def prepare(self) -> None:
        """Encode the pictures of the first camera."""
        specs = [self.plan.spec(1, stream) for stream in (0, 1)]
        await asyncio.gather(*(asyncio.wrap_future(LoopStore.shared.future(spec)) for spec in specs))

    # --- being invited ----------------------------------------------------------------------------------

    def invite(self, event: RequestReceived) -> None:
        """Somebody wants to watch."""
        endpoint = self.host.agent.endpoint
        code = SipUri.parse(event.request.to.uri).user
        offer = Description.parse(event.request.body)
        channel = self.device.cameras.get(code) or (
            self.device.camera(code) if code == self.device.code else None
        )
        refusal = self._refusal(channel, offer)
        if refusal:
            endpoint.respond(event.transaction, refusal)
        elif channel is not None and offer.purpose is Purpose.TALK:
            conversation = Conversation(self, event, offer, channel.number)
            self.conversations.append(conversation)
            self.host.own(conversation.accept())
        elif channel is not None and self.quirks.invite not in {"never", "late"}:
            self.host.own(self._accept(event, channel, offer))
        elif self.quirks.invite == "late":
            self._when_cancelled(event, offer)

    def _refusal(self, channel: Channel | None, offer: Description) -> int:
        """With what an INVITE is refused; 0 for not at all."""
        quirks = self.quirks
        if channel is None:
            return 404
        if quirks.invite_status:
            return quirks.invite_status
        if quirks.invite == "busy" or len(self.open) >= MAX_SESSIONS:
            return 486
        if quirks.invite == "unacceptable" or (quirks.invite == "no_tcp" and offer.tcp):
            return 488
        history = offer.purpose in {Purpose.PLAYBACK, Purpose.DOWNLOAD}
        if history and not channel.archive.recorded_s(offer.start, offer.end):
            return 404
        return 0

    async def _accept(self, event: RequestReceived, channel: Channel, offer: Description) -> None:
        stream = stream_number(offer)
        spec = self.plan.spec(channel.number, stream)
        loop = await asyncio.wrap_future(LoopStore.shared.future(spec))
        history = offer.purpose in {Purpose.PLAYBACK, Purpose.DOWNLOAD}
        seconds = channel.archive.recorded_s(offer.start, offer.end) if history else None
        source = Source(loop, self._sound(), seconds)
        session = Session(self, event, channel, offer, source, stream)
        self._replace(event, session)
        self.open[event.request.call_id] = session
        try:
            await session.accept()
        except SipError as error:
            logger.debug("an invitation was given up", extra={"reason": str(error)})
            self.over(session, "given-up")
        self.host.changed()

    def _sound(self) -> Codec | None:
        wanted = self.quirks.audio
        if wanted == "profile":
            return self.plan.sound
        return {"none": None, "pcma": Codec.PCMA, "pcmu": Codec.PCMU, "aac": Codec.AAC}[wanted]

    def _replace(self, event: RequestReceived, session: Session) -> None:
        """The same sender tag again from the same platform replaces what it had (§8.2)."""
        session.subject = Subject.parse(event.request.headers.get("Subject"))
        for known in list(self.open.values()):
            if session.subject is not None and known.subject is not None:
                same = (known.subject.sender, known.subject.sender_tag)
                if same == (session.subject.sender, session.subject.sender_tag):
                    self.over(known, "replaced")

    def _when_cancelled(self, event: RequestReceived, offer: Description) -> None:
        """Answer an INVITE with 200 only once it is cancelled."""
        agent, request = self.host.agent, event.request
        key = (request.call_id, event.transaction.to_tag, request.from_tag)

        def heard(incoming: Incoming) -> None:
            if isinstance(incoming, RequestReceived):
                agent.endpoint.respond(incoming.transaction, 200)
                self.host.changed()
                return
            body = replace(offer, direction="sendonly").serialize()
            agent.endpoint.write(event.peer, late_answer(event, agent.address, body))

        agent.in_dialog(key, heard)

    # --- the end ----------------------------------------------------------------------------------------

    def over(self, session: Session, ending: Ending) -> None:
        """A session is over."""
        if self.open.pop(session.call_id, None) is not None:
            session.stop(ending)
            self.ended.append(session)
            self.host.changed()

    def stop_all(self, ending: Ending = "closed") -> None:
        """All sessions are over."""
        for session in list(self.open.values()):
            self.over(session, ending)
        for conversation in self.conversations:
            conversation.close()

    async def tell_end(self, session: Session) -> None:
        """The recording has come to its end (§8.4)."""
        how, agent = self.quirks.end, self.host.agent
        if how == "never":
            return
        body = MediaStatus(MEDIA_END).serialize(
            agent.next_sn(), session.channel.code, charset=self.device.profile.charset
        )
        dialog = session.dialog
        if how == "outside" or dialog is None:
            await agent.send(body)
            return
        request = dialog.request("MESSAGE", headers=[("Content-Type", CONTENT_TYPE)], body=body)
        if how == "foreign" or self.device.profile.foreign_end:
            sender = request.headers.get("From") or ""
            request.headers.set("From", sender.replace(session.channel.code, self._somebody()))
        await agent.endpoint.request(request, dialog.peer, timeout_s=8.0)

    def _somebody(self) -> str:
        code = self.device.code
        return code[:10] + _FOREIGN_END + code[13:]

    async def bye(self, session: Session) -> None:
        """The device hangs up."""
        dialog: Dialog | None = session.dialog
        if dialog is not None:
            await self.host.agent.endpoint.request(dialog.request("BYE"), dialog.peer, timeout_s=8.0)
        self.over(session, "bye-sent")


def stream_number(offer: Description) -> int:
    """Which encoder an offer wants, in any of the dialects."""
    if offer.stream_number is not None:
        return 1 if offer.stream_number else 0
    return int(any(line.lower() in _SUB_LINES for line in offer.extra))


def late_answer(event: RequestReceived, address: str, body: bytes) -> bytes:
    """A 200 that nobody waits for any more."""
    from_tag = event.transaction.to_tag
    echoed = [
        f"{name}: {value};tag={from_tag}" if name == "To" else f"{name}: {value}"
        for name, value in event.request.headers
        if name in {"Via", "From", "To", "Call-ID", "CSeq"}
    ]
    lines = [
        "SIP/2.0 200 OK",
        *echoed,
        f"Contact: <{event.request.uri.partition('@')[0]}@{address}>",
        f"Content-Type: {sdp.CONTENT_TYPE}",
        f"Content-Length: {len(body)}",
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + body
