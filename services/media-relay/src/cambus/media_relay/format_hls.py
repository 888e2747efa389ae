"""HLS: cuts a stream into CMAF segments at keyframes, and those into parts (draft-pantos-hls-rfc8216bis §3).

A format like the others, but what it packs is kept for requests to come instead of being sent: `pack` always
returns nothing. A part is made when the frame behind it has come, which gives every frame its exact duration.
"""

import math
from collections.abc import Sequence
from typing import Final

from cambus.media.audio import AudioConfig
from cambus.media.fmp4 import TIMESCALE, Fmp4Muxer
from cambus.media.frame import Frame, Kind
from cambus.media.parameter_sets import VideoParams
from cambus.media_relay.hls_folder import HlsFolder
from cambus.media_relay.hls_segments import HlsLimits, Segment, SegmentWindow

LONGEST_SEGMENT_S: Final = 12.0
"""A segment is cut here even without a keyframe: encoders that save bits send one a minute. What cameras can be set
to by hand fits."""

_LONG_S: Final = 6.0
"""A keyframe that is not here by then is asked for: the target duration, and all delay with it, grows with the first
group of pictures."""

_ASK_AHEAD_S: Final = 0.5
"""Before a segment has to end: about how long an encoder takes to send the keyframe it is asked for."""

_ROUNDS_DOWN: Final = 0.45
"""A segment may exceed the target by less than half a second: durations count rounded (RFC 8216 §4.3.3.1)."""

_US_PER_S: Final = 1_000_000
_HOLE: Final = TIMESCALE
_TYPICAL_FRAME: Final = TIMESCALE // 25
_SOUND_ALONE: Final = 5 * TIMESCALE
"""How long sound is kept that has no picture."""

_JITTER: Final = 1.05

_LARGEST_SEGMENT: Final = 4
_LARGEST_PART: Final = 16
"""The bytes kept hold at least so many segments, or parts: those of absurd size are cut short."""


