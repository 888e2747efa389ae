"""Which device, channel and stream a publisher means by its URL: `/live/<device>[/<channel>][/<stream>]`."""

from dataclasses import dataclass, field
from typing import Final, get_args
from urllib.parse import parse_qsl, unquote

from cambus.schemas.ids import StreamName, is_token

ROOT: Final = "live"
KEY: Final = "key"
MAX_CHARS: Final = 2048
_STREAMS: Final[dict[str, StreamName]] = {name: name for name in get_args(StreamName)}
_MAX_QUERY_FIELDS: Final = 32
_MAX_DIGITS: Final = 4


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stream belongs.

    Attributes:
        device: id of the record.
        channel: counted from 0.
        stream: `main` where the URL does not say.
        key: what was shown as the secret, of RTMP; empty for none.
    """

    device: str
    channel: int
    stream: StreamName
    key: str = field(default="", repr=False)


def rtsp_place(path: str) -> Place | None:
    """The place of a decoded path; None for one that names none."""
    return _place(_segments(path))


def rtmp_place(app: str, name: str) -> Place | None:
    """The place of an app and a stream name; None where they name none.

    The key is what stands last, or `key=` of a query: publishers have one field for the server and one for a key.
    """
    if len(app) + len(name) > MAX_CHARS:
        return None
    paths, keys = [], []
    for text in (app, name):
        path, _, query = text.partition("?")
        paths.append(path)
        try:
            fields = parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_QUERY_FIELDS)
        except ValueError:
            return None
        keys += [value for key, value in fields if key == KEY]
    segments = [unquote(each) for each in _segments("/".join(paths))]
    if not keys:
        if len(segments) < 3:
            return None
        keys = [segments.pop()]
    return _place(segments, keys[-1])


def _segments(path: str) -> list[str]:
    return [each for each in path.split("/") if each]


def _place(segments: list[str], key: str = "") -> Place | None:
    if len(segments) < 2 or segments[0] != ROOT or not is_token(segments[1]):
        return None
    _, device, *rest = segments
    channel, stream = 0, _STREAMS["main"]
    if rest and rest[0].isascii() and rest[0].isdigit() and len(rest[0]) <= _MAX_DIGITS:
        channel = int(rest.pop(0))
    if rest and rest[0] in _STREAMS:
        stream = _STREAMS[rest.pop(0)]
    return None if rest else Place(device, channel, stream, key)
