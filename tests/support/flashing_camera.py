"""A camera whose picture flashes and whose microphone clicks at once: it shows whether they stay in step."""

from fractions import Fraction
from functools import cache

import av
import numpy as np
from camera import Camera
from sound import TICKS, clicks, coded

from cambus.bus.connection import Bus
from cambus.media.audio import AudioConfig
from cambus.media.frame import Flag, Frame, Kind
from cambus.simulators.video_loop import VideoSpec

SPEC = VideoSpec(width=64, height=64, fps=25, bitrate=100_000)
PERIOD_S = 2.0
"""Of the flashes; the first is at `FIRST_S`."""
FIRST_S = 0.8
SECONDS = 120
_PICTURES = round(PERIOD_S * SPEC.fps)


@cache
def flashes() -> list[bytes]:
    """The access units of one period, a keyframe first, by libx264: black, but for one that is white."""
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = SPEC.width, SPEC.height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, SPEC.fps), Fraction(SPEC.fps)
    context.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "x264-params": f"keyint={_PICTURES}:min-keyint={_PICTURES}:scenecut=0:bframes=0:repeat-headers=1:annexb=1",
    }
    units = []
    for number in range(_PICTURES):
        picture = np.full((SPEC.height * 3 // 2, SPEC.width), 128, np.uint8)
        picture[: SPEC.height] = 235 if number == round(FIRST_S * SPEC.fps) else 16
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = number
        units += context.encode(frame)
    units += context.encode(None)
    return [bytes(unit) for unit in units]


@cache
def clicking(config: AudioConfig) -> list[Frame]:
    """The sound of `SECONDS`."""
    at = [FIRST_S + number * PERIOD_S for number in range(int(SECONDS / PERIOD_S))]
    return [frame for frame in coded(clicks(SECONDS, at, config.sample_rate), config) if frame.pts >= 0]


class FlashingCamera(Camera):
    """Publishes flashes and clicks, and stops after `SECONDS`.

    Args:
        bus: to publish on.
        device: its name.
        config: how its sound is coded.
        pace: seconds of media in a second.
    """

    def __init__(self, bus: Bus, device: str, config: AudioConfig, *, pace: float = 2.0) -> None:
        super().__init__(bus, device, SPEC, pace=pace)
        self._config = config
        self._heard = 0

    def picture(self, index: int) -> list[Frame]:
        pts = index * TICKS // SPEC.fps
        number = index % _PICTURES
        frames = []
        if number == 0:
            described = self._config.serialize()
            frames.append(self.frame(Kind.AUDIO_CONFIG, self._config.codec, pts, described, Flag.CONFIG))
        flags = Flag.NONE if number else Flag.KEYFRAME
        frames.append(self.frame(Kind.VIDEO, SPEC.codec, pts, flashes()[number], flags))
        sounds = clicking(self._config)
        self._heard = 0 if index == 0 else self._heard
        while self._heard < len(sounds) and sounds[self._heard].pts <= pts:
            sound = sounds[self._heard]
            frames.append(self.frame(Kind.AUDIO, sound.codec, sound.pts, sound.payload))
            self._heard += 1
        return frames
