"""Asked for credentials, a request is sent once more with them (RFC 3261 §22)."""

from __future__ import annotations

from typing import Final

from cambus.sip.digest import Challenge, answer
from cambus.sip.fields import CSeq
from cambus.sip.message import Request, Response

_CHALLENGES: Final = {
    401: ("WWW-Authenticate", "Authorization"),
    407: ("Proxy-Authenticate", "Proxy-Authorization"),
}


def proven(request: Request, response: Response, name: str, password: str) -> Request | None:
    """The request again, with a proof of who sends it; None where the response asks for none that can be given.

    Requests within a dialog are left alone: they have the numbers of the dialog.

    Args:
        request: what was sent.
        response: what came back.
        name: the account at whoever asks.
        password: its password.
    """
    names = _CHALLENGES.get(response.status)
    if names is None or names[1] in request.headers or request.to.tag:
        return None
    offered = [each for text in response.headers.all(names[0]) if (each := Challenge.parse(text)) is not None]
    chosen = next((each for each in offered if each.algorithm.available), None)
    if chosen is None:
        return None
    headers = request.headers.copy()
    for header in ("Via", "Max-Forwards"):
        headers.remove(header)
    headers.set("CSeq", str(CSeq(request.cseq.number + 1, request.method)))
    headers.add(names[1], str(answer(chosen, name, password, request.method, request.uri)))
    return Request(method=request.method, uri=request.uri, headers=headers, body=request.body)
