"""Cutting a stream of frames into segments and fragments; no I/O and no clock of its own.

A fragment is about a second of media, so that little is lost when the process dies; a segment begins with a
keyframe and ends before one. A new segment begins when the old one is long enough, when the codec, the size or the
sound changes, and when the stream does not continue what came before.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from cambus.media.audio import AudioConfig
from cambus.media.fmp4 import Fmp4Muxer
from cambus.media.fmp4_reader import InitSegment, read_fragment, read_init
from cambus.media.frame import Frame, Kind
from cambus.media.mp4_boxes import bytes_reader
from cambus.media.parameter_sets import ParameterSetTracker, VideoParams
from cambus.recorder.extent import TICKS_PER_S, Extent, describe, ticks_to_us, video_end_ticks
from cambus.recorder.recordable_sound import RecordableSound
from cambus.schemas.spans import RecordingTrigger

CONTIGUOUS_US = 1_000_000
"""Segments whose receive times differ by less from where the one before ended are laid end to end."""

HOLE_TICKS = TICKS_PER_S
HOLE_INTERVALS = 4
"""Pictures that are this much further apart than those before them have a hole between them."""


@dataclass(frozen=True, slots=True)
class Begin:
    """A new segment: its head, when it begins, what it is, and why it is recorded."""

    head: bytes
    start_us: int
    extent: Extent
    trigger: RecordingTrigger = RecordingTrigger.CONTINUOUS


@dataclass(frozen=True, slots=True)
class Append:
    """A fragment for the open segment: when it begins in it, and how long the segment is with it."""

    data: bytes
    duration_us: int
    begin_us: int = 0


@dataclass(frozen=True, slots=True)
class End:
    """The open segment is complete."""


Cut = Begin | Append | End


class _OpenSegment:
    """The muxer of the open segment and how far it has come."""

    def __init__(
        self,
        video: VideoParams,
        audio: AudioConfig | None,
        first: Frame,
        start_us: int,
        trigger: RecordingTrigger,
    ) -> None:
        self.trigger = trigger
        self.video = video
        self.audio = audio
        self.start_us = start_us
        self.first_dts = first.dts
        self.duration_us = 0
        self._muxer = Fmp4Muxer(video, audio, base_pts=first.dts)
        self.head = self._muxer.init_segment()
        self._init: InitSegment = read_init(bytes_reader(self.head), len(self.head))

    def begin(self) -> Begin:
        return Begin(self.head, self.start_us, describe(self._init), self.trigger)

    def fragment(self, frames: list[Frame], next_dts: int | None) -> Append | None:
        data = self._muxer.fragment(frames, next_video_dts=next_dts)
        if not data:
            return None
        end = video_end_ticks(self._init, read_fragment(bytes_reader(data), 0, len(data)))
        self.duration_us = max(self.duration_us, ticks_to_us(end))
        begin_us = ticks_to_us(max(frames[0].dts - self.first_dts, 0)) if frames[0].kind is Kind.VIDEO else 0
        return Append(data, self.duration_us, begin_us)


class Cutter:
    """Turns frames, in the order of their sequence, into what is to be written.

    Args:
        segment_s: how long a segment is, in seconds; it goes on to the next keyframe.
        fragment_s: how long a fragment is, in seconds.

    Attributes:
        trigger: why what comes is recorded; when it changes, the next keyframe begins a new segment.
    """

    def __init__(self, *, segment_s: float, fragment_s: float) -> None:
        self._segment_ticks = int(segment_s * TICKS_PER_S)
        self._fragment_ticks = int(fragment_s * TICKS_PER_S)
        self.trigger = RecordingTrigger.CONTINUOUS
        self._sets = ParameterSetTracker()
        self._video: VideoParams | None = None
        self._sound = RecordableSound()
        self._pending: list[Frame] = []
        self._open: _OpenSegment | None = None
        self._continues_at_us: int | None = None
        self._last_dts: int | None = None
        self._interval = 0

    def push(self, frame: Frame) -> Iterator[Cut]:
        """Take a frame. Sound before the first keyframe and what cannot be recorded is left out."""
        if frame.kind is Kind.AUDIO_CONFIG:
            self._sound.learn(
                frame
            )  # if it differs from the open segment, the next keyframe begins a new one
        elif frame.kind is Kind.AUDIO and self._pending:
            self._pending += self._sound.take(frame)
        elif frame.kind is Kind.VIDEO:
            yield from self._push_video(frame)
        if frame.end:
            yield from self.finish()

    def finish(self) -> Iterator[Cut]:
        """Write out what is there and end the segment: the stream broke off or is no longer to be recorded."""
        yield from self._flush(None)
        yield from self._end()
        self._continues_at_us = None
        self._last_dts = None

    def _push_video(self, frame: Frame) -> Iterator[Cut]:
        if frame.keyframe:
            params = self._sets.update(frame.payload, frame.codec)
            if params is not None:
                self._video = params
            yield from self._at_keyframe(frame)
        elif self._last_dts is None:
            return
        elif self._hole_before(frame):
            yield from self._flush(None)
        self._measure(frame)
        if self._pending and frame.dts - self._pending[0].dts >= self._fragment_ticks:
            yield from self._flush(frame.dts)
        if self._video is not None:
            self._pending.append(frame)

    def _hole_before(self, frame: Frame) -> bool:
        """Whether pictures are missing before this one, so many that showing the last one longer would be a lie."""
        if self._last_dts is None:
            return False
        passed = frame.dts - self._last_dts
        return passed >= HOLE_TICKS and passed > HOLE_INTERVALS * self._interval > 0

    def _measure(self, frame: Frame) -> None:
        if self._last_dts is not None:
            self._interval = max(frame.dts - self._last_dts, 1)
        self._last_dts = frame.dts

    def _at_keyframe(self, frame: Frame) -> Iterator[Cut]:
        current = self._open
        if frame.discontinuity or self._hole_before(frame):
            yield from self.finish()
        elif self._pending and 2 * (frame.dts - self._pending[0].dts) >= self._fragment_ticks:
            yield from self._flush(frame.dts)  # a fragment that begins with a keyframe is a place to seek to
        if (
            current is not None
            and current is self._open
            and (
                current.video != self._video
                or current.audio != self._sound.config
                or current.trigger is not self.trigger
                or frame.dts - current.first_dts >= self._segment_ticks
            )
        ):
            yield from self._flush(frame.dts)
            yield from self._end()

    def _flush(self, next_dts: int | None) -> Iterator[Cut]:
        frames, self._pending = self._pending, []
        if not frames or self._video is None:
            return
        if self._open is None:
            while frames and not (frames[0].kind is Kind.VIDEO and frames[0].keyframe):
                frames.pop(0)
            if not frames:
                return
            self._open = _OpenSegment(
                self._video, self._sound.config, frames[0], self._start_of(frames[0]), self.trigger
            )
            yield self._open.begin()
        fragment = self._open.fragment(frames, next_dts)
        if fragment is not None:
            yield fragment

    def _start_of(self, first: Frame) -> int:
        expected = self._continues_at_us
        if expected is not None and abs(first.wall_us - expected) < CONTIGUOUS_US:
            return expected
        return first.wall_us

    def _end(self) -> Iterator[Cut]:
        if self._open is not None:
            self._continues_at_us = self._open.start_us + self._open.duration_us
            self._open = None
            yield End()
