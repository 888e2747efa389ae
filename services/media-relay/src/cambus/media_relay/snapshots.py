"""JPEG pictures of streams: the newest keyframe, decoded once for all who ask for it, beside the event loop."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from cambus.connector.picture import MAX_PIXELS, PictureError, picture_of
from cambus.media.frame import Frame
from cambus.media_relay.key import StreamKey
from cambus.media_relay.stream import RelayedStream
from cambus.media_relay.streams import Streams
from cambus.schemas.errors import DeviceProtocolError, Offline, Overloaded

THREADS: Final = 2
_MOST_WAITING: Final = 64
"""Different pictures being made or waited for at a time, of all streams."""

_KEPT_BYTES: Final = 16 << 20
_STALE_S: Final = 5.0
"""A stream that has sent nothing for so long shows what was, not what is."""

Wanted = tuple[StreamKey, int, int | None]
"""Which stream, which keyframe by its wall clock, which width."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One picture.

    Attributes:
        data: a JPEG file.
        wall_us: when it came from the device, microseconds since 1970.
    """

    data: bytes
    wall_us: int


class Snapshots:
    """Makes pictures of streams, starting them if need be; they linger after that as behind any viewer.

    Args:
        streams: what can be seen.
        start_timeout_s: how long a picture is waited for.
        clock: the clock of the streams, seconds.
    """

    def __init__(
        self, streams: Streams, *, start_timeout_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._streams = streams
        self._start_timeout_s = start_timeout_s
        self._clock = clock
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="picture")
        self._making: dict[Wanted, asyncio.Task[Snapshot]] = {}
        self._kept: OrderedDict[Wanted, Snapshot] = OrderedDict()
        self._kept_bytes = 0
        self.made = 0

    async def take(self, key: StreamKey, width: int | None) -> Snapshot:
        """The newest keyframe of a stream; `width` in pixels, None for its own.

        Raises:
            CambusError: as `Streams.watch` and `RelayedStream.ready`; `Overloaded` when too many pictures are asked
                for, `Offline` when the stream stands still, `DeviceProtocolError` if it can not be decoded.
        """
        with self._streams.watch(key) as stream:
            await stream.ready(self._start_timeout_s)
            frame = self._newest(stream)
        wanted = key, frame.wall_us, width
        if (kept := self._kept.get(wanted)) is not None:
            self._kept.move_to_end(wanted)
            return kept
        making = self._making.get(wanted)
        if making is None:
            if len(self._making) >= _MOST_WAITING:
                raise Overloaded("too many pictures are asked for at a time", reason="too-many-pictures")
            making = self._making[wanted] = asyncio.create_task(self._make(wanted, frame))
            making.add_done_callback(lambda task: self._on_made(wanted, task))
        return await asyncio.shield(making)  # others may wait for it too

    async def close(self) -> None:
        """Make no more pictures."""
        for making in tuple(self._making.values()):
            making.cancel()
        await asyncio.gather(*self._making.values(), return_exceptions=True)
        await asyncio.to_thread(self._threads.shutdown)

    def _newest(self, stream: RelayedStream) -> Frame:
        hub = stream.hub
        if hub.keyframe is None or hub.last_frame_at is None or self._clock() - hub.last_frame_at > _STALE_S:
            raise Offline("the device sends nothing at the moment", reason="no-picture")
        if hub.video is not None and hub.video.width * hub.video.height > MAX_PIXELS:
            raise DeviceProtocolError("the picture is larger than can be", reason="picture-size")
        return hub.keyframe

    async def _make(self, wanted: Wanted, frame: Frame) -> Snapshot:
        loop = asyncio.get_running_loop()
        try:
            picture = await loop.run_in_executor(
                self._threads, picture_of, frame.codec, frame.payload, wanted[2]
            )
        except PictureError as error:
            raise DeviceProtocolError(str(error), reason="picture") from error
        self.made += 1
        return Snapshot(picture.data, frame.wall_us)

    def _on_made(self, wanted: Wanted, task: asyncio.Task[Snapshot]) -> None:
        del self._making[wanted]
        if task.cancelled() or task.exception() is not None:
            return
        snapshot = task.result()
        self._kept[wanted] = snapshot
        self._kept_bytes += len(snapshot.data)
        while self._kept_bytes > _KEPT_BYTES:
            _, oldest = self._kept.popitem(last=False)
            self._kept_bytes -= len(oldest.data)
