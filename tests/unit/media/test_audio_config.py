import pytest

from cambus.media.audio import AudioConfig, packet_samples
from cambus.media.errors import AudioConfigError
from cambus.media.frame import Codec

AAC = AudioConfig(Codec.AAC, 16000, 1, bytes.fromhex("1408"))


def test_it_comes_back_equal():
    assert AudioConfig.parse(AAC.serialize()) == AAC
    assert AudioConfig.parse(AudioConfig(Codec.PCMA, 8000, 1).serialize()) == AudioConfig(Codec.PCMA, 8000, 1)


def test_what_a_later_version_adds_is_ignored():
    assert AudioConfig.parse(AAC.serialize() + b"more") == AAC


@pytest.mark.parametrize("size", range(10))
def test_a_cut_one_is_an_error(size):
    with pytest.raises(AudioConfigError):
        AudioConfig.parse(AAC.serialize()[:size])


@pytest.mark.parametrize(
    "data",
    [
        "01 01 00001f40 0000",  # H.264 is no sound
        "63 01 00001f40 0000",
        "10 00 00001f40 0000",
        "10 01 00000000 0000",
    ],
)
def test_an_impossible_one_is_an_error(data):
    with pytest.raises(AudioConfigError):
        AudioConfig.parse(bytes.fromhex(data))


@pytest.mark.parametrize(
    "config",
    [
        AudioConfig(Codec.AAC, 1 << 32, 1),
        AudioConfig(Codec.AAC, 8000, 256),
        AudioConfig(Codec.AAC, 8000, 1, bytes(1 << 16)),
    ],
)
def test_what_does_not_fit_its_field_is_an_error(config):
    with pytest.raises(AudioConfigError):
        config.serialize()


@pytest.mark.parametrize(
    ("config", "payload_bytes", "samples"),
    [
        (AudioConfig(Codec.PCMA, 8000, 1), 320, 320),
        (AudioConfig(Codec.PCMU, 16_000, 2), 320, 160),
        (AudioConfig(Codec.G726, 8000, 1), 160, 320),
        (AudioConfig(Codec.G726, 8000, 1, b"\x02"), 80, 320),
        (AudioConfig(Codec.G726, 8000, 1, b"\x05"), 200, 320),
        (AudioConfig(Codec.G726, 8000, 1, b"\xff"), 160, 320),
        (AAC, 77, 1024),
        (AudioConfig(Codec.AAC, 44_100, 2, bytes.fromhex("1214")), 77, 960),
        (AudioConfig(Codec.AAC, 44_100, 2), 77, 1024),
        (AAC, 0, 0),
        (AudioConfig(Codec.OPAQUE, 8000, 1), 320, 0),
    ],
)
def test_how_many_samples_a_packet_has(config, payload_bytes, samples):
    assert packet_samples(config, bytes(payload_bytes)) == samples
