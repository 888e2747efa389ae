"""A transcoder at work beside the event loop."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Final

from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Frame
from cambus.media.transcoder import AudioTranscoder

log = logging.getLogger(__name__)

MOST_WAITING: Final = 4096
"""Packets that may wait; more than any cached group of pictures has. The oldest are given up first."""


class SoundFeed:
    """Runs one `AudioTranscoder` in an executor: at most one batch of packets at a time, so that order is kept.

    `push` never blocks. What waits while a batch is worked on goes with the next, so that a busy machine costs fewer
    hops between threads, not more.

    Args:
        source: what goes in.
        codec: what is to come out.
        deliver: called in the event loop with what came out; not any more after `close`.
        executor: where the work is done.

    Raises:
        ValueError: there is no way from one to the other.

    Attributes:
        config: what comes out.
        dropped: packets given up because the work did not keep up.
    """

    def __init__(
        self,
        source: AudioConfig,
        codec: Codec,
        deliver: Callable[[Sequence[Frame]], None],
        executor: Executor,
    ) -> None:
        self._transcoder = AudioTranscoder(source, codec)
        self._deliver = deliver
        self._executor = executor
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Frame] = deque()
        self._job: asyncio.Future[list[Frame]] | None = None
        self._settled = asyncio.Event()
        self._settled.set()
        self._closed = False
        self._finishing = False
        self.config = self._transcoder.config
        self.dropped = 0

    @property
    def lost(self) -> int:
        """Packets that were not transcoded: malformed, too late, or given up because the work did not keep up."""
        return self.dropped + self._transcoder.counts.total()

    def push(self, frame: Frame) -> None:
        """Take an audio frame of the source."""
        if self._closed:
            return
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(frame)
        if self._job is None:
            self._start()

    def finish(self) -> None:
        """The stream has ended: deliver what is still inside of the transcoder, behind what waits."""
        if not self._closed:
            self._finishing = True
            if self._job is None:
                self._start()

    async def settled(self) -> None:
        """Wait until everything pushed so far has been delivered, or the feed is closed."""
        await self._settled.wait()

    def close(self) -> None:
        """Give up what waits; a batch under way is let finish and thrown away."""
        self._closed = True
        self._waiting.clear()
        self._settled.set()

    def _start(self) -> None:
        self._settled.clear()
        batch, flush = tuple(self._waiting), self._finishing
        self._waiting.clear()
        self._finishing = False
        self._job = self._loop.run_in_executor(self._executor, self._work, batch, flush)
        self._job.add_done_callback(self._on_done)

    def _work(self, batch: Sequence[Frame], flush: bool) -> list[Frame]:  # in a thread of the executor
        made = self._transcoder.transcode(batch)
        return [*made, *self._transcoder.flush()] if flush else made

    def _on_done(self, job: asyncio.Future[list[Frame]]) -> None:
        self._job = None
        error = None if job.cancelled() else job.exception()
        if error is not None:
            log.error("sound cannot be transcoded any more", exc_info=error)
            self.close()
        if self._closed or job.cancelled():
            return
        frames = job.result()
        if frames:
            self._deliver(frames)
        if (self._waiting or self._finishing) and not self._closed:
            self._start()
        else:
            self._settled.set()
