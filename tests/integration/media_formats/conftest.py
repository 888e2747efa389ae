"""Really encoded clips: what a camera would send, made by FFmpeg's encoders."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
import pytest

from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Flag, Frame, Kind
from cambus.media.parameter_sets import ParameterSetTracker, VideoParams

FPS = 25
GOP = 25
FRAMES = 50
FRAME_TICKS = 90_000 // FPS
BASE_PTS = 7_000_000_123
PACKET_SAMPLES = 320


@dataclass(frozen=True)
class Clip:
    """Two seconds of pictures and the sound that goes with them, as frames of the bus."""

    params: VideoParams
    video: list[Frame]
    config: AudioConfig
    audio: list[Frame]
    pcm: np.ndarray

    @property
    def interleaved(self) -> list[Frame]:
        return sorted([*self.video, *self.audio], key=lambda frame: frame.dts)

    def gops(self) -> list[list[Frame]]:
        """Video and audio, cut before each keyframe."""
        gops: list[list[Frame]] = []
        for frame in self.interleaved:
            if frame.kind is Kind.VIDEO and frame.keyframe:
                gops.append([])
            if gops:
                gops[-1].append(frame)
        return gops


def encode_video(codec: Codec, *, b_frames: int = 0, size: tuple[int, int] = (160, 120)) -> list[Frame]:
    name = "libx264" if codec is Codec.H264 else "libx265"
    context = av.CodecContext.create(name, "w")
    context.width, context.height = size
    context.pix_fmt = "yuv420p"
    context.time_base = Fraction(1, 90_000)
    context.framerate = Fraction(FPS)
    context.gop_size = GOP
    quality = {"preset": "ultrafast", "forced-idr": "1"}
    extra = f"keyint={GOP}:min-keyint={GOP}:scenecut=0:bframes={b_frames}:repeat-headers=1:annexb=1"
    if codec is Codec.H265:
        quality["x265-params"] = f"log-level=none:{extra}:open-gop=0"
    else:
        quality["x264-params"] = f"{extra}:b-adapt=0"
    context.options = quality
    packets = []
    for number in range(FRAMES):
        rows = np.arange(size[1], dtype=np.int32)[:, None]
        columns = np.arange(size[0], dtype=np.int32)[None, :]
        luma = ((rows * 2 + columns + number * 5) & 0xFF).astype(np.uint8)
        picture = np.concatenate((luma, np.full((size[1] // 2, size[0]), 128, np.uint8)))
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = number * FRAME_TICKS
        frame.time_base = context.time_base
        packets += context.encode(frame)
    packets += context.encode(None)
    first = min(packet.dts for packet in packets)
    return [
        Frame(
            Kind.VIDEO,
            codec,
            Flag.KEYFRAME if packet.is_keyframe else Flag.NONE,
            index,
            BASE_PTS + packet.pts - first,
            BASE_PTS + packet.dts - first,
            0,
            bytes(packet),
        )
        for index, packet in enumerate(packets)
    ]


def encode_tone(codec: Codec, *, seconds: float = 2.0, rate: int = 8000) -> tuple[list[Frame], np.ndarray]:
    """G.711 packets of 40 ms made by FFmpeg's encoder, and the PCM that FFmpeg's decoder makes of them."""
    name = "pcm_alaw" if codec is Codec.PCMA else "pcm_mulaw"
    samples = (np.sin(np.arange(int(seconds * rate)) * 2 * np.pi * 440 / rate) * 12000).astype(np.int16)
    context = av.CodecContext.create(name, "w")
    context.sample_rate, context.layout, context.format = rate, "mono", "s16"
    context.time_base = Fraction(1, rate)
    frame = av.AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
    frame.sample_rate = rate
    payload = b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])
    frames = [
        Frame(
            Kind.AUDIO,
            codec,
            Flag.NONE,
            0,
            pts := BASE_PTS + at * 90_000 // rate,
            pts,
            0,
            payload[at : at + PACKET_SAMPLES],
        )
        for at in range(0, len(payload), PACKET_SAMPLES)
    ]
    decoder = av.CodecContext.create(name, "r")
    decoder.sample_rate, decoder.layout = rate, "mono"
    pcm = np.concatenate([out.to_ndarray()[0] for out in decoder.decode(av.Packet(payload))])
    return frames, pcm


@pytest.fixture(scope="session")
def make_clip() -> Callable[..., Clip]:
    """Encode a clip: `make_clip(video_codec, audio_codec, **how)`; each kind is encoded once."""
    made: dict[object, Clip] = {}

    def make(video: Codec = Codec.H264, audio: Codec = Codec.PCMA, **how: object) -> Clip:
        key = (video, audio, *sorted(how.items()))
        if key not in made:
            frames = encode_video(video, **how)
            tracker = ParameterSetTracker()
            params = next(found for frame in frames if (found := tracker.update(frame.payload, video)))
            tone, pcm = encode_tone(audio)
            made[key] = Clip(params, frames, AudioConfig(audio, 8000, 1), tone, pcm)
        return made[key]

    return make


@dataclass(frozen=True)
class Played:
    """What FFmpeg makes of a file."""

    video: list[av.VideoFrame]
    audio: np.ndarray
    video_pts: list[float]
    audio_pts: list[float]
    duration_s: float | None
    format: str
    codecs: list[str]


def _play(data: bytes) -> Played:
    with av.open(io.BytesIO(data)) as container:
        video: list[av.VideoFrame] = []
        audio: list[np.ndarray] = [np.zeros(0, np.int16)]
        video_pts: list[float] = []
        audio_pts: list[float] = []
        for packet in container.demux():
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    video.append(frame)
                    video_pts.append(float(frame.pts * frame.time_base))
                else:
                    audio.append(frame.to_ndarray().reshape(-1))
                    audio_pts.append(float(frame.pts * frame.time_base))
        duration = container.duration
        return Played(
            video,
            np.concatenate(audio),
            video_pts,
            audio_pts,
            duration / av.time_base if duration else None,
            container.format.name,
            [stream.codec_context.name for stream in container.streams],
        )


@pytest.fixture(scope="session")
def play() -> Callable[[bytes], Played]:
    """Demux and decode a whole file with FFmpeg."""
    return _play
