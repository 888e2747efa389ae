"""What a stream shows: pictures and sound of a channel by media time, endless or a recording."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

import av
import numpy as np

from cambus.gb28181.media_tracks import adts
from cambus.media.frame import Codec
from cambus.media.g711 import decode_alaw, encode_ulaw
from cambus.simulators.tone import PACKETS_PER_S, SAMPLE_RATE, channel_tone
from cambus.simulators.video_loop import VideoLoop, VideoSpec

TICKS: Final = 90_000
AAC_SAMPLES: Final = 1024
_AAC_SECONDS: Final = 16


@dataclass(frozen=True, slots=True)
class MediaPlan:
    """What the streams of a device look like.

    Attributes:
        main, sub: its two encoders.
        sound: codec of its sound, None without.
    """

    main: VideoSpec = field(default_factory=VideoSpec)
    sub: VideoSpec = field(default_factory=lambda: VideoSpec(width=320, height=240, bitrate=256_000))
    sound: Codec | None = Codec.PCMA

    def spec(self, channel: int, stream: int) -> VideoSpec:
        """One encoder of a channel, which counts from 1."""
        return (self.sub if stream else self.main).for_channel(channel)

    def coded(self, codec: Codec) -> MediaPlan:
        """The same in another codec."""
        return replace(self, main=replace(self.main, codec=codec), sub=replace(self.sub, codec=codec))


@dataclass(frozen=True, slots=True)
class Piece:
    """A picture, or a packet of sound.

    Attributes:
        at_s: when it is due, in seconds from the start.
        data: Annex-B, samples of G.711, or a frame of AAC in ADTS.
        codec: of the data.
        keyframe: whether a picture can be shown without those before it.
    """

    at_s: float
    data: bytes
    codec: Codec
    keyframe: bool = False

    @property
    def pts(self) -> int:
        """The same instant in 90 kHz."""
        return round(self.at_s * TICKS)


class Source:
    """Pieces in the order they are due.

    Args:
        loop: the pictures, repeated.
        sound: codec of the sound, None without.
        duration_s: how long it is; None for endless.
    """

    def __init__(self, loop: VideoLoop, sound: Codec | None, duration_s: float | None = None) -> None:
        self.duration_s = duration_s
        self.backwards = False
        self.ends_at_s = 0.0
        self._loop = loop
        self.sound = sound
        self._tone = tone(loop.spec.channel, sound) if sound is not None else ()
        self._sound_s = AAC_SAMPLES / SAMPLE_RATE if sound is Codec.AAC else 1 / PACKETS_PER_S
        self._picture = 0
        self._packet = 0

    @property
    def codec(self) -> Codec:
        """Of the pictures."""
        return self._loop.spec.codec

    @property
    def position_s(self) -> float:
        """Where it is."""
        return self._picture / self._loop.spec.fps

    def copy(self) -> Source:
        """The same from its beginning."""
        return Source(self._loop, self.sound, self.duration_s)

    def seek(self, position_s: float) -> None:
        """Go on with the key frame at or before a point."""
        spec = self._loop.spec
        self._picture = int(max(position_s, 0.0) * spec.fps) // spec.gop_frames * spec.gop_frames
        self._packet = round(self.position_s / self._sound_s)

    def next(self) -> Piece | None:
        """The next piece; None at the end."""
        if self.backwards:
            return self._previous_key()
        picture_s, sound_s = self._picture / self._loop.spec.fps, self._packet * self._sound_s
        if self.sound is not None and sound_s < picture_s:
            packet = self._tone[self._packet % len(self._tone)]
            self._packet += 1
            return Piece(sound_s, packet, self.sound)
        if self.duration_s is not None and picture_s >= self.duration_s:
            return None
        unit = self._loop.unit(self._picture)
        self._picture += 1
        return Piece(picture_s, unit.data, self.codec, unit.keyframe)

    def _previous_key(self) -> Piece | None:
        gop = self._loop.spec.gop_frames
        if self._picture <= 0 or self.position_s <= self.ends_at_s:
            return None
        self._picture = (self._picture - 1) // gop * gop
        unit = self._loop.unit(self._picture)
        return Piece(self.position_s, unit.data, self.codec, keyframe=True)


def tone(channel: int, codec: Codec) -> tuple[bytes, ...]:
    """The sound of a channel, to be repeated: a second of G.711, or sixteen of AAC in ADTS."""
    packets = channel_tone(channel)
    if codec is Codec.PCMU:
        return tuple(encode_ulaw(decode_alaw(packet)) for packet in packets)
    if codec is Codec.AAC:
        return _aac(b"".join(decode_alaw(packet) for packet in packets))
    return packets


@lru_cache(maxsize=64)
def _aac(second: bytes) -> tuple[bytes, ...]:
    """A whole number of frames out of a whole number of seconds."""
    encoder = av.CodecContext.create("aac", "w")
    assert isinstance(encoder, av.AudioCodecContext)  # noqa: S101 - it is one of sound
    encoder.sample_rate, encoder.layout, encoder.format = SAMPLE_RATE, "mono", "fltp"
    samples = np.frombuffer(second * _AAC_SECONDS, "<i2").astype(np.float32) / 32768
    packets = []
    for at in range(0, len(samples), AAC_SAMPLES):
        frame = av.AudioFrame.from_ndarray(samples[None, at : at + AAC_SAMPLES], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE, at
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    return tuple(adts(len(data), SAMPLE_RATE, 1) + data for data in map(bytes, packets))
