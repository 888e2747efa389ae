"""Parameter sets of unusual streams (libx264, libx265) and the configuration records made of them."""

import json
from pathlib import Path

import pytest

from cambus.media.frame import Codec
from cambus.media.nal import join_annexb
from cambus.media.parameter_sets import (
    ParameterSetTracker,
    avc_decoder_configuration,
    detect_codec,
    hevc_decoder_configuration,
)

CASES = json.loads(Path(__file__).with_name("parameter_sets.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_they_are_read_as_ever(case):
    annexb = join_annexb(*map(bytes.fromhex, case["sets"]))
    params = ParameterSetTracker().update(annexb)
    assert params is not None
    assert params.codec is Codec[case["codec"]] is detect_codec(annexb)
    assert (params.width, params.height) == (case["width"], case["height"])
    assert params.frame_rate == pytest.approx(case["frame_rate"])
    assert params.codec_string == case["codec_string"]
    record = avc_decoder_configuration if params.codec is Codec.H264 else hevc_decoder_configuration
    assert record(params).hex() == case["record"]
