"""What goes over the wire: recorded, and disturbed as the quirks say (§18)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from cambus.gb28181.errors import ProtocolError
from cambus.gb28181.manscdp.envelope import Envelope
from cambus.simulators.gb28181.layout import laid_out
from cambus.simulators.gb28181.profiles import Profile
from cambus.simulators.gb28181.quirks import Quirks
from cambus.sip.digest import Challenge, Credentials, answer
from cambus.sip.errors import SipError
from cambus.sip.framing import read_datagram
from cambus.sip.layer import new_branch
from cambus.sip.message import Request, Response
from cambus.sip.peer import Peer

MAX_RECORDED: Final = 10_000
_MANSCDP: Final = "application/manscdp+xml"
_FOREIGN_NONCE: Final = "1715926053"  # the seconds of a clock, as some firmware invents them


@dataclass(frozen=True, slots=True)
class Recorded:
    """One message.

    Attributes:
        direction: as the device sees it.
        message: the message, as it was read or before it was disturbed.
        name: how the quirks call it.
        at: by the clock of the event loop.
    """

    direction: Literal["in", "out"]
    message: Request | Response
    name: str
    at: float


def name_of(message: Request | Response) -> str:
    """How the quirks call a message."""
    try:
        if isinstance(message, Response):
            return f"{message.status} {message.cseq.method}"
        if message.content_type == _MANSCDP and message.body:
            return Envelope.parse(message.body).command
    except (SipError, ProtocolError):
        return message.start_line().split(" ", maxsplit=1)[0]
    return message.method


class SimulatedWire:
    """The wire of one device.

    Args:
        profile: the make.
        quirks: what goes wrong.
        random: what is left to chance.
        account: user name and password.
        write: writes bytes past the transactions.
        on_change: called with every message.

    Attributes:
        messages: the last messages, oldest first.
        alien: writes a datagram from another port or address; the simulator sets it.
    """

    def __init__(
        self,
        profile: Profile,
        quirks: Quirks,
        random: Random,
        account: tuple[str, str],
        write: Callable[[Peer, bytes], None],
        on_change: Callable[[], None],
    ) -> None:
        self.messages: deque[Recorded] = deque(maxlen=MAX_RECORDED)
        self.alien: Callable[[Peer, bytes, str], None] | None = None
        self.begun: float | None = None
        self._profile = profile
        self._quirks = quirks
        self._random = random
        self._account = account
        self._write = write
        self._on_change = on_change
        self._held: list[bytes] = []
        self._vias = 0
        self._proof: str | None = None
        self._challenge: Challenge | None = None

    # --- in ---------------------------------------------------------------------------------------------

    def received(self, message: Request | Response, peer: Peer) -> bool:  # noqa: ARG002 - of the protocol
        """Record a message; whether the device hears it."""
        name = self._record("in", message)
        if isinstance(message, Response) and message.status == 401:
            challenge = Challenge.parse(message.headers.get("WWW-Authenticate") or "")
            self._challenge = challenge or self._challenge
            text = message.headers.get("WWW-Authenticate") or ""
            if self._profile.needs_algorithm and "algorithm" not in text.lower():
                return False
        return name not in self._quirks.ignore

    def _record(self, direction: Literal["in", "out"], message: Request | Response) -> str:
        name = name_of(message)
        now = asyncio.get_running_loop().time()
        self.messages.append(Recorded(direction, message, name, now))
        self._on_change()
        return name

    # --- out --------------------------------------------------------------------------------------------

    def sent(self, peer: Peer, data: bytes) -> Iterable[bytes]:
        """What is written instead of a message."""
        quirks, loop = self._quirks, asyncio.get_running_loop()
        self.begun = self.begun if self.begun is not None else loop.time()
        message = read_datagram(data)
        if not isinstance(message, Request | Response):
            return [data]
        name = self._record("out", message)
        silent = quirks.silent_after_s and loop.time() - self.begun >= quirks.silent_after_s
        if silent or name in quirks.drop or self._is_left_out(message):
            return []
        changed = self._changed(message, name)
        if name == "Keepalive" and quirks.keepalive_from != "here" and self.alien is not None:
            self.alien(peer, changed, quirks.keepalive_from)
            return []
        delay_s = quirks.delay_s.get(name, 0.0)
        out = [changed, changed] if name in quirks.duplicate else [changed]
        if delay_s > 0:
            loop.call_later(delay_s, self._write, peer, changed)
            out = []
        elif name in quirks.reorder:
            self._held += out
            out = []
        elif self._held:
            out, self._held = out + self._held, []
        return out

    def _is_left_out(self, message: Request | Response) -> bool:
        """Provisional answers this make does not give; final ones of an INVITE that is never answered."""
        if not isinstance(message, Response) or message.cseq.method != "INVITE":
            return False
        if message.status == 100:
            return not any(status == 100 for status, _ in self._profile.provisional)
        return message.status == 487 and self._quirks.invite == "late"

    def _changed(self, message: Request | Response, name: str) -> bytes:
        quirks = self._quirks
        if message.body and message.content_type == _MANSCDP:
            message.body = laid_out(message.body, self._profile, quirks)
        if isinstance(message, Request):
            self._change_request(message)
        if name in quirks.corrupt and message.body:
            at = self._random.randrange(max(len(message.body) - 8, 1))
            message.body = message.body[:at] + self._random.randbytes(8) + message.body[at + 8 :]
        data = message.serialize()
        return self._reframed(data, message.body)

    def _change_request(self, request: Request) -> None:
        quirks, headers = self._quirks, request.headers
        if request.method == "REGISTER":
            self._change_registration(request)
        sender = headers.get("From") or ""
        if quirks.tags == "double":
            headers.set("From", f"{sender};tag=again")
        elif quirks.tags == "none":
            headers.set("From", sender.partition(";tag=")[0])
        if quirks.empty_host:
            for name in ("From", "To", "Contact"):
                value = headers.get(name)
                if value is not None:
                    headers.set(name, _without_host(value))
        if quirks.growing_via:
            self._vias = min(self._vias + 1, 60)
            first, *others = headers.all("Via")
            more = [
                f"SIP/2.0/UDP 192.0.2.{number}:5060;branch={new_branch()}" for number in range(self._vias)
            ]
            headers.set("Via", first, *others, *more)

    def _change_registration(self, request: Request) -> None:
        quirks, headers = self._quirks, request.headers
        if self._profile.route:
            headers.add("Route", f"<{request.uri};lr>")
        given = Credentials.parse(headers.get("Authorization") or "")
        realm = self._challenge.realm if self._challenge is not None else ""
        if quirks.credentials == "replay" and self._proof is not None:
            headers.set("Authorization", self._proof)
        elif quirks.credentials == "foreign_nonce" and self._challenge is not None:
            self._prove(request, Challenge(realm, _FOREIGN_NONCE), self._account[1])
        elif quirks.credentials == "wrong" and given is not None and self._challenge is not None:
            self._prove(request, self._challenge, "not " + self._account[1])
        elif given is not None:
            self._proof = headers.get("Authorization")

    def _prove(self, request: Request, challenge: Challenge, password: str) -> None:
        user = self._account[0]
        request.headers.set(
            "Authorization", str(answer(challenge, user, password, "REGISTER", request.uri, with_qop=False))
        )

    def _reframed(self, data: bytes, body: bytes) -> bytes:
        quirks = self._quirks
        head, _, _ = data.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        if body and quirks.content_length != "right":
            lines = [line for line in lines if not line.lower().startswith(b"content-length:")]
            length = {"short": len(body) // 2, "long": len(body) + 50}.get(quirks.content_length)
            if length is not None:
                lines.append(b"Content-Length: %d" % length)
        end = b"\n" if quirks.line_ends == "lf" else b"\r\n"
        return end.join([*lines, b"", b""]) + body


def _without_host(value: str) -> str:
    """`<sip:ID@host:port>` without the host."""
    before, at, rest = value.partition("@")
    if not at:
        return value
    return (
        f"{before}@:5060{rest[min(len(rest), *(rest.find(c) if c in rest else len(rest) for c in '>;')) :]}"
    )
