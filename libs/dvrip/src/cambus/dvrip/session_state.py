"""The states of a client session and what leads from one to another (DVRIP §5)."""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final


class State(Enum):
    """Where a session is."""

    NEW = auto()
    LOGGING_IN = auto()
    ONLINE = auto()
    ATTACHED = auto()
    LOGGING_OUT = auto()
    CLOSED = auto()


class Input(Enum):
    """What can happen to a session's state."""

    REQUEST = auto()
    LOGIN = auto()
    LOGIN_ACCEPTED = auto()
    LOGIN_REFUSED = auto()
    ATTACH = auto()
    ADOPT = auto()
    LOGOUT = auto()
    LOGGED_OUT = auto()
    FAIL = auto()


#: The whole machine; what is absent is refused. A login in state ONLINE is a second one on a session the
#: device forgot.
TRANSITIONS: Final[Mapping[tuple[State, Input], State]] = {
    (State.NEW, Input.REQUEST): State.NEW,
    (State.NEW, Input.LOGIN): State.LOGGING_IN,
    (State.NEW, Input.ATTACH): State.ATTACHED,
    (State.NEW, Input.ADOPT): State.ONLINE,
    (State.NEW, Input.FAIL): State.CLOSED,
    (State.LOGGING_IN, Input.LOGIN_ACCEPTED): State.ONLINE,
    (State.LOGGING_IN, Input.LOGIN_REFUSED): State.CLOSED,
    (State.LOGGING_IN, Input.FAIL): State.CLOSED,
    (State.ONLINE, Input.REQUEST): State.ONLINE,
    (State.ONLINE, Input.LOGIN): State.LOGGING_IN,
    (State.ONLINE, Input.LOGOUT): State.LOGGING_OUT,
    (State.ONLINE, Input.FAIL): State.CLOSED,
    (State.ATTACHED, Input.REQUEST): State.ATTACHED,
    (State.ATTACHED, Input.FAIL): State.CLOSED,
    (State.LOGGING_OUT, Input.LOGGED_OUT): State.CLOSED,
    (State.LOGGING_OUT, Input.FAIL): State.CLOSED,
}
