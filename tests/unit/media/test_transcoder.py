"""Transcoded sound is heard when it happened, whatever the clocks and the packets do. FFmpeg decodes what came out."""

from itertools import pairwise

import av
import numpy as np
import pytest
from sound import TICKS, clicks, coded, heard, instants, sound_frame

from cambus.media import aac
from cambus.media.audio import AudioConfig, packet_samples
from cambus.media.frame import Codec, Flag
from cambus.media.g711 import decode_alaw
from cambus.media.sample_clock import SampleClock
from cambus.media.sound_decoder import make_decoder
from cambus.media.transcoder import AudioTranscoder, can_transcode, corrected, target_config

PCMA = AudioConfig(Codec.PCMA, 8000, 1)
SOURCES = {
    "pcma": PCMA,
    "pcmu": AudioConfig(Codec.PCMU, 8000, 1),
    "pcma-16k": AudioConfig(Codec.PCMA, 16_000, 1),
    "g726-32": AudioConfig(Codec.G726, 8000, 1),
    "g726-16": AudioConfig(Codec.G726, 8000, 1, b"\x02"),
    "aac-8k": AudioConfig(Codec.AAC, 8000, 1, aac.specific_config(8000, 1)),
    "aac-44k-stereo": AudioConfig(Codec.AAC, 44_100, 2, aac.specific_config(44_100, 2)),
}
CLICKS = (0.5, 1.25, 2.1, 3.7)
A_BASE = 1_000_000 * TICKS


def transcoded(frames, source, codec):
    transcoder = AudioTranscoder(source, codec)
    made = []
    for frame in frames:
        made += transcoder.transcode([frame])
    return transcoder, [*made, *transcoder.flush()]


def at_zero(frames, base):
    return [frame._replace(pts=frame.pts - base) for frame in frames]


@pytest.mark.parametrize("codec", [Codec.AAC, Codec.OPUS, Codec.FLAC, Codec.PCMA, Codec.PCMU])
@pytest.mark.parametrize("name", sorted(SOURCES))
def test_what_is_heard_is_heard_when_it_happened(name, codec):
    source = SOURCES[name]
    frames = coded(clicks(4.5, CLICKS, source.sample_rate), source, base=A_BASE)
    transcoder, made = transcoded(frames, source, codec)
    assert transcoder.config == target_config(source, codec)
    assert transcoder.config.codec is codec
    assert {frame.codec for frame in made} == {codec}
    found = instants(*heard(at_zero(made, A_BASE), transcoder.config))
    assert found == pytest.approx(CLICKS, abs=0.015)


@pytest.mark.parametrize(
    ("source", "codec", "rate", "channels"),
    [
        ("pcma-16k", Codec.FLAC, 16_000, 1),
        ("aac-44k-stereo", Codec.FLAC, 44_100, 2),
        ("aac-44k-stereo", Codec.AAC, 44_100, 2),
        ("aac-96k-stereo", Codec.AAC, 96_000, 2),
        ("aac-44k-stereo", Codec.OPUS, 48_000, 2),
        ("pcma-16k", Codec.AAC, 32_000, 1),
        ("aac-44k-stereo", Codec.PCMA, 8000, 1),
    ],
)
def test_sound_keeps_its_rate_and_channels_where_the_codec_has_them(source, codec, rate, channels):
    sources = {**SOURCES, "aac-96k-stereo": AudioConfig(Codec.AAC, 96_000, 2, aac.specific_config(96_000, 2))}
    config = target_config(sources[source], codec)
    assert (config.sample_rate, config.channels) == (rate, channels)


def test_both_channels_of_flac_are_the_ones_that_went_in():
    source = AudioConfig(Codec.PCMA, 16_000, 2)
    left, right = b"\x2a\xaa" * 2000, b"\xd5" * 4000  # loud, and silence
    packet = b"".join(map(bytes, zip(left, right, strict=True)))
    transcoder, made = transcoded([sound_frame(Codec.PCMA, 0, packet)], source, Codec.FLAC)
    context = av.CodecContext.create("flac", "r")
    context.extradata, context.sample_rate, context.layout = transcoder.config.extradata, 16_000, "stereo"
    decoded = [each.to_ndarray() for frame in made for each in context.decode(av.Packet(frame.payload))]
    samples = np.concatenate([each.reshape(-1, 2) for each in decoded])
    assert samples[:, 0].tobytes() == decode_alaw(left)
    assert samples[:, 1].tobytes() == decode_alaw(right)
    assert [packet_samples(transcoder.config, frame.payload) for frame in made] == [
        len(each.reshape(-1, 2)) for each in decoded
    ]


