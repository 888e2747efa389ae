"""Sound in another codec: what an output needs that does not carry the device's own.

`AudioTranscoder` is plain computing and blocks for a fraction of a millisecond a packet: run it off an event loop.
It needs PyAV, which this library does not bring along: who uses it names it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Final

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.resampler import AudioResampler

from cambus.media import aac, flac, opus
from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Flag, Frame, Kind
from cambus.media.sample_clock import TICKS, SampleClock
from cambus.media.sound_decoder import LAYOUTS, SAMPLE_BYTES, can_decode, make_decoder

TARGETS: Final = frozenset({Codec.AAC, Codec.OPUS, Codec.FLAC, Codec.PCMA, Codec.PCMU})
"""What sound can be transcoded to."""

_ENCODERS: Final = {
    Codec.AAC: ("aac", "fltp"),
    Codec.OPUS: ("libopus", "s16"),
    Codec.FLAC: ("flac", "s16"),
    Codec.PCMA: ("pcm_alaw", "s16"),
    Codec.PCMU: ("pcm_mulaw", "s16"),
}
_BITS_PER_CHANNEL: Final = 32_000
_SLOWEST_AAC: Final = 32_000
"""Hz. A frame is 1024 samples and leaves the encoder one frame late: at 8 kHz sound would come 256 ms after it."""
_AAC_RATES: Final = frozenset({32_000, 44_100, 48_000, 64_000, 88_200, 96_000})
_G711_RATE: Final = 8000
_G711_FRAME: Final = 160
_US_PER_S: Final = 1_000_000
_SILENCE_SAMPLES: Final = 1024
_LARGEST_PACKET: Final = 64 * 1024
"""Bytes: 8 s of G.711. Nothing else should take long either."""


def can_transcode(source: AudioConfig, codec: Codec) -> bool:
    """Whether this sound can be had in that codec."""
    return codec in TARGETS and can_decode(source)


def target_config(source: AudioConfig, codec: Codec) -> AudioConfig:
    """What the sound will be once it is transcoded; known before anything is. Raises ValueError if it cannot be."""
    if not can_transcode(source, codec):
        message = f"no way from {source.codec.name} with {source.channels} channels to {codec.name}"
        raise ValueError(message)
    if codec is Codec.AAC:
        rate = source.sample_rate if source.sample_rate in _AAC_RATES else _SLOWEST_AAC
        return AudioConfig(codec, rate, source.channels, aac.specific_config(rate, source.channels))
    if codec is Codec.OPUS:
        # The encoder's delay is in the pts already, and who joins in mid-stream has nothing to skip.
        head = opus.head(source.channels, pre_skip=0, input_rate=source.sample_rate)
        return AudioConfig(codec, opus.SAMPLE_RATE, source.channels, head)
    if codec is Codec.FLAC:
        info = flac.streaminfo(source.sample_rate, source.channels)
        return AudioConfig(codec, source.sample_rate, source.channels, info)
    return AudioConfig(codec, _G711_RATE, 1)


class AudioTranscoder:
    """Turns the audio frames of one stream into those of another codec.

    The pts of what comes out say when it is to be heard, on the time line of what went in: the encoder's delay is in
    them, drift of the device's sampling clock is made up for, gaps up to 5 s are filled with silence (see
    `SampleClock`). Where the time line begins anew a frame is marked as a discontinuity. Frames come out at the
    encoder's own size: 1024 samples of AAC, 20 ms of Opus and G.711, about as much of FLAC.

    Args:
        source: what goes in.
        codec: what is to come out, one of `TARGETS`.

    Raises:
        ValueError: there is no way from one to the other.

    Attributes:
        config: what comes out.
        counts: packets `late` for their place and left out, and `malformed` ones.
    """

    def __init__(self, source: AudioConfig, codec: Codec) -> None:
        self.config = target_config(source, codec)
        self.counts: Counter[str] = Counter(late=0, malformed=0)
        self._source = source
        self._clock = SampleClock(source.sample_rate)
        self._sample_bytes = SAMPLE_BYTES * source.channels
        self._decoder = make_decoder(source)
        self._encoder: _Encoder | None = None
        self._last: Frame | None = None

    def transcode(self, frames: Sequence[Frame]) -> list[Frame]:
        """Take frames of the source's codec in order; what they complete. Others are left out. Blocks."""
        made: list[Frame] = []
        for frame in frames:
            if frame.kind is not Kind.AUDIO or frame.codec is not self._source.codec:
                continue
            if len(frame.payload) > _LARGEST_PACKET:
                self.counts["malformed"] += 1
                continue
            try:
                pcm = self._decoder.decode(frame.payload)
            except av.FFmpegError:
                self.counts["malformed"] += 1
                continue
            if pcm:
                self._place(frame, pcm, made)
        return made

    def flush(self) -> list[Frame]:
        """What is still inside, at the end of the stream. What comes in later begins anew."""
        made: list[Frame] = []
        self._end(made)
        self._clock = SampleClock(self._source.sample_rate)
        return made

    def _place(self, frame: Frame, pcm: bytes, made: list[Frame]) -> None:
        placement = self._clock.place(frame.pts, len(pcm) // self._sample_bytes)
        if not placement.take:
            self.counts["late"] += 1
            return
        if placement.restart:
            self._end(made)
        self._last = frame
        if self._encoder is None:
            self._encoder = _Encoder(self._source, self.config, self._clock.anchor)
        left = placement.silence
        while left > 0:
            some = min(left, _SILENCE_SAMPLES)
            made += self._made(self._encoder.encode(bytes(some * self._sample_bytes)))
            left -= some
        if placement.correction:
            pcm = corrected(pcm, self._sample_bytes, placement.correction)
        made += self._made(self._encoder.encode(pcm))

    def _end(self, made: list[Frame]) -> None:
        if self._encoder is not None:
            made += self._made(self._encoder.flush())
            self._encoder = None

    def _made(self, packets: Iterator[tuple[int, bytes, bool]]) -> list[Frame]:
        last, codec = self._last, self.config.codec
        if last is None:
            return []
        return [
            Frame(
                Kind.AUDIO,
                codec,
                Flag.DISCONTINUITY if first else Flag.NONE,
                last.seq,
                pts,
                pts,
                last.wall_us + (pts - last.pts) * _US_PER_S // TICKS,
                payload,
            )
            for pts, payload, first in packets
        ]


class _Encoder:
    """An encoder from its first sample to its last, and the resampler before it.

    Args:
        source: what it is given.
        target: what it makes.
        anchor: the pts of the first sample.
    """

    def __init__(self, source: AudioConfig, target: AudioConfig, anchor: int) -> None:
        name, sample_format = _ENCODERS[target.codec]
        context = av.CodecContext.create(name, "w")
        if not isinstance(context, AudioCodecContext):
            raise TypeError(name)
        layout = LAYOUTS[target.channels]
        context.sample_rate, context.layout, context.format = target.sample_rate, layout, sample_format
        context.time_base = Fraction(1, target.sample_rate)
        if target.codec in {Codec.AAC, Codec.OPUS}:
            context.bit_rate = _BITS_PER_CHANNEL * target.channels
        if target.codec is Codec.FLAC:
            context.options = {"compression_level": "0"}  # small frames, which come early
        context.open()
        self._context = context
        self._resampler = AudioResampler(
            format=sample_format,
            layout=layout,
            rate=target.sample_rate,
            frame_size=context.frame_size or _G711_FRAME,
        )
        self._source = source
        self._rate = target.sample_rate
        self._anchor = anchor
        self._given = 0
        self._first = True

    def encode(self, pcm: bytes) -> Iterator[tuple[int, bytes, bool]]:
        """Pts, payload, and whether it is the first, of every packet that these samples complete."""
        samples = len(pcm) // (SAMPLE_BYTES * self._source.channels)
        frame = av.AudioFrame(format="s16", layout=LAYOUTS[self._source.channels], samples=samples)
        frame.sample_rate = self._source.sample_rate
        frame.time_base = Fraction(1, self._source.sample_rate)
        frame.pts = self._given
        frame.planes[0].update(pcm)
        self._given += samples
        for resampled in self._resampler.resample(frame):
            yield from self._packets(resampled)

    def flush(self) -> Iterator[tuple[int, bytes, bool]]:
        """What is inside of resampler and encoder."""
        for resampled in self._resampler.resample(None):
            yield from self._packets(resampled)
        yield from self._packets(None)

    def _packets(self, frame: av.AudioFrame | None) -> Iterator[tuple[int, bytes, bool]]:
        for packet in self._context.encode(frame):
            if not packet.size or packet.pts is None or packet.pts + (packet.duration or 0) <= 0:
                continue  # nothing but the encoder's run-up, or what FLAC says of the whole behind its end
            yield self._anchor + packet.pts * TICKS // self._rate, bytes(packet), self._first
            self._first = False


def corrected(pcm: bytes, sample_bytes: int, correction: int) -> bytes:
    """The samples with some of them doubled (correction above zero) or left out (below), evenly spread.

    Args:
        pcm: whole samples.
        sample_bytes: of one sample of all channels.
        correction: how many more or fewer there will be; fewer leaves at least one.
    """
    count = len(pcm) // sample_bytes
    pieces = abs(correction) + 1
    cuts = [number * count // pieces * sample_bytes for number in range(pieces + 1)]
    shift = -sample_bytes if correction > 0 else sample_bytes
    parts = [pcm[: cuts[1]]]
    for start, end in pairwise(cuts[1:]):
        parts.append(pcm[start + shift : end])
    return b"".join(parts)
