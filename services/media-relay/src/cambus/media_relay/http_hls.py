"""HLS over HTTP: playlists that wait until there is something new, segments, and parts of them.

RFC 8216; draft-pantos-hls-rfc8216bis §6.2.5 for what is low in latency about it.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Final
from weakref import WeakKeyDictionary

from aiohttp import web

from cambus.media_relay.access import Access
from cambus.media_relay.format_hls import HlsFormat
from cambus.media_relay.hls_folder import Extent
from cambus.media_relay.hls_playlist import CONTENT_TYPE, media_playlist, multivariant_playlist
from cambus.media_relay.hls_session import HlsSession, HlsSessions
from cambus.media_relay.key import StreamKey, parse_key
from cambus.media_relay.output import hls_output
from cambus.schemas.errors import BadRequest, NotFound, Offline

_MEDIA: Final = "video/mp4"
_MEDIA_CACHING: Final = "private, max-age=60"
_PIECE_BYTES: Final = 256 * 1024
_PATIENCE: Final = 3
"""Target durations a request for what is yet to come may wait (§6.2.5.2)."""

_AHEAD: Final = 2
"""Segments a playlist may be asked for in advance (§6.2.5.2)."""

_CHANNEL: Final = "/hls/{device}/{channel}"
_STREAM: Final = _CHANNEL + "/{stream}"
_SESSION: Final = _STREAM + "/{session}"


_VARIANTS: Final = ("main", "sub")
"""The streams of a channel that show the same, the best first."""

StreamsOf = Callable[[str, int], Collection[str]]
"""Device, channel: its streams."""


class HlsHandlers:
    """Answers `/hls/<device>/<channel>/<stream>/index.m3u8`, the same without a stream, and what they lead to.

    Args:
        sessions: who watches.
        access: who may.
        streams_of: the streams a device's channel is known to have.
    """

    def __init__(self, sessions: HlsSessions, access: Access, streams_of: StreamsOf) -> None:
        self._sessions = sessions
        self._streams_of = streams_of
        self._access = access
        self._playlists: WeakKeyDictionary[HlsFormat, tuple[int, bytes]] = WeakKeyDictionary()

    def routes(self) -> list[web.RouteDef]:
        """What to add to the application."""
        return [
            web.get(_CHANNEL + "/index.m3u8", self._open_channel, allow_head=False),
            web.get(_STREAM + "/index.m3u8", self._open, allow_head=False),
            web.get(_SESSION + "/live.m3u8", self._playlist, allow_head=False),
            web.get(_SESSION + r"/init-{number:\d{1,9}}.mp4", self._init, allow_head=False),
            web.get(_SESSION + r"/segment-{number:\d{1,12}}.m4s", self._segment, allow_head=False),
            web.get(_SESSION + r"/part-{number:\d{1,12}}.m4s", self._part, allow_head=False),
        ]

    async def _open(self, request: web.Request) -> web.Response:
        """The multivariant playlist, which leads into a session of its own for whoever asks."""
        async with await self._access.admit(request, partial(_key, request)):
            output = hls_output(request.query.get("audio"))
            name, session = await self._sessions.open(_key(request), output)
        text = multivariant_playlist([(session.form, name)])
        return _answer(text.encode(), CONTENT_TYPE, "no-store")

    async def _open_channel(self, request: web.Request) -> web.Response:
        """The multivariant playlist of a channel: its main stream, and its second one where it has one."""
        key = parse_key(request.match_info["device"], request.match_info["channel"], _VARIANTS[0])
        async with await self._access.admit(request, lambda: key):
            output = hls_output(request.query.get("audio"))
            has = self._streams_of(key.device, key.channel)
            keys = [replace(key, stream=each) for each in _VARIANTS if each in has] or [key]
            sessions = await self._sessions.open_all(keys, output)
        variants = [(each.form, f"{each.key.stream}/{name}") for name, each in sessions.items()]
        return _answer(multivariant_playlist(variants).encode(), CONTENT_TYPE, "no-store")

    async def _playlist(self, request: web.Request) -> web.Response:
        """The media playlist; with `_HLS_msn` and `_HLS_part` once it holds what they name."""
        with self._session(request) as session:
            form, window = session.form, session.form.window
            msn, part = _wanted(request)
            if msn is not None:
                if msn > window.next_msn - 1 + _AHEAD:
                    raise BadRequest("_HLS_msn: that is too far ahead", reason="too-far-ahead")
                there = await window.until(
                    lambda: window.reaches(msn, part) or None, _PATIENCE * form.target_s
                )
                if there is None and not window.ended:
                    raise _nothing_came(session)
            return _answer(self._media_playlist(form), CONTENT_TYPE, "no-store")

    async def _init(self, request: web.Request) -> web.StreamResponse:
        with self._session(request) as session:
            found = session.form.window.inits.get(_number(request))
            if found is None:
                raise _gone()
            return await _media(request, session, found)

    async def _segment(self, request: web.Request) -> web.StreamResponse:
        with self._session(request) as session:
            found = session.form.window.segment(_number(request))
            if found is None or found.data is None:
                raise _gone()
            return await _media(request, session, found.data)

    async def _part(self, request: web.Request) -> web.StreamResponse:
        """A part; the one the playlist hints at once it is there (§6.2.6)."""
        with self._session(request) as session:
            window, number = session.form.window, _number(request)
            if number > window.next_part:
                raise _gone()
            patience_s = _PATIENCE * session.form.target_s if number == window.next_part else 0.0
            found = await window.until(lambda: window.part(number), patience_s)
            if found is None and patience_s and not window.ended:
                raise _nothing_came(session)
            if found is None:
                raise _gone()
            return await _media(request, session, found.data)

    @contextmanager
    def _session(self, request: web.Request) -> Iterator[HlsSession]:
        """The session of a request: its name is all that is needed."""
        self._access.check_site(request)
        session = self._sessions.take(request.match_info["session"], _key(request))
        try:
            yield session
        finally:
            self._sessions.give_back(session)

    def _media_playlist(self, form: HlsFormat) -> bytes:
        """The playlist, written once for all sessions."""
        version, text = self._playlists.get(form, (-1, b""))
        if version != form.window.version:
            text = media_playlist(form).encode()
            self._playlists[form] = form.window.version, text
        return text


async def _media(
    request: web.Request, session: HlsSession, data: bytes | memoryview | Extent
) -> web.StreamResponse:
    session.viewer.count(len(data))
    if not isinstance(data, Extent):
        return _answer(data, _MEDIA, _MEDIA_CACHING)
    try:
        first = await asyncio.to_thread(data.read, 0, _PIECE_BYTES)
    except OSError:
        raise _gone() from None
    if len(first) == len(data):
        return _answer(first, _MEDIA, _MEDIA_CACHING)
    response = web.StreamResponse(headers=_headers(_MEDIA_CACHING) | {"Content-Type": _MEDIA})
    response.content_length = len(data)
    await response.prepare(request)
    await response.write(first)
    for start in range(len(first), len(data), _PIECE_BYTES):
        await response.write(await asyncio.to_thread(data.read, start, _PIECE_BYTES))
    await response.write_eof()
    return response


def _answer(body: bytes | memoryview, content_type: str, caching: str) -> web.Response:
    return web.Response(body=body, content_type=content_type, headers=_headers(caching))


def _headers(caching: str) -> dict[str, str]:
    return {"Cache-Control": caching, "X-Content-Type-Options": "nosniff"}


def _key(request: web.Request) -> StreamKey:
    parts = request.match_info
    return parse_key(parts["device"], parts["channel"], parts["stream"])


def _number(request: web.Request) -> int:
    return int(request.match_info["number"])


def _wanted(request: web.Request) -> tuple[int | None, int | None]:
    """The delivery directives `_HLS_msn` and `_HLS_part` (§6.2.5.2). Raises BadRequest."""
    msn, part = _directive(request, "_HLS_msn"), _directive(request, "_HLS_part")
    if part is not None and msn is None:
        raise BadRequest("_HLS_part: needs _HLS_msn")
    return msn, part


def _directive(request: web.Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise BadRequest(f"{name}: wanted a number")
    return int(text)


def _gone() -> NotFound:
    return NotFound("there is no such segment, or none any more", reason="no-such-segment")


def _nothing_came(session: HlsSession) -> Offline | NotFound:
    if session.form.window.abandoned:
        return NotFound("this session has ended: open the stream anew", reason="no-such-session")
    return Offline("the device sends nothing at the moment", reason="no-picture", retryable=True)
