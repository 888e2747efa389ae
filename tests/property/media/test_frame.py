"""The frame under arbitrary values, arbitrary bytes and arbitrary order of arrival."""

import contextlib
import random

from hypothesis import given
from hypothesis import strategies as st

from cambus.media.errors import FrameError
from cambus.media.frame import (
    HEADER_BYTES,
    Codec,
    Flag,
    Frame,
    FrameAssembler,
    Kind,
    SequenceGate,
    encode_frame,
)
from cambus.media.frame_layout import HEADER, MESSAGE

int64 = st.integers(-(1 << 63), (1 << 63) - 1)
frames = st.builds(
    Frame,
    kind=st.sampled_from(Kind),
    codec=st.sampled_from(Codec),
    flags=st.integers(0, 15).map(Flag),
    seq=st.integers(0, 0xFFFFFFFF),
    pts=int64,
    dts=int64,
    wall_us=int64,
    payload=st.binary(max_size=300),
)


def assemble(messages):
    assembler = FrameAssembler()
    return [frame for frame in map(assembler.push, messages) if frame is not None]


@given(frames, st.integers(1, 400))
def test_every_frame_survives_the_bus_in_any_number_of_parts(frame, room):
    assert assemble(encode_frame(frame, HEADER_BYTES + room)) == [frame]


@given(frames, st.integers(1, 100), st.randoms(use_true_random=False), st.booleans())
def test_parts_may_come_in_any_order_and_twice(frame, room, order: random.Random, twice):
    messages = encode_frame(frame, HEADER_BYTES + room) * (1 + (twice and len(frame.payload) > room))
    order.shuffle(messages)
    assert assemble(messages) == [frame]


@given(st.lists(frames, min_size=2, max_size=4, unique_by=lambda frame: frame.seq), st.data())
def test_parts_of_several_frames_may_be_mixed(several, data):
    queues = [encode_frame(frame, HEADER_BYTES + 50) for frame in several]
    messages = []
    while any(queues):
        queue = data.draw(st.sampled_from([queue for queue in queues if queue]))
        messages.append(queue.pop(0))
    got = assemble(messages)
    assert sorted(got, key=lambda frame: frame.seq) == sorted(several, key=lambda frame: frame.seq)


@given(frames, st.integers(1, 50), st.data())
def test_a_frame_with_a_missing_part_never_appears(frame, room, data):
    messages = encode_frame(frame, HEADER_BYTES + room)
    if len(messages) > 1:
        messages.pop(data.draw(st.integers(0, len(messages) - 1)))
        assert assemble(messages) == []


@given(st.lists(frames, max_size=8), st.randoms(use_true_random=False), st.floats(0, 1))
def test_whatever_is_lost_doubled_or_reordered_only_whole_frames_come_out(several, order, loss):
    messages = [message for frame in several for message in encode_frame(frame, HEADER_BYTES + 40)]
    kept = [message for message in messages * 2 if order.random() > loss]
    order.shuffle(kept)
    assembler = FrameAssembler(max_bytes=500)
    for message in kept:
        frame = assembler.push(message)
        # Frames with the same number and header are one frame to the assembler; their payloads may mix.
        assert frame is None or any(frame.seq == sent.seq and frame.pts == sent.pts for sent in several)
        assert assembler.pending_bytes <= 500


@given(st.lists(st.binary(max_size=120), max_size=20))
def test_arbitrary_messages_raise_only_frame_errors(messages):
    assembler = FrameAssembler()
    for message in messages:
        with contextlib.suppress(FrameError):
            assembler.push(message)


@given(
    frames, st.lists(st.tuples(st.integers(0, HEADER_BYTES + 9), st.integers(0, 255)), min_size=1, max_size=4)
)
def test_damaged_messages_raise_only_frame_errors(frame, damage):
    assembler = FrameAssembler(max_bytes=200)
    for message in encode_frame(frame, HEADER_BYTES + 20):
        damaged = bytearray(message)
        for at, value in damage:
            damaged[at % len(damaged)] = value
        with contextlib.suppress(FrameError):
            assembler.push(bytes(damaged))
        assert assembler.pending_bytes <= 200


def declared(frame, part, parts):
    """The frame as the declaration wants it."""
    return {
        "kind": frame.kind.name.lower(),
        "codec": frame.codec.name.lower(),
        "flags": {flag.name.lower(): flag in frame.flags for flag in Flag if flag},
        "part": part,
        "parts": parts,
        "seq": frame.seq,
        "pts": frame.pts,
        "dts": frame.dts,
        "wall_us": frame.wall_us,
    }


@given(frames, st.integers(1, 100))
def test_the_declaration_builds_what_the_fast_code_writes(frame, room):
    messages = encode_frame(frame, HEADER_BYTES + room)
    for part, message in enumerate(messages):
        assert HEADER.sizeof() == HEADER_BYTES
        assert HEADER.build(declared(frame, part, len(messages))) == message[:HEADER_BYTES]


@given(frames)
def test_the_declaration_reads_what_the_fast_code_reads(frame):
    (message,) = encode_frame(frame, 1000)
    parsed = MESSAGE.parse(message)
    again = MESSAGE.build({"header": declared(frame, 0, 1), "payload": frame.payload})
    assert FrameAssembler().push(again) == frame
    header = parsed.header
    assert parsed.payload == frame.payload
    assert (str(header.kind), str(header.codec)) == (frame.kind.name.lower(), frame.codec.name.lower())
    assert (header.seq, header.pts, header.dts, header.wall_us) == (
        frame.seq,
        frame.pts,
        frame.dts,
        frame.wall_us,
    )
    assert (header.part, header.parts) == (0, 1)
    assert {flag for flag in Flag if flag and header.flags[flag.name.lower()]} == {
        flag for flag in Flag if flag in frame.flags and flag
    }


@given(st.integers(0, 0xFFFFFFFF), st.sets(st.integers(1, 60)), st.sets(st.integers(0, 60)))
def test_the_gate_lets_no_picture_pass_whose_references_are_lost(first, lost, keys):
    gate = SequenceGate()
    decodable = False
    for number in range(61):
        key = number in keys or number == 0
        if number in lost:
            decodable = False
            continue
        flags = Flag.KEYFRAME if key else Flag.NONE
        seq = (first + number) & 0xFFFFFFFF
        decodable = decodable or key
        passed = gate.accept(Frame(Kind.VIDEO, Codec.H264, flags, seq, 0, 0, number, b""))
        assert passed == decodable
    assert gate.lost == len([number for number in lost if number < max(set(range(61)) - lost)])
