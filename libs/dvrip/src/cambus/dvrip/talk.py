"""Two-way audio with a device (DVRIP §10.2): G.711 A-law in pieces of 40 ms."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Final

from cambus.dvrip.errors import ConnectionLost, DvripError, Refused
from cambus.dvrip.frame_queue import EndOfFrames, FrameQueue
from cambus.dvrip.frames import AUDIO_G711A, RATE_8000, AudioFrame
from cambus.dvrip.ids import MessageId
from cambus.dvrip.media import StreamSplitter
from cambus.dvrip.media_path import MediaPath
from cambus.dvrip.messages.monitor import talk_body
from cambus.dvrip.wire import REQUEST_VERSION, Header

#: One piece: 40 ms of 8 kHz A-law.
PIECE_BYTES: Final = 320
PIECE_S: Final = 0.04
#: A-law silence.
SILENCE: Final = b"\xd5"
#: A caller that was late by more than this starts a new schedule instead of catching up in a burst.
MAX_LAG_S: Final = 0.2


class Pacer:
    """When the next piece is due, so that audio leaves as fast as it sounds. No clock inside."""

    def __init__(self, piece_s: float = PIECE_S, max_lag_s: float = MAX_LAG_S) -> None:
        self._piece_s = piece_s
        self._max_lag_s = max_lag_s
        self._next_at = float("-inf")

    def delay_s(self, now: float) -> float:
        """Seconds to wait before the piece that is ready now; counts it as sent."""
        if now > self._next_at + self._max_lag_s:
            self._next_at = now
        delay_s = max(self._next_at - now, 0.0)
        self._next_at += self._piece_s
        return delay_s


class Talk:
    """A running talk; `send` audio, iterate what the device hears, then `stop`.

    Attributes:
        counters: ``sent`` pieces; those of the splitter and the queue.
    """

    def __init__(self, *, format_inside: bool = False, on_stop: Callable[[], None] | None = None) -> None:
        self.started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._format_inside = format_inside
        self._on_stop = on_stop
        self._loop = asyncio.get_running_loop()
        self._path: MediaPath | None = None
        self._pending = bytearray()
        self._sequence = 1
        self._pacer = Pacer()
        self._sent = 0
        self._splitter = StreamSplitter(wait_for_key=False)
        self._queue = FrameQueue(max_frames=64)

    @property
    def counters(self) -> Counter[str]:
        """See the class."""
        return self._splitter.counters + self._queue.counters + Counter(sent=self._sent)

    def body(self, action: str) -> dict[str, object]:
        """The request for ``action``."""
        return talk_body(action, inside=self._format_inside)

    def on_media(self, header: Header, payload: bytes) -> None:
        """Take one media packet; called by the data connection."""
        if header.message_id == MessageId.TALK_DATA_FROM_DEVICE:
            for frame in self._splitter.receive_data(payload):
                self._queue.put(frame)

    def on_push(self, header: Header, payload: bytes) -> None:
        """Take a stray reply on the data connection; there is nothing in it."""

    def run(self, path: MediaPath) -> None:
        """Audio flows on ``path`` from now on."""
        self._path = path
        path.data.closed.add_done_callback(self._on_closed)

    async def send(self, audio: bytes) -> None:
        """Send A-law audio, 8 kHz mono, any amount; takes as long as it sounds.

        A rest below 40 ms waits for more, or for `flush`.

        Raises:
            Refused: the talk is over.
            ConnectionLost: the connection is.
        """
        self._pending += audio
        while len(self._pending) >= PIECE_BYTES:
            piece = bytes(self._pending[:PIECE_BYTES])
            del self._pending[:PIECE_BYTES]
            await self._send_piece(piece)

    async def flush(self) -> None:
        """Send what waits, filled up with silence.

        Raises:
            Refused: the talk is over.
        """
        if self._pending:
            await self.send(SILENCE * (PIECE_BYTES - len(self._pending)))

    async def stop(self) -> None:
        """Stop and close; safe to call twice."""
        self._queue.end()
        path, self._path = self._path, None
        if path is not None:
            await path.release(None if path.control.is_closed else self.body("Stop"))
        if self._on_stop is not None:
            self._on_stop()
            self._on_stop = None

    def abort(self, error: DvripError) -> None:
        """The session it belongs to is gone."""
        self._queue.end(error)
        if self._path is not None:
            self._path.data.abort(ConnectionLost(str(error)))

    def __aiter__(self) -> AsyncIterator[AudioFrame]:
        return self

    async def __anext__(self) -> AudioFrame:
        try:
            while not isinstance(frame := await self._queue.get(), AudioFrame):
                pass
        except EndOfFrames as end:
            if end.error is None:
                raise StopAsyncIteration from None
            raise end.error from None
        return frame

    async def _send_piece(self, piece: bytes) -> None:
        await asyncio.sleep(self._pacer.delay_s(self._loop.time()))
        path = self._path
        if path is None:
            raise Refused("closed", "the talk is over")
        payload = AudioFrame(AUDIO_G711A, RATE_8000, piece).serialize()
        path.data.notify(
            MessageId.TALK_DATA_TO_DEVICE, payload, version=REQUEST_VERSION, sequence=self._sequence
        )
        self._sequence += 1
        self._sent += 1
        await path.data.drain()

    def _on_closed(self, closed: "asyncio.Future[DvripError | None]") -> None:
        self._queue.end(closed.result() or ConnectionLost("the device ended the talk"))
