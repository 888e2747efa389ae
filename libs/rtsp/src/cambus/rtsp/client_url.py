"""URLs as a client has to do with them: where to connect, what tracks are called (RFC 2326 C.1.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

DEFAULT_PORT: Final = 554
TLS_PORT: Final = 322
MAX_CHARS: Final = 2048
_PRINTABLE: Final = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Source:
    """A stream of a server.

    Attributes:
        host: name or address of the server.
        port: of the server.
        url: what it is asked for; without credentials of the kind that stand before the host.
        tls: whether inside of TLS.
    """

    host: str
    port: int
    url: str = field(repr=False)  # a query may hold a token
    tls: bool = False


def parse_source(url: str) -> Source:
    """Read a URL.

    Raises:
        ValueError: it is no `rtsp://` or `rtsps://` URL, or holds credentials; the text does not repeat it.
    """
    if len(url) > MAX_CHARS or not _PRINTABLE.fullmatch(url):
        raise ValueError(f"wanted at most {MAX_CHARS} printable ASCII characters without blanks")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("the URL cannot be read") from None
    tls = parts.scheme.lower() == "rtsps"
    if parts.scheme.lower() not in {"rtsp", "rtsps"} or not host:
        raise ValueError("wanted rtsp://HOST[:PORT]/PATH")
    if "@" in parts.netloc:
        raise ValueError("the URL must not hold credentials")
    if port == 0:
        raise ValueError("port 0 is none")
    usual = TLS_PORT if tls else DEFAULT_PORT
    return Source(host, usual if port is None else port, url, tls)


def joined(base: str, control: str) -> str:
    """The URL of a track: clients and cameras agree that a relative one is appended, whatever the base ends in."""
    if not control or control == "*":
        return base
    if control.lower().startswith(("rtsp://", "rtsps://", "rtspu://")):
        return control
    return f"{base}{control}" if base.endswith("/") else f"{base}/{control}"


def usable(url: str) -> bool:
    """Whether a server's URL can stand in a request line."""
    return len(url) <= MAX_CHARS and _PRINTABLE.fullmatch(url) is not None
