"""Chunks of HTTP and messages of WebSocket."""

import pytest

from cambus.media_relay.framing import Framing, farewell, websocket_pong, websocket_text, wrap


@pytest.mark.parametrize(
    ("framing", "wire"),
    [
        (Framing.RAW, b"abcd"),
        (Framing.CHUNKED, b"4\r\nabcd\r\n"),
        (Framing.WEBSOCKET, b"\x82\x04abcd"),
    ],
)
def test_parts_become_one_buffer(framing, wire):
    assert wrap(framing, (b"ab", b"cd")) == wire


def test_a_single_part_is_not_copied():
    part = b"shared"
    assert wrap(Framing.RAW, (part,)) is part


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (125, b"\x82\x7d"),
        (126, b"\x82\x7e\x00\x7e"),
        (65_535, b"\x82\x7e\xff\xff"),
        (65_536, b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_the_length_of_a_message_takes_as_few_bytes_as_it_must(size, head):
    wire = wrap(Framing.WEBSOCKET, (bytes(size),))
    assert wire.startswith(head)
    assert len(wire) == len(head) + size


def test_text_and_pong():
    assert websocket_text("é") == b"\x81\x02\xc3\xa9"
    assert websocket_pong(b"hi") == b"\x8a\x02hi"


def test_players_that_take_no_text_get_none():
    data = wrap(Framing.WEBSOCKET_BINARY, (b"FLV", b"\x01"))
    assert data == b"\x82\x04FLV\x01"
    assert farewell(Framing.WEBSOCKET_BINARY) == b"\x88\x02\x03\xe8"
    assert farewell(Framing.WEBSOCKET).endswith(b"\x88\x02\x03\xe8")
