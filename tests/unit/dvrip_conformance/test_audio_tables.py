"""Every code the protocol has for sound, and that none of them ends the pictures."""

import pytest

from cambus.dvrip.frames import AudioFrame, VideoFrame
from cambus.dvrip.media import StreamSplitter
from cambus.media.frame import Codec

CODECS = {
    7: Codec.OPAQUE,  # PCM8
    8: Codec.OPAQUE,  # G.729
    9: Codec.OPAQUE,  # IMA-ADPCM
    10: Codec.PCMU,
    11: Codec.OPAQUE,  # G.721
    12: Codec.OPAQUE,  # PCM8 VWIS
    13: Codec.OPAQUE,  # MS-ADPCM
    14: Codec.PCMA,
    15: Codec.AAC,
    16: Codec.AAC,
    22: Codec.PCMU,
    30: Codec.OPAQUE,  # talk
}
RATES = {1: 4000, 2: 8000, 3: 11025, 4: 16000, 5: 20000, 6: 22050, 7: 32000, 8: 44100, 9: 48000}
KEY = VideoFrame(Codec.H264, True, b"\x00\x00\x00\x01\x67\x64\x00\x1f", 640, 480, 25)
DELTA = VideoFrame(Codec.H264, False, b"\x00\x00\x00\x01\x41\x9a", 640, 480, 25)


@pytest.mark.parametrize("code", CODECS)
@pytest.mark.parametrize("rate", RATES)
def test_every_codec_and_rate_has_its_meaning(code, rate):
    stream = KEY.serialize() + AudioFrame(code, rate, b"sound").serialize()
    _, sound = StreamSplitter().receive_data(stream)
    assert (sound.codec, sound.sample_rate, sound.payload) == (CODECS[code], RATES[rate], b"sound")
    assert (sound.audio_type, sound.rate_code) == (code, rate)


def test_no_code_at_all_ends_the_pictures():
    sounds = [AudioFrame(code, rate, b"?") for code in range(256) for rate in (0, 2, 10, 255)]
    stream = KEY.serialize() + b"".join(sound.serialize() + DELTA.serialize() for sound in sounds)
    splitter = StreamSplitter()
    frames = splitter.receive_data(stream)
    assert frames[1::2] == sounds
    assert frames[2::2] == [DELTA] * len(sounds)
    assert splitter.counters["resyncs"] == 0
