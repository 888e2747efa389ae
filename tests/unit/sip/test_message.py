"""Requests, responses and their bytes (RFC 3261 §7)."""

from __future__ import annotations

import pytest
from sip_peer import request

from cambus.sip.errors import LocalProtocolError, ProtocolError
from cambus.sip.headers import Headers
from cambus.sip.message import MAX_FIELDS, MAX_HEAD_BYTES, Request, Response, parse_head, respond


def test_a_request_is_written_with_the_length_of_its_body() -> None:
    message = Request(Headers([("to", "<sip:1@x>")]), "大门".encode(), "MESSAGE", "sip:1@x")

    assert message.serialize() == (
        b"MESSAGE sip:1@x SIP/2.0\r\nTo: <sip:1@x>\r\nContent-Length: 6\r\n\r\n\xe5\xa4\xa7\xe9\x97\xa8"
    )


@pytest.mark.parametrize("line_break", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize("where", ["value", "name", "uri", "reason"])
def test_no_text_can_put_a_line_of_its_own_into_a_message(line_break: str, where: str) -> None:
    evil = f"x{line_break}Evil: 1"
    message: Request | Response = Request(method="MESSAGE", uri=evil if where == "uri" else "sip:1@x")
    if where == "reason":
        message = Response(status=200, reason=evil)
    message.headers.add(evil if where == "name" else "Subject", evil if where == "value" else "x")

    with pytest.raises(LocalProtocolError):
        message.serialize()


def test_half_a_character_is_refused_and_not_raised_as_something_else() -> None:
    with pytest.raises(LocalProtocolError):
        Request(Headers([("Subject", "\ud800")]), b"", "MESSAGE", "sip:1@x").serialize()


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        ("SIP/2.0 200 OK", 200, "OK"),
        ("SIP/2.0 101 Dialog Establishement", 101, "Dialog Establishement"),
        ("SIP/2.0 100", 100, ""),
        ("sip/2.0 404  没有", 404, "没有"),
        ("SIP/2.0 699 ", 699, ""),
    ],
)
def test_any_reason_phrase_is_taken(line: str, status: int, reason: str) -> None:
    read = parse_head(line.encode())

    assert isinstance(read, Response)
    assert (read.status, read.reason, read.final) == (status, reason, status >= 200)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"", 0),
        (b"hello", 0),
        (b"SIP/2.0 99 x", 0),
        (b"SIP/2.0 700 x", 0),
        (b"SIP/2.0 2000 x", 0),
        (b"SIP/2.0 OK", 0),
        (b"RTSP/1.0 200 OK", 0),
        (b"GET / HTTP/1.1", 0),
        (b"MESS@GE sip:1@x SIP/2.0", 0),
        (b"MESSAGE sip:1@x SIP/3.0", 505),
        (b"MESSAGE SIP/2.0", 400),
        (b"MESSAGE sip:1@x y SIP/2.0", 400),
        (b"MESSAGE sip:" + b"1" * 1100 + b" SIP/2.0", 414),
        (b"MESSAGE sip:1@x SIP/2.0\r\nno name", 400),
        (b"MESSAGE sip:1@x SIP/2.0\r\n: nothing", 400),
        (b"MESSAGE sip:1@x SIP/2.0\r\nVia", 400),
        (b"MESSAGE sip:1@x SIP/2.0\r\n" + b"A: 1\r\n" * (MAX_FIELDS + 1), 413),
        (b"MESSAGE sip:1@x SIP/2.0\r\nA: " + b"1" * MAX_HEAD_BYTES, 0),
    ],
)
def test_what_is_no_message_is_refused_with_what_it_deserves(line: bytes, status: int) -> None:
    with pytest.raises(ProtocolError) as refused:
        parse_head(line)

    assert refused.value.status == status


def test_header_lines_may_be_folded_spaced_and_ended_in_any_way() -> None:
    head = b"MESSAGE  sip:1@x  SIP/2.0 \r\nSubject : one\r\n two\n\tthree\nt:<sip:1@x>\r\nX-Bare: a\rb\r\n \r\nEmpty:"

    read = parse_head(head)

    assert isinstance(read, Request)
    assert (read.method, read.uri) == ("MESSAGE", "sip:1@x")
    assert list(read.headers) == [
        ("Subject", "one two three"),
        ("To", "<sip:1@x>"),
        ("X-Bare", "a b"),
        ("Empty", ""),
    ]


def test_bytes_of_any_charset_come_out_as_they_went_in() -> None:
    head = b"MESSAGE sip:1@x SIP/2.0\r\nSubject: \xb4\xf3\xc3\xc5 \xe5\xa4\xa7 \x00\xff\r\n"

    read = parse_head(head.rstrip())

    assert read.serialize().startswith(head)


def test_what_a_request_says_of_itself() -> None:
    message = request(
        "INVITE",
        via=("SIP/2.0/TCP a;branch=b, SIP/2.0/UDP c", "SIP/2.0/UDP d"),
        headers=["Content-Type: Application/SDP ; charset=x"],
    )

    assert message.via.host == "a"
    assert (message.call_id, str(message.cseq)) == ("call-1", "20 INVITE")
    assert (message.from_tag, message.to_tag, message.from_.tag, message.to.tag) == (
        "from-1",
        "",
        "from-1",
        None,
    )
    assert message.content_type == "application/sdp"
    assert Request().content_type == Request().call_id == ""
    with pytest.raises(ProtocolError):
        _ = Request().via
    with pytest.raises(ProtocolError):
        _ = Request().cseq


def test_a_response_echoes_what_must_be_echoed_in_order() -> None:
    asked = request(via=("SIP/2.0/UDP a, SIP/2.0/UDP b", "SIP/2.0/UDP c"), headers=["Record-Route: <sip:r>"])

    given = respond(asked, 200, to_tag="ours", headers=[("expires", "60")])

    assert list(given.headers) == [
        ("Via", "SIP/2.0/UDP a, SIP/2.0/UDP b"),
        ("Via", "SIP/2.0/UDP c"),
        ("From", asked.headers.get("From")),
        ("To", f"{asked.headers.get('To')};tag=ours"),
        ("Call-ID", "call-1"),
        ("CSeq", "20 MESSAGE"),
        ("Record-Route", "<sip:r>"),
        ("Expires", "60"),
    ]
    assert given.start_line() == "SIP/2.0 200 OK"
    assert respond(asked, 299).start_line() == "SIP/2.0 299 Unknown"


def test_a_tag_that_is_there_stays() -> None:
    given = respond(request(to="<sip:1@x>;tag=theirs;tag=again"), 200, to_tag="ours")

    assert given.headers.get("To") == "<sip:1@x>;tag=theirs;tag=again"


def test_a_message_has_no_start_line_of_its_own() -> None:
    from cambus.sip.message import Message

    with pytest.raises(NotImplementedError):
        Message().start_line()
