"""All media sessions of one upper platform: INVITEs judged, sessions begun, replaced and ended (§8.2, §12)."""

from __future__ import annotations

import asyncio
import random
import secrets
from typing import Final

from cambus.connector_gb28181.behalf import PREFERRED_HEADER, acting_for, path_of, who_asks
from cambus.connector_gb28181.cascade.context import LinkContext
from cambus.connector_gb28181.cascade.downloads import DownloadSource
from cambus.connector_gb28181.cascade.nodes import Node
from cambus.connector_gb28181.cascade.session import Session, may_receive
from cambus.connector_gb28181.cascade.sources import LiveSource, RecordingSource, Source, stream_of
from cambus.gb28181.codes import codes_of_path
from cambus.gb28181.errors import MediaError, ProtocolError
from cambus.gb28181.invitation import ROUTE_HEADER
from cambus.gb28181.sdp import Description, Purpose
from cambus.sip.events import RequestReceived
from cambus.sip.message import Request
from cambus.sip.uri import SipUri

PORTS_TRIED: Final = 50
_PURPOSES: Final = frozenset({Purpose.PLAY, Purpose.PLAYBACK, Purpose.DOWNLOAD})


class Sessions:
    """The sessions of one link.

    Args:
        context: the link.

    Attributes:
        open: those under way, by Call-ID.
    """

    def __init__(self, context: LinkContext) -> None:
        self.context = context
        self.open: dict[str, Session] = {}

    def invite(self, event: RequestReceived) -> None:
        """Somebody wants to watch (§12); 100 has been answered by our sockets."""
        endpoint = self.context.agent.endpoint
        try:
            offer = Description.parse(event.request.body)
        except ProtocolError:
            endpoint.respond(event.transaction, 488)
            return
        code = SipUri.parse(event.request.to.uri).user
        node = self._by_preference(self.context.shared.node(code), event.request)
        refusal = self._refusal(node, offer, event)
        if refusal or node is None:
            self.context.metrics.sessions("play", "refused").inc()
            endpoint.respond(event.transaction, refusal or 404)
            return
        for known in self._replaced_by(event):
            known.over("replaced")
        session = Session(self, event, node, offer)
        self.open[session.call_id] = session
        with acting_for(
            who_asks(event.request), self._after_us(event.request)[1:]
        ):  # the first is the device
            begun = self.context.own(self._run, session)
        if not begun:
            self.open.pop(session.call_id)
            self.context.agent.in_dialog(session.dialog_key, None)
            endpoint.respond(event.transaction, 486)

    def _by_preference(self, node: Node | None, request: Request) -> Node | None:
        """The way the platform prefers, where there are several: what follows us in its path (§12)."""
        after = self._after_us(request)
        return node.by(after[0]) if node is not None and after else node

    def _after_us(self, request: Request) -> list[str]:
        """The part of the preferred path that lies below us."""
        path, own = path_of(request, PREFERRED_HEADER), self.context.link.code
        return path[path.index(own) + 1 :] if own in path else []

    def _refusal(self, node: Node | None, offer: Description, event: RequestReceived) -> int:
        """With what an INVITE is refused; 0 for not at all."""
        link = self.context.link
        if link.code in path_of(event.request, ROUTE_HEADER):
            return 482  # it has come round (§12)
        if node is None or node.device is None or node.channel is None:
            return 404
        if not node.online:
            return 480
        if len(self.open) - len(self._replaced_by(event)) >= link.max_sessions:
            return 486
        return self._offer_refusal(offer, event)

    def _offer_refusal(self, offer: Description, event: RequestReceived) -> int:
        link = self.context.link
        readable = not offer.formats or any(each.name in {"PS", ""} for each in offer.formats)
        if offer.purpose not in _PURPOSES or offer.media != "video" or not offer.port or not readable:
            return 488
        if offer.purpose is not Purpose.PLAY and not link.permissions.playback:
            return 403
        host = offer.address if offer.address and not offer.address.startswith("0.") else event.peer.host
        loopback = self.context.settings.allow_loopback
        return 0 if may_receive(host, event.peer.host, link.media_hosts, loopback=loopback) else 488

    async def _run(self, session: Session) -> None:
        history = session.purpose is not Purpose.PLAY
        loop = asyncio.get_running_loop()
        try:
            own = self.context.ssrcs.take(loop.time(), history=history)
        except MediaError:
            self.open.pop(session.call_id, None)
            self.context.agent.in_dialog(session.dialog_key, None)
            self.context.agent.endpoint.respond(session.transaction, 486)
            return
        echo = self.context.link.ssrc == "echo"
        ssrc = session.offer.ssrc if echo and session.offer.ssrc is not None else own
        try:
            await session.run(self._source(session), ssrc)
        finally:
            self.context.ssrcs.give_back(own, loop.time())
            if self.open.get(session.call_id) is session:
                del self.open[session.call_id]

    def _source(self, session: Session) -> Source:
        context, node, offer = self.context, session.node, session.offer
        claimant = f"cascade-{context.link.id[:32]}-{secrets.token_hex(6)}"
        if session.purpose is Purpose.PLAY:
            return LiveSource(
                context, node, stream_of(offer, node), claimant, lambda: session.over("source-lost")
            )
        if session.purpose is Purpose.DOWNLOAD:
            return DownloadSource(context, node, offer, claimant, lambda: session.over("source-lost"))
        return RecordingSource(context, node, offer, claimant)

    # --- which replace which ----------------------------------------------------------------------------

    def _replaced_by(self, event: RequestReceived) -> list[Session]:
        """The same sender tag again means that the platform has lost the session it had (GB-246)."""
        subject = Session.subject_of(event.request)
        return [each for each in self.open.values() if each.same_as(subject)]

    def end_all(self, ending: str) -> None:
        """All are over: the platform is away, or the link is."""
        for session in list(self.open.values()):
            session.over(ending)

    def judge(self) -> None:
        """What the platform sees is another: what is withdrawn or gone ends."""
        for session in list(self.open.values()):
            now = self.context.shared.node(session.node.code)
            place = (session.node.device, session.node.channel)
            if now is None or place not in {(way.device, way.channel) for way in now.ways}:
                session.over("withdrawn")
            elif not now.online:
                session.over("source-lost")

    # --- for one session --------------------------------------------------------------------------------

    def some_ports(self) -> list[int]:
        """Ports to try, in no order; none for any."""
        ports = self.context.settings.media_ports
        return random.sample(ports, min(PORTS_TRIED, len(ports)))

    def route_headers(self, source: Source | None) -> list[tuple[str, str]]:
        """By which way the pictures come: ours in front, as every hop does (§12)."""
        if self.context.link.version != "3.0":
            return []
        below = codes_of_path(source.route) if source is not None else ()
        return [(ROUTE_HEADER, "-".join([self.context.link.code, *below]))]
