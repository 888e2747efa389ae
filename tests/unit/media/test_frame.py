import struct

import pytest

from cambus.media.errors import FrameError
from cambus.media.frame import (
    HEADER_BYTES,
    MAX_FRAME_BYTES,
    MAX_PARTS,
    Codec,
    Flag,
    Frame,
    FrameAssembler,
    Kind,
    encode_frame,
)


def video(seq=7, payload=b"\x00\x00\x00\x01\x65abc", flags=Flag.KEYFRAME, wall_us=1_700_000_000_000_000):
    return Frame(Kind.VIDEO, Codec.H264, flags, seq, 3600, -3600, wall_us, payload)


def test_a_frame_that_fits_is_one_message_and_comes_back_equal():
    messages = encode_frame(video(), 1 << 20)
    assert len(messages) == 1
    assert FrameAssembler().push(messages[0]) == video()


def test_the_flags_have_names():
    frame = video(flags=Flag.KEYFRAME | Flag.DISCONTINUITY)
    assert (frame.keyframe, frame.config, frame.discontinuity, frame.end) == (True, False, True, False)
    frame = video(flags=Flag.CONFIG | Flag.END)
    assert (frame.keyframe, frame.config, frame.discontinuity, frame.end) == (False, True, False, True)


def test_codecs_know_their_medium():
    assert [codec.name for codec in Codec if codec.is_video] == ["H264", "H265", "MPEG4", "MJPEG"]
    assert [codec.name for codec in Codec if codec.is_audio] == [
        "PCMA",
        "PCMU",
        "G726",
        "AAC",
        "OPUS",
        "FLAC",
    ]


def test_a_frame_without_payload_is_one_message():
    end = Frame(Kind.DATA, Codec.OPAQUE, Flag.END, 0xFFFFFFFF, 0, 0, 0, b"")
    (message,) = encode_frame(end, HEADER_BYTES)
    assert len(message) == HEADER_BYTES
    assert FrameAssembler().push(message) == end


@pytest.mark.parametrize("size", [100, 101, 199, 200, 201, 1000])
def test_no_message_exceeds_what_the_server_takes(size):
    frame = video(payload=bytes(range(256)) * 4)
    frame = video(payload=frame.payload[:size])
    messages = encode_frame(frame, HEADER_BYTES + 100)
    assert len(messages) == -(-size // 100)
    assert all(len(message) <= HEADER_BYTES + 100 for message in messages)
    assembler = FrameAssembler()
    assert [assembler.push(message) for message in messages] == [None] * (len(messages) - 1) + [frame]
    assert assembler.pending_bytes == 0


@pytest.mark.parametrize(
    ("payload", "max_payload"),
    [
        (bytes(MAX_FRAME_BYTES + 1), 1 << 20),
        (b"x", HEADER_BYTES),
        (b"x", 0),
        (bytes(MAX_PARTS + 1), HEADER_BYTES + 1),
    ],
)
def test_a_frame_beyond_the_bounds_is_refused(payload, max_payload):
    with pytest.raises(FrameError):
        encode_frame(video(payload=payload), max_payload)


@pytest.mark.parametrize("field", [{"seq": -1}, {"seq": 1 << 32}, {"wall_us": 1 << 63}])
def test_a_number_that_does_not_fit_its_field_is_refused(field):
    with pytest.raises(FrameError, match="of VIDEO"):
        encode_frame(video(**field), 1 << 20)


def patched(message, offset, value):
    return message[:offset] + value + message[offset + len(value) :]


@pytest.mark.parametrize(
    ("offset", "value"),
    [
        (0, b"RIFF"),
        (4, b"\x02"),
        (5, b"\x00"),
        (5, b"\x05"),
        (6, b"\x05"),
        (8, struct.pack(">HH", 1, 1)),
        (8, struct.pack(">HH", 0, 0)),
        (8, struct.pack(">HH", 5, 5)),
        (8, struct.pack(">HH", 0, MAX_PARTS + 1)),
    ],
)
def test_what_is_no_frame_is_an_error_and_leaves_nothing_behind(offset, value):
    (message,) = encode_frame(video(), 1 << 20)
    assembler = FrameAssembler()
    with pytest.raises(FrameError):
        assembler.push(patched(message, offset, value))
    assert assembler.pending_bytes == 0
    assert assembler.push(message) == video()


def test_a_cut_header_is_an_error():
    (message,) = encode_frame(video(), 1 << 20)
    with pytest.raises(FrameError, match="39 bytes"):
        FrameAssembler().push(message[: HEADER_BYTES - 1])


def test_an_empty_part_is_an_error():
    first, _ = encode_frame(video(payload=bytes(150)), HEADER_BYTES + 100)
    with pytest.raises(FrameError, match="part 0 of 2"):
        FrameAssembler().push(first[:HEADER_BYTES])


def test_flags_of_a_later_version_are_ignored():
    (message,) = encode_frame(video(), 1 << 20)
    frame = FrameAssembler().push(patched(message, 7, b"\xf1"))
    assert frame is not None
    assert frame.flags == Flag.KEYFRAME


def test_parts_that_come_twice_are_counted_and_ignored():
    frame = video(payload=bytes(range(250)))
    one, two, three = encode_frame(frame, HEADER_BYTES + 100)
    assembler = FrameAssembler()
    assert [assembler.push(part) for part in (one, one, two, two, three)] == [None] * 4 + [frame]
    assert assembler.push(three) is None
    assert (assembler.duplicates, assembler.dropped, assembler.pending_bytes) == (3, 0, 0)


def test_a_frame_with_a_missing_part_is_given_up_when_others_follow():
    assembler = FrameAssembler(max_pending=2)
    for seq in range(4):
        first, _ = encode_frame(video(seq=seq, payload=bytes(150)), HEADER_BYTES + 100)
        assert assembler.push(first) is None
    assert assembler.dropped == 2
    assert assembler.pending_bytes == 200


def test_the_bytes_that_wait_are_bounded():
    assembler = FrameAssembler(max_pending=100, max_bytes=1000)
    for seq in range(50):
        first, _ = encode_frame(video(seq=seq, payload=bytes(450)), HEADER_BYTES + 400)
        assembler.push(first)
        assert assembler.pending_bytes <= 1000
    assert assembler.dropped == 48


def test_one_frame_larger_than_the_bound_is_given_up():
    assembler = FrameAssembler(max_bytes=250)
    parts = encode_frame(video(payload=bytes(400)), HEADER_BYTES + 100)
    assert [assembler.push(part) for part in parts] == [None] * 4
    assert assembler.dropped == 1
    assert assembler.pending_bytes <= 250


def test_a_source_that_began_anew_under_the_same_number_wins():
    old = encode_frame(video(payload=bytes(150)), HEADER_BYTES + 100)
    frame = video(payload=b"\xff" * 150, wall_us=1_700_000_001_000_000)
    new = encode_frame(frame, HEADER_BYTES + 100)
    assembler = FrameAssembler()
    assert [assembler.push(message) for message in (old[0], new[0], new[1])] == [None, None, frame]
    assert assembler.dropped == 1
