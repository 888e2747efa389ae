"""Framing holds for every cut of the byte stream and every byte."""

import contextlib
import itertools

from hypothesis import given
from hypothesis import strategies as st

from cambus.dvrip.errors import FramingError, ProtocolError
from cambus.dvrip.reassembly import Reassembler
from cambus.dvrip.wire import HEADER_SIZE, Header, Packet, PacketLimits, PacketReader, fragment, serialize
from cambus.dvrip.wire_layout import HEADER, PACKET

bytes_8 = st.integers(0, 0xFF)
headers = st.builds(
    Header,
    st.just(0xFF),
    bytes_8,
    bytes_8,
    bytes_8,
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFFFFFF),
    bytes_8,
    bytes_8,
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFFFFFF),
)
packets = st.builds(
    lambda message_id, payload, sequence: serialize(message_id, payload, session_id=7, sequence=sequence),
    st.sampled_from([1000, 1043, 1412, 1522, 65535]),
    st.binary(max_size=300),
    st.integers(0, 0xFFFFFFFF),
)


def chunks_of(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in itertools.pairwise(places)]


@given(headers)
def test_struct_and_declaration_agree_on_every_header(header):
    data = header.serialize()
    assert HEADER.build(header._asdict()) == data
    parsed = HEADER.parse(data)
    assert Header(*(parsed[name] for name in Header._fields)) == Header.parse(data) == header


@given(packets)
def test_struct_and_declaration_agree_on_every_packet(data):
    (packet,) = PacketReader().receive_data(data)
    parsed = PACKET.parse(data)
    assert packet.payload == parsed.payload
    assert packet.header.message_id == parsed.header.message_id


@given(st.lists(packets, max_size=8), st.lists(st.integers(0, 5000), max_size=20))
def test_any_segmentation_gives_the_same_packets(messages, cuts):
    stream = b"".join(messages)
    whole = PacketReader().receive_data(stream)
    assert [header.serialize() + payload for header, payload in whole] == messages
    reader = PacketReader()
    pieces = [packet for chunk in chunks_of(stream, cuts) for packet in reader.receive_data(chunk)]
    assert pieces == whole
    assert reader.at_boundary
    assert reader.bytes_received == len(stream)


@given(st.lists(packets, max_size=3))
def test_one_byte_at_a_time_gives_the_same_packets(messages):
    stream = b"".join(messages)
    reader = PacketReader()
    single = [packet for byte in stream for packet in reader.receive_data(bytes([byte]))]
    assert single == PacketReader().receive_data(stream)


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=6))
def test_arbitrary_bytes_give_packets_or_one_framing_error_whatever_the_segmentation(data, cuts):
    limits = PacketLimits(control_bytes=64, media_bytes=64)
    whole = PacketReader(limits)
    expected = whole.receive_data(data)
    reader = PacketReader(limits)
    got = [packet for chunk in chunks_of(data, cuts) for packet in reader.receive_data(chunk)]
    assert got == expected
    assert getattr(reader.failure, "offset", None) == getattr(whole.failure, "offset", None)
    assert reader.failure is None or isinstance(reader.failure, FramingError)


@given(st.integers(0, 2**32), st.integers(1, 20))
def test_any_sequence_number_is_written_modulo_2_to_the_32(sequence, step):
    header = Header.parse(serialize(1006, sequence=sequence + step))
    assert header.sequence == (sequence + step) % 2**32


@given(st.binary(max_size=2000), st.integers(9, 500), st.randoms(use_true_random=False))
def test_parts_in_any_order_make_the_message_again(payload, size, rng):
    parts = [
        PacketReader().receive_data(part)[0]
        for part in fragment(1043, payload, session_id=3, sequence=9, size=size)
    ]
    rng.shuffle(parts)
    reassembler = Reassembler()
    done = [whole for part in parts if (whole := reassembler.receive(part, 0.0)) is not None]
    assert [whole.payload for whole in done] == [payload]
    assert done[0].header.length == len(payload)
    assert reassembler.next_timeout() is None


part_headers = st.builds(
    lambda sid, mid, seq, total, current, payload: (
        Header(0xFF, 1, 0, 0, sid, seq, total, current, mid, len(payload)),
        payload,
    ),
    st.integers(0, 1),
    st.sampled_from([1001, 1021, 1043]),
    st.integers(0, 3),
    st.integers(0, 5),
    st.integers(0, 6),
    st.binary(max_size=4),
)


@given(st.lists(part_headers, max_size=40))
def test_hostile_parts_raise_only_protocol_errors_and_leave_nothing_behind(parts):
    reassembler = Reassembler()
    for now, (header, payload) in enumerate(parts):
        with contextlib.suppress(ProtocolError):
            reassembler.receive(Packet(header, payload), float(now))
    reassembler.expire(1e9)
    assert reassembler.next_timeout() is None


@given(st.binary(max_size=HEADER_SIZE + 5))
def test_header_parse_takes_any_bytes_or_raises_a_framing_error(data):
    try:
        header = Header.parse(data)
    except FramingError:
        return
    assert header.serialize() == data[:HEADER_SIZE]
