"""Bytes and characters: devices declare one charset and send another (GB-065 to GB-067)."""

from __future__ import annotations

import re
from typing import Final

UTF8_BOM: Final = b"\xef\xbb\xbf"
_DECLARATION = re.compile(rb"^\s*<\?xml[^>]{0,200}\?>", re.IGNORECASE)
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def decode(data: bytes, charset: str | None = None) -> str:
    """The text of a body.

    What is declared is not believed: UTF-8 where the bytes say so, else GB 18030, of which GB 2312 and GBK are
    parts.

    Args:
        data: the bytes.
        charset: overrides the guess.
    """
    if data.startswith(UTF8_BOM):
        return data[3:].decode("utf-8", "replace")
    if charset is not None:
        return data.decode("gb18030" if charset.upper().startswith("GB") else charset, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("gb18030", "replace")


def is_utf8(data: bytes) -> bool:
    """Whether a body shows that its sender writes UTF-8; plain ASCII shows nothing."""
    if data.isascii():
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def shown_charset(data: bytes) -> str | None:
    """What the bytes of a body show of its sender's charset: `UTF-8`, `GB18030`, or None for nothing.

    Bytes that are both count as UTF-8: that is hardly ever chance, but for texts of a few characters.
    """
    if data.isascii():
        return None
    if is_utf8(data):
        return "UTF-8"
    try:
        data.decode("gb18030")
    except UnicodeDecodeError:
        return None
    return "GB18030"


def encode(text: str, charset: str) -> bytes:
    """A text in the bytes of a declared charset; what XML cannot hold is left out.

    The bytes under both GB names are those of GB 18030, which every receiver of GB 2312 reads.
    """
    legal = _ILLEGAL.sub("", text)
    return legal.encode("utf-8" if charset.upper().replace("-", "") == "UTF8" else "gb18030", "replace")


def without_declaration(data: bytes) -> bytes:
    """A document without its XML declaration."""
    return _DECLARATION.sub(b"", data, count=1)
