"""WAV files as what a loudspeaker takes, G.711 A-law at 8 kHz; and what a microphone heard as a WAV file.

Any rate, width and number of channels of plain PCM is read. The rate is changed with a windowed sinc, so that what
8 kHz can not carry is left out instead of being heard as something else.
"""

import math
import sys
import wave
from array import array
from functools import lru_cache
from operator import mul
from pathlib import Path
from typing import IO, Final

from cambus.cli.failures import UsageError
from cambus.media.g711 import encode_alaw

RATE: Final = 8000
MOST_S: Final = 3600
_MAX_RATE: Final = 384_000
_MAX_CHANNELS: Final = 64
_HALF: Final = 16
"""Half the width of the filter, in samples of the lower of the two rates."""

_PASS: Final = 0.92
"""Which part of what the lower rate can carry is let through."""


def read_alaw(path: Path) -> bytes:
    """Read a WAV file as A-law at 8 kHz, one channel.

    Raises:
        UsageError: there is no such file, or it holds something else than PCM; the hint says how to make it.
    """
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, rate, frames, *_ = file.getparams()
            if not (1 <= channels <= _MAX_CHANNELS and 1 <= width <= 4 and 1 <= rate <= _MAX_RATE):
                raise UsageError(f"{path}: {channels} channels of {8 * width} bit at {rate} Hz", hint=_HINT)
            if frames > MOST_S * rate:
                raise UsageError(f"{path} is longer than {MOST_S // 60} minutes")
            raw = file.readframes(frames)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    except (wave.Error, EOFError) as error:
        raise UsageError(
            f"{path} is no WAV file of plain PCM: {error or 'it is cut off'}", hint=_HINT
        ) from None
    samples = to_8k(_mono(raw, width, channels), rate)
    if not samples:
        raise UsageError(f"{path} holds no sound")
    return encode_alaw(_little_endian(samples))


_HINT: Final = "ffmpeg -i FILE -ac 1 -ar 8000 -c:a pcm_s16le speech.wav"


def write_wav(file: IO[bytes], pcm: bytes, rate: int) -> None:
    """Write signed 16 bit little-endian samples of one channel as a WAV file."""
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(pcm)


def to_8k(samples: "array[int]", rate: int) -> "array[int]":
    """Change the rate of samples to 8 kHz."""
    if rate == RATE:
        return samples
    filters, half = _filters(rate)
    up = len(filters)
    down = rate // math.gcd(rate, RATE)
    padded = array("h", bytes(2 * half)) + samples + array("h", bytes(2 * (half + 1)))
    changed = array("h")
    for number in range(len(samples) * up // down):
        at, phase = divmod(number * down, up)
        value = round(sum(map(mul, filters[phase], padded[at + 1 : at + 1 + 2 * half])))
        changed.append(min(max(value, -32768), 32767))
    return changed


@lru_cache(maxsize=4)
def _filters(rate: int) -> tuple[tuple[tuple[float, ...], ...], int]:
    """A low-pass for each place an output sample can have between two of the input, and half their length."""
    up = RATE // math.gcd(rate, RATE)
    cut = min(1.0, RATE / rate) * _PASS
    half = math.ceil(_HALF * max(1.0, rate / RATE))
    return tuple(_filter(phase / up, cut, half) for phase in range(up)), half


def _filter(shift: float, cut: float, half: int) -> tuple[float, ...]:
    weights = []
    for place in range(1 - half, half + 1):
        at = place - shift
        angle = math.pi * cut * at
        window = 0.5 + 0.5 * math.cos(math.pi * at / half)
        weights.append(window * (math.sin(angle) / angle if angle else 1.0))
    whole = sum(weights)
    return tuple(weight / whole for weight in weights)


def _mono(raw: bytes, width: int, channels: int) -> "array[int]":
    """The upper 16 bits of each sample, the channels mixed."""
    pcm = bytearray(len(raw) // width * 2)
    if width == 1:  # unsigned, alone among the widths
        pcm[1::2] = raw.translate(bytes(value ^ 0x80 for value in range(256)))
    else:
        pcm[::2], pcm[1::2] = raw[width - 2 :: width], raw[width - 1 :: width]
    samples = array("h", bytes(pcm))
    if sys.byteorder == "big":
        samples.byteswap()
    if channels == 1:
        return samples
    places = zip(*(samples[channel::channels] for channel in range(channels)), strict=False)
    return array("h", (sum(place) // channels for place in places))


def _little_endian(samples: "array[int]") -> bytes:
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()