def test_frames_follow_each_other_without_a_gap_however_packets_jitter():
    frames = coded(clicks(10, (9.0,), 8000), PCMA)
    jittery = [
        frame._replace(pts=frame.pts + (number * 37 % 7 - 3) * 900) for number, frame in enumerate(frames)
    ]
    transcoder, made = transcoded(jittery, PCMA, Codec.AAC)
    step = 1024 * TICKS // transcoder.config.sample_rate
    assert {after.pts - before.pts for before, after in pairwise(made)} == {step}
    assert instants(*heard(made, transcoder.config)) == pytest.approx([9.0], abs=0.05)


@pytest.mark.parametrize("drift", [-0.002, -0.0002, 0.0002, 0.002])
def test_a_sampling_clock_that_is_off_is_kept_in_step(drift):
    """0.2 % would be two seconds after a quarter of an hour; cameras are off by a tenth of that."""
    at = tuple(range(5, 60, 5))
    frames = coded(clicks(60, at, 8000), PCMA)
    stretched = [frame._replace(pts=round(frame.pts * (1 + drift))) for frame in frames]
    transcoder, made = transcoded(stretched, PCMA, Codec.AAC)
    found = instants(*heard(made, transcoder.config))
    assert found == pytest.approx([each * (1 + drift) for each in at], abs=0.025)
    assert all(not frame.discontinuity for frame in made[1:])


def test_a_gap_is_silence_and_what_comes_after_is_in_its_place():
    frames = coded(clicks(6, (0.5, 5.0), 8000), PCMA)
    kept = [frame for frame in frames if not 1 * TICKS <= frame.pts < 4 * TICKS]
    transcoder, made = transcoded(kept, PCMA, Codec.AAC)
    step = 1024 * TICKS // transcoder.config.sample_rate
    assert {after.pts - before.pts for before, after in pairwise(made)} == {step}
    assert instants(*heard(made, transcoder.config)) == pytest.approx([0.5, 5.0], abs=0.015)


@pytest.mark.parametrize("jump_s", [60, -60])
def test_a_jump_begins_anew_and_says_so(jump_s):
    before = coded(clicks(2, (1.0,), 8000), PCMA, base=100 * TICKS)
    after = coded(clicks(2, (1.0,), 8000), PCMA, base=(102 + jump_s) * TICKS)
    _, made = transcoded([*before, *after], PCMA, Codec.AAC)
    marked = [frame for frame in made if frame.discontinuity]
    assert [frame.flags for frame in marked] == [Flag.DISCONTINUITY, Flag.DISCONTINUITY]
    config = target_config(PCMA, Codec.AAC)
    second = made[made.index(marked[1]) :]
    base = (102 + jump_s) * TICKS
    assert instants(*heard(at_zero(second, base), config)) == pytest.approx([1.0], abs=0.015)


def test_sound_that_comes_too_late_is_left_out():
    frames = coded(clicks(2, (1.5,), 8000), PCMA)
    again = [*frames[:20], *frames[5:15], *frames[20:]]
    transcoder, made = transcoded(again, PCMA, Codec.AAC)
    assert transcoder.counts["late"] > 0
    assert instants(*heard(made, transcoder.config)) == pytest.approx([1.5], abs=0.02)


def test_garbage_among_the_packets_is_counted_and_survived():
    source = SOURCES["aac-44k-stereo"]
    frames = coded(clicks(3, (2.0,), 44_100), source)
    broken = [
        frame._replace(payload=b"\xab\xcd" * 40) if number == 20 else frame
        for number, frame in enumerate(frames)
    ]
    transcoder, made = transcoded(broken, source, Codec.OPUS)
    assert transcoder.counts["malformed"] == 1
    assert instants(*heard(made, transcoder.config))[-1] == pytest.approx(2.0, abs=0.015)


