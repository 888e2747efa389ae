"""Whatever comes from a device, transcoded sound has times that rise, and nothing raises."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound import TICKS, sound_frame

from cambus.media.aac import specific_config
from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec
from cambus.media.sample_clock import LONGEST_FILL, TOLERANCE, SampleClock
from cambus.media.transcoder import AudioTranscoder

SOURCES = {
    "pcma": AudioConfig(Codec.PCMA, 8000, 1),
    "g726": AudioConfig(Codec.G726, 8000, 1),
    "aac": AudioConfig(Codec.AAC, 16_000, 2, specific_config(16_000, 2)),
    "opus": AudioConfig(Codec.OPUS, 48_000, 1),
}

steps = st.one_of(
    st.integers(-5000, 5000), st.integers(-TICKS, TICKS), st.integers(-20 * TICKS, 20 * TICKS), st.just(0)
)


@given(
    rate=st.sampled_from([8000, 16_000, 44_100, 48_000]),
    packets=st.lists(st.tuples(steps, st.integers(1, 4000)), min_size=1, max_size=60),
    begin=st.integers(-(1 << 40), 1 << 40),
)
def test_the_clock_of_samples_never_strays_from_the_time_stamps(rate, packets, begin):
    clock = SampleClock(rate)
    due, end = begin, None
    for step, samples in packets:
        pts = due + step
        placed = clock.place(pts, samples)
        if placed.take:
            lasts = samples * TICKS / rate
            assert abs(clock.end - (pts + lasts)) <= TOLERANCE + samples / 160 * TICKS / rate + 2
            assert 0 <= placed.silence <= LONGEST_FILL * rate // TICKS
            assert samples + placed.correction >= 1
            if end is not None and not placed.restart:
                assert clock.end > end
            end = clock.end
        due = pts + samples * TICKS // rate


@pytest.mark.parametrize("codec", [Codec.AAC, Codec.OPUS])
@pytest.mark.parametrize("name", sorted(SOURCES))
@settings(max_examples=25, deadline=None)
@given(packets=st.lists(st.tuples(steps, st.binary(max_size=400)), max_size=15))
def test_no_packet_of_a_device_breaks_a_transcoder(name, codec, packets):
    transcoder = AudioTranscoder(SOURCES[name], codec)
    pts, made = 0, []
    for step, payload in packets:
        pts += 1800 + step
        made += transcoder.transcode([sound_frame(SOURCES[name].codec, pts, payload)])
    made += transcoder.flush()
    assert all(after.pts > before.pts for before, after in pairwise(made) if not after.discontinuity)
    assert {frame.codec for frame in made} <= {codec}
