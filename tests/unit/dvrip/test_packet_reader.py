"""Framing: limits, lost framing, the end of the stream."""

import pytest

from cambus.dvrip.errors import FramingError
from cambus.dvrip.wire import (
    FRAGMENT_SIZE,
    PRE_AUTH_LIMITS,
    SESSION_LIMITS,
    Header,
    PacketReader,
    fragment,
    serialize,
)


def header(message_id: int, length: int) -> bytes:
    return Header(0xFF, 1, 0, 0, 0, 0, 0, 0, message_id, length).serialize()


@pytest.mark.parametrize("first", [0x00, 0xFE, 0x7B])
def test_a_wrong_flag_byte_is_known_at_once(first):
    reader = PacketReader()
    assert reader.receive_data(bytes([first])) == []
    assert isinstance(reader.failure, FramingError)
    assert reader.failure.offset == 0


def test_a_wrong_flag_byte_after_a_packet_keeps_that_packet_and_tells_the_offset():
    reader = PacketReader()
    packets = reader.receive_data(serialize(1006, b"{}") + b"\x00garbage")
    assert [packet.header.message_id for packet in packets] == [1006]
    assert reader.failure is not None
    assert reader.failure.offset == 22
    assert reader.receive_data(serialize(1006, b"{}")) == []


@pytest.mark.parametrize(
    ("message_id", "limit"), [(1043, SESSION_LIMITS.control_bytes), (1412, SESSION_LIMITS.media_bytes)]
)
def test_a_length_above_the_limit_is_refused_before_its_bytes_come(message_id, limit):
    fits = PacketReader()
    fits.receive_data(header(message_id, limit))
    assert fits.failure is None
    reader = PacketReader()
    reader.receive_data(header(message_id, limit + 1))
    assert reader.failure is not None
    assert str(limit) in str(reader.failure)


def test_before_authentication_the_limit_is_lower():
    reader = PacketReader(PRE_AUTH_LIMITS)
    reader.receive_data(header(1000, 64 * 1024 + 1))
    assert reader.failure is not None


def test_a_huge_length_allocates_nothing():
    reader = PacketReader()
    reader.receive_data(header(1412, 4 * 1024 * 1024))
    assert len(reader._pending) == 20
    reader = PacketReader()
    reader.receive_data(header(1412, 0xFFFFFFFF))
    assert reader.failure is not None
    assert len(reader._pending) == 0


def test_media_of_116_kb_and_control_of_40_kb_are_accepted():
    media, control = bytes(116 * 1024), b" " * 40 * 1024
    reader = PacketReader()
    packets = reader.receive_data(serialize(1412, media) + serialize(1043, control))
    assert [packet.payload for packet in packets] == [media, control]


@pytest.mark.parametrize("version", [0, 1, 2, 255])
def test_any_version_and_reserved_byte_is_accepted(version):
    data = serialize(1007, b"{}", version=version, stream=1, mark=0x80)
    (packet,) = PacketReader().receive_data(data)
    assert (packet.header.version, packet.header.stream, packet.header.mark) == (version, 1, 0x80)
    assert packet.payload == b"{}"


@pytest.mark.parametrize("cut", [1, 19, 20, 25])
def test_a_stream_that_ends_inside_a_packet_gives_no_message(cut):
    reader = PacketReader()
    assert reader.receive_data(serialize(1006, b"0123456789")[:cut]) == []
    assert not reader.at_boundary


def test_limits_can_be_raised_after_login():
    reader = PacketReader(PRE_AUTH_LIMITS)
    reader.limits = SESSION_LIMITS
    assert len(reader.receive_data(serialize(1043, bytes(100_000)))) == 1


def test_long_control_messages_leave_in_parts_of_16_kib():
    payload = bytes(range(256)) * 160  # 40 KiB
    parts = [
        PacketReader().receive_data(part)[0] for part in fragment(1040, payload, session_id=5, sequence=7)
    ]
    assert [len(part.payload) for part in parts] == [FRAGMENT_SIZE, FRAGMENT_SIZE, 8192]
    assert {(part.header.total_or_channel, part.header.sequence) for part in parts} == {(3, 7)}
    assert [part.header.current_or_end for part in parts] == [0, 1, 2]
    assert b"".join(part.payload for part in parts) == payload


def test_short_control_messages_leave_whole():
    (data,) = fragment(1040, bytes(FRAGMENT_SIZE))
    assert Header.parse(data).total_or_channel == 0


def test_more_than_255_parts_are_refused():
    with pytest.raises(ValueError, match="at most 255"):
        list(fragment(1040, bytes(2560), size=10))
