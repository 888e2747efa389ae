"""Presentation time stamps for recordings, which come at any pace (``docs/design/time.md``, "Recordings").

Live streams are stamped by their arrival. A recording arrives as fast as its reader takes it, so here pictures and
samples alone are counted: the same bytes get the same stamps, and recordings played one after the other have one time
line without a gap, whatever lies between them.
"""

from datetime import datetime
from typing import Final

from cambus.media.timeline import DEFAULT_FPS, MAX_FPS, Stamp

TICKS: Final = 90_000
_MEASURE_S: Final = 8.0
_WRONG_BY: Final = 0.1
_SAME_RUN_S: Final = 5.0
_AUDIO_SLACK_S: Final = 0.2


class RecordedTimeline:
    """The time line of a playback; takes the same calls as `cambus.media.timeline.Timeline`.

    Args:
        speed: media seconds for each second of the time line; may be changed at any time.

    Attributes:
        speed: see above.
        media_s: media time played so far, in seconds.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self.media_s = 0.0
        self._fps = DEFAULT_FPS
        self._stated = 0.0
        self._video = 0.0
        self._audio: float | None = None
        self._video_pts = self._audio_pts = -1
        self._run_began: datetime | None = None
        self._run_frames = 0
        self._suspect = 0.0

    @property
    def clock_offset_s(self) -> float | None:
        """Nothing can be said of the device's clock of today."""
        return None

    def video(
        self, *, keyframe: bool, fps: float, arrival_us: int = 0, device_time: datetime | None = None
    ) -> Stamp:
        """Stamp a picture; see `Timeline.video`. When it arrived does not matter."""
        del arrival_us
        if keyframe:
            self._state(fps)
            if device_time is not None:
                self._measure(device_time)
            self._keep_in_step()
        self._run_frames += 1
        first = self._video_pts < 0
        self._video_pts = max(round(self._video), self._video_pts + 1)
        self.media_s += 1 / self._fps
        self._video += TICKS / self._fps / self.speed
        return Stamp(self._video_pts, first)

    def audio(self, *, samples: int, sample_rate: int, arrival_us: int = 0) -> Stamp:
        """Stamp a packet of sound; see `Timeline.audio`."""
        del arrival_us
        at = self._video if self._audio is None or samples <= 0 else self._audio
        self._audio_pts = max(round(at), self._audio_pts + 1)
        self._audio = at + max(samples, 0) * TICKS / max(sample_rate, 1) / self.speed
        return Stamp(self._audio_pts, discontinuity=False)

    def _state(self, fps: float) -> None:
        """A rate that is new is believed until counting says otherwise."""
        if fps != self._stated:
            self._stated = fps
            self._fps = fps if 0.1 <= fps <= MAX_FPS else DEFAULT_FPS
            self._run_began = None

    def _measure(self, device_time: datetime) -> None:
        """Compare what was counted with the dates in the pictures, over stretches without a jump."""
        if self._run_began is None:
            self._begin_run(device_time)
            return
        passed_s = (device_time - self._run_began).total_seconds()
        counted_s = self._run_frames / self._fps
        if passed_s < 0 or passed_s > 4 * counted_s + _SAME_RUN_S:
            self._begin_run(device_time)  # another recording, or a clock that was set
        elif passed_s >= _MEASURE_S:
            measured = min(max(self._run_frames / passed_s, 0.1), MAX_FPS)
            wrong = abs(counted_s - passed_s) > _WRONG_BY * passed_s + 1.0
            # A hole in the recording looks the same once, not twice.
            if wrong and self._suspect and abs(measured / self._suspect - 1) < 2 * _WRONG_BY:
                self._fps = measured
            self._suspect = measured if wrong else 0.0
            self._begin_run(device_time)

    def _begin_run(self, device_time: datetime) -> None:
        self._run_began = device_time
        self._run_frames = 0

    def _keep_in_step(self) -> None:
        """At a keyframe, sound that has drifted off the picture is set back to it."""
        slack = _AUDIO_SLACK_S * TICKS / self.speed
        if self._audio is not None and abs(self._audio - self._video) > slack:
            self._audio = None
