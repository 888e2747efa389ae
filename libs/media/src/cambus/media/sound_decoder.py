"""Sound as devices send it, decoded to 16-bit samples."""

import io
from collections.abc import Callable
from typing import Final, Protocol

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.resampler import AudioResampler

from cambus.media.audio import AudioConfig, g726_bits
from cambus.media.frame import Codec
from cambus.media.g711 import decode_alaw, decode_ulaw

LAYOUTS: Final = {1: "mono", 2: "stereo"}
"""FFmpeg's names of the channel layouts that can be transcoded, by the number of channels."""
SAMPLE_BYTES: Final = 2
_G711: Final[dict[Codec, Callable[[bytes], bytes]]] = {Codec.PCMA: decode_alaw, Codec.PCMU: decode_ulaw}
_CODECS: Final = {Codec.AAC: "aac", Codec.OPUS: "libopus"}


class Decoder(Protocol):
    """Makes samples of packets."""

    def decode(self, payload: bytes) -> bytes:
        """Signed 16-bit samples in this machine's order, the channels interleaved; raises `av.FFmpegError`."""


def can_decode(config: AudioConfig) -> bool:
    """Whether there is a decoder for this sound; AAC has to be described."""
    if config.codec is Codec.AAC and not config.extradata:
        return False
    return config.channels in LAYOUTS and config.codec in {*_G711, *_CODECS, Codec.G726}


def make_decoder(config: AudioConfig) -> Decoder:
    """The decoder of a sound; its samples have the rate and the channels of `config`. Raises ValueError without one."""
    if not can_decode(config):
        message = f"no decoder for {config.codec.name} with {config.channels} channels"
        raise ValueError(message)
    if config.codec in _G711:
        return _TableDecoder(_G711[config.codec])
    return _LibraryDecoder(config)


class _TableDecoder:
    def __init__(self, table: Callable[[bytes], bytes]) -> None:
        self._table = table

    def decode(self, payload: bytes) -> bytes:
        return self._table(payload)


class _LibraryDecoder:
    """FFmpeg's decoder, and its resampler to have the samples in one form.

    What comes out of a decoder may be other than what was described, and may change: AAC tells of twice the rate, or
    of two channels, in its frames.
    """

    def __init__(self, config: AudioConfig) -> None:
        self._context = _g726(config) if config.codec is Codec.G726 else _library_codec(config)
        self._config = config
        self._form: tuple[str, str, int] | None = None
        self._resampler: AudioResampler | None = None
        self._sample_bytes = SAMPLE_BYTES * config.channels

    def decode(self, payload: bytes) -> bytes:
        parts = [
            bytes(resampled.planes[0])[: resampled.samples * self._sample_bytes]
            for frame in self._context.decode(av.Packet(payload))
            for resampled in self._in_one_form(frame)
        ]
        return b"".join(parts)

    def _in_one_form(self, frame: av.AudioFrame) -> list[av.AudioFrame]:
        form = frame.format.name, frame.layout.name, frame.sample_rate
        if self._resampler is None or form != self._form:
            layout, rate = LAYOUTS[self._config.channels], self._config.sample_rate
            self._resampler = AudioResampler(format="s16", layout=layout, rate=rate)
            self._form = form
        frame.pts = None  # packets have none, and a decoder's guess would make the resampler fill gaps
        return self._resampler.resample(frame)


def _library_codec(config: AudioConfig) -> AudioCodecContext:
    context = av.CodecContext.create(_CODECS[config.codec], "r")
    if not isinstance(context, AudioCodecContext):
        raise TypeError(config.codec.name)
    context.extradata = config.extradata or None
    context.sample_rate = config.sample_rate
    context.layout = LAYOUTS[config.channels]
    context.open()
    return context


def _g726(config: AudioConfig) -> AudioCodecContext:
    """The decoder of G.726 packed as RTP has it (RFC 3551 §4.5.4), the first sample in the lowest bits.

    Only a demuxer can tell FFmpeg's decoder how many bits a sample has, so it is taken from one that is given
    nothing else to do.
    """
    options = {"code_size": str(g726_bits(config)), "sample_rate": str(config.sample_rate)}
    container = av.open(io.BytesIO(bytes(4096)), format="g726le", options=options)
    return container.streams.audio[0].codec_context
