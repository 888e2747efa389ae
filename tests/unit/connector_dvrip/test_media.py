# ruff: noqa: DTZ001  # a device's local time has no zone
"""Frames of the device as frames of the bus."""

import time
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from cambus.connector.steady_clock import SteadyClock
from cambus.connector_dvrip.clock import DeviceZone, zone_of_minutes
from cambus.connector_dvrip.media import FrameMaker
from cambus.dvrip.frames import AudioFrame, FrameHeader, FrameType, InfoFrame, PictureFrame, VideoFrame
from cambus.dvrip.media import StreamSplitter
from cambus.media.aac import adts_header
from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Kind

START_US = 1_769_947_042_000_000
AAC, A_LAW, UNKNOWN, KHZ_8 = 15, 14, 99, 2


def video(*, key=False, **fields):
    return VideoFrame(Codec.H264, key, b"\0\0\0\1\x65x" if key else b"\0\0\0\1\x41x", fps=25, **fields)


@pytest.fixture
def maker():
    return FrameMaker(DeviceZone(UTC))


def feed(maker, *media, step_us=40_000, start_us=START_US):
    return [
        frame
        for number, each in enumerate(media)
        for frame in maker.frames(each, start_us + number * step_us)
    ]


def test_pictures_are_stamped_at_their_rate(maker):
    frames = feed(maker, video(key=True), *[video() for _ in range(49)])
    steps = [after.pts - before.pts for before, after in pairwise(frames)]
    assert all(3500 <= step <= 3700 for step in steps)
    assert frames[0].keyframe
    assert [frame.discontinuity for frame in frames] == [True] + [False] * 49


def test_sound_is_described_before_the_first_packet_and_after_every_keyframe(maker):
    sound = AudioFrame(A_LAW, KHZ_8, b"\xd5" * 320)
    kinds = [
        frame.kind for frame in feed(maker, video(key=True), sound, video(), sound, video(key=True), sound)
    ]
    assert kinds == [
        Kind.VIDEO,
        Kind.AUDIO_CONFIG,
        Kind.AUDIO,
        Kind.VIDEO,
        Kind.AUDIO,
        Kind.VIDEO,
        Kind.AUDIO_CONFIG,
        Kind.AUDIO,
    ]
    assert maker.sound == AudioConfig(Codec.PCMA, 8000, 1)


def test_sound_nobody_can_name_does_not_stop_the_picture(maker):
    frames = feed(maker, video(key=True), AudioFrame(UNKNOWN, 77, b"??"), video())
    assert [frame.kind for frame in frames] == [Kind.VIDEO, Kind.AUDIO_CONFIG, Kind.AUDIO, Kind.VIDEO]
    assert frames[2].codec is Codec.OPAQUE
    assert maker.opaque_audio == 1


def test_sound_can_be_left_out():
    maker = FrameMaker(DeviceZone(UTC), audio=False)
    assert [frame.kind for frame in feed(maker, video(key=True), AudioFrame(A_LAW, KHZ_8, b"x"))] == [
        Kind.VIDEO
    ]


def test_a_change_of_codec_or_size_is_a_discontinuity_and_counted(maker):
    frames = feed(maker, video(key=True), video(), video(key=True, format_changed=True))
    assert frames[-1].discontinuity
    assert maker.format_changes == 1


def test_a_gap_the_protocol_library_saw_is_passed_on(maker):
    frames = feed(maker, video(key=True), video(), video(key=True, discontinuity=True))
    assert frames[-1].discontinuity


def test_the_devices_dates_give_its_drift_whatever_its_zone():
    maker = FrameMaker(zone_of_minutes(-480))
    local = datetime(2026, 2, 1, 19, 57, 29)  # eight hours ahead of UTC, and seven seconds ahead of us
    feed(maker, video(key=True, device_time=local))
    assert maker.drift_s == pytest.approx(7.0, abs=1.1)


