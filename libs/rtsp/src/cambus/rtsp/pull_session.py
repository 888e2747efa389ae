"""Pulling one stream out of a server: OPTIONS, DESCRIBE, SETUP of each track, PLAY, TEARDOWN (RFC 2326). Sans-IO.

The owner of the socket does this::

    session = PullSession(source.url, login)
    session.begin(now)
    ...
    for event in session.receive_data(data, now):   # Described: set_up(…); Started; TrackData
        ...
    for chunk in session.data_to_send():
        ...

and calls `handle_timeout` when `next_timeout()` is reached. Whatever goes wrong is raised as a `ClientError`; the
connection is of no use after that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from cambus.rtsp.client_errors import MalformedAnswer, Redirected, refusal
from cambus.rtsp.client_transport import Agreed, offer_of, read_agreed
from cambus.rtsp.client_url import joined, usable
from cambus.rtsp.description import Description, Track, parse_description
from cambus.rtsp.errors import LocalProtocolError
from cambus.rtsp.events import TrackData
from cambus.rtsp.exchange import Answer, Exchange, Header
from cambus.rtsp.login import Login
from cambus.rtsp.parser import Limits
from cambus.rtsp.states import Method
from cambus.rtsp.transport import Transport

DEFAULT_SESSION_S: Final = 60.0
"""How long a session lives without a sign of life where the server does not say (RFC 2326 §12.37)."""
MOST_BETWEEN_S: Final = 30.0
LEAST_BETWEEN_S: Final = 1.0
LIMITS: Final = Limits(body_bytes=64 * 1024)
_SESSION: Final = re.compile(r"([!-:<-~]{1,512})\s*(?:;\s*timeout\s*=\s*(\d{1,6}))?.*", re.IGNORECASE)
_REDIRECTS: Final = frozenset({301, 302, 303, 305, 307, 308})


class Step(Enum):
    """How far a session is: the request whose answer is waited for, or what it does between them."""

    NEW = "new"
    OPTIONS = "options"
    DESCRIBE = "describe"
    DESCRIBED = "described"
    SETUP = "setup"
    PLAY = "play"
    PLAYING = "playing"
    TEARDOWN = "teardown"
    OVER = "over"


_AWAITED: Final[Mapping[Step, Method]] = {
    Step.OPTIONS: Method.OPTIONS,
    Step.DESCRIBE: Method.DESCRIBE,
    Step.SETUP: Method.SETUP,
    Step.PLAY: Method.PLAY,
    Step.TEARDOWN: Method.TEARDOWN,
}


@dataclass(frozen=True, slots=True)
class Described:
    """What there is: answer with `set_up`, or leave it at that."""

    description: Description


@dataclass(frozen=True, slots=True)
class Started:
    """The server plays, or says so."""

    agreed: Mapping[int, Agreed]


@dataclass(frozen=True, slots=True)
class Over:
    """TEARDOWN has been answered."""


Event = Described | Started | TrackData | Over


class PullSession:
    """The client's side of one connection.

    Args:
        url: of the stream.
        login: the account; None for none.
        timeout_s: how long the server may take for an answer.

    Attributes:
        step: how far it is.
        agreed: how each track comes, by its number.
        strays: interleaved frames on channels nobody has set up.
    """

    def __init__(self, url: str, login: Login | None, *, timeout_s: float = 10.0) -> None:
        self.step = Step.NEW
        self.agreed: dict[int, Agreed] = {}
        self.strays = 0
        self._url = url
        self._exchange = Exchange(login, timeout_s=timeout_s, limits=LIMITS)
        self._events: list[Event] = []
        self._base = url
        self._aggregate = url
        self._public: frozenset[str] = frozenset()
        self._session = ""
        self._session_s = DEFAULT_SESSION_S
        self._alive_at = 0.0
        self._wanted: list[tuple[Track, Transport]] = []
        self._channels: dict[int, tuple[int, bool]] = {}
        self._heard_media = False

    # --- what the owner does ----------------------------------------------------------------------------

    def begin(self, now: float) -> None:
        """Ask what the server can, then what there is."""
        self._expect(Step.NEW)
        self._send(Step.OPTIONS, self._url, now)

    def set_up(self, tracks: Sequence[tuple[Track, Transport]], now: float) -> None:
        """Have these tracks sent, each as said; at least one."""
        self._expect(Step.DESCRIBED)
        self._wanted = list(tracks)
        self._next_track(now)

    def tear_down(self, now: float) -> bool:
        """Say goodbye; False where there is nothing to say goodbye to."""
        if not self._session or self.step in {Step.TEARDOWN, Step.OVER}:
            return False
        self._send(Step.TEARDOWN, self._aggregate, now)
        return True

    @property
    def playing(self) -> bool:
        """Whether the server plays."""
        return self.step is Step.PLAYING

    def data_to_send(self) -> list[bytes]:
        """What is to be written, in this order."""
        return self._exchange.data_to_send()

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        """Take bytes; what has happened, in order. Raises ClientError."""
        for each in self._exchange.receive_data(data, now):
            if isinstance(each, Answer):
                self._answered(each, now)
            else:
                self._frame(each.channel, each.data)
        events, self._events = self._events, []
        return events

    def next_timeout(self) -> float | None:
        """When to call `handle_timeout`; None if there is nothing to wait for."""
        deadline = self._exchange.deadline
        if deadline is None and self.playing:
            return self._alive_at + self._between_s
        return deadline

    def handle_timeout(self, now: float) -> list[Event]:
        """Give up what has waited too long, or show that we are there. Raises RequestTimeout."""
        deadline = self._exchange.deadline
        if deadline is not None:
            if self.step is Step.PLAY and self._heard_media and now >= deadline:
                self._exchange.give_up()
                self._start(now)
            else:
                self._exchange.handle_timeout(now)
        elif self.playing and now >= self._alive_at + self._between_s:
            self._show_life(now)
        events, self._events = self._events, []
        return events

    # --- answers ----------------------------------------------------------------------------------------

    def _answered(self, answer: Answer, now: float) -> None:
        if _AWAITED.get(self.step) is not answer.method:
            self._alive(answer)
            return
        if self.step is Step.OPTIONS:
            # A server that does not know OPTIONS may know the rest; its signs of life are OPTIONS all the same.
            words = answer.headers.get("public", "") if answer.status < 300 else ""
            self._public = frozenset(word.strip().upper() for word in words.split(","))
            self._send(Step.DESCRIBE, self._url, now, (("Accept", "application/sdp"),))
            return
        if self.step is Step.TEARDOWN:
            self.step = Step.OVER
            self._events.append(Over())
            return
        _check(answer)
        if self.step is Step.DESCRIBE:
            self._described(answer)
        elif self.step is Step.SETUP:
            self._set_up_one(answer, now)
        else:
            self._start(now)

    def _alive(self, answer: Answer) -> None:
        """A sign of life was answered; a server that does not know it has heard it nevertheless."""
        if answer.method is Method.GET_PARAMETER and answer.status >= 400:
            self._public -= {Method.GET_PARAMETER.value}

    def _described(self, answer: Answer) -> None:
        description = parse_description(answer.body, server=answer.headers.get("server", ""))
        for name in ("content-base", "content-location"):
            base = answer.headers.get(name, "").strip()
            if base.lower().startswith(("rtsp://", "rtsps://")) and usable(base):
                self._base = base
                break
        self._aggregate = joined(self._base, description.control)
        if not usable(self._aggregate):
            self._aggregate = self._base
        self.step = Step.DESCRIBED
        self._events.append(Described(description))

    def _next_track(self, now: float) -> None:
        track, transport = self._wanted[0]
        url = joined(self._base, track.control)
        if not usable(url):
            raise MalformedAnswer("the description names a track by what is no URL")
        self._send(Step.SETUP, url, now, (("Transport", offer_of(transport)),))

    def _set_up_one(self, answer: Answer, now: float) -> None:
        track, offer = self._wanted.pop(0)
        self._read_session(answer.headers.get("session", ""))
        agreed = read_agreed(answer.headers.get("transport", ""), offer)
        self.agreed[track.number] = agreed
        for index, channel in enumerate(agreed.channels or ()):
            if channel in self._channels:
                raise MalformedAnswer("the server sends two tracks on one channel")
            self._channels[channel] = (track.number, index == 1)
        if self._wanted:
            self._next_track(now)
        else:
            self._send(Step.PLAY, self._aggregate, now, (("Range", "npt=0.000-"),))

    def _read_session(self, header: str) -> None:
        found = _SESSION.fullmatch(header.strip())
        if found is None:
            raise MalformedAnswer("the answer to SETUP has no session")
        self._session = found[1]
        if found[2]:
            self._session_s = float(found[2]) or DEFAULT_SESSION_S

    def _start(self, now: float) -> None:
        self.step = Step.PLAYING
        self._alive_at = now
        self._events.append(Started(dict(self.agreed)))

    # --- inside -----------------------------------------------------------------------------------------

    @property
    def _between_s(self) -> float:
        """How often we show that we are there: twice in the life of a session."""
        return max(min(self._session_s / 2, MOST_BETWEEN_S), LEAST_BETWEEN_S)

    def _show_life(self, now: float) -> None:
        self._alive_at = now
        method = Method.GET_PARAMETER if Method.GET_PARAMETER in self._public else Method.OPTIONS
        self._exchange.send(method, self._aggregate, now, (("Session", self._session),), sign_of_life=True)

    def _send(self, step: Step, url: str, now: float, headers: Sequence[Header] = ()) -> None:
        self.step = step
        session: Sequence[Header] = (("Session", self._session),) if self._session else ()
        self._exchange.send(_AWAITED[step], url, now, (*session, *headers))

    def _frame(self, channel: int, data: bytes) -> None:
        place = self._channels.get(channel)
        if place is None:
            self.strays += 1
            return
        self._heard_media = True
        if self.step in {Step.PLAY, Step.PLAYING}:
            self._events.append(TrackData(*place, data))

    def _expect(self, step: Step) -> None:
        if self.step is not step:
            raise LocalProtocolError(f"the session is at {self.step.value}, wanted {step.value}")


def _check(answer: Answer) -> None:
    """Raises what an answer without success is."""
    if answer.status in _REDIRECTS:
        raise Redirected(answer.headers.get("location", ""))
    if answer.status >= 300:
        raise refusal(answer.status, answer.method)
