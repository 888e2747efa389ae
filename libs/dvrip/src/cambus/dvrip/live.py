"""Live video of one channel and stream (DVRIP §9.1)."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping

from cambus.dvrip.errors import ConnectionLost, DvripError, Refused, RequestTimeout
from cambus.dvrip.frame_queue import EndOfFrames, FrameQueue
from cambus.dvrip.frames import MediaFrame
from cambus.dvrip.ids import STREAM_IDS, MessageId
from cambus.dvrip.media import StreamSplitter
from cambus.dvrip.media_path import MediaPath
from cambus.dvrip.messages.monitor import Action, monitor_body
from cambus.dvrip.undocumented import JsonBody, Undocumented, undocumented_body
from cambus.dvrip.wire import Header

_KEY_FRAME = b"\x00\x00\x01\xfc"


class LiveStream:
    """Frames of a running live stream; iterate it, then `stop` it.

    Starts at a key frame. A slow consumer loses whole groups of pictures. The iteration ends with an
    exception when the device ends the stream, and regularly after `stop`.

    Args:
        channel: channel as the device counts.
        stream: name of the stream on the wire.
        silence_s: gap after which a stream counts as dead.
        queue: where frames wait for the consumer.
        combine: ``CombinMode`` of the requests.
        bodies: `Profile.bodies` of the device.
        on_stop: called once when the stream is given back.

    Attributes:
        packets: media packets received.
        bytes_received: media bytes received.
        began_with_key: whether the first packet opened with a key frame; most devices begin anywhere.
    """

    def __init__(
        self,
        channel: int,
        stream: str,
        *,
        silence_s: float,
        queue: FrameQueue | None = None,
        combine: str = "NONE",
        bodies: Mapping[str, JsonBody | None] | None = None,
        on_stop: Callable[[], None] | None = None,
    ) -> None:
        self.channel = channel
        self.stream = stream
        self.packets = 0
        self.bytes_received = 0
        self.began_with_key = False
        self._foreign = 0
        self._on_stop = on_stop
        self.started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._combine = combine
        self._bodies = bodies or {}
        self._silence_s = silence_s
        self._queue = queue or FrameQueue()
        self._splitter = StreamSplitter()
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._path: MediaPath | None = None
        self._paused = False
        self._header_channel: int | None = None

    def body(self, action: str) -> dict[str, object]:
        """The request for ``action`` on this stream."""
        return monitor_body(action, self.channel, self.stream, self._combine)

    @property
    def counters(self) -> Counter[str]:
        """Those of the splitter (``frames``, ``resyncs``, ...) and of the queue (``dropped``, ...)."""
        return self._splitter.counters + self._queue.counters + Counter(foreign_channel=self._foreign)

    @property
    def is_running(self) -> bool:
        """Whether media may still come."""
        return self._path is not None and not self._path.data.is_closed

    def on_media(self, header: Header, payload: bytes) -> None:
        """Take one media packet; called by the data connection."""
        if header.message_id not in STREAM_IDS:
            return
        if self._header_channel is None:
            self._header_channel = header.total_or_channel
        elif header.total_or_channel != self._header_channel:
            self._foreign += 1  # one socket, one channel: mixing them would destroy both
            return
        self._last = self._loop.time()
        self.packets += 1
        self.bytes_received += len(payload)
        if not self.started.done():
            self.began_with_key = payload.startswith(_KEY_FRAME)
            self.started.set_result(None)
        for frame in self._splitter.receive_data(payload):
            self._queue.put(frame)

    def on_push(self, header: Header, payload: bytes) -> None:
        """Take a stray reply on the data connection; media decides, not replies (DVRIP §9.1)."""

    def abort(self, error: DvripError) -> None:
        """The session it belongs to is gone."""
        self._end(error)
        if self._path is not None:
            self._path.data.abort(ConnectionLost(str(error)))

    def run(self, path: MediaPath) -> None:
        """Media flows on ``path`` from now on: watch it for silence and its end."""
        self._path = path
        self._timer = self._loop.call_later(self._silence_s, self._check_silence)
        path.data.closed.add_done_callback(self._on_closed)

    async def pause(self) -> None:
        """Have the device hold the stream; until `resume` its silence is no fault.

        Raises:
            DvripError: the device refused, or the stream is over.
        """
        await self._command(Action.PAUSE)
        self._paused = True

    async def resume(self) -> None:
        """Have the device go on; frames come from its next key frame on, which is asked for.

        Raises:
            DvripError: the device refused, or the stream is over.
        """
        self._splitter.mark_gap()
        await self._command(Action.CONTINUE)
        self._paused = False
        self._last = self._loop.time()
        self.force_key_frame()

    def force_key_frame(self) -> None:
        """Ask for a key frame (1562) without waiting; devices that do not know it are not minded."""
        body = undocumented_body(
            Undocumented.KEY_FRAME, self._bodies, channel=self.channel, stream=self.stream
        )
        if self._path is not None and body:
            with contextlib.suppress(DvripError):
                self._path.control.submit(MessageId.FORCE_I_FRAME, body, soft=True, label="key frame")

    async def stop(self) -> None:
        """Tell the device to stop and give the connection back; safe to call twice."""
        self._end(None)
        if self._path is not None:
            path, self._path = self._path, None
            stop = None if path.control.is_closed else self.body(Action.STOP)
            await path.release(stop)
        if self._on_stop is not None:
            self._on_stop()
            self._on_stop = None

    def __aiter__(self) -> AsyncIterator[MediaFrame]:
        return self

    async def __anext__(self) -> MediaFrame:
        try:
            return await self._queue.get()
        except EndOfFrames as end:
            if end.error is None:
                raise StopAsyncIteration from None
            raise end.error from None

    async def _command(self, action: str) -> None:
        if self._path is None:
            raise Refused("closed", "the stream is over")
        await self._path.command(self.body(action), f"{action.lower()} of {self._path.kind.label}")

    def _on_closed(self, closed: "asyncio.Future[DvripError | None]") -> None:
        self._end(closed.result() or ConnectionLost("the device ended the stream"))

    def _check_silence(self) -> None:
        idle = 0.0 if self._paused else self._loop.time() - self._last
        if idle >= self._silence_s:
            self._end(
                RequestTimeout("media_silence", self._silence_s, f"channel {self.channel} {self.stream}")
            )
        else:
            self._timer = self._loop.call_later(self._silence_s - idle, self._check_silence)

    def _end(self, error: DvripError | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._queue.end(error)
