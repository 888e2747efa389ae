"""Whatever a publisher sends, it is a value or an end; and it does not matter how it is cut."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rtmp_by_hand import HELLO, asked, connect, opening

from cambus.media.frame import Codec
from cambus.rtmp import (
    ChunkReader,
    Closed,
    Media,
    Message,
    ProtocolError,
    RtmpServerConnection,
    TagReader,
    write_message,
)
from cambus.rtmp.amf0 import decode, encode
from cambus.rtmp.configuration import read_avcc, read_hvcc

values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1, max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)
messages = st.builds(
    Message,
    st.sampled_from([8, 9, 18, 20]),
    st.integers(0, 5),
    st.integers(0, 0xFFFFFFFF),
    st.binary(max_size=700),
)


@given(st.lists(values, max_size=5))
def test_values_come_back(written):
    assert decode(encode(*written)) == written


@given(st.binary(max_size=300))
def test_any_bytes_are_values_or_an_error(data):
    with contextlib.suppress(ProtocolError):
        decode(data)


def collect(reader, data, sizes):
    found, at = [], 0
    for size in [*sizes, len(data)]:
        reader.feed(data[at : at + size])
        at += size
        while (message := reader.next_message()) is not None:
            found.append(message)
    return found


@given(st.lists(messages, max_size=6), st.integers(1, 900), st.lists(st.integers(1, 60), max_size=40))
def test_messages_come_back_however_they_are_cut(sent, chunk, sizes):
    size = write_message(Message(1, 0, 0, chunk.to_bytes(4, "big")), 2)
    data = size + b"".join(write_message(each, 3 + n % 3, chunk) for n, each in enumerate(sent))
    assert collect(ChunkReader(), data, sizes) == sent


@given(st.binary(max_size=400), st.lists(st.integers(1, 30), max_size=20))
def test_any_bytes_are_messages_or_an_error(data, sizes):
    with contextlib.suppress(ProtocolError):
        collect(ChunkReader(max_message_bytes=4096), data, sizes)


@given(st.binary(max_size=600), st.sampled_from(["", "hello", "connected", "asked", "publishing"]))
def test_a_connection_raises_nothing(data, stage):
    if stage in {"asked", "publishing"}:
        connection = asked()
    else:
        connection = RtmpServerConnection(0.0)
        connection.receive_data({"": b"", "hello": HELLO, "connected": HELLO + connect()}[stage], 0.0)
    if stage == "publishing":
        connection.accept_publish()
    connection.receive_data(data, 1.0)
    connection.handle_timeout(100.0)
    ended = any(isinstance(each, Closed) for each in connection.events_received())
    assert ended == connection.closed


@given(st.lists(st.integers(1, 2000), max_size=10))
def test_a_dialog_is_the_same_however_it_is_cut(sizes):
    data = opening() + write_message(Message(9, 1, 7, bytes(300)), 6)
    connection, at = RtmpServerConnection(0.0), 0
    events = []
    for size in [*sizes, len(data)]:
        connection.receive_data(data[at : at + size], 0.0)
        at += size
        events += connection.events_received()
        if connection.awaiting_reply:
            connection.accept_publish()
            events += connection.events_received()
    assert [each for each in events if isinstance(each, Media)] == [Media(True, 7, bytes(300))]


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=60)), max_size=8))
def test_tags_are_units_or_counted(tags):
    reader = TagReader()
    for video, body in tags:
        unit = reader.read(body, 0, video=video)
        assert unit is None or unit.codec.is_video == video


@pytest.mark.parametrize(("read", "codec"), [(read_avcc, Codec.H264), (read_hvcc, Codec.H265)])
@given(data=st.binary(max_size=80))
def test_configurations_are_read_or_not(read, codec, data):
    found = read(b"\x01" + data)
    assert found is None or found.codec is codec
