"""The sound of a simulated channel: a tone as G.711 A-law, 8 kHz, in 40 ms packets.

The loop is one second long and its frequency a whole number of Hertz, so that it repeats without a click.
"""

from functools import lru_cache
from typing import Final

import numpy as np

from cambus.media.g711 import encode_alaw

SAMPLE_RATE: Final = 8000
#: Bytes, and samples, of one packet.
PACKET_SAMPLES: Final = 320
PACKETS_PER_S: Final = SAMPLE_RATE // PACKET_SAMPLES


@lru_cache(maxsize=256)
def tone_packets(frequency_hz: int) -> tuple[bytes, ...]:
    """The 25 packets of one second of a sine at -12 dB; every packet is 320 bytes of A-law."""
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    samples = (np.sin(2 * np.pi * frequency_hz * time) * 8192).astype("<i2")
    coded = encode_alaw(samples.tobytes())
    return tuple(coded[at : at + PACKET_SAMPLES] for at in range(0, len(coded), PACKET_SAMPLES))


def channel_tone(channel: int) -> tuple[bytes, ...]:
    """The tone of a 1-based channel: 400 Hz and up, 40 Hz apart."""
    return tone_packets(400 + 40 * (channel % 32))
