"""Pictures shown in another order than decoded: encoded by x264 and x265, their times taken away, found again."""

from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest

from cambus.media import h264, h265
from cambus.media.decoding_order import DecodingOrder
from cambus.media.frame import Codec
from cambus.media.mpegps import StreamUnit
from cambus.media.nal import iter_nal_units
from cambus.media.stamps import LiveStamps
from cambus.media.unit_frames import FrameMaker

TICK = 3600


def encoded(name, b_frames, *, count=40, **parameters):
    """Access units of x264 or x265, each with when it is shown and decoded, in pictures."""
    encoder = av.CodecContext.create(name, "w")
    encoder.width, encoder.height, encoder.pix_fmt = 64, 64, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
    encoder.thread_count = 1
    wanted = {"bframes": b_frames, "b-adapt": 0, "keyint": 10, "min-keyint": 10, "scenecut": 0, **parameters}
    if name == "libx265":
        wanted |= {"pools": "none", "frame-threads": 1, "log-level": "none", "repeat-headers": 1}
    text = ":".join(f"{key}={value}" for key, value in wanted.items())
    encoder.options = {"preset": "ultrafast", name.removeprefix("lib") + "-params": text}
    packets = []
    for number in range(count):
        planes = np.full((96, 64), 128, np.uint8)
        planes[:64, number % 64 :] = 200
        picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        picture.pts = number
        packets += encoder.encode(picture)
    packets += encoder.encode(None)
    return [(bytes(packet), packet.pts) for packet in packets]


def frames(codec, packets):
    maker, found = FrameMaker(LiveStamps()), []
    for data, shown in packets:
        found += maker.frames(StreamUnit(codec, 0, data, shown * TICK), shown * 40_000)
    return found


@pytest.mark.parametrize(
    ("name", "codec", "b_frames"),
    [
        ("libx264", Codec.H264, 0),
        ("libx264", Codec.H264, 1),
        ("libx264", Codec.H264, 3),
        ("libx265", Codec.H265, 2),
    ],
)
def test_each_picture_is_shown_when_the_encoder_meant_it(name, codec, b_frames):
    packets = encoded(name, b_frames)
    made = frames(codec, packets)
    base = made[0].pts - packets[0][1] * TICK
    assert [(frame.pts - base) // TICK for frame in made] == [shown for _, shown in packets]
    assert all(before.dts < after.dts for before, after in pairwise(made))
    assert all(frame.dts <= frame.pts for frame in made)
    assert (b_frames > 0) == any(frame.dts < frame.pts for frame in made)


def test_a_stream_that_does_not_say_how_it_reorders_shows_it(monkeypatch):
    packets = encoded("libx264", 2, **{"b-pyramid": "none"})
    monkeypatch.setattr(h264, "_reordering", lambda reader: None)
    made = frames(Codec.H264, packets)
    # The first group is clipped until its first B picture is seen.
    settled = range(20, 38)
    base = made[0].pts - packets[0][1] * TICK
    assert [(made[at].pts - base) // TICK for at in settled] == [packets[at][1] for at in settled]


@pytest.mark.parametrize(
    ("name", "b_frames", "more", "depth"),
    [
        ("libx264", 0, {}, 0),
        ("libx264", 1, {}, 1),
        ("libx264", 3, {"b-pyramid": "normal"}, 2),
        ("libx265", 0, {}, 0),
        ("libx265", 3, {"b-pyramid": 0}, 1),
    ],
)
def test_parameter_sets_say_how_far_pictures_are_reordered(name, b_frames, more, depth):
    data = encoded(name, b_frames, count=4, **more)[0][0]
    module, kind = (h264, 7) if name == "libx264" else (h265, 33)
    (sps,) = [unit for unit in iter_nal_units(data) if module.nal_type(unit[0]) == kind]
    assert module.parse_sps(sps).reorder == depth


def test_what_is_lost_does_not_put_decoding_after_showing():
    order, last = DecodingOrder(), -1000
    for pts in (0, 30, 10, 20, 60, 90, 70, 80, 1000, 1030, 1010):
        dts = order.place(pts, 2, 10)
        assert last < dts <= pts
        last = dts
