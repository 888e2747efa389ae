"""Why a client gets no stream.

::

    RtspError
    └── ClientError(text)
        ├── Unreachable            no connection
        ├── ConnectionLost         the server closed it, or the network did
        ├── RequestTimeout         no answer in time
        ├── Stalled                answers, but no picture for too long
        ├── MalformedAnswer        an answer, a description or a byte stream that makes no sense
        ├── AuthRefused            the account is wrong, or the server wants a way to log in that we do not go
        ├── Redirected(location)   the server names another address
        └── Refused(status)        any other answer but success
            ├── NotFound           404, 410: no such stream
            ├── Busy               453, 503: not now
            └── TransportRefused   461: not by this transport

No text holds a URL or a credential.
"""

from __future__ import annotations

from cambus.rtsp.errors import RtspError


class ClientError(RtspError):
    """The root of what a client is failed with.

    Attributes:
        text: one sentence for people.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Unreachable(ClientError):
    """No connection: refused, no route, name not known, time-out."""


class ConnectionLost(ClientError):
    """The connection has ended in the middle."""


class RequestTimeout(ClientError):
    """The server does not answer."""


class Stalled(ClientError):
    """The server holds the session and sends nothing."""


class MalformedAnswer(ClientError):
    """The server says something that RTSP or SDP do not allow."""


class AuthRefused(ClientError):
    """The server does not let us in.

    Attributes:
        detail: a slug: `wrong-credentials`, `no-credentials`, `basic-only`, `unknown-scheme`.
    """

    def __init__(self, text: str, detail: str) -> None:
        super().__init__(text)
        self.detail = detail


class Redirected(ClientError):
    """The server sends us elsewhere (RFC 2326 §11.3).

    Attributes:
        location: where to; untrusted.
    """

    def __init__(self, location: str) -> None:
        super().__init__("the server redirects to another address")
        self.location = location


class Refused(ClientError):
    """The server answers with an error.

    Attributes:
        status: its code.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class NotFound(Refused):
    """There is no such stream."""


class Busy(Refused):
    """The server has no room for one more."""


class TransportRefused(Refused):
    """The server does not send by the transport asked for."""


def refusal(status: int, method: str) -> Refused:
    """The error of an answer that is none of success, redirection or 401."""
    kinds: dict[int, tuple[type[Refused], str]] = {
        404: (NotFound, "there is no such stream"),
        410: (NotFound, "the stream is gone"),
        453: (Busy, "the server has no bandwidth left"),
        461: (TransportRefused, "the server does not send by this transport"),
        503: (Busy, "the server has no room for one more"),
    }
    kind, text = kinds.get(status, (Refused, f"{method} is refused"))
    return kind(status, f"{text} ({status})")
