"""AAC: what its configuration says, the ADTS header of a frame, and a frame of silence (ISO/IEC 14496-3).

On the bus a frame of AAC is a raw data block without header; the AudioSpecificConfig is the extradata of its
`AudioConfig`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

from cambus.media.errors import AudioConfigError

SAMPLE_RATES: Final = (
    96000,
    88200,
    64000,
    48000,
    44100,
    32000,
    24000,
    22050,
    16000,
    12000,
    11025,
    8000,
    7350,
)
"""Sampling rates in Hz by their index (§1.6.3.4)."""
FRAME_SAMPLES: Final = 1024
"""Samples of each channel in a frame of AAC-LC."""
SHORT_FRAME_SAMPLES: Final = 960
ADTS_BYTES: Final = 7
LARGEST_FRAME: Final = (1 << 13) - 1 - ADTS_BYTES
"""Bytes of a frame that an ADTS header can say."""
LOW_COMPLEXITY: Final = 2
_ADTS_CHECKSUM_BYTES: Final = 2
_EXPLICIT_RATE: Final = 15
_ESCAPE: Final = 31
_SBR_TYPES: Final = frozenset({5, 29})
_ADTS_TYPES: Final = range(1, 5)
_CHANNELS: Final = (0, 1, 2, 3, 4, 5, 6, 8)  # by their index (§1.6.3.5)


@dataclass(frozen=True, slots=True)
class AacParameters:
    """What an AudioSpecificConfig says of the core codec (§1.6.2.1).

    Attributes:
        object_type: 2 is AAC-LC; of SBR and parametric stereo it is that of the core below.
        sample_rate: of the core, in Hz: with SBR half of what is heard.
        channels: 1..8; 0 if they are described inside of the stream.
        frame_samples: 1024, or 960.
    """

    object_type: int
    sample_rate: int
    channels: int
    frame_samples: int = FRAME_SAMPLES

    @classmethod
    def parse(cls, config: bytes) -> Self:
        """Read an AudioSpecificConfig.

        Raises:
            AudioConfigError: it is cut short or names a reserved sampling rate.
        """
        bits = _Bits(config)
        object_type = bits.object_type()
        rate = bits.rate()
        channels = bits.take(4)
        if object_type in _SBR_TYPES:  # explicit hierarchical signalling: the core's own type follows
            bits.rate()
            object_type = bits.object_type()
        short = bits.take(1) if object_type in _ADTS_TYPES else 0
        if channels >= len(_CHANNELS):
            raise AudioConfigError(f"channels of index {channels}")
        return cls(object_type, rate, _CHANNELS[channels], _frame_samples(short))

    def serialize(self) -> bytes:
        """The AudioSpecificConfig of two bytes.

        Raises:
            AudioConfigError: another object type than the first four, a rate without an index, channels without one.
        """
        if self.object_type not in _ADTS_TYPES or self.channels not in _CHANNELS:
            raise AudioConfigError(f"object type {self.object_type}, {self.channels} channels")
        rate, channels = rate_index(self.sample_rate), _CHANNELS.index(self.channels)
        short = self.frame_samples == SHORT_FRAME_SAMPLES
        return (self.object_type << 11 | rate << 7 | channels << 3 | short << 2).to_bytes(2, "big")


def specific_config(sample_rate: int, channels: int) -> bytes:
    """The AudioSpecificConfig of AAC-LC. Raises AudioConfigError for a rate without an index."""
    return AacParameters(LOW_COMPLEXITY, sample_rate, channels).serialize()


def rate_index(sample_rate: int) -> int:
    """The index of a sampling rate. Raises AudioConfigError if it has none."""
    if sample_rate not in SAMPLE_RATES:
        raise AudioConfigError(f"AAC has no index for {sample_rate} Hz")
    return SAMPLE_RATES.index(sample_rate)


def adts_header(size: int, sample_rate: int, channels: int, object_type: int = LOW_COMPLEXITY) -> bytes:
    """The header before one frame of `size` bytes, without a checksum (§1.A.3.2).

    Raises:
        AudioConfigError: a size, rate, type or number of channels that the header has no room for.
    """
    if size > LARGEST_FRAME or object_type not in _ADTS_TYPES or channels not in _CHANNELS:
        raise AudioConfigError(f"no ADTS for {size} bytes of type {object_type} with {channels} channels")
    head = (
        0xFFF1 << 40 | object_type - 1 << 38 | rate_index(sample_rate) << 34 | _CHANNELS.index(channels) << 30
    )
    head |= size + ADTS_BYTES << 13 | 0x7FF << 2
    return head.to_bytes(ADTS_BYTES, "big")


def iter_adts(data: bytes) -> Iterator[tuple[AacParameters, bytes]]:
    """The frames of a run of ADTS without their headers, each with what its header says (§1.A.3.2).

    Ends at whatever is no whole frame, or one that says a reserved rate or describes its channels inside. A frame of
    several blocks is left out: none is known that codes pictures' sound so.
    """
    at, end = 0, len(data)
    while at + ADTS_BYTES <= end and data[at] == 0xFF and data[at + 1] & 0xF6 == 0xF0:
        head = ADTS_BYTES + (0 if data[at + 1] & 1 else _ADTS_CHECKSUM_BYTES)
        size = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
        index, channels = data[at + 2] >> 2 & 15, (data[at + 2] & 1) << 2 | data[at + 3] >> 6
        if size <= head or at + size > end or index >= len(SAMPLE_RATES) or not channels:
            return
        if not data[at + 6] & 3:
            object_type = (data[at + 2] >> 6) + 1
            yield (
                AacParameters(object_type, SAMPLE_RATES[index], _CHANNELS[channels]),
                data[at + head : at + size],
            )
        at += size


def with_adts(raw: bytes, config: bytes) -> bytes:
    """A frame with the header it has in program and transport streams.

    Args:
        raw: the frame; as it is where it has such a header, or where none could describe it.
        config: the AudioSpecificConfig; without one the frame stays as it is.
    """
    if raw[:1] == b"\xff":
        return raw
    try:
        parameters = AacParameters.parse(config)
        head = adts_header(len(raw), parameters.sample_rate, parameters.channels, parameters.object_type)
    except AudioConfigError:
        return raw
    return head + raw


def silent_frame(channels: int) -> bytes:
    """A frame without sound: no spectral data at all (§4.4.2).

    Raises:
        AudioConfigError: neither one nor two channels.
    """
    stream = "0" * (
        8 + 11 + 3
    )  # global_gain; ics_info with max_sfb 0; no pulse data, noise shaping, gain control
    if channels == 1:
        bits = "000" + "0000" + stream  # single_channel_element, its tag
    elif channels == 2:
        bits = "001" + "0000" + "0" + stream * 2  # channel_pair_element without a common window
    else:
        raise AudioConfigError(f"no silence of {channels} channels")
    bits += "111"  # ID_END
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def _frame_samples(short: int) -> int:
    return SHORT_FRAME_SAMPLES if short else FRAME_SAMPLES


class _Bits:
    """Takes numbers off the front of a configuration."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = 8 * len(data)
        self._data = data

    def take(self, width: int) -> int:
        if self._left < width:
            raise AudioConfigError(f"an AudioSpecificConfig that is cut short: {self._data.hex(' ')}")
        self._left -= width
        return self._value >> self._left & (1 << width) - 1

    def object_type(self) -> int:
        found = self.take(5)
        return 32 + self.take(6) if found == _ESCAPE else found

    def rate(self) -> int:
        index = self.take(4)
        if index == _EXPLICIT_RATE:
            rate = self.take(24)
            if rate:
                return rate
        elif index < len(SAMPLE_RATES):
            return SAMPLE_RATES[index]
        raise AudioConfigError(f"a reserved sampling rate in {self._data.hex(' ')}")
