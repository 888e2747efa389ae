"""G.711 from one law to the other."""

from cambus.connector.talk_line import transcode
from cambus.media.frame import Codec
from cambus.media.g711 import decode_alaw, decode_ulaw

EVERY = bytes(range(256))


def samples(pcm):
    return [int.from_bytes(pcm[at : at + 2], "little", signed=True) for at in range(0, len(pcm), 2)]


def test_what_is_spoken_as_wanted_is_not_touched():
    for codec in (Codec.PCMA, Codec.PCMU):
        assert transcode(EVERY, codec, codec) == EVERY


def test_either_law_becomes_the_other_and_sounds_the_same():
    for spoken, wanted, said, heard in (
        (Codec.PCMU, Codec.PCMA, decode_ulaw, decode_alaw),
        (Codec.PCMA, Codec.PCMU, decode_alaw, decode_ulaw),
    ):
        before, after = samples(said(EVERY)), samples(heard(transcode(EVERY, spoken, wanted)))
        assert len(after) == 256
        for one, other in zip(before, after, strict=True):
            assert abs(one - other) <= max(16, abs(one) // 16)
