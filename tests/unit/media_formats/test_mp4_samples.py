from __future__ import annotations

import pytest

from cambus.media.errors import ContainerError
from cambus.media.frame import Codec
from cambus.media.mp4_samples import is_sound_sample, sample_to_annexb
from cambus.media.nal import join_annexb
from cambus.media.parameter_sets import annexb_to_length_prefixed

SAMPLE = annexb_to_length_prefixed(join_annexb(b"\x06sei", b"\x65slice"), Codec.H264)


def test_a_sample_goes_back_to_annex_b_behind_its_parameter_sets():
    sets = join_annexb(b"\x67sps", b"\x68pps")
    assert sample_to_annexb(SAMPLE, sets) == sets + join_annexb(b"\x06sei", b"\x65slice")
    assert is_sound_sample(SAMPLE)


@pytest.mark.parametrize(
    "broken", [SAMPLE[:-1], SAMPLE + b"\0", SAMPLE + bytes(4), b"\xff" * 8, bytes(64), b"\0\0\0\1"]
)
def test_lengths_that_do_not_add_up_are_found(broken):
    assert not is_sound_sample(broken)
    with pytest.raises(ContainerError):
        sample_to_annexb(broken)


def test_nothing_is_no_sound_sample():
    assert not is_sound_sample(b"")
