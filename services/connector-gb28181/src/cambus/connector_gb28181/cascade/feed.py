"""Frames of the bus as the packets of one session: program stream, in RTP with a number of our own (§11, §12)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from nats.aio.msg import Msg

from cambus.connector_gb28181.cascade.metrics import CascadeMetrics
from cambus.gb28181.media_output import MediaOutput
from cambus.media.aac import with_adts
from cambus.media.audio import AudioConfig
from cambus.media.errors import MediaError as BadMedia
from cambus.media.frame import Codec, Frame, FrameAssembler, Kind, SequenceGate
from cambus.media.mpegps_writer import ProgramStreamMuxer

logger = logging.getLogger(__name__)

_VIDEO: Final = frozenset({Codec.H264, Codec.H265, Codec.MPEG4})
_AUDIO: Final = frozenset({Codec.PCMA, Codec.PCMU, Codec.AAC})


class Feed:
    """Sends the frames of one media subject.

    Args:
        output: where to.
        metrics: counts frames.
        on_end: called when the source says that it is over.

    Attributes:
        last_at: when the last frame came, by the event loop's clock.
        pictures: how many were sent.
        unsupported: a video codec that no program stream carries.
    """

    def __init__(self, output: MediaOutput, metrics: CascadeMetrics, on_end: Callable[[], None]) -> None:
        self.last_at: float | None = None
        self.pictures = 0
        self.unsupported: Codec | None = None
        self._output = output
        self._metrics = metrics
        self._on_end = on_end
        self._assembler = FrameAssembler()
        self._gate = SequenceGate()
        self._sending = False
        self._audio: AudioConfig | None = None
        self._muxer: ProgramStreamMuxer | None = None
        self._codecs: tuple[Codec | None, Codec | None] = (None, None)

    def start(self) -> None:
        """The receiver is there: send from the next keyframe on."""
        self._sending = True

    def receive(self, message: Msg) -> None:
        """A message came on the subject; runs in the read loop of the connection and never waits."""
        try:
            frame = self._assembler.push(message.data)
        except BadMedia:
            return
        if frame is None:
            return
        if frame.end:
            self._on_end()
        elif self._gate.accept(frame):
            self.take(frame)
        else:
            self.last_at = asyncio.get_running_loop().time()

    @property
    def congested(self) -> bool:
        """Whether the receiver reads too slowly for more to be sent now."""
        return self._output.congested

    def end(self) -> None:
        """There are no more frames."""
        self._on_end()

    def take(self, frame: Frame) -> None:
        """Send a frame, nothing before it being missing."""
        self.last_at = asyncio.get_running_loop().time()
        if frame.kind is Kind.AUDIO_CONFIG:
            self._configure(frame.payload)
        elif frame.kind is Kind.VIDEO and self._sending:
            self._picture(frame)
        elif frame.kind is Kind.AUDIO and self._muxer is not None:
            self._sound(frame)

    def _configure(self, payload: bytes) -> None:
        try:
            self._audio = AudioConfig.parse(payload)
        except BadMedia:
            self._audio = None

    def _picture(self, frame: Frame) -> None:
        if frame.codec not in _VIDEO:
            self.unsupported = frame.codec
            return
        if self._output.congested:
            self._muxer = None  # nothing more before the next keyframe: the rest would not decode
        if frame.keyframe and not self._output.congested:
            self._begin_group(frame.codec)
        if self._muxer is None:
            self._metrics.frames("dropped").inc()
            return
        pack = self._muxer.picture(frame.payload, frame.pts, keyframe=frame.keyframe)
        self._output.send(pack, frame.pts)
        self._metrics.frames("sent").inc()
        self.pictures += 1

    def _begin_group(self, video: Codec) -> None:
        """The map in front of a keyframe says what there is now."""
        audio = self._audio.codec if self._audio is not None and self._audio.codec in _AUDIO else None
        if self._muxer is None or self._codecs != (video, audio):
            self._muxer = ProgramStreamMuxer(video, audio)
            self._codecs = (video, audio)

    def _sound(self, frame: Frame) -> None:
        if frame.codec is not self._codecs[1] or self._muxer is None or self._audio is None:
            return
        payload = frame.payload
        if frame.codec is Codec.AAC:
            payload = with_adts(payload, self._audio.extradata)
        self._output.send(self._muxer.sound(payload, frame.pts), frame.pts)
        self._metrics.frames("sent").inc()
