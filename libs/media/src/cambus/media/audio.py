"""What a receiver must know of the sound before it hears it: the payload of an audio configuration frame."""

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

from cambus.media import aac, flac, opus
from cambus.media.errors import AudioConfigError
from cambus.media.frame import Codec

_LAYOUT: Final = struct.Struct(">BBIH")
_BYTE_A_SAMPLE: Final = frozenset({Codec.PCMA, Codec.PCMU})
_G726_BITS: Final = range(2, 6)
_USUAL_G726_BITS: Final = 4
_CODECS: Final = {each.value: each for each in Codec if not each.is_video}


@dataclass(frozen=True, slots=True)
class AudioConfig:
    """The parameters of a stream's sound. Sent at the start of a stream and again with each keyframe.

    On the bus, big-endian: codec u8, channels u8, sample rate u32, length of the extradata u16, extradata.
    Bytes behind it are ignored, so that parameters can be added.

    Attributes:
        codec: how the sound is coded.
        sample_rate: samples a second, of each channel.
        channels: 1 or 2, as a rule.
        extradata: what the codec's decoder needs, as FFmpeg and MP4 have it: for AAC the AudioSpecificConfig of
            ISO/IEC 14496-3 §1.6.2.1, for Opus the identification header of RFC 7845 §5.1. For G.726 a byte that
            says how many bits a sample has, 2 to 5; without it they are 4 (32 kbit/s). Its packets are packed as
            RFC 3551 §4.5.4 has them.
    """

    codec: Codec
    sample_rate: int
    channels: int
    extradata: bytes = b""

    def serialize(self) -> bytes:
        """The payload of the configuration frame.

        Raises:
            AudioConfigError: a number does not fit its field.
        """
        try:
            head = _LAYOUT.pack(self.codec, self.channels, self.sample_rate, len(self.extradata))
        except struct.error as error:
            raise AudioConfigError(f"audio configuration of {self.codec.name}: {error}") from error
        return head + self.extradata

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read the payload of a configuration frame.

        Raises:
            AudioConfigError: it is cut short, names no audio codec, or has no channel or a rate of 0.
        """
        if len(data) < _LAYOUT.size:
            raise AudioConfigError(f"{len(data)} bytes, at least {_LAYOUT.size} are needed")
        codec_no, channels, sample_rate, extra = _LAYOUT.unpack_from(data)
        codec = _CODECS.get(codec_no)
        end = _LAYOUT.size + extra
        if codec is None or channels == 0 or sample_rate == 0:
            raise AudioConfigError(f"codec {codec_no}, {channels} channels, {sample_rate} Hz")
        if len(data) < end:
            raise AudioConfigError(f"{len(data)} bytes, {end} were announced")
        return cls(codec, sample_rate, channels, data[_LAYOUT.size : end])


def g726_bits(config: AudioConfig) -> int:
    """Bits a sample of G.726 has."""
    bits = config.extradata[0] if config.extradata else _USUAL_G726_BITS
    return bits if bits in _G726_BITS else _USUAL_G726_BITS


def packet_samples(config: AudioConfig, payload: bytes) -> int:
    """Samples of each channel in a packet; 0 if it is empty, cannot be one, or is of a codec nobody knows."""
    if config.codec is Codec.OPUS:
        return opus.packet_samples(payload)
    if config.codec is Codec.FLAC:
        return flac.block_samples(payload)
    if config.codec is Codec.AAC:
        return _aac_frame_samples(config.extradata) if payload else 0
    if config.codec is Codec.G726:
        return len(payload) * 8 // g726_bits(config) // config.channels
    return len(payload) // config.channels if config.codec in _BYTE_A_SAMPLE else 0


@lru_cache(64)
def _aac_frame_samples(extradata: bytes) -> int:
    try:
        return aac.AacParameters.parse(extradata).frame_samples
    except AudioConfigError:
        return aac.FRAME_SAMPLES
