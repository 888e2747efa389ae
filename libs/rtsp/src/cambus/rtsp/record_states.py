"""The state machine of a server that is published to (RFC 2326 §10.3, §10.11, A.2) as a table.

A pair that is absent is not allowed in that state: 455.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum
from types import MappingProxyType


class RecordMethod(StrEnum):
    """The methods of a publisher (RFC 2326 §10); all others are answered 405 or 501."""

    OPTIONS = "OPTIONS"
    ANNOUNCE = "ANNOUNCE"
    SETUP = "SETUP"
    RECORD = "RECORD"
    PAUSE = "PAUSE"
    GET_PARAMETER = "GET_PARAMETER"
    SET_PARAMETER = "SET_PARAMETER"
    TEARDOWN = "TEARDOWN"


class RecordState(Enum):
    """Where the session of a connection is."""

    INIT = "init"
    ANNOUNCED = "announced"
    READY = "ready"
    RECORDING = "recording"


RECORD_TRANSITIONS: Mapping[tuple[RecordState, RecordMethod], RecordState] = MappingProxyType(
    {
        **{
            (state, method): state
            for state in RecordState
            for method in (RecordMethod.OPTIONS, RecordMethod.GET_PARAMETER, RecordMethod.SET_PARAMETER)
        },
        (RecordState.INIT, RecordMethod.ANNOUNCE): RecordState.ANNOUNCED,
        (RecordState.ANNOUNCED, RecordMethod.ANNOUNCE): RecordState.ANNOUNCED,  # another description
        (RecordState.ANNOUNCED, RecordMethod.SETUP): RecordState.READY,
        (RecordState.READY, RecordMethod.SETUP): RecordState.READY,
        (RecordState.READY, RecordMethod.RECORD): RecordState.RECORDING,
        (RecordState.READY, RecordMethod.PAUSE): RecordState.READY,
        (RecordState.READY, RecordMethod.TEARDOWN): RecordState.INIT,
        (RecordState.RECORDING, RecordMethod.RECORD): RecordState.RECORDING,
        (RecordState.RECORDING, RecordMethod.PAUSE): RecordState.READY,
        (RecordState.RECORDING, RecordMethod.TEARDOWN): RecordState.INIT,
    }
)
"""(state, method) -> the state once the request has been answered with 200."""
