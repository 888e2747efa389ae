"""A time line that goes on rising when its source begins anew."""

from hypothesis import given
from hypothesis import strategies as st

from cambus.media.frame import Codec, Flag, Frame, Kind
from cambus.media_relay.continuity import Continuity


def picture(dts: int) -> Frame:
    return Frame(Kind.VIDEO, Codec.H264, Flag.NONE, 0, dts, dts, 0, b"")


def test_frames_of_an_unbroken_source_pass_untouched():
    line = Continuity()
    frames = [picture(0), picture(3600), picture(900_000)]
    assert all(line.follow(frame) is frame for frame in frames)


def test_a_source_that_begins_anew_goes_on_where_the_old_one_ended(audio):
    line = Continuity()
    assert [line.follow(picture(dts)).dts for dts in (90_000, 93_600, 0, 3600)] == [
        90_000,
        93_600,
        97_200,
        100_800,
    ]
    sound = line.follow(audio(1))
    assert sound.pts == 3600 + 97_200


@given(st.lists(st.integers(-(1 << 40), 1 << 40), min_size=1))
def test_decode_times_rise_whatever_the_source_says(times):
    line = Continuity()
    out = [line.follow(picture(dts)).dts for dts in times]
    assert out == sorted(set(out))