def test_frames_of_another_codec_and_empty_ones_are_left_out():
    transcoder = AudioTranscoder(PCMA, Codec.AAC)
    assert (
        transcoder.transcode([sound_frame(Codec.PCMU, 0, b"\xff" * 320), sound_frame(Codec.PCMA, 0, b"")])
        == []
    )
    assert transcoder.flush() == []


def test_the_wall_clock_goes_with_the_time():
    frames = coded(clicks(2, (), 8000), PCMA)
    _, made = transcoded(frames, PCMA, Codec.AAC)
    assert all(frame.wall_us == pytest.approx(1_000_000 + frame.pts * 100 / 9, abs=100) for frame in made)


@pytest.mark.parametrize("codec", [Codec.G726, Codec.H264])
def test_there_is_no_way_to_some_codecs(codec):
    assert not can_transcode(PCMA, codec)
    with pytest.raises(ValueError, match="no way"):
        AudioTranscoder(PCMA, codec)


@pytest.mark.parametrize(
    "source", [AudioConfig(Codec.OPAQUE, 8000, 1), AudioConfig(Codec.PCMA, 8000, 6)], ids=["opaque", "six"]
)
def test_there_is_no_way_from_some_sounds(source):
    assert not can_transcode(source, Codec.AAC)


@pytest.mark.parametrize("correction", [-3, -1, 1, 4])
def test_corrections_are_spread_over_a_packet(correction):
    pcm = b"".join(number.to_bytes(2, "little") for number in range(320))
    found = corrected(pcm, 2, correction)
    values = [int.from_bytes(found[at : at + 2], "little") for at in range(0, len(found), 2)]
    assert len(values) == 320 + correction
    steps = [after - before for before, after in pairwise(values)]
    assert sorted(set(steps)) == ([0, 1] if correction > 0 else [1, 2])
    assert values == sorted(values)


def test_the_clock_lays_packets_end_to_end():
    clock = SampleClock(8000)
    assert clock.place(90_000, 320).restart
    for number in range(1, 100):
        placed = clock.place(90_000 + number * 3600 + (number % 3 - 1) * 100, 320)
        assert (placed.take, placed.restart, placed.silence, placed.correction) == (True, False, 0, 0)
    assert clock.end == 90_000 + 100 * 3600


def test_sound_that_is_other_than_it_was_said_to_be_is_taken_as_it_is():
    """A configuration of one channel at 32 kHz, frames of two; then of one."""
    told = AudioConfig(Codec.AAC, 32_000, 1, aac.specific_config(32_000, 1))
    stereo = AudioConfig(Codec.AAC, 32_000, 2, aac.specific_config(32_000, 2))
    first = coded(clicks(2, (1.0,), 32_000), stereo)
    base = first[-1].pts + 2 * 2880  # the encoder's run-up comes before it
    second = coded(clicks(2, (1.0,), 32_000), told, base=base)
    transcoder, made = transcoded([*first, *second], told, Codec.OPUS)
    assert instants(*heard(made, transcoder.config)) == pytest.approx([1.0, 1.0 + base / TICKS], abs=0.015)


def test_a_packet_of_many_seconds_is_not_worked_on():
    transcoder = AudioTranscoder(PCMA, Codec.AAC)
    assert transcoder.transcode([sound_frame(Codec.PCMA, 0, bytes(1 << 20))]) == []
    assert transcoder.counts["malformed"] == 1


class Changeable:
    """A decoder of FFmpeg whose sound becomes another in mid-stream, as that of AAC may."""

    def __init__(self):
        self._forms = iter([("mono", 16_000), ("mono", 32_000), ("stereo", 32_000)])

    def decode(self, packet):
        layout, rate = next(self._forms)
        frame = av.AudioFrame(format="fltp", layout=layout, samples=rate // 10)
        frame.sample_rate = rate
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        return [frame]


def test_a_decoder_whose_sound_becomes_another_is_followed():
    decoder = make_decoder(AudioConfig(Codec.AAC, 16_000, 1, aac.specific_config(16_000, 1)))
    decoder._context = Changeable()
    sizes = [len(decoder.decode(b"any")) for _ in range(3)]
    assert sizes == pytest.approx([3200, 3200, 3200], abs=100)  # a resampler keeps a few for the next
