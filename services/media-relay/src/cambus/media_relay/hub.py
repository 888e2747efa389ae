"""The hub of one stream: from bus messages to every viewer of every output, without I/O or clock of its own.

Frames are reassembled, checked for gaps, cached as the current group of pictures and handed to the
renditions that somebody watches. Time comes in as a value (seconds on any monotonic clock), and
`next_timeout` says when `tick` wants to be called.
"""

from collections.abc import Callable, Sequence
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
from cambus.media_relay.sounds import sound_of
from cambus.media_relay.stream_sounds import FeedFactory, StreamSounds
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
    sounds_lost: int = 0


class StreamHub:
    """Keeps the state of one stream and delivers to its viewers.

    `keyframe` is the newest one. `ready` turns true once the picture's parameters are known, and the sound's too if
    they come within `audio_wait_s` of the first keyframe; only then can viewers `join`.

    Sound that an output does not carry is transcoded, by one transcoder for each codec (`make_feed`), from the first
    rendition that needs it to the last; its frames come back by `push_sound`. Without `make_feed` such outputs have
    no sound.

    Args:
        make_format: builds the output formats.
        limits: see `HubLimits`.
        make_feed: builds transcoders of sound.
        want_keyframe: called, at every picture perhaps, when there is nothing to be seen before the next keyframe:
            for a viewer who joins without a cached group, or because of pictures that can not be decoded; and when
            one is due where an output cuts the stream.
    """

    def __init__(
        self,
        make_format: FormatFactory,
        limits: HubLimits,
        make_feed: FeedFactory | None = None,
        *,
        want_keyframe: Callable[[], None] = lambda: None,
    ) -> None:
        self._make_format = make_format
        self._limits = limits
        self._want_keyframe = want_keyframe
        self._sounds = StreamSounds(make_feed) if make_feed is not None else None
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
        self.last_wall_us: int | None = None
        self.keyframe: Frame | None = None
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

    def sound(self, output: Output) -> AudioConfig | None:
        """The sound an output has: the stream's own, or what is made of it; None if it has none."""
        sound = sound_of(output, self._audio)
        return sound if sound is self._audio or self._sounds is not None else None

    @property
    def transcoding(self) -> tuple[Codec, ...]:
        """The codecs the sound is transcoded to at the moment."""
        return tuple(self._sounds.codecs) if self._sounds is not None else ()

    @property
    def group(self) -> Sequence[Frame]:
        """The cached group of pictures with its sound, empty when there is no whole one."""
        return self._gop.frames

    @property
    def viewers(self) -> int:
        """How many viewers are joined."""
        return len(self._places)

    @property
    def blind(self) -> bool:
        """Whether there is no whole group of pictures: who joins sees nothing before the next keyframe."""
        return not self._gop.frames or self._gate.awaits_keyframe

    @property
    def keyframe_due(self) -> bool:
        """Whether an output cuts the stream at keyframes, and none will come in time by itself."""
        return any(each.keyframe_due for each in self._renditions.values())

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
        self._counts.sounds_lost = self._sounds.lost if self._sounds is not None else 0
        return self._counts

    def receive(self, data: bytes, now: float) -> None:
        """Take one bus message; anything that is no frame is counted and ignored."""
        try:
            frame = self._assembler.push(data)
        except MediaError:
            self._counts.malformed += 1
            return
        if frame is None:
            return
        if self._gate.accept(frame):
            self.push(self._continuity.follow(frame), now)
        elif self._gate.awaits_keyframe:
            self._want_keyframe()

    def push(self, frame: Frame, now: float) -> None:
        """Take one frame in order."""
        self.last_frame_at = now
        self.last_wall_us = frame.wall_us
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
            form = self._make_format(output, self._video, self.sound(output), base_dts)
            codec = self._transcode_for(output)
            group = self._gop.frames
            if codec is not None and self._sounds is not None:
                group = self._sounds.with_group(codec, group)
            self._renditions[output] = Rendition(output.name, form, group, transcoded=codec)
        return self._renditions[output]

    async def prepare(self, output: Output) -> None:
        """Have the sound of the cached group at hand, transcoded if need be, before a viewer joins.

        Who does not wait for this joins all the same; his sound sets in a moment later.
        """
        if output in self._renditions or not self._ready:
            return
        codec = self._transcode_for(output)
        if codec is not None and self._sounds is not None:
            await self._sounds.settled(codec)

    def push_sound(self, codec: Codec, frames: Sequence[Frame], now: float) -> None:
        """Take what a transcoder made."""
        if self._sounds is None or codec not in self._sounds.codecs:
            return
        self._sounds.keep(codec, frames)
        takers = [each for each in self._renditions.values() if each.transcoded is codec]
        for rendition in takers:
            for frame in frames:
                rendition.push(frame)
        if self._flush_at is None and any(each.audio_waiting for each in takers):
            self._flush_at = now + self._limits.audio_hold_s

    def join(self, output: Output, viewer: Viewer, *, opening: bytes | None = None) -> None:
        """Let a viewer watch an output from the cached group on; `opening` overrides the format's own."""
        rendition = self.rendition(output)
        self._places[viewer] = output
        rendition.join(viewer, opening=opening)
        if self.blind:
            self._want_keyframe()

    def leave(self, viewer: Viewer) -> Output | None:
        """Take a viewer out, and its rendition with the last one; returns where it was."""
        output = self._places.pop(viewer, None)
        if output is not None:
            self._renditions[output].leave(viewer)
            self.prune()
        return output

    def prune(self) -> None:
        """Drop the renditions without viewers, and the transcoders without renditions."""
        for output in [key for key, each in self._renditions.items() if not each.viewers]:
            del self._renditions[output]
        self._retain_sounds()

    def check(self) -> None:
        """Close viewers whose peers have stalled."""
        for rendition in tuple(self._renditions.values()):
            rendition.check()
        self._retain_sounds()

    def close(self, reason: Closed) -> None:
        """Close every viewer."""
        for viewer in tuple(self._places):
            viewer.close(reason)
        self._retain_sounds()

    def stop(self, reason: Closed) -> None:
        """Close every viewer and end every transcoder."""
        self.close(reason)
        if self._sounds is not None:
            self._sounds.retain(())

    async def finish_sounds(self) -> None:
        """The stream is over: have the last of the sound that is transcoded."""
        if self._sounds is not None:
            await self._sounds.finish()

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
            self.keyframe = frame
            self._follow_parameters(frame, now)
            if self._sounds is not None:
                self._sounds.begin_group(frame.dts)
        self._gop.push(frame)
        self._flush_at = None
        for rendition in tuple(self._renditions.values()):
            rendition.push(frame)
        if not self._gop.frames:
            self._forget_groups()
        if self.keyframe_due:
            self._want_keyframe()

    def _push_audio(self, frame: Frame, now: float) -> None:
        self._counts.audio_frames += 1
        if self._audio is None or frame.codec is not self._audio.codec:
            return
        self._gop.push(frame)
        if self._sounds is not None:
            self._sounds.push(frame)
        for rendition in tuple(self._renditions.values()):
            if rendition.transcoded is None:
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
        if self._sounds is not None:
            self._sounds.retain(())
        for output, rendition in tuple(self._renditions.items()):
            rendition.transcoded = self._transcode_for(output)
            rendition.reopen(params, self.sound(output))

    def _transcode_for(self, output: Output) -> Codec | None:
        """Begin to transcode the sound of an output if that is needed; the codec it gets."""
        source, sound = self._audio, self.sound(output)
        if self._sounds is None or source is None or sound is None or sound is source:
            return None
        self._sounds.open(source, sound.codec, self._gop.frames)
        return sound.codec

    def _retain_sounds(self) -> None:
        if self._sounds is not None:
            self._sounds.retain({each.transcoded for each in self._renditions.values() if each.transcoded})

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
