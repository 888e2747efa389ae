"""Messages in datagrams and streams (GB-006 to GB-011)."""

from __future__ import annotations

import pytest
from sip_peer import request_text

from cambus.sip.framing import Broken, Noise, Ping, StreamReader, read_datagram
from cambus.sip.message import MAX_FIELDS, MAX_HEAD_BYTES, Request, Response

XML = b"<?xml version='1.0'?>\r\n<Notify>\r\n<CmdType>Keepalive</CmdType>\r\n</Notify>\r\n"
RESPONSE = b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=b\r\nCSeq: 1 MESSAGE\r\n"


def body_of(data: bytes) -> bytes:
    read = read_datagram(data)
    assert isinstance(read, Request | Response), read
    return read.body


# --- datagrams ----------------------------------------------------------------------------------------------


def test_without_a_length_the_body_is_the_rest_of_the_datagram() -> None:
    assert body_of(request_text(body=XML, length=None)) == XML


def test_a_length_that_is_too_large_is_an_error_in_a_request_and_noise_in_a_response() -> None:
    data = request_text(body=XML, length="900")

    read = read_datagram(data)

    assert isinstance(read, Broken)
    assert (read.error.status, read.fatal) == (400, False)
    assert read.request is not None
    assert read.request.call_id == "call-1"
    assert isinstance(read_datagram(RESPONSE + b"Content-Length: 9\r\n\r\nx"), Noise)


def test_a_length_that_is_too_small_cuts_the_body() -> None:
    assert body_of(request_text(body=b"v=0\r\ns=Play\r\n", length="5")) == b"v=0\r\n"
    assert body_of(request_text(body=b"v=0\r\n", length="0")) == b""


@pytest.mark.parametrize(
    "root", [b"Notify", b"a:Notify", b"Response Num='1'", b"\xe5", b"Notify\r\n"], ids=lambda root: root.hex()
)
def test_an_xml_body_whose_end_is_there_is_not_cut(root: bytes) -> None:
    name = root.split()[0]
    whole = b"<?xml?><" + root + b"><A>1</A></" + name + b" >"
    cut = root == b"\xe5"  # no name of an element

    body = body_of(request_text(body=whole + b"\r\njunk", length="20"))

    assert body == (whole[:20] if cut else whole)


def test_an_xml_body_whose_end_is_not_there_is_cut() -> None:
    assert body_of(request_text(body=b"<Notify><A>1</A>", length="11")) == b"<Notify><A>"


@pytest.mark.parametrize("length", ["-1", "1x", "", "99999999999", "1 2", "０"])
def test_a_length_that_is_no_number_is_an_error(length: str) -> None:
    read = read_datagram(request_text(headers=[f"Content-Length: {length}"], length=None))

    assert isinstance(read, Broken)
    assert read.error.status == 400


def test_a_length_may_be_said_twice_but_not_differently() -> None:
    assert body_of(request_text(body=b"xy", headers=["l: 02"])) == b"xy"
    assert isinstance(read_datagram(request_text(body=b"xy", headers=["l: 3"])), Broken)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"\r\n\r\n", "keepalive"),
        (b"\r\n", "keepalive"),
        (b"\x00\x00\x00\x00", "keepalive"),
        (b"jaK\x00", "garbage"),
        (b"\xff\xfe\xfd", "garbage"),
        (b"<Item>half of a catalog</Item></DeviceList></Response>\r\n\r\n", "garbage"),
        (b"Via: SIP/2.0/UDP a\r\n\r\n", "garbage"),
        (RESPONSE + b"no colon\r\n\r\n", "garbage"),
    ],
)
def test_noise_is_told_from_messages_and_never_answered(data: bytes, reason: str) -> None:
    assert read_datagram(data) == Noise(reason, len(data))


def test_blank_lines_and_zeros_in_front_of_a_message_are_passed_over() -> None:
    assert isinstance(read_datagram(b"\r\n\x00\r\n" + request_text()), Request)


def test_a_message_without_a_blank_line_at_its_end_is_taken() -> None:
    assert isinstance(read_datagram(request_text().rstrip()), Request)


@pytest.mark.parametrize("eol", ["\n", "\r\n"])
def test_any_line_end_will_do(eol: str) -> None:
    assert body_of(request_text(body=XML, eol=eol)) == XML


def test_line_ends_may_be_mixed() -> None:
    data = request_text(body=XML).replace(b"\r\nTo", b"\nTo").replace(b"\r\n\r\n", b"\n\r\n", 1)

    assert body_of(data) == XML


def test_a_body_beyond_the_limit_is_too_large() -> None:
    read = read_datagram(request_text(body=b"x" * 101), max_body_bytes=100)

    assert isinstance(read, Broken)
    assert read.error.status == 413
    assert isinstance(read_datagram(request_text(body=b"x" * 100), max_body_bytes=100), Request)


def test_too_many_fields_are_too_large() -> None:
    read = read_datagram(request_text(headers=["X: 1"] * MAX_FIELDS))

    assert isinstance(read, Broken)
    assert read.error.status == 413
    assert read.request is not None


