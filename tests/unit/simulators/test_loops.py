"""Pictures and sound: real, moving, seamless, and made once."""

import threading
from itertools import pairwise

import av
import numpy as np
import pytest

from cambus.media.frame import Codec
from cambus.simulators.jpeg import jpeg_picture
from cambus.simulators.picture import TestPicture, draw_text
from cambus.simulators.tone import PACKET_SAMPLES, channel_tone, tone_packets
from cambus.simulators.video_loop import LoopStore, VideoSpec, encode_loop, long_start_codes

SPECS = [
    VideoSpec(width=320, height=240, bitrate=256_000),
    VideoSpec(Codec.H265, 320, 240, bitrate=256_000, channel=2),
    VideoSpec(width=352, height=288, fps=12, gop_s=1.0, loop_s=3.0),
]


@pytest.fixture(scope="module", params=SPECS, ids=["h264", "h265", "12fps"])
def loop(request):
    return encode_loop(request.param)


def nal_types(unit, codec):
    nals = unit.split(b"\x00\x00\x00\x01")[1:]
    return [nal[0] >> 1 & 63 if codec is Codec.H265 else nal[0] & 31 for nal in nals]


def decode(units, codec):
    decoder = av.CodecContext.create("hevc" if codec is Codec.H265 else "h264", "r")
    pictures = [picture for unit in units for picture in decoder.decode(av.Packet(unit.data))]
    return pictures + decoder.decode(None)


def test_a_loop_has_whole_gops_and_parameter_sets_in_every_key_frame(loop):
    spec = loop.spec
    assert len(loop.units) == spec.frames
    keys = [index for index, unit in enumerate(loop.units) if unit.keyframe]
    assert keys == list(range(0, spec.frames, spec.gop_frames))
    wanted = [32, 33, 34] if spec.codec is Codec.H265 else [7, 8]
    for index in keys:
        assert [kind for kind in nal_types(loop.units[index].data, spec.codec) if kind in wanted] == wanted
    assert all(unit.data[:4] == b"\x00\x00\x00\x01" for unit in loop.units)
    assert all(
        b"\x00\x00\x00\x01" in unit.data and b"\x00\x00\x01\xfc" not in unit.data for unit in loop.units
    )


def test_ffmpeg_decodes_the_loop_twice_over_in_order(loop):
    pictures = decode([*loop.units, *loop.units], loop.spec.codec)
    assert len(pictures) == 2 * len(loop.units)
    assert {(each.width, each.height) for each in pictures} == {(loop.spec.width, loop.spec.height)}
    half = len(loop.units)
    for index in (0, half // 2, half - 1):
        first, second = (pictures[at].to_ndarray(format="gray").astype(int) for at in (index, index + half))
        assert np.abs(first - second).mean() < 1


def test_the_picture_moves_all_the_time(loop):
    pictures = [
        picture.to_ndarray(format="gray").astype(int) for picture in decode(loop.units, loop.spec.codec)
    ]
    moved = [np.abs(a - b).max() for a, b in pairwise(pictures)]
    assert min(moved) > 40


def test_sizes_of_any_number_of_pictures_are_known(loop):
    for count in (0, 1, 7, len(loop.units), len(loop.units) * 3 + 5):
        units = [loop.unit(index) for index in range(count)]
        assert loop.size_of(count) == (
            sum(len(unit.data) for unit in units),
            sum(unit.keyframe for unit in units),
        )


def test_the_bitrate_is_about_what_was_asked_for():
    for spec in (SPECS[0], VideoSpec(bitrate=1_500_000)):
        loop = encode_loop(spec)
        bits = loop.prefix[-1] * 8 / (spec.frames / spec.fps)
        assert 0.6 * spec.bitrate < bits < 1.5 * spec.bitrate


def test_a_loop_is_encoded_once_however_many_ask(monkeypatch):
    made = []

    def encode(spec):
        made.append(threading.current_thread().name)
        return encode_loop(spec)

    monkeypatch.setattr("cambus.simulators.video_loop.encode_loop", encode)
    store, spec = LoopStore(), VideoSpec(width=128, height=96, loop_s=1.0, gop_s=1.0)
    first = store.get(spec)
    assert store.get(spec) is first is store.peek(spec)
    assert len(made) == 1
    assert made[0].startswith("encode-loop")


def test_wrong_specs_are_refused():
    with pytest.raises(ValueError, match="codec"):
        VideoSpec(Codec.MJPEG)
    with pytest.raises(ValueError, match="fps"):
        VideoSpec(fps=60)
    with pytest.raises(ValueError, match="even"):
        TestPicture(321, 240, 1)


def test_the_channel_and_the_counter_are_drawn():
    pictures = {channel: TestPicture(320, 240, channel, grain=0).draw(5, 50)[:240] for channel in (1, 2, 12)}
    assert not np.array_equal(pictures[1][:100, :100], pictures[2][:100, :100])
    later = TestPicture(320, 240, 1, grain=0).draw(6, 50)[:240]
    assert not np.array_equal(pictures[1][180:, :150], later[180:, :150])


def test_digits_are_dots():
    luma = np.full((20, 20), 100, dtype=np.int16)
    draw_text(luma, "1", 2, 3, 2)
    assert set(np.unique(luma)) == {16, 100, 235}
    draw_text(luma, "88:88", 15, 15, 4)  # cut off at the border, not an error


def test_short_start_codes_become_long_ones():
    nals = b"\x00\x00\x01\x67ab\x00\x00\x00\x01\x68c\x00\x00\x01\x65d\x00"
    assert long_start_codes(nals) == b"\x00\x00\x00\x01\x67ab\x00\x00\x00\x01\x68c\x00\x00\x00\x01\x65d"


def test_the_tone_is_a_second_of_a_law_that_repeats_without_a_click():
    packets = channel_tone(1)
    assert [len(packet) for packet in packets] == [PACKET_SAMPLES] * 25
    decoder = av.CodecContext.create("pcm_alaw", "r")
    decoder.sample_rate, decoder.layout = 8000, "mono"
    samples = np.concatenate(
        [frame.to_ndarray().ravel() for packet in packets * 2 for frame in decoder.decode(av.Packet(packet))]
    ).astype(float)
    spectrum = np.abs(np.fft.rfft(samples))
    assert np.argmax(spectrum) == 440 * 2
    assert spectrum[880] > 0.9 * np.sqrt((spectrum**2).sum() - spectrum[0] ** 2)
    assert tone_packets(440) is packets


def test_a_jpeg_starts_as_devices_start_it_and_shows_the_picture():
    data = jpeg_picture(320, 240, 3, 10, 50)
    assert data[:4] in {bytes.fromhex("ffd8ffdb"), bytes.fromhex("ffd8ffe0")}
    decoder = av.CodecContext.create("mjpeg", "r")
    (picture,) = [*decoder.decode(av.Packet(data)), *decoder.decode(None)]
    drawn = TestPicture(320, 240, 3).draw(10, 50)[:240].astype(float)
    full_range = np.clip((drawn - 16) * 255 / 219, 0, 255)  # as JPEG has it
    assert np.abs(picture.to_ndarray(format="gray") - full_range).mean() < 3
