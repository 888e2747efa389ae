"""Bus messages as they were first published: what is stored on no disk but spoken between versions."""

import json
from pathlib import Path

import pytest

from cambus.media.frame import Codec, Flag, Frame, FrameAssembler, Kind, encode_frame
from cambus.media.frame_layout import MESSAGE

CASES = json.loads(Path(__file__).with_name("frames.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_it_is_read_and_written_as_ever(case):
    frame = Frame(
        Kind[case["kind"]],
        Codec[case["codec"]],
        Flag(case["flags"]),
        case["seq"],
        case["pts"],
        case["dts"],
        case["wall_us"],
        bytes.fromhex(case["payload"]),
    )
    messages = [bytes.fromhex(message) for message in case["messages"]]
    assembler = FrameAssembler()
    assert [assembler.push(message) for message in messages] == [None] * (len(messages) - 1) + [frame]
    assert encode_frame(frame, max(map(len, messages))) == messages
    assert b"".join(MESSAGE.parse(message).payload for message in messages) == frame.payload
