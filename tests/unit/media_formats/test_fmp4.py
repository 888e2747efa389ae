from __future__ import annotations

import pytest

from cambus.media.audio import AudioConfig
from cambus.media.errors import ContainerError
from cambus.media.fmp4 import AUDIO_TRACK, VIDEO_TRACK, Fmp4Muxer
from cambus.media.fmp4_reader import Fragment, read_fragment, read_init
from cambus.media.frame import Codec
from cambus.media.mp4_boxes import bytes_reader, find_box
from cambus.media.mp4_movie import LONGEST_SAMPLE


def read(fragment: bytes) -> Fragment:
    return read_fragment(bytes_reader(fragment), 0, len(fragment))


def test_the_init_segment_declares_both_tracks_and_is_stable(h264, pcma):
    muxer = Fmp4Muxer(h264, pcma)
    init = muxer.init_segment()
    found = read_init(bytes_reader(init), len(init))
    assert found.size == len(init)
    assert [(t.track_id, t.kind, t.timescale, t.fourcc, t.width, t.height) for t in found.tracks] == [
        (VIDEO_TRACK, b"vide", 90_000, b"avc1", 160, 120),
        (AUDIO_TRACK, b"soun", 90_000, b"alaw", 0, 0),
    ]
    assert find_box(init, "moov/mvex/trex") is not None
    assert init[4:8] == b"ftyp"
    muxer.fragment([])
    assert muxer.init_segment() == init


def test_one_frame_makes_one_fragment(h264, video):
    muxer = Fmp4Muxer(h264, base_pts=1000)
    data = muxer.fragment([video(4600, params=h264, keyframe=True)])
    fragment = read(data)
    assert (fragment.sequence, fragment.size, fragment.data_bytes) == (1, len(data), 44)
    (run,) = fragment.runs
    (sample,) = run.samples()
    assert (sample.dts, sample.pts, sample.duration, sample.sync) == (3600, 3600, 3600, True)
    assert data[sample.offset : sample.offset + 5] == b"\0\0\0\x28\x65"


def test_a_gop_keeps_its_own_durations_and_the_next_keyframe_gives_the_last(h264, video, pcma, audio):
    muxer = Fmp4Muxer(h264, pcma)
    frames = [
        video(0, params=h264, keyframe=True),
        audio(0),
        video(3000, params=h264),
        audio(1800),
        video(7000, params=h264),
    ]
    fragment = read(muxer.fragment(frames, next_video_dts=20_000))
    pictures, sound = fragment.runs
    assert list(pictures.durations) == [3000, 4000, 13_000]
    assert list(pictures.sync) == [1, 0, 0]
    assert (sound.track_id, list(sound.durations), list(sound.sizes)) == (
        AUDIO_TRACK,
        [1800, 1800],
        [160, 160],
    )
    assert list(sound.sync) == [1, 1]
    assert sound.offset == pictures.offset + pictures.size
    assert fragment.data_bytes == pictures.size + sound.size


def test_reordered_frames_carry_composition_offsets(h264, video):
    fragment = read(
        Fmp4Muxer(h264).fragment([video(0, params=h264, pts=7200), video(3600, params=h264, pts=0)])
    )
    assert [sample.pts for sample in fragment.runs[0].samples()] == [7200, 0]


def test_decode_times_always_rise(h264, video):
    muxer = Fmp4Muxer(h264)
    times = []
    for dts in (5000, 5000, 4000, 9000, -1):
        times += [s.dts for s in read(muxer.fragment([video(dts, params=h264)])).runs[0].samples()]
    assert times == [5000, 5001, 5002, 9000, 9001]


def test_a_frame_before_the_base_begins_at_zero(h264, video):
    assert read(Fmp4Muxer(h264, base_pts=100).fragment([video(50, params=h264)])).runs[0].dts == 0


def test_the_guess_of_a_duration_is_rather_too_long_than_too_short(h264, video):
    muxer = Fmp4Muxer(h264)
    durations = [
        read(muxer.fragment([video(dts, params=h264)])).runs[0].duration
        for dts in (0, 6000, 7000, 8000, 500_000)
    ]
    assert durations[:2] == [3600, 6000]
    assert 3000 < durations[3] < durations[2] < 6000
    assert durations[4] == durations[3]  # a pause is no frame duration


def test_a_gap_in_the_sound_prolongs_the_packet_before_it(pcma, audio):
    (run,) = read(Fmp4Muxer(None, pcma).fragment([audio(0), audio(90_000)])).runs
    assert list(run.durations) == [90_000, 1800]


def test_sound_goes_as_flac_on_request(h264, pcma, audio):
    muxer = Fmp4Muxer(h264, pcma, audio_as_flac=True)
    data = muxer.fragment([audio(0)])
    (sample,) = read(data).runs[0].samples()
    assert data[sample.offset : sample.offset + 2] == b"\xff\xf9"
    assert sample.duration == 1800


def test_silence_keeps_the_sound_within_half_a_second_of_the_video(h264, pcma, video):
    muxer = Fmp4Muxer(h264, pcma, audio_as_flac=True, fill_silence=True)
    ends = []
    for number in range(50):
        run = read(muxer.fragment([video(number * 3600, params=h264)])).run(AUDIO_TRACK)
        if run is not None:
            ends.append(run.end_dts)
    assert ends
    assert 49 * 3600 - ends[-1] <= 45_000


def test_nothing_for_any_track_makes_no_fragment(h264, h265, pcma, video, audio):
    muxer = Fmp4Muxer(h264, pcma)
    assert muxer.fragment([]) == b""
    assert muxer.fragment([video(0, params=h265), audio(0, codec=Codec.PCMU)]) == b""
    assert muxer.fragment([video(0, params=h264)._replace(payload=b"\0\0\1" + h264.sps)]) == b""
    assert Fmp4Muxer(None, pcma).fragment([video(0, params=h264)]) == b""
    assert Fmp4Muxer(h264).fragment([audio(0)]) == b""
    assert read(muxer.fragment([audio(0)])).sequence == 1


def test_codecs_and_mime_type_are_those_of_mse(h264, h265, pcma):
    assert Fmp4Muxer(h264, pcma, audio_as_flac=True).mime_type == 'video/mp4; codecs="avc1.42c00b,flac"'
    assert Fmp4Muxer(h265).codecs == "hvc1.1.6.L30.90"
    assert Fmp4Muxer(None, AudioConfig(Codec.PCMU, 8000, 1)).mime_type == 'audio/mp4; codecs="ulaw"'


def test_a_movie_of_nothing_or_of_codecs_without_an_entry_is_refused(h264):
    with pytest.raises(ContainerError):
        Fmp4Muxer(None)
    with pytest.raises(ContainerError):
        Fmp4Muxer(h264, AudioConfig(Codec.G726, 8000, 1))
    with pytest.raises(ContainerError):
        Fmp4Muxer(h264, AudioConfig(Codec.PCMA, 8000, 2), audio_as_flac=True)


def test_a_pause_of_days_inside_a_fragment_does_not_overflow(h264, pcma, video, audio):
    day = 24 * 3600 * 90_000
    muxer = Fmp4Muxer(h264, pcma)
    frames = [video(0, params=h264), audio(0), video(day, params=h264), audio(day)]
    pictures, sound = read(muxer.fragment(frames, next_video_dts=3 * day)).runs
    assert list(pictures.durations) == [LONGEST_SAMPLE, LONGEST_SAMPLE]
    assert list(sound.durations) == [LONGEST_SAMPLE, 1800]