def test_information_and_pictures_are_data(maker):
    told = [InfoFrame(1, 0, b"SPEED:5;"), InfoFrame(6, 0, bytes(range(16))), PictureFrame(b"\xff\xd8jpeg")]
    frames = feed(maker, video(key=True), *told)
    assert [(frame.kind, frame.codec, frame.payload) for frame in frames[1:]] == [
        (Kind.DATA, Codec.OPAQUE, b"SPEED:5;"),
        (Kind.DATA, Codec.OPAQUE, bytes(range(16))),
        (Kind.DATA, Codec.MJPEG, b"\xff\xd8jpeg"),
    ]
    assert frames[1].pts == frames[0].pts


def test_video_in_a_codec_nobody_knows_is_left_out(maker):
    assert feed(maker, VideoFrame(Codec.OPAQUE, True, b"??")) == []


@pytest.mark.parametrize("step_s", [86_400, -86_400])
async def test_setting_the_clock_of_the_host_moves_no_picture(maker, monkeypatch, step_s):
    clock, wall_ns = SteadyClock(), time.time_ns
    began_us = clock.now_us()
    monkeypatch.setattr(time, "time_ns", lambda: wall_ns() + step_s * 10**9)
    shift_us = clock.now_us() - began_us  # what a test may take
    frames = feed(maker, video(key=True), *[video() for _ in range(24)], start_us=began_us)
    frames += feed(maker, *[video() for _ in range(25)], start_us=began_us + shift_us + 1_000_000)
    assert 0 <= shift_us < 60_000_000
    steps = [after.pts - before.pts for before, after in pairwise(frames)]
    assert all(0 < step <= 3700 + shift_us * 0.09 for step in steps)


@pytest.mark.parametrize(("stated", "true"), [(0, 25), (0, 12), (0, 5), (1, 25), (31, 10), (12, 30)])
def test_pictures_that_state_no_rate_or_a_wrong_one_are_timed_by_their_arrival(maker, stated, true):
    payload = b"\0\0\0\1\x67x"
    key = FrameHeader(FrameType.KEY, len(payload), 2, stated, 640, 480).serialize() + payload
    delta = VideoFrame(Codec.H264, False, b"\0\0\0\1\x41x").serialize()
    splitter, frames = StreamSplitter(), []
    for number in range(60 * true):
        for media in splitter.receive_data(delta if number % (2 * true) else key):
            frames += maker.frames(media, START_US + round(number * 1e6 / true))
    assert len(frames) == 60 * true
    assert all(before.pts < after.pts for before, after in pairwise(frames))
    off_s = [frame.pts / 90_000 - START_US / 1e6 - number / true for number, frame in enumerate(frames)]
    assert max(map(abs, off_s)) < 3.5
    assert max(map(abs, off_s[8 * true :])) < 0.1


def test_aac_comes_frame_by_frame_without_its_headers_and_described(maker):
    pieces = [b"\x21" * 40, b"\x22" * 50]
    payload = b"".join(adts_header(len(piece), 16_000, 1) + piece for piece in pieces)
    config, *frames = feed(maker, AudioFrame(AAC, KHZ_8, payload))
    assert AudioConfig.parse(config.payload) == AudioConfig(Codec.AAC, 16_000, 1, b"\x14\x08")
    assert [frame.payload for frame in frames] == pieces
    assert frames[1].pts - frames[0].pts == 1024 * 90_000 // 16_000
    assert [frame.kind for frame in feed(maker, AudioFrame(AAC, KHZ_8, payload))] == [Kind.AUDIO] * 2


def test_what_is_called_aac_and_has_no_header_is_not_described_as_such(maker):
    config, frame = feed(maker, AudioFrame(AAC, KHZ_8, b"\x01\x00" * 160))
    assert AudioConfig.parse(config.payload) == AudioConfig(Codec.AAC, 8000, 1)
    assert frame.payload == b"\x01\x00" * 160
