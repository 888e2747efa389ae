"""How the XML of a make looks, and what can be wrong with it (§4.2)."""

from __future__ import annotations

from typing import Final

from cambus.gb28181.charset import decode, without_declaration
from cambus.simulators.gb28181.profiles import Profile
from cambus.simulators.gb28181.quirks import Quirks

_INDENT: Final = "    "
_DECLARATIONS: Final = {
    "dahua": '<?xml version="1.0" encoding="{}" ?>',
    "hik": '<?xml version="1.0" encoding="{}"?>',
    "crlf": '<?xml version="1.0" encoding="{}"?>',
}
_DOCTYPE: Final = '<!DOCTYPE Response [<!ENTITY e SYSTEM "file:///etc/hostname">]>'


def laid_out(body: bytes, profile: Profile, quirks: Quirks) -> bytes:
    """A body as this make writes it.

    Args:
        body: with CRLF and without indentation.
        profile: the make.
        quirks: what is wrong with it.
    """
    lines = decode(without_declaration(body)).strip().split("\r\n")
    end = "\r\n"
    if profile.layout == "dahua":
        lines, end = _indented(lines), "\n"
    elif profile.layout == "hik":
        lines, end = [*lines, ""], "\n"
    charset = profile.charset.lower() if profile.layout == "hik" else profile.charset
    if quirks.charset == "gb_under_utf8":
        charset = "UTF-8"
    head = [_DECLARATIONS[profile.layout].format(charset)]
    if quirks.xml == "doctype":
        head.append(_DOCTYPE)
    text = end.join([*head, *lines, ""])
    return _encoded(_broken(text, quirks), quirks)


def _indented(lines: list[str]) -> list[str]:
    """The lines with four blanks for every level."""
    level, indented = 0, []
    for line in lines:
        if line.startswith("</"):
            level -= 1
        indented.append(_INDENT * level + line)
        if not line.startswith("</") and "</" not in line and not line.endswith("/>"):
            level += 1
    return indented


def _broken(text: str, quirks: Quirks) -> str:
    """The fault goes into the first name or address there is, where devices have theirs."""
    fault = {"ampersand": "A & B", "nul": "A\x00B", "bracket": "1 < 2"}.get(quirks.xml)
    if fault is None:
        return text
    for tag in ("Address", "Name", "DeviceName"):
        at = text.find(f"<{tag}>")
        if at >= 0:
            start = at + len(tag) + 2
            return text[:start] + fault + text[text.index(f"</{tag}>", start) :]
    return text


def _encoded(text: str, quirks: Quirks) -> bytes:
    if quirks.charset == "utf8_under_gb":
        return text.encode("utf-8")
    if quirks.charset == "bom":
        return b"\xef\xbb\xbf" + text.encode("utf-8")
    return text.encode("gb18030")
