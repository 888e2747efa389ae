"""SIP URIs as the field writes them (RFC 3261 §19.1, GB/T 28181-2022 §6.1.2).

Surveillance domains are ten digits (`sip:34020000001320000002@3402000000`), which RFC 3261 does not allow as a
host; an address may stand there instead, a host name, nothing at all, or a port alone. All of it is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from cambus.sip.errors import ProtocolError
from cambus.sip.fields import BARE_IPV6, parse_parameters

MAX_URI_CHARS = 1024
DEFAULT_PORT = 5060

_URI = re.compile(
    r"(?i)\s*(sips?)\s*:\s*(?:([^@<>\s]*)@)?"
    rf"(\[[^\[\]<>\s]*\]|{BARE_IPV6}|[^:;?<>\[\]\s]*)(?::([0-9]{{0,5}}))?\s*(?=[;?]|\Z)"
)


@dataclass(frozen=True, slots=True)
class SipUri:
    """One URI.

    Attributes:
        user: the part before the `@`, without a password; the id of a device, a channel or a platform.
        host: a domain, a name or an address, IPv6 without its brackets; may be empty.
        port: 1..65535; None where none is given.
        scheme: `sip` or `sips`.
        parameters: what stands behind, names in lower case; None for one without a value.
    """

    user: str
    host: str
    port: int | None = None
    scheme: str = "sip"
    parameters: dict[str, str | None] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> SipUri:
        """Read a URI, with or without `<>`.

        Raises:
            ProtocolError: it is no SIP URI, or longer than `MAX_URI_CHARS`.
        """
        if len(text) > MAX_URI_CHARS:
            raise ProtocolError(
                f"a URI of {len(text)} characters, at most {MAX_URI_CHARS} are read", status=414
            )
        bare = text.strip().removeprefix("<").partition(">")[0]
        match = _URI.match(bare)
        if match is None:
            raise ProtocolError("no SIP URI", context=text.encode("utf-8", "surrogateescape"))
        scheme, user, host, port = match.groups()
        number = int(port) if port else None
        if number is not None and not 1 <= number <= 0xFFFF:
            raise ProtocolError(f"port {number} in a URI is out of range")
        tail = bare[match.end() :].partition("?")[0]
        return cls(
            (user or "").partition(":")[0],
            host.strip("[]"),
            number,
            scheme.lower(),
            parse_parameters(tail) if tail else {},
        )

    @property
    def address(self) -> str:
        """Host and port as they stand in a URI."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    def __str__(self) -> str:
        user = f"{self.user}@" if self.user else ""
        tail = "".join(f";{k}" if v is None else f";{k}={v}" for k, v in self.parameters.items())
        return f"{self.scheme}:{user}{self.address}{tail}"
