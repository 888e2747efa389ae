"""WebRTC over HTTP: WHEP (draft-ietf-wish-whep), with the trickle ICE of WHIP (RFC 9725 §4.3)."""

from functools import partial
from typing import Final
from urllib.parse import quote

from aiohttp import hdrs, web
from multidict import CIMultiDict

from cambus.media_relay.access import Access
from cambus.media_relay.key import StreamKey, parse_key
from cambus.media_relay.output import webrtc_sound
from cambus.media_relay.page_bodies import bytes_of
from cambus.media_relay.rtc_ice import IceServers
from cambus.media_relay.rtc_offer import parse_candidates, parse_offer
from cambus.media_relay.rtc_session import RtcSession
from cambus.media_relay.rtc_sessions import RtcSessions
from cambus.schemas.errors import BadRequest, NotFound

SDP: Final = "application/sdp"
FRAGMENT: Final = "application/trickle-ice-sdpfrag"
_METHODS: Final = "POST, PATCH, DELETE, OPTIONS"


class WhepHandlers:
    """Answers `/whep/<device>/<channel>/<stream>` and, one segment below, the sessions opened there.

    The id of a session is random and known to whoever opened it, so it is all that is asked for to end it.

    Args:
        sessions: opens them.
        access: who may watch.
        prefix: path of the relay behind its proxy, for `Location`.
    """

    def __init__(self, sessions: RtcSessions, access: Access, *, prefix: str = "") -> None:
        self._sessions = sessions
        self._access = access
        self._prefix = prefix

    def routes(self) -> list[web.RouteDef]:
        """What to add to the application."""
        endpoint = r"/whep/{device}/{channel}/{stream}"
        session = endpoint + "/{session}"
        return [
            web.post(endpoint, self.post),
            web.options(endpoint, self.options),
            web.delete(session, self.delete),
            web.patch(session, self.patch),
            web.options(session, self.options),
        ]

    async def post(self, request: web.Request) -> web.Response:
        """An offer: answered with a session (§4.2)."""
        admission = await self._access.admit(request, partial(_key, request))
        if request.content_type != SDP:
            await admission.give_back()
            return _wrong_type(SDP)
        async with admission:
            offer = parse_offer(await _text(request))
            key = _key(request)
            opened = await self._sessions.open(key, offer, webrtc_sound(request.query.get("audio")))
        session = self._sessions.get(opened.id)
        headers: CIMultiDict[str] = CIMultiDict()
        headers.add(hdrs.LOCATION, f"{self._prefix}/whep/{key}/{opened.id}")
        if session is not None:
            headers.add(hdrs.ETAG, _tag(session))
        for link in ice_links(self._sessions.servers):
            headers.add(hdrs.LINK, link)
        return web.Response(status=201, text=opened.answer, content_type=SDP, headers=headers)

    async def delete(self, request: web.Request) -> web.Response:
        """The end of a session."""
        self._session(request).leave()
        return web.Response()

    async def patch(self, request: web.Request) -> web.Response:
        """Further candidates; restarting ICE is not supported (RFC 9725 §4.3.2, §4.3.3)."""
        session = self._session(request)
        if request.content_type != FRAGMENT:
            return _wrong_type(FRAGMENT)
        tag = request.headers.get(hdrs.IF_MATCH)
        if tag is None:
            return _problem(428, "no-etag", "If-Match is needed: the ETag of the answer")
        if tag == "*":
            return _problem(422, "ice-restart", "ICE can not be restarted: open a new session")
        if tag != _tag(session):
            return _problem(412, "wrong-etag", "If-Match names another ICE session")
        lines = [line.removeprefix("a=") for line in (await _text(request)).splitlines()]
        usernames = {line.partition(":")[2] for line in lines if line.startswith("ice-ufrag:")}
        if usernames - {session.remote_username}:
            return _problem(422, "ice-restart", "ICE can not be restarted: open a new session")
        values = [line.partition(":")[2] for line in lines if line.startswith("candidate:")]
        await session.trickle(list(parse_candidates(values)))
        return web.Response(status=204)

    async def options(self, request: web.Request) -> web.Response:
        """What may be sent here, for a page's preflight and for WHEP's players (§4.3)."""
        del request
        headers = {"Allow": _METHODS, "Accept-Post": SDP, "Accept-Patch": FRAGMENT}
        return web.Response(status=204, headers=headers)

    def _session(self, request: web.Request) -> RtcSession:
        session = self._sessions.get(request.match_info["session"])
        if session is None:
            raise NotFound("there is no such session, or it has ended", reason="no-such-session")
        return session


def _wrong_type(wanted: str) -> web.Response:
    return _problem(415, "content-type", f"the body must be {wanted}")


def _problem(status: int, reason: str, text: str) -> web.Response:
    """What only HTTP has a code for; other errors are `CambusError`s."""
    body = {"code": status, "reason": reason, "text": text, "retryable": False}
    return web.json_response(body, status=status)


def _key(request: web.Request) -> StreamKey:
    parts = request.match_info
    return parse_key(parts["device"], parts["channel"], parts["stream"])


def ice_links(servers: IceServers) -> list[str]:
    """The `Link` headers that tell a player of the STUN and TURN servers (RFC 9725 §4.6)."""
    links = []
    if servers.stun is not None:
        links.append(f'<stun:{_host_port(servers.stun)}>; rel="ice-server"')
    if servers.turn is not None:
        address = f"turn:{_host_port(servers.turn)}?transport={servers.turn_transport}"
        name, secret = quote(servers.username), quote(servers.password)
        links.append(
            f'<{address}>; rel="ice-server"; username="{name}"; credential="{secret}"; credential-type="password"'
        )
    return links


def _host_port(place: tuple[str, int]) -> str:
    host, port = place
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _tag(session: RtcSession) -> str:
    return f'"{session.ice.local_username}"'


async def _text(request: web.Request) -> str:
    """The body. Raises BadRequest when it does not come or is no UTF-8."""
    try:
        return (await bytes_of(request)).decode()
    except UnicodeDecodeError:
        raise BadRequest("the body is no UTF-8") from None
