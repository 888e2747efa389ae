"""One transaction: its state, its deadlines, and the message it may have to send again (RFC 3261 §17)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cambus.sip.message import Request
from cambus.sip.peer import Peer
from cambus.sip.states import (
    INVITE_CLIENT,
    INVITE_SERVER,
    OTHER_CLIENT,
    OTHER_SERVER,
    Effect,
    Input,
    State,
    Table,
)
from cambus.sip.timers import Timers

Key = tuple[str, ...]
_FOREVER: Final = float("inf")
_RINGING: Final = 6
"""An INVITE may stay without an answer for six times 64 x T1: more than Timer C (RFC 3261 §16.6)."""


@dataclass(slots=True, eq=False)
class Transaction:
    """What client and server transactions have in common.

    Attributes:
        key: finds it again (RFC 3261 §17.1.3, §17.2.3).
        request: the request it is about.
        peer: who is on the other side.
        timers: how long things take.
        state: where it is.
        sent: the message to be sent again, if any.
        wakes_at: when it will be looked at next.
    """

    key: Key
    request: Request
    peer: Peer
    timers: Timers
    state: State = State.TERMINATED
    sent: bytes = b""
    wakes_at: float = _FOREVER
    _interval_s: float = 0.0
    _resend_at: float = _FOREVER
    _timeout_at: float = _FOREVER
    _linger_until: float = _FOREVER

    @property
    def table(self) -> Table:
        """The machine it follows."""
        raise NotImplementedError

    @property
    def is_invite(self) -> bool:
        """Whether it is about an INVITE."""
        return self.request.method == "INVITE"

    @property
    def deadline(self) -> float | None:
        """When it has to be looked at, None if never."""
        if self.state is State.TERMINATED:
            return None
        at = min(self._resend_at, self._timeout_at, self._linger_until)
        return at if at != _FOREVER else None

    def due(self, now: float) -> Input | None:
        """The timer that has fired; it is set again, or off."""
        if now >= self._timeout_at:
            self._timeout_at = _FOREVER
            return Input.TIMEOUT_TIMER
        if now >= self._linger_until:
            self._linger_until = _FOREVER
            return Input.LINGER_TIMER
        if now >= self._resend_at:
            self._interval_s = self._longer()
            self._resend_at = now + self._interval_s
            return Input.RESEND_TIMER
        return None

    def take(self, event: Input, now: float) -> tuple[Effect, ...]:
        """Go one step; what follows from it. Nothing does from what is not in the table."""
        step = self.table.get((self.state, event))
        if step is None:
            return ()
        before, (self.state, effects) = self.state, step
        if self.state is not before:
            self._entered(now)
        if Effect.SLOWER in effects:
            self._interval_s = self.timers.t2
            self._resend_at = min(self._resend_at, now + self._interval_s)
        if Effect.LINGER in effects:
            self._linger_until = now + self._linger_s()
        return effects

    def _longer(self) -> float:
        return min(2 * self._interval_s, self.timers.t2)

    def _start_resending(self, now: float) -> None:
        if not self.peer.reliable:
            self._interval_s = self.timers.t1
            self._resend_at = now + self._interval_s

    def _entered(self, now: float) -> None:
        """Set the timers of a state just entered."""
        raise NotImplementedError

    def _linger_s(self) -> float:
        raise NotImplementedError


@dataclass(slots=True, eq=False)
class ClientTransaction(Transaction):
    """A request of ours.

    Attributes:
        ack: the ACK of the 2xx once the owner has sent it: it is sent again for every repeated 2xx.
        cancelled: whether a CANCEL waits for a provisional response.
    """

    ack: bytes = b""
    cancelled: bool = False

    @property
    def table(self) -> Table:
        """Figure 5 or 6 of RFC 3261."""
        return INVITE_CLIENT if self.is_invite else OTHER_CLIENT

    def begin(self, now: float) -> None:
        """The request has been sent."""
        self.state = State.CALLING if self.is_invite else State.TRYING
        self._timeout_at = now + self.timers.timeout_s
        self._start_resending(now)

    def _longer(self) -> float:
        return 2 * self._interval_s if self.is_invite else min(2 * self._interval_s, self.timers.t2)

    def _entered(self, now: float) -> None:  # noqa: ARG002 - a client sets its timers when it begins
        if self.is_invite or self.state is not State.PROCEEDING:
            self._resend_at = self._timeout_at = _FOREVER

    def _linger_s(self) -> float:
        if self.state is State.COMPLETED:  # Timers D and K
            if self.peer.reliable:
                return 0.0
            return self.timers.timeout_s if self.is_invite else self.timers.t4
        return self.timers.timeout_s  # Timer M


@dataclass(slots=True, eq=False)
class ServerTransaction(Transaction):
    """A request of the peer's.

    Attributes:
        to_tag: our tag in all its responses.
    """

    to_tag: str = ""

    @property
    def table(self) -> Table:
        """Figure 7 or 8 of RFC 3261."""
        return INVITE_SERVER if self.is_invite else OTHER_SERVER

    @property
    def answered(self) -> bool:
        """Whether a final response has been given."""
        return self.state not in {State.TRYING, State.PROCEEDING}

    def begin(self, now: float) -> None:
        """The request has come. Its client waits for 64 x T1, or for Timer C; so does its owner have to answer."""
        self.state = State.PROCEEDING if self.is_invite else State.TRYING
        self._timeout_at = now + self.timers.timeout_s * (_RINGING if self.is_invite else 1)

    def _entered(self, now: float) -> None:
        if not self.answered:
            return
        self._resend_at = self._timeout_at = _FOREVER
        if self.is_invite and self.state in {State.ACCEPTED, State.COMPLETED}:  # Timers G and H
            self._timeout_at = now + self.timers.timeout_s
            if self.state is State.ACCEPTED or not self.peer.reliable:
                self._interval_s = self.timers.t1
                self._resend_at = now + self._interval_s

    def _linger_s(self) -> float:
        if self.state is State.CONFIRMED:  # Timer I
            return 0.0 if self.peer.reliable else self.timers.t4
        # Timer J; it would be 0 on TCP, but there are devices that say everything twice there too
        return self.timers.t4 if self.peer.reliable else self.timers.timeout_s
