"""Frames of an archive, which must not get lost: a full queue stops the reading (DVRIP §10.1)."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from cambus.dvrip.errors import DvripError
from cambus.dvrip.frame_queue import EndOfFrames
from cambus.dvrip.frames import MediaFrame, RawMedia

HIGH_WATER_BYTES: Final = 4 * 1024 * 1024
LOW_WATER_BYTES: Final = 1024 * 1024


class TransferQueue:
    """Holds frames and asks its source to pause above `HIGH_WATER_BYTES`, to resume below `LOW_WATER_BYTES`.

    It is bounded by what one read of the source may add.

    Args:
        pause: called when it is full.
        resume: called when there is room again.
    """

    def __init__(self, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        self.is_paused = False
        self._pause = pause
        self._resume = resume
        self._frames: deque[MediaFrame | RawMedia] = deque()
        self._bytes = 0
        self._ended = False
        self._error: DvripError | None = None
        self._wakeup = asyncio.Event()

    def put(self, frame: MediaFrame | RawMedia) -> None:
        """Add a frame."""
        self._frames.append(frame)
        self._bytes += len(frame.payload)
        self._wakeup.set()
        if self._bytes > HIGH_WATER_BYTES and not self.is_paused:
            self.is_paused = True
            self._pause()

    def clear(self) -> None:
        """Forget what is queued: the position has changed."""
        self._frames.clear()
        self._bytes = 0
        self._make_room()

    def begin(self) -> None:
        """A new run of frames follows the last one's end."""
        self._ended = False
        self._error = None

    def end(self, error: DvripError | None = None) -> None:
        """No more frames will come; those queued are still delivered."""
        if not self._ended:
            self._ended = True
            self._error = error
            self._wakeup.set()

    async def get(self) -> MediaFrame | RawMedia:
        """The next frame.

        Raises:
            EndOfFrames: there is none and none will come.
        """
        while not self._frames:
            if self._ended:
                raise EndOfFrames(self._error)
            self._wakeup.clear()
            await self._wakeup.wait()
        frame = self._frames.popleft()
        self._bytes -= len(frame.payload)
        self._make_room()
        return frame

    def _make_room(self) -> None:
        if self.is_paused and self._bytes <= LOW_WATER_BYTES:
            self.is_paused = False
            self._resume()
