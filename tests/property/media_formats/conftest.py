"""Parameter sets as x264 made them for 160 x 120."""

from __future__ import annotations

import pytest

from cambus.media.frame import Codec
from cambus.media.nal import join_annexb
from cambus.media.parameter_sets import ParameterSetTracker, VideoParams


@pytest.fixture(scope="session")
def h264() -> VideoParams:
    sets = bytes.fromhex("6742c00bda0a11f96100000300010002bf200f142aa0"), bytes.fromhex("68ce0fc8")
    params = ParameterSetTracker().update(join_annexb(*sets), Codec.H264)
    assert params is not None
    return params
