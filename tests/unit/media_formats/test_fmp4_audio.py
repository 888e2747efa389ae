from __future__ import annotations

import pytest

from cambus.media.audio import AudioConfig
from cambus.media.fmp4_audio import LASTING, TOLERANCE, AudioTrack
from cambus.media.frame import Codec


def spans(samples) -> list[tuple[int, int]]:
    return [(sample.dts, sample.duration) for sample in samples]


def test_packets_whose_timestamps_jitter_are_laid_end_to_end(pcma, audio):
    track = AudioTrack(pcma, base_pts=1000)
    taken = [sample for at in (1000, 2900, 4500, 6500) for sample in track.take(audio(at))]
    assert spans(taken) == [(0, 1800), (1800, 1800), (3600, 1800), (5400, 1800)]


def test_rounding_does_not_add_up(pcma, audio):
    track = AudioTrack(pcma)
    for packet in range(80):  # 100 samples are 1125 ticks, 101 are not whole ones
        track.take(audio(packet * 1136, samples=101))
    assert track.end == 80 * 101 * 90_000 // 8000


def test_a_packet_after_a_pause_begins_at_its_own_time(pcma, audio):
    track = AudioTrack(pcma)
    track.take(audio(0))
    assert spans(track.take(audio(1800 + TOLERANCE))) == [(1800, 1800)]
    assert spans(track.take(audio(60_000))) == [(60_000, 1800)]


def test_sound_that_runs_ahead_is_dropped_until_the_time_has_caught_up(pcma, audio):
    track = AudioTrack(pcma)
    for _ in range(20):
        track.take(audio(0))
    assert track.end - TOLERANCE <= 1800
    assert track.dropped > 0
    assert spans(track.take(audio(track.end))) == [(track.end - 1800, 1800)]


def test_packets_before_the_base_are_dropped_or_moved_to_it(pcma, audio):
    track = AudioTrack(pcma, base_pts=100_000)
    assert track.take(audio(100_000 - 901)) == []
    assert spans(track.take(audio(100_000 - 900))) == [(0, 1800)]


@pytest.mark.parametrize("drift", [-0.002, -0.0002, 0.0002, 0.002])
@pytest.mark.parametrize("fill_silence", [False, True])
def test_a_sampling_clock_that_is_off_never_leaves_sound_far_from_its_time(pcma, audio, drift, fill_silence):
    track = AudioTrack(pcma, fill_silence=fill_silence)
    for packet in range(10_000):
        pts = round(packet * 1800 * (1 + drift))
        for sample in track.take(audio(pts))[-1:]:
            assert abs(sample.dts - pts) <= LASTING + 900
    assert track.dropped <= 10_000 * max(0, -drift) + 1


def test_a_first_packet_that_came_late_does_not_put_all_others_behind_the_picture(pcma, audio):
    track = AudioTrack(pcma)
    track.take(audio(8000))
    for packet in range(1, 200):
        taken = track.take(audio(packet * 1800))
    assert abs(taken[0].dts - 199 * 1800) <= LASTING


def test_what_is_not_the_tracks_is_left_out(pcma, audio):
    track = AudioTrack(pcma)
    assert track.take(audio(0, codec=Codec.PCMU)) == []
    assert track.take(audio(0, samples=0)) == []
    assert track.dropped == 0


def test_gaps_stay_gaps_unless_silence_is_asked_for(pcma, audio):
    track = AudioTrack(pcma)
    track.take(audio(0))
    assert track.fill(500_000) == []
    assert spans(track.take(audio(500_000))) == [(500_000, 1800)]


@pytest.mark.parametrize(
    ("codec", "as_flac", "byte"),
    [(Codec.PCMA, False, b"\xd5"), (Codec.PCMU, False, b"\xff"), (Codec.PCMA, True, b"")],
)
def test_silence_bridges_a_gap_between_packets(codec, as_flac, byte, audio):
    track = AudioTrack(AudioConfig(codec, 8000, 1), as_flac=as_flac, fill_silence=True)
    track.take(audio(0, codec=codec))
    silence, sample = track.take(audio(90_000, codec=codec))
    assert spans([silence, sample]) == [(1800, 88_200), (90_000, 1800)]
    if as_flac:
        assert len(silence.data) < 20
    else:
        assert silence.data == byte * 7840


def test_silence_follows_the_video_half_a_second_behind(pcma, audio):
    track = AudioTrack(pcma, fill_silence=True)
    assert track.fill(10_000) == []  # begins with the video
    assert track.fill(55_000) == []
    assert spans(track.fill(55_001)) == [(10_000, 22_500)]
    assert spans(track.take(audio(33_000))) == [(32_500, 1800)]


def test_sound_that_comes_after_the_first_picture_begins_at_its_own_time(pcma, audio):
    track = AudioTrack(pcma, fill_silence=True)
    assert track.fill(0) == []
    assert spans(track.take(audio(5850))) == [(5850, 1800)]  # within the tolerance, and yet not moved


def test_before_sound_that_comes_late_there_is_silence_from_the_first_picture_on(pcma, audio):
    track = AudioTrack(pcma, fill_silence=True)
    assert track.fill(3600) == []
    assert spans(track.take(audio(21_600))) == [(3600, 18_000), (21_600, 1800)]


def test_sound_that_is_always_late_is_heard_in_the_end(pcma, audio):
    """A machine under load transcodes late, here 0.7 s, and after half a second silence is put there instead."""
    track = AudioTrack(pcma, fill_silence=True)
    taken = []
    for video_dts in range(0, 20 * 90_000, 1800):
        track.fill(video_dts)
        if video_dts >= 63_000:
            taken += track.take(audio(video_dts - 63_000))
    assert 0 < track.dropped < 50
    assert len(taken) > 900


def test_after_a_very_long_gap_silence_is_not_made_up(pcma, audio):
    track = AudioTrack(pcma, fill_silence=True)
    track.take(audio(0))
    assert spans(track.take(audio(2_000_000))) == [(2_000_000, 1800)]


def test_long_silence_is_cut_into_frames_that_flac_can_hold(pcma, audio):
    track = AudioTrack(pcma, as_flac=True, fill_silence=True)
    track.take(audio(0))
    *silence, sample = track.take(audio(900_000))
    assert len(silence) == 2
    assert sum(each.duration for each in silence) == 898_200
    assert sample.dts == 900_000
