"""What every body has in common: its root, what it is about, its number, and whom it concerns (§4.3, GB-060)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from cambus.gb28181.errors import ProtocolError
from cambus.gb28181.values import read_int
from cambus.gb28181.xml import Element, parse, serialize

CONTENT_TYPE: Final = "Application/MANSCDP+xml"
CONTENT_TYPES: Final = frozenset({"application/manscdp+xml", "text/xml", "application/xml", ""})
"""What a body of this kind may be called, in lower case."""


class Root(Enum):
    """The kinds of bodies."""

    NOTIFY = "Notify"
    QUERY = "Query"
    RESPONSE = "Response"
    CONTROL = "Control"


@dataclass(frozen=True, slots=True)
class Envelope:
    """A body, opened.

    Attributes:
        root: its kind.
        command: the CmdType, as written.
        sn: its number, echoed by whoever answers; None where it is missing or no number.
        code: the DeviceID; empty where it is missing.
        element: all of it.
    """

    root: Root
    command: str
    sn: int | None
    code: str
    element: Element

    @classmethod
    def parse(cls, body: bytes, charset: str | None = None) -> Envelope:
        """Open a body. Raises ProtocolError: no XML, another root, or no CmdType."""
        return cls.of(parse(body, charset))

    @classmethod
    def of(cls, element: Element) -> Envelope:
        """Open what has been parsed. Raises ProtocolError."""
        root = next((each for each in Root if each.value.lower() == element.name.lower()), None)
        command = element.get("CmdType")
        if root is None or not command:
            raise ProtocolError(f"no MANSCDP: root {element.name[:40]!a}, CmdType {command!a}")
        return cls(
            root, command, read_int(element.get("SN")), (element.get("DeviceID") or "").strip(), element
        )

    @property
    def result(self) -> bool | None:
        """What `Result` says; None where it is not there."""
        text = self.element.get("Result")
        return None if text is None else text.strip().upper() == "OK"


def compose(
    root: Root,
    command: str,
    sn: int,
    code: str | None,
    content: Iterable[Element] = (),
    *,
    charset: str = "GB2312",
) -> bytes:
    """A body.

    Args:
        root: its kind.
        command: the CmdType.
        sn: its number.
        code: the DeviceID; None for a Broadcast, which has none.
        content: what follows, in the order of the standard.
        charset: declared, and encoded in.
    """
    return serialize(envelope(root, command, sn, code, content), charset)


def envelope(root: Root, command: str, sn: int, code: str | None, content: Iterable[Element] = ()) -> Element:
    """A body as an element."""
    element = Element(root.value)
    element.add("CmdType", command).add("SN", sn).add("DeviceID", code)
    element.children.extend(content)
    return element
