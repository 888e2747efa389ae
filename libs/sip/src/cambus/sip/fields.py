"""What stands inside header fields: parameters, addresses, Via, CSeq (RFC 3261 §7.3.1, §20, §25.1).

Text is kept losslessly: bytes that are no UTF-8 travel as surrogate escapes, so that what has to be echoed is
echoed to the byte. `readable` turns them into characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cambus.sip.errors import ProtocolError

MAX_CSEQ = 2**31 - 1  # RFC 3261 §8.1.1.5
BARE_IPV6 = r"[0-9A-Fa-f]*(?::[0-9A-Fa-f]*){2,}"
"""An address without its brackets: a port behind it cannot be told from it (RFC 5118 §4.2, §4.3)."""

_CSEQ = re.compile(r"\s*([0-9]{1,10})\s+([!-~]{1,40})\s*\Z")
_VIA = re.compile(
    rf"(?i)\s*SIP\s*/\s*2\.0\s*/\s*([A-Z0-9-]+)\s+(\[[^\]]*\]|{BARE_IPV6}|[^:;\s]*)\s*(?::\s*([0-9]{{1,5}}))?\s*"
)
_TAG = re.compile(r'(?i);\s*tag\s*=\s*"?([^;,\s">]*)')
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def split_outside_quotes(text: str, separator: str) -> Iterator[str]:
    """The parts of a text between separators that stand neither in quotes nor in angle brackets."""
    if '"' not in text and "<" not in text:
        yield from text.split(separator)
        return
    start, quoted, depth, escaped = 0, False, 0, False
    for at, char in enumerate(text):
        if quoted:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                quoted = False
        elif char == '"':
            quoted = True
        elif char == "<":
            depth += 1
        elif char == ">":
            depth = max(depth - 1, 0)
        elif char == separator and depth == 0:
            yield text[start:at]
            start = at + 1
    yield text[start:]


def parse_parameters(text: str) -> dict[str, str | None]:
    """`;a=1;b;c="x"` as a dict with names in lower case; of repeated ones the first counts (GB-005)."""
    found: dict[str, str | None] = {}
    for part in split_outside_quotes(text, ";"):
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        if name and name not in found:
            found[name] = unquote(value.strip()) if equals else None
    return found


def unquote(text: str) -> str:
    """The content of a quoted string; other text as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def readable(text: str) -> str:
    """A field as characters that can be shown: GB 18030 where it is not UTF-8, and what is no character replaced."""
    if text.isascii():
        return _CONTROL.sub(" ", text)
    raw = text.encode("utf-8", "surrogateescape")
    try:
        return _CONTROL.sub(" ", raw.decode())
    except UnicodeDecodeError:
        return _CONTROL.sub(" ", raw.decode("gb18030", "replace"))


@dataclass(frozen=True, slots=True)
class NameAddress:
    """The value of From, To, Contact or Route: a URI, its display name and the parameters behind it.

    Attributes:
        uri: the URI as text.
        parameters: of the header, not of the URI; names in lower case.
        display: the name in front, without quotes.
    """

    uri: str
    parameters: dict[str, str | None]
    display: str = ""

    @classmethod
    def parse(cls, text: str) -> NameAddress:
        """Read a value; without `<>` all parameters belong to the header (RFC 3261 §20)."""
        before, bracket, rest = _cut_outside_quotes(text, "<")
        if bracket:
            uri, _, behind = rest.partition(">")
            return cls(uri.strip(), parse_parameters(behind), unquote(before.strip()))
        uri, _, behind = text.partition(";")
        return cls(uri.strip(), parse_parameters(behind))

    @property
    def tag(self) -> str | None:
        """The tag, if there is one."""
        return self.parameters.get("tag")


def tag_of(text: str) -> str:
    """The first tag in a From or To value, empty without one; much cheaper than parsing the value."""
    match = _TAG.search(text.rpartition(">")[2] if ">" in text else text)
    return match.group(1) if match else ""


def _cut_outside_quotes(text: str, char: str) -> tuple[str, str, str]:
    if '"' not in text:
        return text.partition(char)
    quoted = escaped = False
    for at, each in enumerate(text):
        if escaped:
            escaped = False
        elif quoted and each == "\\":
            escaped = True
        elif each == '"':
            quoted = not quoted
        elif each == char and not quoted:
            return text[:at], char, text[at + 1 :]
    return text, "", ""


@dataclass(frozen=True, slots=True)
class Via:
    """One hop of a Via header.

    Attributes:
        transport: `UDP`, `TCP` …, upper case.
        host: as it stands there, IPv6 with its brackets.
        port: None where none is given.
        parameters: names in lower case.
        text: all of it, as it came.
    """

    transport: str
    host: str
    port: int | None
    parameters: dict[str, str | None]
    text: str

    @classmethod
    def parse(cls, text: str) -> Via:
        """Read one hop. Raises ProtocolError."""
        match = _VIA.match(text)
        if match is None:
            raise ProtocolError("no Via", context=text.encode("utf-8", "surrogateescape"))
        transport, host, port = match.groups()
        return cls(
            transport.upper(),
            host,
            int(port) if port else None,
            parse_parameters(text[match.end() :]),
            text.strip(),
        )

    @property
    def branch(self) -> str:
        """The branch, empty without one."""
        return self.parameters.get("branch") or ""

    @property
    def sent_by(self) -> str:
        """Host and port as written, for matching requests to transactions (RFC 3261 §17.2.3)."""
        return f"{self.host.lower()}:{self.port or 0}"

    def answered_to(self, host: str, port: int) -> str:
        """This hop with the source of the request filled in (RFC 3261 §18.2.1).

        RFC 3581 §4 wants `received` beside every `rport`; devices expect it only where it says something new.
        """
        host = host.partition("%")[0]  # the zone of a link-local address means something to us alone
        kept = []
        for part in split_outside_quotes(self.text, ";"):
            name = part.partition("=")[0].strip().lower()
            if name == "rport":
                kept.append(f"rport={port}")
            elif name != "received":
                kept.append(part)
        if self.host.strip("[]") != host:
            kept.append(f"received={host}")
        return ";".join(kept)


@dataclass(frozen=True, slots=True)
class CSeq:
    """Number and method of a request."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        """Read a value. Raises ProtocolError."""
        match = _CSEQ.match(text)
        if match is None or int(match.group(1)) > MAX_CSEQ:
            raise ProtocolError("no CSeq", context=text.encode("utf-8", "surrogateescape"))
        return cls(int(match.group(1)), match.group(2))

    def __str__(self) -> str:
        return f"{self.number} {self.method}"
