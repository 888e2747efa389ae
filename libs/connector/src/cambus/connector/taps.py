"""Keyframes for whoever waits for one, of streams that run anyway."""

import asyncio

from cambus.media.frame import Frame


class KeyframeTaps:
    """Hands the next keyframe of a stream to those who wait for it."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[int, str], list[asyncio.Future[Frame]]] = {}

    async def next(self, channel: int, stream: str) -> Frame:
        """Wait for the next keyframe of a stream; bound it with a timeout."""
        waiting: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        futures = self._waiting.setdefault((channel, stream), [])
        futures.append(waiting)
        try:
            return await waiting
        finally:
            if waiting in futures:
                futures.remove(waiting)
            if not futures and self._waiting.get((channel, stream)) is futures:
                del self._waiting[channel, stream]

    def offer(self, channel: int, stream: str, frame: Frame) -> None:
        """A keyframe has come."""
        for waiting in self._waiting.pop((channel, stream), ()):
            if not waiting.done():
                waiting.set_result(frame)
