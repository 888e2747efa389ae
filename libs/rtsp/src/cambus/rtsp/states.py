"""The server's state machine (RFC 2326 A.2) as a table.

A pair that is absent is not allowed in that state: 455.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum
from types import MappingProxyType


class Method(StrEnum):
    """The methods this server knows (RFC 2326 §10); all others are answered 405 or 501."""

    OPTIONS = "OPTIONS"
    DESCRIBE = "DESCRIBE"
    SETUP = "SETUP"
    PLAY = "PLAY"
    PAUSE = "PAUSE"
    GET_PARAMETER = "GET_PARAMETER"
    SET_PARAMETER = "SET_PARAMETER"
    TEARDOWN = "TEARDOWN"


class State(Enum):
    """Where the session of a connection is."""

    INIT = "init"
    READY = "ready"
    PLAYING = "playing"


TRANSITIONS: Mapping[tuple[State, Method], State] = MappingProxyType(
    {
        **{
            (state, method): state
            for state in State
            for method in (Method.OPTIONS, Method.DESCRIBE, Method.GET_PARAMETER, Method.SET_PARAMETER)
        },
        (State.INIT, Method.SETUP): State.READY,
        (State.READY, Method.SETUP): State.READY,
        (State.READY, Method.PLAY): State.PLAYING,
        (State.READY, Method.PAUSE): State.READY,
        (State.READY, Method.TEARDOWN): State.INIT,
        (State.PLAYING, Method.PLAY): State.PLAYING,  # a seek or another scale
        (State.PLAYING, Method.PAUSE): State.READY,
        (State.PLAYING, Method.TEARDOWN): State.INIT,
    }
)
"""(state, method) -> the state once the request has been answered with 200."""
