"""Sessions of HLS players: who asks for playlists and segments keeps the stream up, and for a while after.

HLS has no connection that could show whether somebody watches, and players do not keep cookies. So opening a
stream makes a session whose random name stands in every address behind it; each request renews it.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Final, cast

from cambus.media_relay.format_hls import LONGEST_SEGMENT_S, HlsFormat
from cambus.media_relay.hls_folder import HlsFolder
from cambus.media_relay.key import StreamKey
from cambus.media_relay.metrics import RelayMetrics
from cambus.media_relay.output import Output
from cambus.media_relay.streams import Streams
from cambus.media_relay.viewer import Closed, Viewer, ViewerLimits
from cambus.schemas.errors import CambusError, DeadlineExceeded, NotFound, Overloaded

SESSION_BYTES: Final = 16
OUTPUT_NAME: Final = "hls"
_MOST_AT_ONCE: Final = 8
"""Requests of one session at a time: a playlist, a hinted part and some segments."""
_SPARE_S: Final = 1.0


class NoWire:
    """What a viewer has instead of a socket: segments wait to be fetched."""

    def send(self, data: bytes | memoryview, /) -> int:
        """Take everything."""
        return len(data)

    def watch(self, writable: Callable[[], None]) -> None:
        """Never called for: everything is taken."""

    def unwatch(self) -> None:
        """Nothing to undo."""

    def close(self) -> None:
        """Nothing to close."""


class HlsSession:
    """One player.

    Attributes:
        key: the stream it watches.
        form: the segments.
        viewer: its place among the viewers of the stream; counts its bytes.
        used_at: when it last asked for something.
        requests: how many requests are being answered.
        siblings: the player's sessions of the same channel, which live as long as this one; itself among them.
    """

    def __init__(self, key: StreamKey, form: HlsFormat, viewer: Viewer, used_at: float) -> None:
        self.key = key
        self.form = form
        self.viewer = viewer
        self.used_at = used_at
        self.requests = 0
        self.place = ExitStack()
        self.siblings: list[HlsSession] = [self]

    def use(self, now: float) -> None:
        """The player has asked for something."""
        for session in self.siblings:
            session.used_at = now


class HlsSessions:
    """The sessions of this process.

    Args:
        streams: what can be watched; sessions count as viewers there.
        metrics: counts starts and departures.
        start_timeout_s: how long an opening waits for the first picture. The first segment then takes as long as a
            group of pictures.
        idle_s: a session that asks for nothing for so long has ended.
        folder: where complete segments are kept, if not in memory.
        clock: seconds on any monotonic clock.
    """

    def __init__(
        self,
        streams: Streams,
        metrics: RelayMetrics,
        *,
        start_timeout_s: float,
        idle_s: float,
        folder: HlsFolder | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._streams = streams
        self._metrics = metrics
        self._start_timeout_s = start_timeout_s
        self._idle_s = idle_s
        self._folder = folder
        self._failures = 0
        self._clock = clock
        self._sessions: dict[str, HlsSession] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    async def open(self, key: StreamKey, output: Output) -> tuple[str, HlsSession]:
        """Begin a session, once there is a playlist for it; its name, which is a secret, and itself.

        Raises:
            CambusError: as `Streams.watch` and `RelayedStream.ready`; `DeadlineExceeded` when no segment is
                complete in time.
        """
        name, session = await self._open(key, output)
        session.form.served = True
        return name, session

    async def _open(self, key: StreamKey, output: Output) -> tuple[str, HlsSession]:
        asked_at = self._clock()
        with ExitStack() as place:
            stream = place.enter_context(self._streams.watch(key))
            await stream.ready(self._start_timeout_s)
            await stream.prepare(output)
            form = cast(HlsFormat, stream.hub.rendition(output).form)
            viewer = Viewer(NoWire(), ViewerLimits(), partial(_on_closed, form), clock=self._clock)
            place.callback(stream.hub.leave, viewer)
            place.callback(viewer.close, Closed.LEFT)
            stream.hub.join(output, viewer)
            session = HlsSession(key, form, viewer, asked_at)
            if await form.window.until(lambda: form.ready or None, LONGEST_SEGMENT_S + _SPARE_S) is None:
                raise DeadlineExceeded("no segment was complete in time", reason="no-picture")
            session.place = place.pop_all()
        name = secrets.token_urlsafe(SESSION_BYTES)
        session.used_at = self._clock()
        self._sessions[name] = session
        self._metrics.start(output.name).observe(session.used_at - asked_at)
        return name, session

    async def open_all(self, keys: Sequence[StreamKey], output: Output) -> dict[str, HlsSession]:
        """Begin sessions of a channel's streams, for a player that changes between them.

        What cannot be opened is left out, and so is what has another target duration than the first and can not
        have the same (RFC 8216 §6.2.4).

        Args:
            keys: of the streams, the best first.
            output: what they are sent as.

        Returns:
            The sessions by name, the best first.

        Raises:
            CambusError: as `open`, of the first, when none could be opened.
        """
        outcomes = await asyncio.gather(*(self._open(key, output) for key in keys), return_exceptions=True)
        opened = [each for each in outcomes if not isinstance(each, BaseException)]
        for failed in outcomes:
            if isinstance(failed, BaseException) and not (opened and isinstance(failed, CambusError)):
                for name, _ in opened:
                    self._end(name)
                raise failed
        first = opened[0][1].form
        target_s = first.target_s if first.served else max(each.form.target_s for _, each in opened)
        kept = {}
        for name, session in opened:
            if session.form.raise_target(target_s):
                kept[name] = session
            else:
                self._end(name)
        for session in kept.values():
            session.form.served = True
            session.siblings = list(kept.values())
        return kept

    def take(self, name: str, key: StreamKey) -> HlsSession:
        """The session of that name, for one more request; `give_back` ends it.

        Raises:
            NotFound: there is none, it has ended, or it is of another stream.
            Overloaded: it asks for too much at once.
        """
        session = self._sessions.get(name)
        if session is None or session.key != key:
            raise NotFound("this session has ended: open the stream anew", reason="no-such-session")
        if session.requests >= _MOST_AT_ONCE:
            raise Overloaded("too many requests of one session at a time", reason="too-many-requests")
        session.requests += 1
        session.use(self._clock())
        return session

    def give_back(self, session: HlsSession) -> None:
        """A request has been answered."""
        session.requests -= 1
        session.use(self._clock())

    def check(self) -> None:
        """End who asks for nothing any more, and whose stream was closed; called about once a second."""
        now = self._clock()
        for name, session in tuple(self._sessions.items()):
            over = session.viewer.closed not in {None, Closed.ENDED}
            idle = not session.requests and now - session.used_at > self._idle_s
            if over or idle:
                self._end(name)
        windows = {session.form.window for session in self._sessions.values()}
        self._metrics.hls_bytes().set(sum(window.size_bytes for window in windows))
        self._metrics.hls_stored_bytes().set(sum(window.stored_bytes for window in windows))
        if self._folder is not None:
            self._metrics.hls_files().set(self._folder.files)
            before, self._failures = self._failures, self._folder.failures
            self._metrics.hls_unwritten().inc(self._failures - before)

    def close(self) -> None:
        """End every session."""
        for name in tuple(self._sessions):
            self._end(name)

    def _end(self, name: str) -> None:
        session = self._sessions.pop(name)
        session.place.close()
        self._metrics.viewer_left(OUTPUT_NAME, session.viewer)


def _on_closed(form: HlsFormat, viewer: Viewer, reason: Closed) -> None:
    """The hub closed a viewer: at the end of a playback the rest may still be fetched, else it is over."""
    del viewer
    if reason is Closed.ENDED:
        form.end()
    elif reason is not Closed.LEFT:
        form.abandon()
