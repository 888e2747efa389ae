"""XML as devices write it, read without trust (GB-065 to GB-074).

What is broken is mended where one can tell what was meant: bare `&`, stray `<`, NUL bytes, wrong charsets, names in
any case. What is dangerous is refused before a parser sees it: DTDs and entities, depth, endless text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from cambus.gb28181.charset import decode, encode
from cambus.gb28181.errors import ProtocolError

MAX_DEPTH: Final = 16
MAX_ELEMENTS: Final = 2_000_000
MAX_TEXT_CHARS: Final = 65_536
"""Longer texts are cut."""
MAX_MENDED: Final = 100_000
"""A document with more faults than these is not broken but hostile."""
MAX_OPEN: Final = 1_000

_DANGER = re.compile(r"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_DECLARATION = re.compile(r"^\s*<\?xml[^>]{0,200}\?>", re.IGNORECASE)
_BARE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9A-Fa-f]{1,6});)")
_STRAY_BRACKET = re.compile(r"<(?![A-Za-z_/?][^<>]*>)")
_TAG = re.compile(r"<(/?)([A-Za-z_][\w.:-]*)([^<>]*)>")
_QUOTE: Final = {'"': "&quot;"}
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class Element:
    """One element: read from a device, or to be sent to one.

    Names are compared without case and prefix. A field is a child that has text.

    Args:
        name: its name.
        text: what it holds, if it is a leaf.
        children: what it holds otherwise.
        attributes: such as `Num`.
    """

    __slots__ = ("_children", "_fields", "_node", "attributes", "name", "text")

    def __init__(
        self,
        name: str,
        text: str = "",
        children: Iterable[Element] = (),
        attributes: dict[str, str] | None = None,
    ) -> None:
        self.name = name
        self.text = text
        self.attributes = attributes or {}
        self._children: list[Element] | None = list(children)
        self._fields: dict[str, str] | None = None
        self._node: etree._Element | None = None

    @classmethod
    def _of(cls, node: etree._Element) -> Element:
        element = cls(_name(node), _text(node), (), {str(k): str(v) for k, v in node.attrib.items()})
        element._node, element._children = node, None
        return element

    @property
    def children(self) -> list[Element]:
        """The elements in it, in order."""
        if self._children is None:
            assert self._node is not None  # noqa: S101 - one of both is always there
            self._children = [self._of(child) for child in self._node if isinstance(child.tag, str)]
        return self._children

    @property
    def longest_list(self) -> int:
        """How many elements the longest of its children has: what it costs to read."""
        if self._children is None and self._node is not None:
            return max((len(child) for child in self._node), default=0)
        return max((len(each.children) for each in self.children), default=0)

    @property
    def fields(self) -> dict[str, str]:
        """The texts of its children by lower-case name; of repeated ones the first."""
        if self._fields is None:
            self._fields = {}
            if self._children is None and self._node is not None:
                for child in self._node:
                    if isinstance(child.tag, str):
                        self._fields.setdefault(_name(child).lower(), _text(child))
            else:
                for each in self.children:
                    self._fields.setdefault(each.name.lower(), each.text)
        return self._fields

    def get(self, name: str) -> str | None:
        """The text of a child, None where it is not there."""
        return self.fields.get(name.lower())

    def find(self, name: str) -> Element | None:
        """The first child of that name."""
        return next(self.all(name), None)

    def all(self, name: str) -> Iterator[Element]:
        """Every child of that name."""
        wanted = name.lower()
        if self._children is None and self._node is not None:  # makes only those that are wanted
            return (
                self._of(child)
                for child in self._node
                if isinstance(child.tag, str) and _name(child).lower() == wanted
            )
        return (each for each in self.children if each.name.lower() == wanted)

    def add(self, name: str, value: object | None) -> Element:
        """Append a leaf, unless its value is None; returns this element."""
        if value is not None:
            self.children.append(Element(name, str(value)))
        return self

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Element)
            and (self.name, self.text, self.attributes) == (other.name, other.text, other.attributes)
            and self.children == other.children
        )

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        return f"<{self.name} {len(self.children)} children>" if self.children else f"<{self.name}>"

    def lines(self) -> Iterator[str]:
        """The element as lines of XML, without indentation."""
        attributes = "".join(f" {name}={quoteattr(value)}" for name, value in self.attributes.items())
        if not self.children:
            yield f"<{self.name}{attributes}>{escape(self.text, _QUOTE)}</{self.name}>"
            return
        yield f"<{self.name}{attributes}>"
        for child in self.children:
            yield from child.lines()
        yield f"</{self.name}>"


def serialize(root: Element, charset: str) -> bytes:
    """A document with its declaration, CRLF line ends and no indentation."""
    lines = [f'<?xml version="1.0" encoding="{charset}"?>', *root.lines(), ""]
    return encode("\r\n".join(lines), charset)


def parse(data: bytes, charset: str | None = None) -> Element:
    """Read a document.

    Args:
        data: the body.
        charset: overrides the guess from the bytes.

    Raises:
        ProtocolError: no XML that could be mended, a DTD, or beyond a limit.
    """
    text = _ILLEGAL.sub("", decode(data, charset))
    if _DANGER.search(text):
        raise ProtocolError("a DTD or an entity declaration is not read")
    text = _mended(_DECLARATION.sub("", text, count=1).strip())
    if text.count("<") - text.count("</") > MAX_ELEMENTS:
        raise ProtocolError(f"more than {MAX_ELEMENTS} elements")
    root, faultless = _tree(text)
    if not faultless:
        root, _ = _tree(_balanced(text))
    if root is None or not isinstance(root.tag, str):
        raise ProtocolError("no XML element", context=data)
    _check_depth(root)
    return Element._of(root)  # noqa: SLF001 - the reader of this class


def _tree(text: str) -> tuple[etree._Element | None, bool]:
    """What libxml2 makes of a text, and whether it had nothing to mend. Raises ProtocolError."""
    parser = etree.XMLParser(
        recover=True,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise ProtocolError(f"no XML: {error}") from None
    return root, not parser.error_log


def _mended(text: str) -> str:
    """A text whose ampersands and brackets mean what XML says. Raises ProtocolError."""
    if "<!" in text:
        text = _plain(text)
    text, ampersands = _BARE_AMPERSAND.subn("&amp;", text, count=MAX_MENDED)
    text, brackets = _STRAY_BRACKET.subn("&lt;", text, count=MAX_MENDED)
    if max(ampersands, brackets) >= MAX_MENDED:
        raise ProtocolError(f"more than {MAX_MENDED} faults")
    return text


def _plain(text: str) -> str:
    """A text without comments, and with what stands in CDATA sections escaped."""
    found, at = [], 0
    while (start := text.find("<!", at)) >= 0:
        comment = text.startswith("<!--", start)
        if not comment and not text.startswith("<![CDATA[", start):
            found.append(text[at : start + 2])
            at = start + 2
            continue
        end = text.find("-->" if comment else "]]>", start)
        if end < 0:
            break
        found.append(text[at:start] + ("" if comment else escape(text[start + 9 : end])))
        at = end + 3
    return "".join([*found, text[at:]])


def _balanced(text: str) -> str:
    """A text whose tags open and close one another: what looks like a tag and is none is text. Raises ProtocolError."""
    stack: list[tuple[str, int]] = []
    open_: Counter[str] = Counter()
    stray: list[int] = []
    for match in _TAG.finditer(text):
        closing, name, rest = match[1], match[2].lower(), match[3]
        if closing and open_[name]:
            while stack:
                inner, at = stack.pop()
                open_[inner] -= 1
                if inner == name:
                    break
                stray.append(at)
        elif closing:
            stray.append(match.start())
        elif not rest.endswith("/"):
            stack.append((name, match.start()))
            open_[name] += 1
            if len(stack) > MAX_OPEN:
                raise ProtocolError(f"elements nested deeper than {MAX_DEPTH}")
    if len(stray) > MAX_MENDED:
        raise ProtocolError(f"more than {MAX_MENDED} faults")
    parts, last = [], 0
    for at in sorted(stray):
        parts.append(text[last:at] + "&lt;")
        last = at + 1
    return "".join([*parts, text[last:]])


def _check_depth(root: etree._Element) -> None:
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > MAX_DEPTH:
            raise ProtocolError(f"elements nested deeper than {MAX_DEPTH}")


def _text(node: etree._Element) -> str:
    return (node.text or "").strip()[:MAX_TEXT_CHARS]


def _name(node: etree._Element) -> str:
    tag = str(node.tag)
    return tag.rpartition("}")[2].rpartition(":")[2] if "}" in tag or ":" in tag else tag
