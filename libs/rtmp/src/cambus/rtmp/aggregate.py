"""Aggregate messages: several tags in one (RTMP 1.0 §7.1.6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cambus.rtmp.errors import ProtocolError
from cambus.rtmp.message import Message

_HEAD_BYTES: Final = 11
_BACK_BYTES: Final = 4


def split_aggregate(message: Message) -> Iterator[Message]:
    """The messages in an aggregate; their times are moved so that the first has that of the whole.

    Raises:
        ProtocolError: one is cut short.
    """
    body, at, shift = message.payload, 0, None
    while at < len(body):
        head = body[at : at + _HEAD_BYTES]
        size = int.from_bytes(head[1:4], "big")
        end = at + _HEAD_BYTES + size
        if len(head) < _HEAD_BYTES or end > len(body):
            raise ProtocolError("an aggregate is cut short", offset=at)
        stamp = int.from_bytes(head[4:7], "big") | head[7] << 24
        if shift is None:
            shift = message.timestamp - stamp
        timestamp = stamp + shift & 0xFFFFFFFF
        yield Message(head[0], message.stream, timestamp, body[at + _HEAD_BYTES : end])
        at = end + _BACK_BYTES
