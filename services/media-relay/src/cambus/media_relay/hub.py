"""The hub of one stream: from bus messages to every viewer of every output, without I/O or clock of its own.

Frames are reassembled, checked for gaps, cached as the current group of pictures and handed to the
renditions that somebody watches. Time comes in as a value (seconds on any monotonic clock), and
`next_timeout` says when `tick` wants to be called.
"""

from collections.abc import Callable
from dataclasses import dataclass

from cambus.media.audio import AudioConfig
from cambus.media.errors import MediaError
from cambus.media.frame import Codec, Frame, FrameAssembler, Kind, SequenceGate
from cambus.media.parameter_sets import ParameterSetTracker, VideoParams
from cambus.media_relay.continuity import Continuity
from cambus.media_relay.framing import farewell
from cambus.media_relay.gop import GopCache
from cambus.media_relay.output import Output
from cambus.media_relay.rendition import Format, Parting, Rendition
from cambus.media_relay.viewer import Closed, Viewer

FormatFactory = Callable[[Output, VideoParams, AudioConfig | None, int], Format]
"""Output, picture, sound, and the dts at which the output's time begins."""


@dataclass(frozen=True, slots=True)
class HubLimits:
    """Bounds and waits of a hub.

    Attributes:
        gop_bytes: most payload bytes kept of one group of pictures.
        audio_hold_s: how long sound waits for a picture to ride with, in seconds. A little more than the 40 ms
            between the pictures of most cameras: exactly that would lose the race half the time.
        audio_wait_s: how long a stream's sound is waited for after its first keyframe, in seconds.
    """

    gop_bytes: int = 8 << 20
    audio_hold_s: float = 0.06
    audio_wait_s: float = 0.4


@dataclass(slots=True)
class HubCounts:
    """What a hub has seen since it was made."""

    video_frames: int = 0
    audio_frames: int = 0
    malformed: int = 0
    gaps: int = 0
    dropped: int = 0


