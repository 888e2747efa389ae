"""The `onMetaData` script of FLV in AMF0 (FLV 10.1 E.4.4, E.5)."""

from __future__ import annotations

import struct
from collections.abc import Mapping

MetadataValue = float | bool | str

_NUMBER, _BOOLEAN, _STRING, _ECMA_ARRAY = b"\x00", b"\x01", b"\x02", b"\x08"
_END_OF_OBJECT = b"\x00\x00\x09"


def on_metadata(values: Mapping[str, MetadataValue]) -> bytes:
    """The body of the script tag.

    Raises:
        ValueError: a text above 65535 bytes.
    """
    properties = b"".join(_text(name) + _value(value) for name, value in values.items())
    array = _ECMA_ARRAY + len(values).to_bytes(4, "big") + properties + _END_OF_OBJECT
    return _STRING + _text("onMetaData") + array


def _value(value: MetadataValue) -> bytes:
    if isinstance(value, bool):
        return _BOOLEAN + bytes((value,))
    if isinstance(value, str):
        return _STRING + _text(value)
    return _NUMBER + struct.pack(">d", value)


def _text(text: str) -> bytes:
    data = text.encode()
    if len(data) > 0xFFFF:
        message = f"a text of {len(data)} bytes"
        raise ValueError(message)
    return len(data).to_bytes(2, "big") + data
