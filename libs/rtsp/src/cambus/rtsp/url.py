"""Request URLs and the control URLs of tracks (RFC 2326 §3.2, C.1.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from cambus.rtsp.errors import ProtocolError

CONTROL_PREFIX = "trackID="
"""`a=control:trackID=<n>` in the session description; clients append it to the content base."""

_TRACK = re.compile("/" + CONTROL_PREFIX + r"(\d{1,3})/?(?=\?|$)", re.ASCII)
_MAX_QUERY_FIELDS = 32


@dataclass(frozen=True, slots=True)
class RtspUrl:
    """A request URL taken apart.

    Attributes:
        base: the presentation's URL without query, track and trailing slash, as the client wrote it.
        path: decoded path of the presentation, e.g. `/live/gate-1/0/main`.
        query: decoded query parameters (of a repeated one the last).
        track: number of the control URL, None for the presentation as a whole.
    """

    base: str = field(repr=False)  # may hold credentials
    path: str
    query: dict[str, str] = field(default_factory=dict, repr=False)  # may hold a token
    track: int | None = None

    @property
    def content_base(self) -> str:
        """What relative control URLs are appended to: it has to end in a slash."""
        return f"{self.base}/"

    def control(self, track: int) -> str:
        """The absolute control URL of a track."""
        return f"{self.base}/{CONTROL_PREFIX}{track}"


def parse_url(url: str) -> RtspUrl:
    """Take a request URL apart.

    Clients that ignore `Content-Base` append the control URL behind a query
    (`rtsp://h/p?token=t/trackID=0`), so the track is cut off the end whatever comes before.

    Raises:
        ProtocolError: neither an `rtsp` URL nor an absolute path.
    """
    found = _TRACK.search(url)
    presentation = url[: found.start()] + url[found.end() :] if found else url
    try:
        parts = urlsplit(presentation)
        query = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=_MAX_QUERY_FIELDS)
    except ValueError as error:
        raise ProtocolError("the URL cannot be parsed") from error
    absolute = parts.scheme.lower() in {"rtsp", "rtsps", "rtspu"} and bool(parts.netloc)
    if not absolute and (parts.scheme or parts.netloc or not url.startswith("/")):
        raise ProtocolError("the URL is neither rtsp:// nor a path")
    return RtspUrl(
        base=presentation.partition("#")[0].partition("?")[0].rstrip("/"),
        path="/" + unquote(parts.path).strip("/"),
        query=dict(query),
        track=int(found.group(1)) if found else None,
    )
