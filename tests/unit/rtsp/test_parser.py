from __future__ import annotations

import pytest

from cambus.rtsp.errors import FramingError
from cambus.rtsp.message import ClientResponse, InterleavedFrame, Message, Request
from cambus.rtsp.parser import Limits, MessageParser
from cambus.rtsp.status import Status

OPTIONS = b"OPTIONS rtsp://h/p RTSP/1.0\r\nCSeq: 1\r\n\r\n"


def parse(data: bytes, limits: Limits | None = None) -> list[Message]:
    parser = MessageParser(limits)
    parser.feed(data)
    messages = []
    while (message := parser.next_message()) is not None:
        messages.append(message)
    return messages


def test_a_request_is_cut_out_with_its_body():
    data = b"SET_PARAMETER rtsp://h/p RTSP/1.0\r\nCSeq: 2\r\nContent-Length: 5\r\n\r\nhello" + OPTIONS
    first, second = parse(data)
    assert first == Request(
        "SET_PARAMETER", "rtsp://h/p", "RTSP/1.0", {"cseq": "2", "content-length": "5"}, b"hello"
    )
    assert second.method == "OPTIONS"


def test_what_clients_get_away_with():
    (request,) = parse(
        b"\r\n\n\r\nOPTIONS   rtsp://h/p \t RTSP/1.0 \nCSeq :  7\nUser-Agent: a\n\tb\nAccept: x\naccept: y\n\n"
    )
    assert request == Request(
        "OPTIONS", "rtsp://h/p", "RTSP/1.0", {"cseq": "7", "user-agent": "a b", "accept": "x, y"}
    )


def test_interleaved_frames_between_requests_are_cut_out():
    data = b"$\x01\x00\x03abc" + OPTIONS + b"$\x00\x00\x00" + b"$\x02\x00\x01$"
    first, request, empty, last = parse(data)
    assert first == InterleavedFrame(1, b"abc")
    assert request.method == "OPTIONS"
    assert (empty, last) == (InterleavedFrame(0, b""), InterleavedFrame(2, b"$"))


def test_replies_are_read_with_their_headers_and_body():
    reply, request = parse(b"RTSP/1.0 200 OK\r\nCSeq: 9\r\nContent-Length: 3\r\n\r\nabc" + OPTIONS)
    assert reply == ClientResponse("RTSP/1.0 200 OK", {"cseq": "9", "content-length": "3"}, b"abc")
    assert request.method == "OPTIONS"


def test_a_message_that_is_not_whole_waits():
    parser = MessageParser()
    for cut in range(len(OPTIONS) - 1):
        parser.feed(OPTIONS[cut : cut + 1])
        assert parser.next_message() is None
    parser.feed(OPTIONS[-1:])
    assert parser.next_message() is not None
    assert parser.buffered_bytes == 0


def test_bytes_that_are_no_utf8_survive():
    (request,) = parse(b"OPTIONS rtsp://h/\xff\xe4 RTSP/1.0\r\nCSeq: 1\r\n\r\n")
    assert request.serialize().startswith(b"OPTIONS rtsp://h/\xff\xe4 RTSP/1.0\r\n")


@pytest.mark.parametrize(
    "data",
    [
        b"\x00",
        b" OPTIONS",
        b"\xc3\xa4OPTIONS rtsp://h RTSP/1.0\r\n\r\n",
        b"OPTIONS rtsp://h\r\n\r\n",
        b"OPTIONS rtsp://h RTSP/1.0 more\r\n\r\n",
        b"OPTIONS rtsp://h\x00 RTSP/1.0\r\n\r\n",
        b"OPTIONS rtsp://h RTSP/1.0\r\nno colon\r\n\r\n",
        b"OPTIONS rtsp://h RTSP/1.0\r\n: no name\r\n\r\n",
        b"OPTIONS rtsp://h RTSP/1.0\r\nA: b\x07\r\n\r\n",
        b"OPTIONS rtsp://h RTSP/1.0\r\nContent-Length: -1\r\n\r\n",
        b"OPTIONS rtsp://h RTSP/1.0\r\nContent-Length: 1x\r\n\r\n",
        b"OPTIONS rtsp://h RTSP/1.0\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"OPTIONS rtsp://h RTSP/1.0\r\nContent-Length: \xd9\xa1\r\n\r\n",  # a digit, but not ASCII
    ],
)
def test_a_stream_that_cannot_be_cut_is_an_error_that_says_where(data):
    with pytest.raises(FramingError) as caught:
        parse(OPTIONS + data)
    assert caught.value.offset == len(OPTIONS)
    assert caught.value.status is Status.BAD_REQUEST
    assert len(caught.value.context) <= 8


def test_a_head_without_end_is_refused_at_its_limit():
    limits = Limits(head_bytes=100)
    parser = MessageParser(limits)
    parser.feed(b"OPTIONS rtsp://h RTSP/1.0\r\nA: ")
    parser.feed(b"x" * 70)
    assert parser.next_message() is None
    parser.feed(b"x")
    with pytest.raises(FramingError, match="100 bytes"):
        parser.next_message()


def test_a_head_that_ends_behind_its_limit_is_refused_as_well():
    with pytest.raises(FramingError, match="100 bytes"):
        parse(b"OPTIONS rtsp://h RTSP/1.0\r\nA: " + b"x" * 100 + b"\r\n\r\n", Limits(head_bytes=100))


def test_too_many_headers_are_refused():
    head = b"OPTIONS rtsp://h RTSP/1.0\r\n"
    assert len(parse(head + b"A: b\r\n" * 3 + b"\r\n", Limits(header_count=3))) == 1
    with pytest.raises(FramingError, match="3 headers"):
        parse(head + b"A: b\r\n" * 4 + b"\r\n", Limits(header_count=3))


def test_a_body_is_refused_before_it_comes():
    head = b"SET_PARAMETER rtsp://h RTSP/1.0\r\nContent-Length: %d\r\n\r\n"
    assert parse(head % 10, Limits(body_bytes=10)) == []
    with pytest.raises(FramingError) as caught:
        parse(head % 11, Limits(body_bytes=10))
    assert caught.value.status is Status.REQUEST_TOO_LARGE
