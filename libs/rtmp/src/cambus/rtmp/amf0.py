"""AMF0: the values in commands (Action Message Format 0, §2). Depth, number and length of values are bounded."""

from __future__ import annotations

import struct
from typing import Final

from cambus.rtmp.errors import ProtocolError

Value = float | bool | str | None | list["Value"] | dict[str, "Value"]

MAX_DEPTH: Final = 8
MAX_VALUES: Final = 512
_NUMBER, _BOOLEAN, _STRING, _OBJECT, _NULL, _UNDEFINED = 0, 1, 2, 3, 5, 6
_ECMA_ARRAY, _END, _STRICT_ARRAY, _DATE, _LONG_STRING = 8, 9, 10, 11, 12
_END_OF_OBJECT: Final = b"\x00\x00\x09"
_DOUBLE = struct.Struct(">d")
_ZONE_BYTES: Final = 2


def decode(data: bytes) -> list[Value]:
    """All values of a message, in order.

    Raises:
        ProtocolError: one is cut short, of a type that is none, too deep, or there are too many.
    """
    return _Reader(data).all()


def encode(*values: Value) -> bytes:
    """Values as a message's body. Raises ValueError for a text above 65535 bytes."""
    return b"".join(_encoded(value) for value in values)


class _Reader:
    """Reads one message's body."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._count = 0

    def all(self) -> list[Value]:
        values = []
        while self._at < len(self._data):
            values.append(self._value(0))
        return values

    def _value(self, depth: int) -> Value:
        self._count += 1
        if self._count > MAX_VALUES or depth > MAX_DEPTH:
            raise self._error(f"more than {MAX_VALUES} values, or deeper than {MAX_DEPTH}")
        kind = self._take(1)[0]
        if kind in {_OBJECT, _ECMA_ARRAY, _STRICT_ARRAY}:
            return self._several(kind, depth)
        return self._one(kind)

    def _one(self, kind: int) -> Value:
        if kind in {_NUMBER, _DATE}:  # a date is a number of milliseconds and a zone that means nothing
            number: float = _DOUBLE.unpack(self._take(8))[0]
            self._take(_ZONE_BYTES if kind == _DATE else 0)
            return number
        if kind == _BOOLEAN:
            return self._take(1)[0] != 0
        if kind in {_STRING, _LONG_STRING}:
            return self._text(2 if kind == _STRING else 4)
        if kind in {_NULL, _UNDEFINED}:
            return None
        raise self._error(f"a value of type {kind}")

    def _several(self, kind: int, depth: int) -> Value:
        if kind == _STRICT_ARRAY:
            return [self._value(depth + 1) for _ in range(self._number(4))]
        if kind == _ECMA_ARRAY:
            self._take(4)  # a count that many writers guess
        return self._members(depth)

    def _members(self, depth: int) -> dict[str, Value]:
        members: dict[str, Value] = {}
        while self._data[self._at : self._at + 3] != _END_OF_OBJECT:
            name = self._text(2)
            members[name] = self._value(depth + 1)
        self._at += len(_END_OF_OBJECT)
        return members

    def _text(self, width: int) -> str:
        return self._take(self._number(width)).decode("utf-8", "replace")

    def _number(self, width: int) -> int:
        return int.from_bytes(self._take(width), "big")

    def _take(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        if len(piece) < size:
            raise self._error("a value is cut short")
        self._at += size
        return piece

    def _error(self, text: str) -> ProtocolError:
        return ProtocolError(f"AMF0: {text}", offset=self._at)


def _encoded(value: Value) -> bytes:
    if value is None:
        return bytes((_NULL,))
    if isinstance(value, bool):
        return bytes((_BOOLEAN, value))
    if isinstance(value, (int, float)):
        return bytes((_NUMBER,)) + _DOUBLE.pack(value)
    if isinstance(value, str):
        return bytes((_STRING,)) + _named(value)
    if isinstance(value, dict):
        members = b"".join(_named(name) + _encoded(each) for name, each in value.items())
        return bytes((_OBJECT,)) + members + _END_OF_OBJECT
    head = bytes((_STRICT_ARRAY,)) + len(value).to_bytes(4, "big")
    return head + b"".join(_encoded(each) for each in value)


def _named(text: str) -> bytes:
    data = text.encode()
    if len(data) > 0xFFFF:
        message = f"a text of {len(data)} bytes"
        raise ValueError(message)
    return len(data).to_bytes(2, "big") + data
