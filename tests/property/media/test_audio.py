"""G.711 and the audio configuration under arbitrary values."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from cambus.media import g711
from cambus.media.audio import AudioConfig
from cambus.media.errors import AudioConfigError
from cambus.media.frame import Codec

configs = st.builds(
    AudioConfig,
    codec=st.sampled_from([codec for codec in Codec if not codec.is_video]),
    sample_rate=st.integers(1, 0xFFFFFFFF),
    channels=st.integers(1, 255),
    extradata=st.binary(max_size=64),
)


@given(configs, st.binary(max_size=8))
def test_every_configuration_survives_the_bus(config, later):
    assert AudioConfig.parse(config.serialize()) == config
    assert AudioConfig.parse(config.serialize() + later) == config


@given(st.binary(max_size=40))
def test_arbitrary_bytes_are_a_configuration_or_an_error(data):
    with contextlib.suppress(AudioConfigError):
        config = AudioConfig.parse(data)
        assert data.startswith(config.serialize())


@given(st.binary(max_size=400))
def test_g711_codes_survive_decoding_and_encoding(codes):
    assert g711.encode_alaw(g711.decode_alaw(codes)) == codes
    assert g711.decode_ulaw(g711.encode_ulaw(g711.decode_ulaw(codes))) == g711.decode_ulaw(codes)


@given(st.lists(st.integers(-32768, 32767), max_size=200))
def test_g711_is_within_its_step_of_the_sample(samples):
    pcm = b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)
    for encode, decode in ((g711.encode_alaw, g711.decode_alaw), (g711.encode_ulaw, g711.decode_ulaw)):
        back = decode(encode(pcm))
        assert len(back) == len(pcm)
        for at, sample in enumerate(samples):
            heard = int.from_bytes(back[2 * at : 2 * at + 2], "little", signed=True)
            # Half a step: at most a 32nd of the magnitude, never less than the smallest step.
            assert abs(heard - sample) <= max(abs(sample) / 32 + 8, 12) or abs(sample) > 32_100
