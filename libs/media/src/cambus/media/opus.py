"""Opus packets: how long they are, how a stream is described, and silence (RFC 6716, RFC 7845 §5.1)."""

from __future__ import annotations

import struct
from typing import Final

SAMPLE_RATE: Final = 48_000
"""Of all times of Opus, whatever it was encoded from (RFC 7845 §4)."""
SILENCE: Final = b"\xf8\xff\xfe"
"""20 ms of nothing: a CELT frame that says so."""
SILENCE_SAMPLES: Final = 960
_HEAD = struct.Struct("<8sBBHIhB")
_MAGIC: Final = b"OpusHead"
_SILK_MS: Final = (10, 20, 40, 60)
_CELT_SAMPLES: Final = (120, 240, 480, 960)
_HYBRID_FROM, _CELT_FROM = 12, 16
_MOST_SAMPLES: Final = 5760


def packet_samples(packet: bytes) -> int:
    """Samples of a packet at 48 kHz by its first byte (RFC 6716 §3.1, §3.2); 0 if it is none."""
    if not packet:
        return 0
    config, code = packet[0] >> 3, packet[0] & 3
    if config < _HYBRID_FROM:
        samples = _SILK_MS[config & 3] * SAMPLE_RATE // 1000
    elif config < _CELT_FROM:
        samples = (480, 960)[config & 1]
    else:
        samples = _CELT_SAMPLES[config & 3]
    frames = (1, 2, 2, packet[1] & 0x3F if len(packet) > 1 else 0)[code]
    total = frames * samples
    return total if total <= _MOST_SAMPLES else 0


def head(channels: int, *, pre_skip: int, input_rate: int = SAMPLE_RATE) -> bytes:
    """The identification header (RFC 7845 §5.1), which is also the extradata of an `AudioConfig`.

    Args:
        channels: 1 or 2.
        pre_skip: samples at 48 kHz a decoder throws away at the start.
        input_rate: of what was encoded, for information.
    """
    return _HEAD.pack(_MAGIC, 1, channels, pre_skip, input_rate, 0, 0)


def parse_head(data: bytes) -> tuple[int, int, int, int] | None:
    """Channels, pre-skip, rate of the input and output gain of a header of mapping family 0; None if it is none."""
    if len(data) < _HEAD.size:
        return None
    magic, version, channels, pre_skip, rate, gain, family = _HEAD.unpack_from(data)
    if magic != _MAGIC or version >> 4 or family or channels not in {1, 2}:
        return None
    return channels, pre_skip, rate, gain
