"""Frames between the reader of a socket and a consumer that may be slow (DVRIP §9.1)."""

import asyncio
from collections import Counter, deque
from typing import Final

from cambus.dvrip.errors import DvripError
from cambus.dvrip.frames import MediaFrame, VideoFrame

MAX_FRAMES: Final = 256
MAX_BYTES: Final = 16 * 1024 * 1024


class EndOfFrames(Exception):
    """The source ended and everything was read.

    Attributes:
        error: why, or None for a regular end.
    """

    def __init__(self, error: DvripError | None = None) -> None:
        super().__init__(str(error) if error else "end of stream")
        self.error = error


class FrameQueue:
    """A bounded queue that never makes its producer wait.

    When it is full everything in it is dropped, and then all frames up to the next key frame, which is marked
    as a
    discontinuity: a consumer that is too slow loses whole groups of pictures, never single frames.

    Args:
        max_frames: frames it holds.
        max_bytes: payload bytes it holds.

    Attributes:
        counters: ``delivered``, ``dropped`` (frames), ``overflows``.
    """

    def __init__(self, max_frames: int = MAX_FRAMES, max_bytes: int = MAX_BYTES) -> None:
        self.counters: Counter[str] = Counter()
        self._max_frames = max_frames
        self._max_bytes = max_bytes
        self._frames: deque[MediaFrame] = deque()
        self._bytes = 0
        self._dropping = False
        self._ended = False
        self._error: DvripError | None = None
        self._reader: asyncio.Future[None] | None = None  # cheaper than an event, and there is only one

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def bytes(self) -> int:
        """Payload bytes it holds now."""
        return self._bytes

    def put(self, frame: MediaFrame) -> None:
        """Add a frame, or drop it and count."""
        if self._ended:
            return
        if self._dropping:
            if not (isinstance(frame, VideoFrame) and frame.keyframe):
                self.counters["dropped"] += 1
                return
            self._dropping = False
            frame = frame._replace(discontinuity=True)
        if len(self._frames) >= self._max_frames or self._bytes + len(frame.payload) > self._max_bytes:
            self._overflow(frame)
            return
        self._frames.append(frame)
        self._bytes += len(frame.payload)
        if self._reader is not None:
            self._wake()

    def _overflow(self, frame: MediaFrame) -> None:
        self.counters["overflows"] += 1
        self.counters["dropped"] += len(self._frames)
        self._frames.clear()
        self._bytes = 0
        self._dropping = True
        if isinstance(frame, VideoFrame) and frame.keyframe and len(frame.payload) <= self._max_bytes:
            self.put(frame)
        else:
            self.counters["dropped"] += 1

    def end(self, error: DvripError | None = None) -> None:
        """No more frames will come; those queued are still delivered."""
        if not self._ended:
            self._ended = True
            self._error = error
            self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
        self._reader = None

    async def get(self) -> MediaFrame:
        """The next frame, for the one consumer there is.

        Raises:
            EndOfFrames: there is none and none will come.
        """
        while not self._frames:
            if self._ended:
                raise EndOfFrames(self._error)
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        frame = self._frames.popleft()
        self._bytes -= len(frame.payload)
        self.counters["delivered"] += 1
        return frame
