"""Sound for tests: clicks at known instants, coded by FFmpeg as devices code it, and found again by FFmpeg."""

import io
from collections.abc import Iterable, Sequence
from fractions import Fraction

import av
import numpy as np

from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Flag, Frame, Kind

TICKS = 90_000
ENCODERS = {
    Codec.PCMA: ("pcm_alaw", "s16"),
    Codec.PCMU: ("pcm_mulaw", "s16"),
    Codec.AAC: ("aac", "fltp"),
    Codec.OPUS: ("libopus", "s16"),
}
DECODERS = {
    Codec.PCMA: "pcm_alaw",
    Codec.PCMU: "pcm_mulaw",
    Codec.AAC: "aac",
    Codec.OPUS: "libopus",
    Codec.FLAC: "flac",
}
LAYOUTS = {1: "mono", 2: "stereo"}


def clicks(seconds: float, at: Iterable[float], rate: int) -> np.ndarray:
    """Silence with bursts of 10 ms at the instants of `at`, s16."""
    pcm = np.zeros(round(seconds * rate), np.int16)
    burst = (np.sin(np.arange(rate // 100) * 2 * np.pi * 1000 / rate) * 20_000).astype(np.int16)
    for instant in at:
        start = round(instant * rate)
        pcm[start : start + len(burst)] = burst
    return pcm


def coded(pcm: np.ndarray, config: AudioConfig, *, packet_s: float = 0.04, base: int = 0) -> list[Frame]:
    """Frames of the bus, their pts beginning at `base`; AAC and Opus have the packets of their own size."""
    rate, layout = config.sample_rate, LAYOUTS[config.channels]
    if config.codec is Codec.G726:
        return _g726(pcm, config, packet_s, base)
    name, sample_format = ENCODERS[config.codec]
    context = av.CodecContext.create(name, "w")
    context.sample_rate, context.layout, context.format = rate, layout, sample_format
    context.time_base = Fraction(1, rate)
    context.open()
    resampler = av.AudioResampler(
        format=sample_format,
        layout=layout,
        rate=rate,
        frame_size=context.frame_size or round(packet_s * rate),
    )
    whole = av.AudioFrame.from_ndarray(np.repeat(pcm, config.channels)[None, :], format="s16", layout=layout)
    whole.sample_rate, whole.pts, whole.time_base = rate, 0, Fraction(1, rate)
    packets = []
    for frame in [*resampler.resample(whole), *resampler.resample(None), None]:
        packets += context.encode(frame)
    return [sound_frame(config.codec, base + packet.pts * TICKS // rate, bytes(packet)) for packet in packets]


def _g726(pcm: np.ndarray, config: AudioConfig, packet_s: float, base: int) -> list[Frame]:
    """FFmpeg's encoder takes what it likes at a time; cut it into packets of one length."""
    bits = config.extradata[0] if config.extradata else 4
    context = av.CodecContext.create("g726le", "w")
    context.sample_rate, context.layout, context.format = config.sample_rate, "mono", "s16"
    context.bit_rate = bits * config.sample_rate
    context.time_base = Fraction(1, config.sample_rate)
    context.open()
    size = context.frame_size
    data = b""
    padded = np.concatenate((pcm, np.zeros(-len(pcm) % size, np.int16)))
    for at in range(0, len(padded), size):
        frame = av.AudioFrame.from_ndarray(padded[None, at : at + size], format="s16", layout="mono")
        frame.sample_rate, frame.pts = config.sample_rate, at
        data += b"".join(map(bytes, context.encode(frame)))
    samples = round(packet_s * config.sample_rate)
    step = samples * bits // 8
    return [
        sound_frame(config.codec, base + number * samples * TICKS // config.sample_rate, data[at : at + step])
        for number, at in enumerate(range(0, len(data) - step + 1, step))
    ]


def sound_frame(codec: Codec, pts: int, payload: bytes) -> Frame:
    """One audio frame of the bus."""
    return Frame(Kind.AUDIO, codec, Flag.NONE, 0, pts, pts, 1_000_000 + pts * 100 // 9, payload)


def heard(frames: Sequence[Frame], config: AudioConfig) -> tuple[np.ndarray, int]:
    """What FFmpeg decodes of frames laid where their pts say, and the rate: sample 0 is pts 0; the loudest channel."""
    context = av.CodecContext.create(DECODERS[config.codec], "r")
    if config.codec is not Codec.OPUS:  # its header would have FFmpeg cut off the pre-skip
        context.extradata = config.extradata or None
    context.sample_rate, context.layout = config.sample_rate, LAYOUTS[config.channels]
    context.open()
    rate = config.sample_rate
    pcm = np.zeros(max(frame.pts for frame in frames) * rate // TICKS + 2 * rate, np.float64)
    for frame in frames:
        at = frame.pts * rate // TICKS
        for decoded in context.decode(av.Packet(frame.payload)):
            samples = np.abs(decoded.to_ndarray().astype(np.float64))
            samples = samples.reshape(-1, config.channels).T if not decoded.format.is_planar else samples
            loudest = samples.max(axis=0)
            if decoded.format.name.startswith("flt"):
                loudest = loudest * 32768
            begin = max(at, 0)
            piece = loudest[begin - at :]
            pcm[begin : begin + len(piece)] = piece
            at += len(loudest)
    return pcm, rate


def instants(pcm: np.ndarray, rate: int, *, quiet: float = 3000) -> list[float]:
    """When bursts begin, in seconds."""
    loud = np.flatnonzero(pcm > quiet)
    if not len(loud):
        return []
    begins = loud[np.flatnonzero(np.diff(loud, prepend=-rate) > rate // 10)]
    return [float(each) / rate for each in begins]


def opened(data: bytes, container: str | None = None) -> av.container.InputContainer:
    """A file in memory, opened by FFmpeg."""
    return av.open(io.BytesIO(data), format=container)