def test_what_is_saved_of_a_broken_request_is_enough_to_answer_it() -> None:
    read = read_datagram(request_text("BYE", headers=["no colon here"]))

    assert isinstance(read, Broken)
    assert read.request is not None
    assert (read.request.method, read.request.via.branch) == ("BYE", "z9hG4bK-one")


def test_what_cannot_be_answered_is_not_said_to_be() -> None:
    read = read_datagram(b"BYE sip:1@x SIP/2.0\r\nno colon\r\n\r\n")

    assert isinstance(read, Broken)
    assert read.request is None


# --- streams ------------------------------------------------------------------------------------------------


def test_messages_in_one_segment_and_over_several_are_found() -> None:
    one, two = request_text(body=XML), request_text("BYE", call_id="call-2")
    reader = StreamReader()

    first = reader.receive_data(one + two[:30])
    assert [type(each) for each in first] == [Request]
    assert reader.in_head
    assert not reader.in_body
    assert reader.pending_bytes == 30

    second = reader.receive_data(two[30:])
    assert [each.call_id for each in second if isinstance(each, Request)] == ["call-2"]
    assert not reader.in_head


def test_without_a_length_there_is_no_body_on_a_stream() -> None:
    found = StreamReader().receive_data(request_text(length=None) + request_text(call_id="call-2"))

    assert [each.call_id for each in found if isinstance(each, Request)] == ["call-1", "call-2"]


def test_a_body_is_waited_for() -> None:
    reader = StreamReader()

    assert reader.receive_data(request_text(body=b"xy")[:-1]) == []
    assert reader.in_body
    (message,) = reader.receive_data(b"y")
    assert isinstance(message, Request)
    assert message.body == b"xy"


@pytest.mark.parametrize(
    "length", ["Content-Length: -1", "Content-Length: ten", "Content-Length: 1\r\nl: 2", "Content-Length:"]
)
def test_a_length_that_cannot_be_followed_ends_the_stream(length: str) -> None:
    reader = StreamReader()

    (broken,) = reader.receive_data(request_text(headers=[length], length=None) + request_text())

    assert isinstance(broken, Broken)
    assert (broken.error.status, broken.fatal) == (400, True)
    assert broken.request is not None
    assert reader.receive_data(request_text()) == []
    assert reader.pending_bytes == 0


def test_a_body_beyond_the_limit_ends_the_stream_before_it_is_read() -> None:
    reader = StreamReader(max_body_bytes=100)

    (broken,) = reader.receive_data(request_text(length="101"))

    assert isinstance(broken, Broken)
    assert (broken.error.status, broken.fatal) == (413, True)


def test_a_head_without_an_end_ends_the_stream() -> None:
    reader = StreamReader()
    found = reader.receive_data(request_text(length=None)[:-2])

    while not found:
        found = reader.receive_data(b"X: " + b"x" * 1000 + b"\r\n")
        assert reader.pending_bytes <= MAX_HEAD_BYTES + 1005

    assert isinstance(found[0], Broken)
    assert found[0].fatal


def test_a_head_of_the_largest_size_is_read_however_it_comes() -> None:
    start = request_text(length=None)[:-4] + b"\r\nX: "
    data = start + b"x" * (MAX_HEAD_BYTES - len(start)) + b"\r\n\r\n"
    reader = StreamReader()

    byte_by_byte = [each for at in range(len(data)) for each in reader.receive_data(data[at : at + 1])]

    assert byte_by_byte == StreamReader().receive_data(data)
    assert isinstance(byte_by_byte[0], Request)


def test_a_double_line_end_is_a_ping_and_a_single_one_is_nothing() -> None:
    reader = StreamReader()

    assert reader.receive_data(b"\r\n") == []
    assert not reader.in_head
    assert reader.receive_data(b"\r\n") == [Ping()]
    assert reader.receive_data(b"\x00\n\r\r\n\r\n\r\n\r\n\r") == [Ping(), Ping()]
    assert [type(each) for each in reader.receive_data(b"\n" + request_text())] == [Request]


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x01\x02\x03",
        b"junk\r\n",
        b"junk\r\n\r\n",
        b"<Item>\r\n<Name>x</Name>\r\n</Item>\r\n",
        b"x" * 5000,
        b"\xff" * 70_000,
        b"a b\r\n" * 20_000,
    ],
    ids=lambda garbage: f"{garbage[:6]!r} {len(garbage)}",
)
def test_after_garbage_the_next_message_is_found(garbage: bytes) -> None:
    at_once = StreamReader().receive_data(garbage + request_text())
    reader = StreamReader()
    in_parts = reader.receive_data(garbage) + reader.receive_data(request_text())

    for found in (at_once, in_parts):
        assert {type(each) for each in found} == {Noise, Request}
        assert isinstance(found[-1], Request)
        assert sum(each.size for each in found if isinstance(each, Noise)) <= len(garbage)


def test_garbage_is_not_kept() -> None:
    reader = StreamReader()

    for _ in range(100):
        reader.receive_data(b"\xff" * 65_536)
        assert reader.pending_bytes <= 2000
    assert not reader.in_head


def test_responses_are_found_behind_garbage_too() -> None:
    found = StreamReader().receive_data(b"???\r\n" + RESPONSE + b"\r\n")

    assert isinstance(found[-1], Response)
