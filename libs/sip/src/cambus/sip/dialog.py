"""Dialogs: what INVITE and SUBSCRIBE set up, and what every later request in them needs (RFC 3261 §12)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from cambus.sip.fields import CSeq, NameAddress
from cambus.sip.message import Request, Response
from cambus.sip.peer import Peer

DialogKey = tuple[str, str, str]
"""Call-ID, our tag, the peer's tag."""


@dataclass(slots=True)
class Dialog:
    """One dialog.

    Attributes:
        call_id: shared by all its messages.
        local: our From as text, with our tag.
        remote: the peer's To as text, with its tag.
        local_tag, remote_tag: the tags alone.
        target: the URI of the peer: its Contact, else what was called first.
        peer: where requests go. The Contact is never dialled: it often names an address behind a NAT.
        local_seq: CSeq number of our last request.
        remote_seq: of the peer's last, None before its first.
    """

    call_id: str
    local: str
    remote: str
    local_tag: str
    remote_tag: str
    target: str
    peer: Peer
    local_seq: int
    remote_seq: int | None = None

    @classmethod
    def called(cls, request: Request, response: Response, peer: Peer) -> Self:
        """The dialog that a 2xx to a request of ours has set up (RFC 3261 §12.1.2)."""
        return cls(
            request.call_id,
            request.headers.get("From") or "",
            response.headers.get("To") or request.headers.get("To") or "",
            request.from_tag,
            response.to_tag,
            _target(response, request.uri),
            peer,
            max(request.cseq.number, response.cseq.number),  # the response may answer it with credentials
        )

    @classmethod
    def taken(cls, request: Request, to_tag: str, peer: Peer) -> Self:
        """The dialog that our 2xx to a request sets up (RFC 3261 §12.1.1)."""
        return cls(
            request.call_id,
            f"{request.headers.get('To') or ''};tag={to_tag}",
            request.headers.get("From") or "",
            to_tag,
            request.from_tag,
            _target(request, request.from_.uri),
            peer,
            0,
            request.cseq.number,
        )

    @property
    def key(self) -> DialogKey:
        """What it is found by."""
        return (self.call_id, self.local_tag, self.remote_tag)

    def request(self, method: str, *, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> Request:
        """Our next request in it; its number is one higher than the last (RFC 3261 §12.2.1.1)."""
        self.local_seq += 1
        return self._message(method, self.local_seq, headers, body)

    def ack(self, invite: Request, *, headers: Iterable[tuple[str, str]] = ()) -> Request:
        """The ACK of a 2xx: it has the number of its INVITE (RFC 3261 §13.2.2.4)."""
        return self._message("ACK", invite.cseq.number, headers, b"")

    def _message(self, method: str, number: int, headers: Iterable[tuple[str, str]], body: bytes) -> Request:
        message = Request(method=method, uri=self.target, body=body)
        message.headers.add("From", self.local)
        message.headers.add("To", self.remote)
        message.headers.add("Call-ID", self.call_id)
        message.headers.add("CSeq", str(CSeq(number, method)))
        for name, value in headers:
            message.headers.add(name, value)
        return message

    def takes(self, request: Request) -> bool:
        """Whether a request of the peer's comes in order; its number is remembered (RFC 3261 §12.2.2)."""
        number = request.cseq.number
        if self.remote_seq is not None and number <= self.remote_seq:
            return False
        self.remote_seq = number
        return True


def key_of_request(request: Request) -> DialogKey:
    """The dialog a request of the peer's belongs to."""
    return (request.call_id, request.to_tag, request.from_tag)


def _target(message: Request | Response, fallback: str) -> str:
    uri = NameAddress.parse(message.headers.get("Contact") or "").uri
    usable = uri.lower().startswith(("sip:", "sips:")) and not any(char.isspace() for char in uri)
    return uri if usable else fallback
