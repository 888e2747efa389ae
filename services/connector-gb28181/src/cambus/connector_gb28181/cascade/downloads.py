"""A recording the upper platform fetches: from the device as a file, nothing lost, sent as fast as asked (GB-245)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from cambus.client.tasks import end
from cambus.client.transfer_reader import TransferReader
from cambus.connector_gb28181.cascade.context import LinkContext
from cambus.connector_gb28181.cascade.feed import Feed
from cambus.connector_gb28181.cascade.nodes import Node
from cambus.connector_gb28181.cascade.sources import MAX_SPAN_S, REFUSED, STOP_TIMEOUT_S, RecordingSource
from cambus.gb28181.mansrtsp import Answer, Control
from cambus.gb28181.sdp import Description
from cambus.media.audio import AudioConfig
from cambus.media.errors import ContainerError
from cambus.media.fmp4_reader import Fragment, InitSegment, read_fragment, read_init
from cambus.media.frame import Flag, Frame, Kind
from cambus.media.mp4_boxes import bytes_reader
from cambus.media.mp4_entry_reader import read_audio_entry, read_video_entry
from cambus.media.mp4_samples import sample_to_annexb
from cambus.media.nal import join_annexb
from cambus.media.parameter_sets import VideoParams
from cambus.schemas.commands import recording
from cambus.schemas.errors import BadRequest, CambusError, Unsupported

logger = logging.getLogger(__name__)

MAX_WAITING_BYTES: Final = 64 << 20
"""Of a group of pictures that is not complete yet."""
MAX_SPEED: Final = 16
_LOOK_S: Final = 0.02
_TICKS: Final = 90_000
_BOX_HEADER: Final = 8


class Mp4Frames:
    """Takes the bytes of a fragmented MP4 as they come, gives its frames in the order they are to be sent."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._init: InitSegment | None = None
        self._video: VideoParams | None = None
        self._sound: AudioConfig | None = None

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take bytes; the frames of what is complete. Raises ContainerError."""
        self._waiting += data
        if len(self._waiting) > MAX_WAITING_BYTES:
            raise ContainerError(f"a group of more than {MAX_WAITING_BYTES} bytes")
        if self._init is None and (size := self._whole(b"moov")):
            yield from self._begin(self._take(size))
        while self._init is not None and (size := self._whole(b"mdat")):
            piece = self._take(size)
            yield from self._frames(piece, read_fragment(bytes_reader(piece), 0, len(piece)), self._init)

    def _whole(self, last: bytes) -> int:
        """How many bytes there are up to the end of the first box of a kind; 0 if it is not complete."""
        at = 0
        while at + _BOX_HEADER <= len(self._waiting):
            size = int.from_bytes(self._waiting[at : at + 4], "big")
            if size < _BOX_HEADER:
                raise ContainerError(f"a box of {size} bytes")
            kind, at = self._waiting[at + 4 : at + 8], at + size
            if kind == last and at <= len(self._waiting):
                return at
        return 0

    def _take(self, size: int) -> bytes:
        piece = bytes(self._waiting[:size])
        del self._waiting[:size]
        return piece

    def _begin(self, head: bytes) -> Iterator[Frame]:
        self._init = read_init(bytes_reader(head), len(head))
        video, sound = self._init.track(video=True), self._init.track(video=False)
        if video is None:
            raise ContainerError("no pictures")
        self._video = read_video_entry(video.entry)
        if sound is not None:
            with suppress(ContainerError):  # of a kind no program stream carries
                self._sound = read_audio_entry(sound.entry)
        if self._sound is not None:
            yield Frame(
                Kind.AUDIO_CONFIG, self._sound.codec, Flag.CONFIG, 0, 0, 0, 0, self._sound.serialize()
            )

    def _frames(self, piece: bytes, fragment: Fragment, init: InitSegment) -> list[Frame]:
        found = []
        for track in init.tracks:
            run = fragment.run(track.track_id)
            for sample in run.samples() if run is not None else ():
                data = piece[sample.offset : sample.offset + sample.size]
                pts, dts = (at * _TICKS // track.timescale for at in (sample.pts, sample.dts))
                if track.is_video and self._video is not None:
                    sets = join_annexb(*self._video.sets) if sample.sync else b""
                    flags = Flag.KEYFRAME if sample.sync else Flag.NONE
                    unit = sample_to_annexb(data, sets)
                    found.append(Frame(Kind.VIDEO, self._video.codec, flags, 0, pts, dts, 0, unit))
                elif not track.is_video and self._sound is not None:
                    found.append(Frame(Kind.AUDIO, self._sound.codec, Flag.NONE, 0, pts, dts, 0, data))
        return sorted(found, key=lambda frame: frame.dts)


class DownloadSource:
    """A recording as a file of the device; where it gives none, it is played faster instead.

    Args:
        context: the link.
        node: the channel.
        offer: which span, and how fast.
        claimant: who watches, for the log.
        on_lost: called when the device stops giving it.
    """

    def __init__(
        self,
        context: LinkContext,
        node: Node,
        offer: Description,
        claimant: str,
        on_lost: Callable[[], None],
    ) -> None:
        self._context = context
        self._node = node
        self._offer = offer
        self._on_lost = on_lost
        self._played = RecordingSource(context, node, offer, claimant)
        self._plays = False
        self._reply: recording.RecordingDownloadReply | None = None
        self._sending: asyncio.Task[None] | None = None
        self._going = asyncio.Event()
        self._going.set()

    @property
    def paused(self) -> bool:
        """Whether no frames are to be expected."""
        return self._played.paused if self._plays else not self._going.is_set()

    @property
    def route(self) -> str:
        """By which systems below the device it comes."""
        return self._played.route if self._reply is None else self._reply.route

    async def open(self) -> str | None:
        """Have the device get it ready. Raises CambusError."""
        start, until = self._offer.start, self._offer.end
        if not 0 < start < until <= start + MAX_SPAN_S:
            raise BadRequest("no span of time to fetch")
        request = recording.RecordingDownloadRequest(
            channel=self._node.channel or 0,
            start=datetime.fromtimestamp(start, UTC),
            end=datetime.fromtimestamp(until, UTC),
            format=recording.DownloadFormat.MP4,
        )
        try:
            self._reply = await self._context.call(self._node, recording.DOWNLOAD, request)
        except Unsupported:
            self._plays = True
            return await self._played.open()
        return None

    async def begin(self, feed: Feed) -> None:
        """The receiver is there: send."""
        if self._plays:
            await self._played.begin(feed)
        else:
            self._sending = asyncio.create_task(self._send(feed), name="cascade download")

    async def _send(self, feed: Feed) -> None:
        """Fetch and send, not faster than was asked for, nor than the receiver reads."""
        assert self._reply is not None  # noqa: S101 - it was opened
        reader = TransferReader(self._context.bus, self._reply.subject, offset=self._reply.offset)
        frames, loop = Mp4Frames(), asyncio.get_running_loop()
        speed = min(max(self._offer.download_speed or 1, 1), MAX_SPEED)
        begun: tuple[float, int] | None = None
        try:
            async for chunk in reader.chunks():
                for frame in frames.feed(chunk):
                    if not self._going.is_set():
                        await self._going.wait()
                        begun = None
                    if frame.kind is Kind.VIDEO:
                        begun = begun or (loop.time(), frame.dts)
                        await asyncio.sleep(begun[0] + (frame.dts - begun[1]) / _TICKS / speed - loop.time())
                    while feed.congested:  # noqa: ASYNC110 - a transport tells nobody but its protocol
                        await asyncio.sleep(_LOOK_S)
                    feed.take(frame)
        except (CambusError, ContainerError) as error:
            logger.info("a download broke off", extra={**self._context.facts, "reason": str(error)})
            self._on_lost()
        else:
            feed.end()

    async def obey(self, control: Control) -> Answer:
        """It can be held and let go on."""
        if self._plays:
            return await self._played.obey(control)
        if control.method == "PAUSE":
            self._going.clear()
        elif control.start_s is None and control.scale in {None, 1.0}:
            self._going.set()
        else:
            return REFUSED
        return Answer()

    async def close(self) -> None:
        """End it on the device."""
        await self._played.close()
        if self._sending is not None:
            await end(self._sending)
        if self._reply is not None:
            request = recording.RecordingSessionRequest(session=self._reply.session)
            with suppress(CambusError):  # it ends by itself
                await self._context.client.call(
                    recording.STOP, request, device=self._node.device, timeout_s=STOP_TIMEOUT_S
                )
