"""FFmpeg as a publisher, through PyAV, in a process of its own: its muxers talk to servers without giving way to
other threads. Run as a script it encodes a moving picture and a tone, and pushes them until its input ends.
"""

import asyncio
import contextlib
import json
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from fractions import Fraction

import av
import numpy as np

SIZE = (160, 128)
RATE = 20
GOP = 10


@dataclass
class Plan:
    """What is pushed where.

    Attributes:
        url: where to.
        form: `rtsp` or `flv`.
        video: encoder of the pictures.
        sound: encoder of the sound, None without.
        b_frames: how many pictures in a row are shown before one that is decoded first.
        stop_after: so many pictures; then nothing more comes, but the connection stays.
        options: of the muxer.
    """

    url: str
    form: str
    video: str = "libx264"
    sound: str | None = "pcm_alaw"
    b_frames: int = 0
    stop_after: int | None = None
    options: dict[str, str] = field(default_factory=dict)


class Publisher:
    """Pushes as a plan says; enter it. What is left of it ends with the block."""

    def __init__(self, url, form, **plan):
        self._plan = Plan(url, form, **plan)

    async def __aenter__(self):
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, __file__, json.dumps(asdict(self._plan)), stdin=pipe, stdout=pipe
        )
        return self

    async def __aexit__(self, *exc_info):
        await self.stop()

    async def stop(self):
        """End the stream in an orderly way; what FFmpeg said, empty if all went well."""
        with contextlib.suppress(ConnectionError):
            self._process.stdin.close()
        return await self.ended()

    async def ended(self):
        """Wait until it has ended; what FFmpeg said, empty if it was stopped."""
        said = await self._process.stdout.read()
        await self._process.wait()
        return said.decode().strip()

    def kill(self):
        """End it without a word."""
        self._process.kill()


class Pushing:
    """What the script does."""

    def __init__(self, plan):
        self._plan = plan
        self._video, self._b_frames = plan.video, plan.b_frames
        self._stop = threading.Event()
        self.sent = 0

    def run(self):
        """Push until the input ends."""
        threading.Thread(target=self._await_end, daemon=True).start()
        try:
            self._publish()
        except (av.FFmpegError, OSError) as error:
            print(f"{type(error).__name__}: {error}")

    def _await_end(self):
        sys.stdin.read()
        self._stop.set()

    def _publish(self):
        plan = self._plan
        with av.open(plan.url, "w", format=plan.form, options=plan.options, timeout=30.0) as out:
            video = out.add_stream(plan.video, rate=RATE)
            video.width, video.height = SIZE
            video.pix_fmt = "yuv420p"
            video.gop_size = GOP
            video.codec_context.time_base = Fraction(1, RATE)
            video.codec_context.thread_count = 1
            video.options = self._encoder()
            sound = None
            if plan.sound is not None:
                sound = out.add_stream(plan.sound, rate=8000, layout="mono")
            self._push(out, video, sound)

    def _encoder(self):
        if self._video == "libx265":
            frames = (
                f"bframes={self._b_frames}:b-adapt=0:keyint={GOP}:min-keyint={GOP}:scenecut=0:log-level=none"
            )
            return {"preset": "ultrafast", "x265-params": f"{frames}:pools=none:frame-threads=1"}
        if self._video != "libx264":
            return {}
        more = "b-adapt=0:b-pyramid=none" if self._b_frames else "b-adapt=0"
        return {
            "preset": "ultrafast",
            "tune": "" if self._b_frames else "zerolatency",
            "bf": str(self._b_frames),
            "x264-params": f"{more}:keyint={GOP}:min-keyint={GOP}:scenecut=0:threads=1:bframes={self._b_frames}",
        }

    def _push(self, out, video, sound):
        began, samples = time.monotonic(), 0
        while not self._stop.wait(max(0.0, began + self.sent / RATE - time.monotonic())):
            if self._plan.stop_after is not None and self.sent >= self._plan.stop_after:
                self._stop.wait()
                break
            frame = av.VideoFrame.from_ndarray(picture(self.sent), format="yuv420p")
            frame.pts = self.sent
            out.mux(video.encode(frame))
            self.sent += 1
            while sound is not None and samples / 8000 < self.sent / RATE:
                out.mux(sound.encode(tone(samples, sound.codec_context.frame_size or 160)))
                samples += sound.codec_context.frame_size or 160
        for stream in (video, sound):
            if stream is not None:
                out.mux(stream.encode(None))


def picture(number):
    """A grey field with a bar whose place is the number of the picture."""
    width, height = SIZE
    planes = np.full((height * 3 // 2, width), 128, np.uint8)
    planes[:height] = 60
    at = number * 8 % width
    planes[:height, at : at + 8] = 220
    return planes


def tone(begin, count):
    """A piece of a tone."""
    values = np.sin((begin + np.arange(count)) * 2 * np.pi * 440 / 8000) * 8000
    frame = av.AudioFrame.from_ndarray(values.astype(np.int16)[None, :], format="s16", layout="mono")
    frame.sample_rate = 8000
    frame.pts = begin
    frame.time_base = Fraction(1, 8000)
    return frame


if __name__ == "__main__":
    Pushing(Plan(**json.loads(sys.argv[1]))).run()
