"""The `f=` line."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambus.gb28181.media_wish import (
    AUDIO_CODECS,
    AUDIO_KBPS,
    G711,
    RATE_TYPES,
    RESOLUTIONS,
    SAMPLING_KHZ,
    VIDEO_CODECS,
    MediaWish,
)


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("v/2/5/25/1/4000a/1/8/1", MediaWish(2, 5, 25, 1, 4000, 1, 8, 1)),
        ("v/5/3840x2160/30/2/8000a///", MediaWish(5, "3840x2160", 30, 2, 8000)),
        ("v/////a/1/8/1", G711),
        ("v/////a///", MediaWish()),
    ],
)
def test_a_line_says_what_is_wanted(text, wish):
    assert MediaWish.parse(text) == wish
    assert str(wish) == (text if wish != MediaWish() else "")


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("", MediaWish()),
        (" v/2/6/25/2/ 4096 a/1/8/1 ", MediaWish(2, 6, 25, 2, 4096, 1, 8, 1)),
        ("v/0/0/0/0/0a/0/0/0", MediaWish(fps=0, kbps=0)),
        ("v/9/7/100/3/100001a/7/31/18", MediaWish()),
        ("v/2/5/25/1/4000", MediaWish(2, 5, 25, 1, 4000)),
        ("v/2/5/25/1a/1/8/1", None),
        ("video", None),
        (None, None),
        ("v/" + "1/" * 1000, None),
    ],
)
def test_what_cannot_be_is_empty_and_what_is_no_line_is_none(text, wish):
    assert MediaWish.parse(text) == wish


def test_every_code_of_pictures_is_written_and_read():
    places = (VIDEO_CODECS.values(), [*RESOLUTIONS.values(), "1920x1080"], RATE_TYPES.values())
    for video, resolution, rate in itertools.product(*places):
        wish = MediaWish(video, resolution, 25, rate, 4096)
        assert str(wish) == f"v/{video}/{resolution}/25/{rate}/4096a///"
        assert MediaWish.parse(str(wish)) == wish


def test_every_code_of_sound_is_written_and_read():
    places = (AUDIO_CODECS.values(), [*AUDIO_KBPS, *range(20, 31)], [*SAMPLING_KHZ, 15, 16, 17])
    for codec, rate, sampling in itertools.product(*places):
        wish = MediaWish(audio=codec, audio_rate=rate, sampling=sampling)
        assert str(wish) == f"v/////a/{codec}/{rate}/{sampling}"
        assert MediaWish.parse(str(wish)) == wish


def test_the_tables_are_those_of_the_standard():
    assert VIDEO_CODECS == {"MPEG-4": 1, "H.264": 2, "SVAC": 3, "3GP": 4, "H.265": 5}
    assert RESOLUTIONS == {"QCIF": 1, "CIF": 2, "4CIF": 3, "D1": 4, "720P": 5, "1080P": 6}
    assert RATE_TYPES == {"CBR": 1, "VBR": 2}
    assert AUDIO_CODECS == {"G.711": 1, "G.723.1": 2, "G.729": 3, "G.722.1": 4, "SVAC": 5, "AAC": 6}
    rates = "5.3 6.3 8 16 24 32 48 64 12 80 96 112 128 160 192 224 256 288 320"
    assert {code: float(rate) for code, rate in enumerate(rates.split(), 1)} == AUDIO_KBPS
    samplings = "8 14 16 32 7 11 12 22 24 44 48 64 88 96"
    assert {code: int(sampling) for code, sampling in enumerate(samplings.split(), 1)} == SAMPLING_KHZ


@pytest.mark.parametrize(("fps", "kbps"), [(0, 0), (99, 100_000)])
def test_numbers_are_read_up_to_their_bounds(fps, kbps):
    assert MediaWish.parse(f"v/2/6/{fps}/1/{kbps}a///") == MediaWish(2, 6, fps, 1, kbps)
    assert str(MediaWish(2, 6, fps, 1, kbps)) == f"v/2/6/{fps}/1/{kbps}a///"


@given(st.text(max_size=60))
def test_any_text_is_a_line_or_none(text):
    found = MediaWish.parse(text)
    assert found is None or str(found) == "" or MediaWish.parse(str(found)) == found
