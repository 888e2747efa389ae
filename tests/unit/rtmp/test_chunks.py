from __future__ import annotations

import pytest

from cambus.rtmp import ChunkReader, Kind, Message, ProtocolError, write_message
from cambus.rtmp.aggregate import split_aggregate


def read(data, **settings):
    reader = ChunkReader(**settings)
    reader.feed(data)
    found = []
    while (message := reader.next_message()) is not None:
        found.append(message)
    return found


def head(form, number, *, stamp=0, length=0, kind=9, stream=1):
    """The header of a chunk in one of its forms."""
    whole = (
        stamp.to_bytes(3, "big") + length.to_bytes(3, "big") + bytes((kind,)) + stream.to_bytes(4, "little")
    )
    return bytes((form << 6 | number,)) + whole[: (11, 7, 3, 0)[form]]


def test_what_a_header_leaves_out_is_that_of_the_one_before():
    data = head(0, 4, stamp=1000, length=2) + b"ab"
    data += head(1, 4, stamp=40, length=1) + b"c"
    data += head(2, 4, stamp=33) + b"d"
    data += head(3, 4) + b"e"
    assert [(each.timestamp, each.payload) for each in read(data)] == [
        (1000, b"ab"),
        (1040, b"c"),
        (1073, b"d"),
        (1106, b"e"),
    ]


def test_messages_of_two_chunk_streams_may_be_mixed():
    video, audio = b"v" * 200, b"a" * 150
    data = head(0, 6, length=200) + video[:128] + head(0, 4, length=150, kind=8) + audio[:128]
    data += head(3, 6) + video[128:] + head(3, 4) + audio[128:]
    assert [(each.kind, each.payload) for each in read(data)] == [(9, video), (8, audio)]


@pytest.mark.parametrize("number", [2, 63, 64, 319, 320, 65599])
def test_numbers_of_chunk_streams_have_three_forms(number):
    if number < 64:
        basic = bytes((number,))
    elif number < 320:
        basic = bytes((0, number - 64))
    else:
        basic = bytes((1, (number - 64) % 256, (number - 64) // 256))
    assert read(basic + head(0, 0, length=1)[1:] + b"x")[0].payload == b"x"


def test_times_of_more_than_three_bytes_are_repeated_or_not():
    stamp = 0x01234567
    whole = write_message(Message(Kind.VIDEO, 1, stamp, b"z" * 300), 6)
    assert read(whole) == [Message(Kind.VIDEO, 1, stamp, b"z" * 300)]
    without = whole.replace(b"\xc6" + stamp.to_bytes(4, "big"), b"\xc6")
    assert len(without) < len(whole)
    assert read(without) == [Message(Kind.VIDEO, 1, stamp, b"z" * 300)]


def test_the_chunk_size_counts_from_the_next_chunk_on():
    size = write_message(Message(Kind.SET_CHUNK_SIZE, 0, 0, (1000).to_bytes(4, "big")), 2)
    message = Message(Kind.VIDEO, 1, 0, bytes(2500))
    assert read(size + write_message(message, 6, 1000)) == [message]


def test_an_abort_forgets_what_had_begun():
    data = head(0, 6, length=200) + bytes(128)
    data += write_message(Message(Kind.ABORT, 0, 0, (6).to_bytes(4, "big")), 2)
    data += head(0, 6, length=1) + b"x"
    assert [each.payload for each in read(data)] == [b"x"]


def test_another_message_may_begin_before_one_is_whole():
    assert [
        each.payload for each in read(head(0, 6, length=200) + bytes(128) + head(0, 6, length=1) + b"x")
    ] == [b"x"]


@pytest.mark.parametrize(
    ("data", "settings"),
    [
        (head(0, 6, length=1001), {"max_message_bytes": 1000}),
        (head(0, 3, length=70_000, kind=20), {}),
        (head(2, 6), {}),
        (b"".join(head(0, number, length=1) + b"x" for number in range(2, 40)), {}),
    ],
)
def test_what_is_too_much_ends_the_stream(data, settings):
    with pytest.raises(ProtocolError):
        read(data, **settings)


def test_what_is_begun_and_never_ended_is_bounded():
    begun = [head(0, number, length=60_000) + bytes(128) for number in range(2, 30)]
    more = [head(3, number) + bytes(128) for number in range(2, 30)] * 60
    with pytest.raises(ProtocolError, match="have not ended"):
        read(b"".join(begun + more), max_message_bytes=60_000)


def test_an_aggregate_is_taken_apart():
    tags = b""
    for kind, stamp, body in ((9, 500, b"v"), (8, 520, b"a")):
        tags += bytes((kind,)) + len(body).to_bytes(3, "big") + stamp.to_bytes(3, "big") + bytes(4) + body
        tags += (11 + len(body)).to_bytes(4, "big")
    assert list(split_aggregate(Message(Kind.AGGREGATE, 1, 9000, tags))) == [
        Message(9, 1, 9000, b"v"),
        Message(8, 1, 9020, b"a"),
    ]
    with pytest.raises(ProtocolError):
        list(split_aggregate(Message(Kind.AGGREGATE, 1, 0, tags[:-6])))