class HlsFormat:
    """The segments of one stream.

    Args:
        video: the picture.
        audio: the sound of this output, None for none.
        base_dts: the decode time that becomes zero, 90 kHz.
        limits: see `HlsLimits`.
        folder: where complete segments are kept; in memory without one.

    Attributes:
        window: the segments.
        target_s: `EXT-X-TARGETDURATION`, whole seconds; 0 until the first group of pictures is complete.
        part_target_s: `PART-TARGET`, known at the same time.
        served: whether a playlist may have been read: the target duration stands then.
        keyframe_due: whether the open segment should end with a keyframe that will not come in time by itself.
    """

    def __init__(
        self,
        video: VideoParams,
        audio: AudioConfig | None,
        base_dts: int,
        limits: HlsLimits,
        folder: HlsFolder | None = None,
    ) -> None:
        self.window = SegmentWindow(limits, folder)
        self.target_s = 0
        self.part_target_s = limits.part_s
        self.served = False
        self._limits = limits
        self._base_dts = base_dts
        self._begun = False
        self._video = video
        self._audio = audio
        self._muxer = self._begin_coding()
        self._init = 0
        self.window.inits[0] = self._muxer.init_segment()
        self._frames: list[Frame] = []
        self._frame_bytes = 0
        self._part_dts: int | None = None
        self._segment_dts = 0
        self._keyframe_dts = 0
        self._last_dts = 0
        self._interval = _TYPICAL_FRAME
        self._pictures = 0
        self._gop_ticks = 0
        self._own_gop_ticks = 0
        self._asked = False
        self.keyframe_due = False
        self._segment: Segment | None = None
        self._broken = False

    @property
    def video(self) -> VideoParams:
        """The picture's parameters."""
        return self._video

    @property
    def codecs(self) -> str:
        """The `CODECS` of the stream (RFC 6381)."""
        return self._muxer.codecs

    @property
    def ready(self) -> bool:
        """Whether there is a playlist: one segment is complete, and how long they become is known."""
        return self.target_s > 0

    def raise_target(self, target_s: int) -> bool:
        """Have the target duration another stream has (RFC 8216 §6.2.4); False if it is too late for that."""
        if self.target_s < target_s and not self.served:
            self.target_s = target_s
        return self.target_s == target_s

    def opening(self) -> bytes:
        """Nothing: it stands in the initialisation segment."""
        return b""

    def pack(self, frames: Sequence[Frame]) -> bytes:
        """Take frames; returns nothing to send."""
        for frame in () if self.window.ended else frames:
            if frame.kind is Kind.AUDIO:
                if self._part_dts is not None and frame.pts - self._last_dts < _SOUND_ALONE:
                    self._take(frame)
            elif self._part_dts is not None:
                self._continue(frame)
            elif frame.keyframe:
                self._begin(frame)
        return b""

    def reopen(self, video: VideoParams, audio: AudioConfig | None) -> bytes | None:
        """Go on with another picture or sound: a new initialisation segment, behind a discontinuity."""
        self._close(None)
        self._video, self._audio = video, audio
        self._muxer = self._begin_coding()
        self._init += 1
        self.window.inits[self._init] = self._muxer.init_segment()
        self._part_dts = None
        self._broken = self._segment is not None
        return b""

    def end(self) -> None:
        """The stream is over: complete what there is and say so in the playlist (`EXT-X-ENDLIST`)."""
        if self.window.ended:
            return
        self._close(None)
        self._part_dts = None
        if not self.target_s:
            self._set_targets(max(self._gop_ticks, TIMESCALE))
        self.window.ended = True
        self.window.announce()

    def abandon(self) -> None:
        """The stream was closed: nobody need wait."""
        self.window.abandoned = True
        self.window.announce()

    def _begin_coding(self) -> Fmp4Muxer:
        return Fmp4Muxer(self._video, self._audio, base_pts=self._base_dts, fill_silence=True)

    def _take(self, frame: Frame) -> None:
        self._frames.append(frame)
        self._frame_bytes += len(frame.payload)

    def _set_clock(self, frame: Frame) -> None:
        """Have the first picture where it belongs on the time line that all streams share."""
        self._begun = True
        since_us = frame.wall_us - self._limits.epoch_us if self._limits.epoch_us is not None else 0
        self._base_dts = frame.dts - max(0, since_us) * TIMESCALE // _US_PER_S
        self._muxer = self._begin_coding()

    def _begin(self, frame: Frame) -> None:
        """Begin a segment with this picture."""
        if not self._begun:
            self._set_clock(frame)
        self._segment = Segment(
            self.window.next_msn, self._init, discontinuity=self._broken, wall_us=frame.wall_us
        )
        self._broken = self.keyframe_due = False
        self.window.open(self._segment)
        self._take(frame)
        self._part_dts = self._segment_dts = self._last_dts = frame.dts
        if frame.keyframe:
            self._keyframe_dts, self._pictures = frame.dts, 0
        self._pictures += 1

    def _continue(self, frame: Frame) -> None:
        """Take the next picture: into the open part, a new part, or a new segment."""
        step = frame.dts - self._last_dts
        if frame.keyframe and (frame.discontinuity or step > max(_HOLE, 4 * self._interval)):
            self._close(None)
            # What fills silence would fill the hole.
            self._muxer = self._begin_coding()
            self._broken = True
            self._begin(frame)
            return
        self._interval = max(1, step)
        if frame.keyframe:
            self._note_group(frame.dts)
        if self._ends_segment(frame):
            self._close(frame.dts)
            self._begin(frame)
            return
        if self._part_dts is not None and self._part_is_full(frame.dts - self._part_dts):
            self._cut(frame.dts)
            self._part_dts = frame.dts
        self._take(frame)
        self._last_dts = frame.dts
        self._pictures += 1
        if frame.keyframe:
            self._keyframe_dts, self._pictures = frame.dts, 1
        self.keyframe_due = self._wants_keyframe()

    @property
    def _longest_s(self) -> float:
        """How long a segment may become, in seconds."""
        return (self.target_s or LONGEST_SEGMENT_S) + _ROUNDS_DOWN

    def _note_group(self, dts: int) -> None:
        self._gop_ticks = dts - self._keyframe_dts
        self._own_gop_ticks = 0 if self._asked else self._gop_ticks
        self._asked = False
        if not self.target_s:
            self._set_targets(self._gop_ticks)

    def _wants_keyframe(self) -> bool:
        elapsed, own = self._last_dts - self._segment_dts, self._own_gop_ticks
        if elapsed < (min(self.target_s or _LONG_S, LONGEST_SEGMENT_S) - _ASK_AHEAD_S) * TIMESCALE:
            return False
        expected = self._keyframe_dts + own
        in_time = expected <= self._segment_dts + self._longest_s * TIMESCALE
        if own and in_time and self._last_dts <= expected + self._interval:
            return False
        self._asked = True
        return True

    def _set_targets(self, gop_ticks: int) -> None:
        """Fix the durations that must not change any more, by what the first group of pictures shows."""
        gop_s = max(gop_ticks / TIMESCALE, 0.01)
        groups = max(1, math.ceil(self._limits.segment_s / gop_s - 0.05))
        target_s = min(groups * gop_s, max(LONGEST_SEGMENT_S, self._limits.segment_s))
        self.target_s = max(1, math.floor(target_s + 0.5))
        frame_s = gop_s / max(1, self._pictures)
        frames = max(1, math.floor(self._limits.part_s / frame_s + 0.05))
        self.part_target_s = math.ceil(frames * frame_s * _JITTER * 1000) / 1000

    def _ends_segment(self, frame: Frame) -> bool:
        elapsed_s = (frame.dts - self._segment_dts) / TIMESCALE
        longest_s = self._longest_s
        too_large = self.window.open_bytes + self._frame_bytes > self._limits.bytes // _LARGEST_SEGMENT
        if too_large or elapsed_s + self._interval / TIMESCALE > longest_s:
            if not self.target_s:  # a keyframe is long in coming
                self._set_targets(frame.dts - self._segment_dts)
            return True
        if not frame.keyframe:
            return False
        first = self._segment is not None and self._segment.msn == 0
        regular = elapsed_s >= self._limits.segment_s - self._interval / TIMESCALE
        return first or regular or elapsed_s + self._gop_ticks / TIMESCALE > longest_s

    def _forget_frames(self) -> None:
        self._frames, self._frame_bytes = [], 0

    def _part_is_full(self, ticks: int) -> bool:
        if self._frame_bytes > self._limits.bytes // _LARGEST_PART:
            return True
        return ticks + self._interval > self.part_target_s * TIMESCALE + 1

    def _cut(self, next_dts: int | None) -> None:
        """Make a part of the frames at hand; `next_dts` is when the picture behind them is due, if one follows."""
        part_dts = self._part_dts
        if part_dts is None or not self._frames:
            return
        data = self._muxer.fragment(self._frames, next_video_dts=next_dts)
        end = self._last_dts + self._interval if next_dts is None else next_dts
        first = next(frame for frame in self._frames if frame.kind is Kind.VIDEO)
        self._forget_frames()
        ticks = max(1, end - part_dts)
        self.part_target_s = max(self.part_target_s, math.ceil(ticks * 1000 / TIMESCALE) / 1000)
        self.window.add(ticks, data, independent=first.keyframe)

    def _close(self, next_dts: int | None) -> None:
        """Complete the open segment, if there is one."""
        if self._part_dts is None:
            self._forget_frames()
            return
        self._cut(next_dts)
        self.window.close_segment(self.target_s)
