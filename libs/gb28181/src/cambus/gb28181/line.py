"""How the messages of a platform get to one of its devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cambus.gb28181.versions import HEADER as VERSION_HEADER
from cambus.gb28181.versions import Version
from cambus.sip.digest import Challenge, answer
from cambus.sip.fields import CSeq
from cambus.sip.message import Request, Response
from cambus.sip.peer import Peer

if TYPE_CHECKING:
    from cambus.gb28181.platform import Gb28181Platform

_CHALLENGES: Final = {
    401: ("WWW-Authenticate", "Authorization"),
    407: ("Proxy-Authenticate", "Proxy-Authorization"),
}


def proven_request(request: Request, response: Response, login: tuple[str, str] | None) -> Request | None:
    """The request again, with a proof of who sends it; None where the response asks for none that we have (GB-026).

    Args:
        request: what was sent.
        response: what came back.
        login: name and password, None where there are none.
    """
    names = _CHALLENGES.get(response.status)
    if names is None or login is None:
        return None
    texts = response.headers.all(names[0])
    offered = [each for text in texts if (each := Challenge.parse(text)) is not None]
    chosen = next((each for each in offered if each.algorithm.available), None)
    if chosen is None or names[1] in request.headers:
        return None
    headers = request.headers.copy()
    for name in ("Via", "Max-Forwards"):
        headers.remove(name)
    headers.set("CSeq", str(CSeq(request.cseq.number + 1, request.method)))
    headers.add(names[1], str(answer(chosen, *login, request.method, request.uri)))
    return Request(method=request.method, uri=request.uri, headers=headers, body=request.body)


class PlatformLine:
    """How messages get to one device."""

    def __init__(self, platform: Gb28181Platform, code: str) -> None:
        self._platform = platform
        self._code = code

    @property
    def peer(self) -> Peer | None:
        """Where it is now; None if it is not there."""
        registrar = self._platform.registrar
        binding = registrar.binding(self._code)
        return binding.peer if binding is not None and registrar.online(self._code) else None

    @property
    def version(self) -> Version:
        """The edition it speaks."""
        binding = self._platform.registrar.binding(self._code)
        return binding.version if binding is not None else Version.GB2016

    @property
    def charset(self) -> str:
        """What to write to it in."""
        return self._platform.charset_of(self._code)

    def compose(self, method: str, code: str, *, sequence: int) -> Request:
        """A request of ours."""
        request = self._platform.compose(method, code, self.peer, sequence=sequence)
        if self.version.is_2022:
            request.headers.add(VERSION_HEADER, Version.GB2022.value)
        return request

    async def send(self, request: Request, peer: Peer, timeout_s: float) -> Response:
        """Send it; once more with a proof, where the device wants one."""
        endpoint = self._platform.endpoint
        response = await endpoint.request(request, peer, timeout_s=timeout_s)
        proven = proven_request(request, response, self._platform.registrar.login(self._code))
        return response if proven is None else await endpoint.request(proven, peer, timeout_s=timeout_s)

    def beats(self, interval_s: int | None, count: int | None) -> None:
        """The device says that it is there this often (GB-221)."""
        self._platform.registrar.configure(self._code, interval_s, count)
