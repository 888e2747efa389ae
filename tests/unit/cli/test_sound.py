"""WAV files of any kind become what a loudspeaker takes, and sound the same."""

import math
import struct
import wave
from array import array

import pytest

from cambus.cli.failures import UsageError
from cambus.cli.sound import RATE, read_alaw, to_8k, write_wav
from cambus.media.g711 import decode_alaw, encode_alaw


def tone(frequency, rate, seconds=0.5, level=12_000):
    return array(
        "h",
        (round(level * math.sin(2 * math.pi * frequency * at / rate)) for at in range(round(rate * seconds))),
    )


def strength(samples, frequency, rate=RATE):
    """How much of a frequency is in the middle of some samples: 1.0 for a full tone of 12,000."""
    middle = samples[len(samples) // 4 : -len(samples) // 4]
    parts = [
        sum(value * turn(2 * math.pi * frequency * at / rate) for at, value in enumerate(middle))
        for turn in (math.sin, math.cos)
    ]
    return 2 * math.hypot(*parts) / len(middle) / 12_000


def written(path, samples, *, rate=RATE, width=2, channels=1):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        for value in samples:
            if width == 1:
                file.writeframesraw(struct.pack("B", (value >> 8) + 128) * channels)
            else:
                file.writeframesraw(
                    (value << 8 * (width - 2)).to_bytes(width, "little", signed=True) * channels
                )
    return path


@pytest.mark.parametrize("rate", [4000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 44_056])
def test_a_tone_of_any_rate_sounds_the_same(rate):
    changed = to_8k(tone(1000, rate), rate)
    assert abs(len(changed) - RATE // 2) <= 1
    assert strength(changed, 1000) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
@pytest.mark.parametrize("frequency", [5000, 6500])
def test_what_8_khz_can_not_carry_is_not_heard_as_something_else(rate, frequency):
    changed = to_8k(tone(frequency, rate), rate)
    assert strength(changed, 8000 - frequency) < 0.01
    assert max(map(abs, changed[200:-200])) < 300


def test_at_8_khz_nothing_is_changed(tmp_path):
    samples = tone(440, RATE)
    assert read_alaw(written(tmp_path / "a.wav", samples)) == encode_alaw(samples.tobytes())


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_every_width_and_number_of_channels(tmp_path, width, channels):
    path = written(tmp_path / "a.wav", tone(440, RATE, 0.1), width=width, channels=channels)
    heard = array("h", decode_alaw(read_alaw(path)))
    assert len(heard) == RATE // 10
    assert strength(heard, 440) == pytest.approx(1.0, abs=0.03)


def test_loud_sound_is_limited_and_does_not_wrap_around():
    square = array("h", [32767 if at % 48 < 24 else -32768 for at in range(4800)])
    assert all(abs(value) <= 32768 for value in to_8k(square, 48_000))


def test_channels_are_mixed(tmp_path):
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((2, 2, RATE, 0, "NONE", ""))
        for value in tone(440, RATE, 0.1):
            file.writeframesraw(struct.pack("<hh", value, -value))
    assert set(decode_alaw(read_alaw(tmp_path / "a.wav"))) <= {8, 0, 0xF8, 0xFF}


def test_what_is_written_is_read_again(tmp_path):
    samples = tone(300, RATE, 0.1)
    with (tmp_path / "a.wav").open("wb") as file:
        write_wav(file, samples.tobytes(), RATE)
    assert read_alaw(tmp_path / "a.wav") == encode_alaw(samples.tobytes())


def test_what_is_no_plain_wav_is_refused_with_how_to_make_one(tmp_path):
    (tmp_path / "no.wav").write_bytes(b"RIFF\0\0\0\0WAVEfmt ")
    (tmp_path / "text.wav").write_bytes(b"hello")
    header = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 36, b"WAVE", b"fmt ", 16, 6, 1, RATE, RATE, 1, 8)
    (tmp_path / "alaw.wav").write_bytes(header + b"data" + struct.pack("<I", 0))
    for name in ("no.wav", "text.wav", "alaw.wav"):
        with pytest.raises(UsageError) as caught:
            read_alaw(tmp_path / name)
        assert caught.value.hint.startswith("ffmpeg")
    with pytest.raises(UsageError, match="No such file"):
        read_alaw(tmp_path / "missing.wav")
    with pytest.raises(UsageError, match="holds no sound"):
        read_alaw(written(tmp_path / "empty.wav", []))
