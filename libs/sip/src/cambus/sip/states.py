"""The four transaction machines of RFC 3261 §17 as tables, with the accepted states of RFC 6026.

A pair of state and input that is not in a table is ignored: RFC 3261 lets a transaction see what does not concern
it (a provisional response after the final one, an ACK for what was accepted).
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final


class State(Enum):
    """Where a transaction is."""

    CALLING = auto()
    TRYING = auto()
    PROCEEDING = auto()
    ACCEPTED = auto()
    COMPLETED = auto()
    CONFIRMED = auto()
    ABANDONED = auto()
    """Its owner no longer waits; a session that is set up all the same has to be ended (RFC 3261 §9.1)."""
    TERMINATED = auto()


class Input(Enum):
    """What can happen to it."""

    PROVISIONAL = auto()
    """A 1xx: received by a client, sent by a server; so with the next two."""
    SUCCESS = auto()
    FAILURE = auto()
    REQUEST = auto()
    """The request once more."""
    ACK = auto()
    ABANDON = auto()
    LOST = auto()
    """The transport is gone."""
    RESEND_TIMER = auto()
    """Timers A, E and G."""
    TIMEOUT_TIMER = auto()
    """Timers B, F and H; with a server also that its owner has not answered while the client waits."""
    LINGER_TIMER = auto()
    """Timers D, I, J, K, L and M."""


class Effect(Enum):
    """What follows."""

    DELIVER = auto()
    """Hand the response to the owner."""
    DELIVER_REPEATED = auto()
    """Hand over a 2xx that was heard before: it wants its ACK again."""
    DELIVER_LATE = auto()
    """Hand over a 2xx nobody waits for: it wants an ACK and a BYE."""
    SEND = auto()
    """Send the response just given."""
    RESEND = auto()
    """Send the last message again."""
    ACK = auto()
    """Acknowledge a failure (RFC 3261 §17.1.1.3)."""
    FAIL = auto()
    """Tell the owner that there will be no answer."""
    LINGER = auto()
    """Stay to absorb what comes late."""
    SLOWER = auto()
    """Resend at T2 from now on (RFC 3261 §17.1.2.2)."""


Step = tuple[State, tuple[Effect, ...]]
Table = dict[tuple[State, Input], Step]

_S, _I, _E = State, Input, Effect

INVITE_CLIENT: Final[Table] = {  # RFC 3261 figure 5, RFC 6026 figure 2
    (_S.CALLING, _I.RESEND_TIMER): (_S.CALLING, (_E.RESEND,)),
    (_S.CALLING, _I.TIMEOUT_TIMER): (_S.ABANDONED, (_E.FAIL, _E.LINGER)),
    (_S.CALLING, _I.LOST): (_S.TERMINATED, (_E.FAIL,)),
    (_S.CALLING, _I.ABANDON): (_S.ABANDONED, (_E.LINGER,)),
    (_S.CALLING, _I.PROVISIONAL): (_S.PROCEEDING, (_E.DELIVER,)),
    (_S.CALLING, _I.SUCCESS): (_S.ACCEPTED, (_E.DELIVER, _E.LINGER)),
    (_S.CALLING, _I.FAILURE): (_S.COMPLETED, (_E.ACK, _E.DELIVER, _E.LINGER)),
    (_S.PROCEEDING, _I.PROVISIONAL): (_S.PROCEEDING, (_E.DELIVER,)),
    (_S.PROCEEDING, _I.SUCCESS): (_S.ACCEPTED, (_E.DELIVER, _E.LINGER)),
    (_S.PROCEEDING, _I.FAILURE): (_S.COMPLETED, (_E.ACK, _E.DELIVER, _E.LINGER)),
    (_S.PROCEEDING, _I.LOST): (_S.TERMINATED, (_E.FAIL,)),
    (_S.PROCEEDING, _I.ABANDON): (_S.ABANDONED, (_E.LINGER,)),
    (_S.ABANDONED, _I.SUCCESS): (_S.ACCEPTED, (_E.DELIVER_LATE, _E.LINGER)),
    (_S.ABANDONED, _I.FAILURE): (_S.COMPLETED, (_E.ACK, _E.LINGER)),
    (_S.ABANDONED, _I.LINGER_TIMER): (_S.TERMINATED, ()),
    (_S.ACCEPTED, _I.SUCCESS): (_S.ACCEPTED, (_E.DELIVER_REPEATED,)),
    (_S.ACCEPTED, _I.LINGER_TIMER): (_S.TERMINATED, ()),
    (_S.COMPLETED, _I.FAILURE): (_S.COMPLETED, (_E.ACK,)),
    (_S.COMPLETED, _I.LINGER_TIMER): (_S.TERMINATED, ()),
}

OTHER_CLIENT: Final[Table] = {  # RFC 3261 figure 6
    (_S.TRYING, _I.RESEND_TIMER): (_S.TRYING, (_E.RESEND,)),
    (_S.TRYING, _I.TIMEOUT_TIMER): (_S.TERMINATED, (_E.FAIL,)),
    (_S.TRYING, _I.LOST): (_S.TERMINATED, (_E.FAIL,)),
    (_S.TRYING, _I.ABANDON): (_S.TERMINATED, ()),
    (_S.TRYING, _I.PROVISIONAL): (_S.PROCEEDING, (_E.DELIVER, _E.SLOWER)),
    (_S.TRYING, _I.SUCCESS): (_S.COMPLETED, (_E.DELIVER, _E.LINGER)),
    (_S.TRYING, _I.FAILURE): (_S.COMPLETED, (_E.DELIVER, _E.LINGER)),
    (_S.PROCEEDING, _I.RESEND_TIMER): (_S.PROCEEDING, (_E.RESEND,)),
    (_S.PROCEEDING, _I.TIMEOUT_TIMER): (_S.TERMINATED, (_E.FAIL,)),
    (_S.PROCEEDING, _I.LOST): (_S.TERMINATED, (_E.FAIL,)),
    (_S.PROCEEDING, _I.ABANDON): (_S.TERMINATED, ()),
    (_S.PROCEEDING, _I.PROVISIONAL): (_S.PROCEEDING, (_E.DELIVER,)),
    (_S.PROCEEDING, _I.SUCCESS): (_S.COMPLETED, (_E.DELIVER, _E.LINGER)),
    (_S.PROCEEDING, _I.FAILURE): (_S.COMPLETED, (_E.DELIVER, _E.LINGER)),
    (_S.COMPLETED, _I.LINGER_TIMER): (_S.TERMINATED, ()),
}

INVITE_SERVER: Final[Table] = {  # RFC 3261 figure 7, RFC 6026 figure 3; the 2xx is resent here (§13.3.1.4)
    (_S.PROCEEDING, _I.REQUEST): (_S.PROCEEDING, (_E.RESEND,)),
    (_S.PROCEEDING, _I.PROVISIONAL): (_S.PROCEEDING, (_E.SEND,)),
    (_S.PROCEEDING, _I.SUCCESS): (_S.ACCEPTED, (_E.SEND,)),
    (_S.PROCEEDING, _I.FAILURE): (_S.COMPLETED, (_E.SEND,)),
    (_S.PROCEEDING, _I.TIMEOUT_TIMER): (_S.TERMINATED, (_E.FAIL,)),
    (_S.PROCEEDING, _I.LOST): (_S.TERMINATED, (_E.FAIL,)),
    (_S.ACCEPTED, _I.REQUEST): (_S.ACCEPTED, (_E.RESEND,)),
    (_S.ACCEPTED, _I.RESEND_TIMER): (_S.ACCEPTED, (_E.RESEND,)),
    (_S.ACCEPTED, _I.TIMEOUT_TIMER): (_S.TERMINATED, (_E.FAIL,)),
    (_S.ACCEPTED, _I.ACK): (_S.CONFIRMED, (_E.LINGER,)),
    (_S.ACCEPTED, _I.LOST): (_S.TERMINATED, (_E.FAIL,)),
    (_S.COMPLETED, _I.REQUEST): (_S.COMPLETED, (_E.RESEND,)),
    (_S.COMPLETED, _I.RESEND_TIMER): (_S.COMPLETED, (_E.RESEND,)),
    (_S.COMPLETED, _I.TIMEOUT_TIMER): (_S.TERMINATED, ()),
    (_S.COMPLETED, _I.ACK): (_S.CONFIRMED, (_E.LINGER,)),
    (_S.CONFIRMED, _I.LINGER_TIMER): (_S.TERMINATED, ()),
}

OTHER_SERVER: Final[Table] = {  # RFC 3261 figure 8; what is never answered is forgotten
    (_S.TRYING, _I.TIMEOUT_TIMER): (_S.TERMINATED, ()),
    (_S.TRYING, _I.PROVISIONAL): (_S.PROCEEDING, (_E.SEND,)),
    (_S.TRYING, _I.SUCCESS): (_S.COMPLETED, (_E.SEND, _E.LINGER)),
    (_S.TRYING, _I.FAILURE): (_S.COMPLETED, (_E.SEND, _E.LINGER)),
    (_S.PROCEEDING, _I.TIMEOUT_TIMER): (_S.TERMINATED, ()),
    (_S.PROCEEDING, _I.PROVISIONAL): (_S.PROCEEDING, (_E.SEND,)),
    (_S.PROCEEDING, _I.REQUEST): (_S.PROCEEDING, (_E.RESEND,)),
    (_S.PROCEEDING, _I.SUCCESS): (_S.COMPLETED, (_E.SEND, _E.LINGER)),
    (_S.PROCEEDING, _I.FAILURE): (_S.COMPLETED, (_E.SEND, _E.LINGER)),
    (_S.COMPLETED, _I.REQUEST): (_S.COMPLETED, (_E.RESEND,)),
    (_S.COMPLETED, _I.LINGER_TIMER): (_S.TERMINATED, ()),
}