class StreamHub:
    """Keeps the state of one stream and delivers to its viewers.

    `ready` turns true once the picture's parameters are known, and the sound's too if they come within
    `audio_wait_s` of the first keyframe; only then can viewers `join`.
    """

    def __init__(self, make_format: FormatFactory, limits: HubLimits) -> None:
        self._make_format = make_format
        self._limits = limits
        self._assembler = FrameAssembler()
        self._gate = SequenceGate()
        self._continuity = Continuity()
        self._gop = GopCache(limits.gop_bytes)
        self._tracker = ParameterSetTracker()
        self._renditions: dict[Output, Rendition] = {}
        self._places: dict[Viewer, Output] = {}
        self._video: VideoParams | None = None
        self._audio: AudioConfig | None = None
        # A change of the sound takes effect with the next keyframe, where every output can follow it.
        self._next_audio: AudioConfig | None = None
        self._last_dts = 0
        self._ready = False
        self._ready_at: float | None = None
        self._flush_at: float | None = None
        self._counts = HubCounts()
        self.ended = False
        self.last_frame_at: float | None = None
        self.unsupported: Codec | None = None

    @property
    def ready(self) -> bool:
        """Whether the stream is known well enough to be described and joined."""
        return self._ready

    @property
    def video(self) -> VideoParams | None:
        """The picture's parameters, once a keyframe has come."""
        return self._video

    @property
    def audio(self) -> AudioConfig | None:
        """The sound's parameters, None while there is no sound."""
        return self._audio

    @property
    def viewers(self) -> int:
        """How many viewers are joined."""
        return len(self._places)

    @property
    def renditions(self) -> dict[Output, Rendition]:
        """The outputs somebody watches."""
        return self._renditions

    @property
    def gop_bytes(self) -> int:
        """Bytes held for new viewers: the frames and their serialised forms."""
        return self._gop.size_bytes + sum(each.group_bytes for each in self._renditions.values())

    @property
    def counts(self) -> HubCounts:
        """What has been seen so far."""
        self._counts.gaps = self._gate.gaps
        self._counts.dropped = self._gate.dropped + self._assembler.dropped
        return self._counts

    def receive(self, data: bytes, now: float) -> None:
        """Take one bus message; anything that is no frame is counted and ignored."""
        try:
            frame = self._assembler.push(data)
        except MediaError:
            self._counts.malformed += 1
            return
        if frame is not None and self._gate.accept(frame):
            self.push(self._continuity.follow(frame), now)

    def push(self, frame: Frame, now: float) -> None:
        """Take one frame in order."""
        self.last_frame_at = now
        if frame.kind is Kind.VIDEO:
            self._push_video(frame, now)
        elif frame.kind is Kind.AUDIO:
            self._push_audio(frame, now)
        elif frame.kind is Kind.AUDIO_CONFIG:
            self._configure_audio(frame)
        if frame.end:
            self.ended = True
        self.tick(now)

    def tick(self, now: float) -> None:
        """Do what has become due."""
        if self._ready_at is not None and now >= self._ready_at:
            self._ready_at = None
            self._ready = True
        if self._flush_at is not None and now >= self._flush_at:
            self._flush_at = None
            for rendition in self._renditions.values():
                rendition.flush()

    def next_timeout(self) -> float | None:
        """When `tick` has something to do, None if never."""
        due = [at for at in (self._ready_at, self._flush_at) if at is not None]
        return min(due, default=None)

    def rendition(self, output: Output) -> Rendition:
        """The rendition of an output, built from the cached group when nobody watched it so far.

        One that nobody joins is dropped by the next `leave` or `prune`. Raises RuntimeError before `ready`.
        """
        if self._video is None or not self._ready:
            raise RuntimeError("the stream is not ready")
        if output not in self._renditions:
            base_dts = self._gop.frames[0].dts if self._gop.frames else self._last_dts
            form = self._make_format(output, self._video, self._audio, base_dts)
            self._renditions[output] = Rendition(output.name, form, self._gop.frames)
        return self._renditions[output]

    def join(self, output: Output, viewer: Viewer, *, opening: bytes | None = None) -> None:
        """Let a viewer watch an output from the cached group on; `opening` overrides the format's own."""
        rendition = self.rendition(output)
        self._places[viewer] = output
        rendition.join(viewer, opening=opening)

    def leave(self, viewer: Viewer) -> Output | None:
        """Take a viewer out, and its rendition with the last one; returns where it was."""
        output = self._places.pop(viewer, None)
        if output is not None:
            self._renditions[output].leave(viewer)
            self.prune()
        return output

    def prune(self) -> None:
        """Drop the renditions without viewers."""
        for output in [key for key, each in self._renditions.items() if not each.viewers]:
            del self._renditions[output]

    def check(self) -> None:
        """Close viewers whose peers have stalled."""
        for rendition in tuple(self._renditions.values()):
            rendition.check()

    def close(self, reason: Closed) -> None:
        """Close every viewer."""
        for viewer in tuple(self._places):
            viewer.close(reason)

    def finish(self) -> None:
        """The stream is over: every viewer gets the rest of it, is told so and closed."""
        for output, rendition in tuple(self._renditions.items()):
            rendition.flush()
            form = rendition.form
            last = form.parting() if isinstance(form, Parting) else farewell(output.framing)
            for viewer in rendition.viewers:
                viewer.finish(last)

    def _push_video(self, frame: Frame, now: float) -> None:
        self._counts.video_frames += 1
        if frame.codec not in {Codec.H264, Codec.H265}:
            self.unsupported = frame.codec
            self.close(Closed.FORMAT_CHANGED)
            return
        self._last_dts = frame.dts
        if frame.keyframe:
            self._follow_parameters(frame, now)
        self._gop.push(frame)
        self._flush_at = None
        for rendition in tuple(self._renditions.values()):
            rendition.push(frame)
        if not self._gop.frames:
            self._forget_groups()

    def _push_audio(self, frame: Frame, now: float) -> None:
        self._counts.audio_frames += 1
        if self._audio is None or frame.codec is not self._audio.codec:
            return
        self._gop.push(frame)
        for rendition in tuple(self._renditions.values()):
            rendition.push(frame)
        if self._flush_at is None and any(each.audio_waiting for each in self._renditions.values()):
            self._flush_at = now + self._limits.audio_hold_s

    def _follow_parameters(self, frame: Frame, now: float) -> None:
        params = self._tracker.update(frame.payload, frame.codec) or self._video
        if params is None or (params == self._video and self._next_audio == self._audio):
            return
        first = self._video is None
        self._video = params
        self._audio = self._next_audio
        self.unsupported = None
        if first:
            self._ready_at = now if self._audio is not None else now + self._limits.audio_wait_s
            return
        self._gop.clear()
        for rendition in tuple(self._renditions.values()):
            rendition.reopen(params, self._audio)

    def _configure_audio(self, frame: Frame) -> None:
        try:
            config = AudioConfig.parse(frame.payload)
        except MediaError:
            self._counts.malformed += 1
            return
        self._next_audio = config
        if not self._ready:
            self._audio = config
            if self._ready_at is not None:
                self._ready_at = self.last_frame_at

    def _forget_groups(self) -> None:
        for rendition in self._renditions.values():
            rendition.forget_group()
