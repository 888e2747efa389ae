"""Requests of a client and their answers, one at a time, logging in included. Sans-IO.

The owner sends a request with `send`; `receive_data` gives its `Answer` once the server has let us in, and the
interleaved frames between the messages. A request the server does not answer in time fails, unless it was a sign of
life: cameras that never answer those, and send pictures all the same, exist.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from cambus.rtsp.client_errors import AuthRefused, MalformedAnswer, RequestTimeout
from cambus.rtsp.errors import FramingError
from cambus.rtsp.login import Login
from cambus.rtsp.message import ClientResponse, InterleavedFrame, Request, Response
from cambus.rtsp.parser import Limits, MessageParser
from cambus.rtsp.record_states import RecordMethod
from cambus.rtsp.states import Method
from cambus.rtsp.status import Status

AGENT: Final = "Cambus"
_STATUS_LINE: Final = re.compile(r"RTSP/\d\.\d\s+(\d{3})(?:\s.*)?", re.DOTALL)
_MOST_ATTEMPTS: Final = 4
"""A request is sent so often at most, however often the server says that the nonce was old."""

Header = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request.

    Attributes:
        method: of the request.
        status: the code.
        headers: names in lower case.
        body: what follows them.
    """

    method: Method | RecordMethod
    status: int
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(slots=True)
class _Pending:
    """A request on its way.

    Attributes:
        method, url, headers, body: of it.
        sign_of_life: whether it may stay without an answer.
        cseq: number of the last attempt.
        due: when it has to be answered.
        answered_challenge: whether the last attempt held an answer to a challenge.
        attempts: how many there were.
    """

    method: Method | RecordMethod
    url: str = field(repr=False)
    headers: Sequence[Header]
    body: bytes = field(repr=False)
    sign_of_life: bool
    cseq: int = 0
    due: float = 0.0
    answered_challenge: bool = False
    attempts: int = 0


class Exchange:
    """The messages of one connection.

    Args:
        login: the account; None for none.
        timeout_s: how long a request may stay without an answer.
        limits: what the server may make us hold.

    Attributes:
        unanswered: signs of life that were not answered, in a row.
    """

    def __init__(self, login: Login | None, *, timeout_s: float = 10.0, limits: Limits | None = None) -> None:
        self.unanswered = 0
        self._login = login
        self._timeout_s = timeout_s
        self._parser = MessageParser(limits)
        self._pending: _Pending | None = None
        self._output: list[bytes] = []
        self._cseq = 0

    @property
    def busy(self) -> bool:
        """Whether a request waits for its answer."""
        return self._pending is not None

    @property
    def deadline(self) -> float | None:
        """When the request has to be answered; None without one."""
        return None if self._pending is None else self._pending.due

    def send(
        self,
        method: Method | RecordMethod,
        url: str,
        now: float,
        headers: Sequence[Header] = (),
        *,
        body: bytes = b"",
        sign_of_life: bool = False,
    ) -> None:
        """Send a request; one that still waits is given up."""
        self._pending = _Pending(method, url, headers, body, sign_of_life)
        self._attempt(self._pending, now)

    def data_to_send(self) -> list[bytes]:
        """What is to be written, in this order."""
        output, self._output = self._output, []
        return output

    def receive_data(self, data: bytes, now: float) -> list[Answer | InterleavedFrame]:
        """Take bytes; what is complete, in order.

        Raises:
            MalformedAnswer: the bytes make no sense; the connection has to be closed.
            AuthRefused: the server does not let us in.
        """
        self._parser.feed(data)
        found: list[Answer | InterleavedFrame] = []
        while True:
            try:
                message = self._parser.next_message()
            except FramingError as error:
                raise MalformedAnswer(
                    f"{error.text} at byte {error.offset} of what the server sent"
                ) from None
            if message is None:
                return found
            if isinstance(message, InterleavedFrame):
                found.append(message)
            elif isinstance(message, Request):
                self._decline(message)
            else:
                answer = self._answered(message, now)
                if answer is not None:
                    found.append(answer)

    def handle_timeout(self, now: float) -> None:
        """Give up what has waited too long.

        Raises:
            RequestTimeout: it had to be answered.
        """
        pending = self._pending
        if pending is None or now < pending.due:
            return
        self._pending = None
        if not pending.sign_of_life:
            raise RequestTimeout(f"{pending.method} is not answered within {self._timeout_s:g} s")
        self.unanswered += 1

    def give_up(self) -> None:
        """Wait for the answer to the last request no longer."""
        self._pending = None

    def _attempt(self, pending: _Pending, now: float) -> None:
        self._cseq += 1
        pending.cseq, pending.due = self._cseq, now + self._timeout_s
        pending.attempts += 1
        headers = {"CSeq": str(self._cseq), "User-Agent": AGENT, **dict(pending.headers)}
        login = self._login
        answer = login.authorization(pending.method, pending.url) if login is not None else None
        pending.answered_challenge = answer is not None
        if answer is not None:
            headers["Authorization"] = answer
        self._output.append(
            Request(pending.method, pending.url, headers=headers, body=pending.body).serialize()
        )

    def _answered(self, response: ClientResponse, now: float) -> Answer | None:
        """The answer the owner waits for; None for one that nobody does, or that was dealt with here."""
        pending = self._pending
        cseq = response.headers.get("cseq", "").strip()
        if pending is None or (cseq.isascii() and cseq.isdigit() and cseq.lstrip("0") != str(pending.cseq)):
            return (
                None  # to a request that was given up; an answer without a number is to the only one there is
            )
        found = _STATUS_LINE.fullmatch(response.status_line)
        if found is None:
            raise MalformedAnswer("a status line is not VERSION CODE REASON")
        status = int(found[1])
        if status < 200:  # to be followed by another
            return None
        if status == Status.UNAUTHORIZED:
            self._log_in(pending, response, now)
            return None
        self._pending = None
        self.unanswered = 0
        if self._login is not None and pending.answered_challenge:
            self._login.accepted()
        return Answer(pending.method, status, dict(response.headers), response.body)

    def _log_in(self, pending: _Pending, response: ClientResponse, now: float) -> None:
        if self._login is None:
            raise AuthRefused("the server wants a user and a password", "no-credentials")
        if pending.attempts >= _MOST_ATTEMPTS:
            raise AuthRefused("the server never takes an answer to its challenges", "wrong-credentials")
        self._login.challenged(
            response.headers.get("www-authenticate", ""), answered=pending.answered_challenge
        )
        self._attempt(pending, now)

    def _decline(self, request: Request) -> None:
        """Servers may ask as well (RFC 2326 §10.4, §10.10); we do nothing for them, but they hear of it."""
        if not request.version.startswith("RTSP/"):
            raise MalformedAnswer("what answers is no RTSP server")
        cseq = request.headers.get("cseq", "")
        if cseq.isascii() and cseq.isdigit() and len(cseq) <= 10:
            status = Status.OK if request.method == Method.OPTIONS else Status.NOT_IMPLEMENTED
            self._output.append(Response(status, (("CSeq", cseq),)).serialize())
