"""The splitter's output does not depend on how its input was cut, and no input breaks it."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from cambus.dvrip.errors import MalformedPayload
from cambus.dvrip.frames import AudioFrame, FrameHeader, FrameType, InfoFrame, VideoFrame, parse_header
from cambus.dvrip.media import StreamSplitter
from cambus.dvrip.wire_layout import DELTA_FRAME_HEADER, KEY_FRAME_HEADER, SHORT_FRAME_HEADER
from cambus.media.frame import Codec

nal_bytes = st.binary(min_size=2, max_size=60).filter(lambda data: b"\x00\x00\x01" not in data)
key_frames = st.builds(
    lambda body, size: VideoFrame(Codec.H264, True, b"\x00\x00\x00\x01\x67" + body, size, size, 25),
    nal_bytes,
    st.sampled_from([352, 640, 3840]),
)
delta_frames = st.builds(
    lambda body: VideoFrame(Codec.H264, False, b"\x00\x00\x00\x01\x41" + body, 352, 352, 25), nal_bytes
)
audio_frames = st.builds(AudioFrame, st.integers(0, 255), st.integers(0, 255), st.binary(max_size=50))
info_frames = st.builds(InfoFrame, st.integers(0, 255), st.integers(0, 255), st.binary(max_size=20))
streams = st.lists(key_frames | delta_frames | audio_frames | info_frames, max_size=12)
fragments = st.sampled_from(
    [
        b"\x00\x00\x01\xfc\x02\x19\x50\x3c\xb9\x59\x11\x6a\x06\x00\x00\x00\x00\x00\x00\x01\x67\x64",
        b"\x00\x00\x01\xfd\x06\x00\x00\x00\x00\x00\x00\x01\x41\x9a",
        b"\x00\x00\x01\xfd\xff\x00\x00\x00",
        b"\x00\x00\x01\xfa\x0e\x02\x03\x00abc",
        b"\x00\x00\x01\xf9",
        b"\x00\x00\x01",
        b"\xfe",
        b"\x00",
        b"xyz",
    ]
)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    borders = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in itertools.pairwise(borders)]


def run(pieces: list[bytes], *, wait_for_key: bool = False) -> list:
    splitter = StreamSplitter(wait_for_key=wait_for_key)
    return [frame for piece in pieces for frame in splitter.receive_data(piece)]


@given(streams, st.lists(st.integers(0, 2000), max_size=30))
def test_frames_are_the_same_for_every_cut(frames, places):
    data = b"".join(frame.serialize() for frame in frames)
    whole = run([data])
    assert run(cut(data, places)) == whole
    assert [frame.payload for frame in whole] == [frame.payload for frame in frames]


@given(streams)
def test_frames_are_the_same_one_byte_at_a_time(frames):
    data = b"".join(frame.serialize() for frame in frames)
    assert run([bytes([byte]) for byte in data], wait_for_key=True) == run([data], wait_for_key=True)


@given(st.lists(fragments, max_size=25), st.lists(st.integers(0, 500), max_size=12))
def test_broken_streams_give_the_same_frames_for_every_cut(parts, places):
    data = b"".join(parts)
    tail = VideoFrame(Codec.H264, True, b"\x00\x00\x00\x01\x67\x01", 640, 480, 25).serialize()
    # Without the tail an early end may leave one cut waiting for bytes another has given up on.
    assert run([*cut(data, places), tail * 40]) == run([data + tail * 40])


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=8))
def test_arbitrary_bytes_break_nothing_and_hold_no_more_than_they_are(data, places):
    splitter = StreamSplitter(wait_for_key=False)
    for piece in cut(data, places):
        splitter.receive_data(piece)
    assert splitter.pending_bytes <= len(data)


@given(st.binary(max_size=20))
def test_a_frame_header_parses_or_is_malformed(data):
    try:
        header = parse_header(data)
    except MalformedPayload:
        return
    if header is None:
        assert len(data) < 16
    elif header.type is not FrameType.KEY or header.media & 0x0F < 16:
        assert header.serialize() == data[: header.size]


@given(
    st.sampled_from(["key", "picture"]),
    st.integers(0, 15),
    st.integers(0, 255),
    st.integers(0, 1023),
    st.integers(0, 1023),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
)
def test_struct_and_declaration_agree_on_long_headers(kind, codec, rate, columns, rows, time, length):
    frame_type = FrameType.KEY if kind == "key" else FrameType.PICTURE
    header = FrameHeader(
        frame_type, length, codec | columns >> 8 << 4 | rows >> 8 << 6, rate, columns * 8, rows * 8, time
    )
    data = header.serialize()
    declared = KEY_FRAME_HEADER.build(
        {
            "start": b"\x00\x00\x01",
            "type": kind,
            "media": header.media,
            "rate": rate,
            "width": columns & 0xFF,
            "height": rows & 0xFF,
            "time": time,
            "length": length,
        }
    )
    assert data == declared
    assert parse_header(data) == header


@given(st.integers(0, 2**32 - 1), st.integers(0, 255), st.integers(0, 255), st.integers(0, 0xFFFF))
def test_struct_and_declaration_agree_on_short_headers(length, media, rate, short_length):
    delta = FrameHeader(FrameType.DELTA, length)
    assert delta.serialize() == DELTA_FRAME_HEADER.build(
        {"start": b"\x00\x00\x01", "type": "delta", "length": length}
    )
    for kind, frame_type in (("audio", FrameType.AUDIO), ("info", FrameType.INFO)):
        header = FrameHeader(frame_type, short_length, media, rate)
        declared = SHORT_FRAME_HEADER.build(
            {"start": b"\x00\x00\x01", "type": kind, "media": media, "rate": rate, "length": short_length}
        )
        assert header.serialize() == declared
        assert parse_header(declared) == header
