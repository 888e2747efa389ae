"""Presentation time stamps for streams whose devices have no usable ones (``docs/design/time.md``)."""

import math
from datetime import datetime
from typing import Final, NamedTuple

from cambus.media.arrival import AUDIO, VIDEO, ArrivalFollower
from cambus.media.device_clock import DeviceClock
from cambus.media.frame_rate import RateMeter

#: The frame rate of a stream that states none (DVRIP §9.3).
DEFAULT_FPS: Final = 25.0
MAX_FPS: Final = 240.0
#: The arrival clock may be this much unsteady without it being taken for a clock that was set.
_CLOCK_STEP_US: Final = 1_000_000
_DEFAULT_SAMPLE_RATE: Final = 8000


class Stamp(NamedTuple):
    """The time of one frame.

    Attributes:
        pts: presentation time, ticks of 90 kHz from the arrival clock's zero.
        discontinuity: the frame does not continue what came before: the first one, or the source stalled or
            jumped.
        clock_jump_s: by how much the device's clock was set since its last date; None when it was not.
    """

    pts: int
    discontinuity: bool
    clock_jump_s: float | None = None


class Timeline:
    """The time line of one stream, pictures and sound.

    Call :meth:`video` and :meth:`audio` once for each frame, in the order of arrival. ``arrival_us`` is when
    the bytes were read, microseconds since 1970 UTC, best from a clock that is never set: the wall clock at
    the start of the process plus the monotonic time since. pts of either medium always grow.
    """

    def __init__(self) -> None:
        self._video = ArrivalFollower(VIDEO)
        self._audio = ArrivalFollower(AUDIO)
        self._rate = RateMeter()
        self._clock = DeviceClock()
        self._video_pts = self._audio_pts = -(1 << 62)
        self._arrival: int | None = None
        self._audio_arrival: int | None = None
        self._correction = 0

    @property
    def frame_rate(self) -> float | None:
        """Pictures a second, as stated or, where that is wrong, as measured; None before the first."""
        return 1e6 / self._rate.step_us if self._rate.step_us else None

    @property
    def clock_offset_s(self) -> float | None:
        """The device's clock minus ours, seconds, by the dates it sent; None before the first."""
        return self._clock.offset_s

    def video(
        self, *, keyframe: bool, fps: float, arrival_us: int, device_time: datetime | None = None
    ) -> Stamp:
        """Stamp a picture.

        Args:
            keyframe: whether it is a keyframe; only these state a frame rate that is heard.
            fps: the stated frame rate; what cannot be one counts as :data:`DEFAULT_FPS`.
            arrival_us: when it arrived.
            device_time: what the device says the time is, if it says so; without a zone it is read as UTC.
        """
        arrival = self._steady(arrival_us)
        if keyframe or not self._rate.step_us:
            self._rate.state(_step_us(fps))
        true_us, discontinuity = self._video.advance(self._rate.step_us, arrival)
        if self._video.steady:
            self._rate.observe(arrival, self._video.lateness_us)
        else:
            self._rate.restart()
        jump = None if device_time is None else self._clock.observe(device_time, true_us - self._correction)
        self._video_pts = max(_ticks(true_us), self._video_pts + 1)
        return Stamp(self._video_pts, discontinuity, jump)

    def audio(self, *, samples: int, sample_rate: int, arrival_us: int) -> Stamp:
        """Stamp a packet of sound; the stamp is its first sample's.

        Args:
            samples: how many samples of each channel it has; 0 if nobody knows: then arrival alone counts.
            sample_rate: samples a second; what cannot be one counts as 8000.
            arrival_us: when it arrived, which is after its last sample.
        """
        arrival = self._steady(arrival_us)
        rate = sample_rate if sample_rate > 0 else _DEFAULT_SAMPLE_RATE
        since = 0 if self._audio_arrival is None else arrival - self._audio_arrival
        length_us = samples * 1e6 / rate if samples > 0 else since
        self._audio_arrival = arrival
        true_us, discontinuity = self._audio.advance(length_us, arrival)
        self._audio_pts = max(_ticks(true_us - length_us), self._audio_pts + 1)
        return Stamp(self._audio_pts, discontinuity)

    def _steady(self, arrival_us: int) -> int:
        """The arrival on a clock that never steps back: one that was set is carried on from where it was."""
        arrival = arrival_us + self._correction
        if self._arrival is not None and arrival < self._arrival:
            if self._arrival - arrival > _CLOCK_STEP_US:
                self._correction += self._arrival - arrival
            arrival = self._arrival
        self._arrival = arrival
        return arrival


def _step_us(fps: float) -> float:
    """The time between two pictures; a rate that cannot be one counts as the default."""
    return 1e6 / (fps if math.isfinite(fps) and 0.1 <= fps <= MAX_FPS else DEFAULT_FPS)


def _ticks(time_us: float) -> int:
    return round(time_us * 0.09)
