"""What chunks carry: a message with its type, time and stream (RTMP 1.0 §5.3, §6)."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

CONTROL_CHUNK_STREAM: Final = 2
COMMAND_CHUNK_STREAM: Final = 3
STATUS_CHUNK_STREAM: Final = 5


class Kind(IntEnum):
    """Types of messages (§5.4, §7.1)."""

    SET_CHUNK_SIZE = 1
    ABORT = 2
    ACKNOWLEDGEMENT = 3
    USER_CONTROL = 4
    WINDOW_SIZE = 5
    PEER_BANDWIDTH = 6
    AUDIO = 8
    VIDEO = 9
    DATA_AMF3 = 15
    COMMAND_AMF3 = 17
    DATA = 18
    COMMAND = 20
    AGGREGATE = 22


class Control(IntEnum):
    """Types of user control messages (§7.1.7)."""

    STREAM_BEGIN = 0
    PING_REQUEST = 6
    PING_RESPONSE = 7


class Message(NamedTuple):
    """One message.

    Attributes:
        kind: its type, perhaps none of `Kind`.
        stream: the message stream; 0 for the connection itself.
        timestamp: milliseconds, 32 bits.
        payload: its body.
    """

    kind: int
    stream: int
    timestamp: int
    payload: bytes
