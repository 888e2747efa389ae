"""Playback and download of recordings (DVRIP §10.1)."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from cambus.dvrip.errors import ConnectionLost, DvripError, Refused, WrongRecording
from cambus.dvrip.frame_queue import EndOfFrames
from cambus.dvrip.frames import MediaFrame, RawMedia
from cambus.dvrip.ids import MessageId
from cambus.dvrip.media import StreamSplitter
from cambus.dvrip.media_path import MediaPath
from cambus.dvrip.messages.playback import FAST_SCAN, PlaybackTarget, playback_body
from cambus.dvrip.transfer_queue import TransferQueue
from cambus.dvrip.wire import Header

#: After an end mark on the other socket media may still be on its way.
END_MARK_GRACE_S: Final = 1.0
#: After a stop the data connection has to be this quiet before it is used again.
SETTLED_S: Final = 0.2
#: By how much the size of what was played by time may differ from what the search announced, bytes and parts.
SIZE_SLACK_BYTES: Final = 64 * 1024
SIZE_SLACK: Final = 0.02
#: Actions that have a name of their own in downloads.
_DOWNLOAD_VERBS: Final = frozenset({"Start", "Stop", "Pause", "Continue"})


class Outcome(StrEnum):
    """How a transfer ended."""

    COMPLETE = "complete"
    TRUNCATED = "truncated"
    INTERRUPTED = "interrupted"
    STOPPED = "stopped"


class Playback:
    """One recording being played or downloaded; iterate its frames, then `close` it.

    Nothing is lost: a slow consumer slows the device down. The iteration ends regularly when the transfer is
    complete, truncated or stopped (see `outcome`), and with an exception when the connection broke.

    Args:
        target: what to play.
        download: as fast as the disk allows, instead of at real time.
        silence_s: gap after which a transfer without an end mark is over.
        expected_kib: size the search announced, KiB; 0 when unknown.
        fast_scan: ask for a decimated scan.
        raw: hand out the bytes as they come (`raw`) instead of frames.
        on_close: called once when it is given back.

    Attributes:
        target: what is being played.
        outcome: how it ended; None while it runs.
        bytes_received: media bytes of the present run.
    """

    def __init__(
        self,
        target: PlaybackTarget,
        *,
        download: bool,
        silence_s: float,
        expected_kib: int = 0,
        fast_scan: bool = False,
        raw: bool = False,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self.target = target
        self.is_download = download
        self.outcome: Outcome | None = None
        self.bytes_received = 0
        self.packets = 0
        self._on_close = on_close
        self._expected_kib = expected_kib
        self._value = FAST_SCAN if fast_scan else 0
        self._is_raw = raw
        self._silence_s = silence_s
        self._loop = asyncio.get_running_loop()
        self._started: asyncio.Future[None] = self._loop.create_future()
        self._last = self._loop.time()
        self._quiet_s = silence_s
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._path: MediaPath | None = None
        self._queue = TransferQueue(self._pause_reading, self._resume_reading)
        self._splitter = StreamSplitter(wait_for_key=False)
        self._counters: Counter[str] = Counter()

    @property
    def counters(self) -> Counter[str]:
        """Those of the splitters so far: ``frames``, ``resyncs``, ``service_blocks``, ..."""
        return self._counters + self._splitter.counters

    @property
    def started(self) -> "asyncio.Future[None]":
        """Done when the present run has begun."""
        return self._started

    def body(self, verb: str) -> dict[str, object]:
        """The request for ``verb``: Claim, Start, Stop, Pause, Continue, Seek, Request."""
        is_prefixed = self.is_download and verb in _DOWNLOAD_VERBS
        value = 0 if self.is_download else self._value  # a download is to be whole
        return playback_body(f"Download{verb}" if is_prefixed else verb, self.target, value=value)

    # the device's side

    def on_media(self, header: Header, payload: bytes) -> None:
        """Take one media packet; called by the data connection."""
        if header.message_id not in (MessageId.PLAYBACK_DATA, MessageId.DOWNLOAD_DATA):
            return
        self._last = self._loop.time()
        if self.outcome is not None:
            return  # left over from a run that was stopped
        self._mark_started()
        if payload:
            self.packets += 1
            self.bytes_received += len(payload)
            if self._is_raw:
                self._queue.put(RawMedia(payload))
            else:
                for frame in self._splitter.receive_data(payload):
                    self._queue.put(frame)
        if header.current_or_end == 1 or not payload:
            self._complete()

    def on_push(self, header: Header, payload: bytes) -> None:  # noqa: ARG002 - its id says it all
        """Take a push of the data connection: an end mark, or a stray 1421 which media outweighs."""
        if header.message_id == MessageId.PLAYBACK_END:
            self._mark_started()
            self._complete()

    def on_end_mark(self) -> None:
        """A 1423 came on the control connection, where it may have overtaken media."""
        if self.outcome is None:
            self._mark_started()
            self._quiet_s = min(self._quiet_s, END_MARK_GRACE_S)
            self._arm()

    def _mark_started(self) -> None:
        if not self._started.done():
            self._started.set_result(None)

    # the caller's side

    def run(self, path: MediaPath) -> None:
        """Media flows on ``path`` from now on; watch it for silence and its end."""
        if self._path is not path:
            path.data.closed.add_done_callback(self._on_closed)
        self._path = path
        if not self._is_over():
            self._last = self._loop.time()
            self._arm()

    async def restart(
        self,
        target: PlaybackTarget | None = None,
        expected_kib: int | None = None,
        *,
        download: bool | None = None,
    ) -> None:
        """Start again on the same data connection, after `stop` or the end.

        Args:
            target: another recording or span; None for the same.
            expected_kib: its size, KiB.
            download: from now on as fast as the disk allows, or at real time; None: as it was.

        Raises:
            Refused: it still runs, or was closed.
            DvripError: the device refused, or sends nothing.
        """
        path = self._running_path()
        if self.outcome is None:
            raise Refused("state", "the playback is running")
        if target is not None:
            self.target = target
        if expected_kib is not None:
            self._expected_kib = expected_kib
        if download is not None:
            self.is_download = download
        self.outcome = None
        self.bytes_received = 0
        self._paused = False
        self._quiet_s = self._silence_s
        self._queue.clear()
        self._queue.begin()
        self._new_splitter(wait_for_key=False)
        self._started = self._loop.create_future()
        try:
            await path.start(self.body("Start"), self._started)
        except DvripError as error:
            self._finish(Outcome.INTERRUPTED, error)
            raise
        self.run(path)

    async def pause(self) -> None:
        """Hold the transfer.

        Raises:
            DvripError: the device refused.
        """
        path = self._running_path()
        # What is not read stops the device as well, and there its answer could not be read either.
        if not (path.has_own_session and self._queue.is_paused):
            await self._command("Pause")
        self._paused = True

    async def resume(self) -> None:
        """Go on after `pause`.

        Raises:
            DvripError: the device refused.
        """
        await self._command("Continue")
        self._paused = False
        self._last = self._loop.time()

    async def seek(self, position: datetime, *, locate: bool = True) -> None:
        """Go to another time, device local, and on from there even if it was held.

        Args:
            position: where to go on.
            locate: the device can seek (`SupportPlaybackLocate`); otherwise it is stopped and started there.

        Raises:
            DvripError: the device refused.
        """
        self.target = replace(self.target, begin=position)
        if not locate:
            await self.stop()
            await self.restart()
            return
        self._queue.clear()  # on a connection that is not read the answer could not be
        await self._command("Seek")
        self._queue.clear()
        self._new_splitter(wait_for_key=True)
        if self._paused:
            # Some devices go on by themselves, and may refuse; others stay held at the new place.
            with contextlib.suppress(Refused):
                await self._command("Continue")
        self._paused = False
        self._last = self._loop.time()

    async def stop(self) -> None:
        """Stop the transfer and keep the data connection for another start."""
        path = self._running_path()
        if self.outcome is None:
            self._finish(Outcome.STOPPED)
            self._resume_reading()  # the answer has to be read; media is thrown away from here on
            await path.command(self.body("Stop"), f"stop of {path.kind.label}")
        while (quiet_s := self._loop.time() - self._last) < SETTLED_S:  # noqa: ASYNC110 - silence has no event
            await asyncio.sleep(SETTLED_S - quiet_s)

    def abort(self, error: DvripError) -> None:
        """The session it belongs to is gone."""
        self._finish(Outcome.INTERRUPTED, error)
        if self._path is not None:
            self._path.data.abort(ConnectionLost(str(error)))

    async def close(self) -> None:
        """Stop and give the connection back; safe to call twice."""
        running = self.outcome is None
        self._finish(Outcome.STOPPED)
        self._resume_reading()  # the answer to Stop has to be read
        path, self._path = self._path, None
        if path is not None:
            stop = self.body("Stop") if running and not path.control.is_closed else None
            await path.release(stop)
        if self._on_close is not None:
            self._on_close()
            self._on_close = None

    def __aiter__(self) -> AsyncIterator[MediaFrame]:
        return self

    async def __anext__(self) -> MediaFrame:
        media = await self._next()
        if isinstance(media, RawMedia):
            raise Refused("state", "this playback gives bytes, not frames")
        return media

    async def raw(self) -> AsyncIterator[bytes]:
        """The bytes of the recording as they come, if it was opened for them; ends as the frames do."""
        while True:
            try:
                yield (await self._next()).payload
            except StopAsyncIteration:
                return

    async def _next(self) -> MediaFrame | RawMedia:
        try:
            return await self._queue.get()
        except EndOfFrames as end:
            if end.error is None:
                raise StopAsyncIteration from None
            raise end.error from None

    # inside

    def _running_path(self) -> MediaPath:
        if self._path is None:
            raise Refused("closed", "the playback is closed")
        return self._path

    async def _command(self, verb: str) -> None:
        path = self._running_path()
        await path.command(self.body(verb), f"{verb.lower()} of {path.kind.label}")

    def _new_splitter(self, *, wait_for_key: bool) -> None:
        self._counters += self._splitter.counters
        self._splitter = StreamSplitter(wait_for_key=wait_for_key)

    def _pause_reading(self) -> None:
        if self._path is not None:
            self._path.pause_reading()

    def _resume_reading(self) -> None:
        self._last = self._loop.time()
        if self._path is not None:
            self._path.resume_reading(proceed=not self._paused)

    def _arm(self, delay_s: float | None = None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(
            self._quiet_s if delay_s is None else delay_s, self._check_silence
        )

    def _check_silence(self) -> None:
        self._timer = None
        idle = self._loop.time() - self._last
        if self._paused or self._queue.is_paused:
            self._arm()  # silence of our own making
        elif idle < self._quiet_s:
            self._arm(self._quiet_s - idle)
        elif self._quiet_s < self._silence_s:  # an end mark was seen
            self._complete()
        else:
            enough = self.bytes_received >= (self._expected_kib - 1) * 1024 and self.bytes_received > 0
            self._finish(Outcome.COMPLETE if enough else Outcome.TRUNCATED)

    def _on_closed(self, closed: "asyncio.Future[DvripError | None]") -> None:
        error = closed.result() or ConnectionLost("the device closed the data connection")
        self._finish(Outcome.INTERRUPTED, error)

    def _is_over(self) -> bool:
        return self.outcome is not None

    def _complete(self) -> None:
        """The device says that this was all. Played by time it may have been of another channel: the size tells."""
        wanted, got = self._expected_kib * 1024, self.bytes_received
        if self.target.file_name or not wanted or abs(got - wanted) <= SIZE_SLACK_BYTES + wanted * SIZE_SLACK:
            self._finish(Outcome.COMPLETE)
        elif got < wanted:
            self._finish(Outcome.TRUNCATED)
        else:
            text = f"{got} bytes were played by time, {wanted} were recorded on channel {self.target.channel}"
            self._finish(Outcome.INTERRUPTED, WrongRecording(text, context="playback"))

    def _finish(self, outcome: Outcome, error: DvripError | None = None) -> None:
        if self.outcome is not None:
            return
        self.outcome = outcome
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._queue.end(error)
