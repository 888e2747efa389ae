"""A message of our own for every class of torture in RFC 4475, and what comes of it here.

Where RFC 4475 lets an element choose between refusing and understanding, devices are understood.
"""

from __future__ import annotations

import pytest
from sip_peer import BRANCH, DEVICE, request, request_text

from cambus.sip.errors import ProtocolError
from cambus.sip.events import RequestReceived
from cambus.sip.fields import NameAddress, Via
from cambus.sip.framing import Broken, Framed, Noise, StreamReader, read_datagram
from cambus.sip.layer import SipLayer
from cambus.sip.message import Request, Response
from cambus.sip.peer import Peer
from cambus.sip.uri import SipUri

PEER = Peer("udp", "192.0.2.7", 5060)


def handled(data: bytes) -> tuple[Request | None, list[int]]:
    """The request as the owner of a layer gets it, and the statuses it is answered with by itself."""
    layer = SipLayer(sent_by=lambda _: "192.0.2.1:5060")
    framed: Framed = read_datagram(data)
    if isinstance(framed, Broken):
        assert framed.request is not None
        layer.refuse(framed.request, PEER, framed.error.status)
    elif isinstance(framed, Request | Response):
        layer.receive(framed, PEER, 0.0)
    answers = [read_datagram(sent) for _, sent in layer.data_to_send()]
    taken = [event.request for event in layer.events_received() if isinstance(event, RequestReceived)]
    return (taken[0] if taken else None), [each.status for each in answers if isinstance(each, Response)]


def understood(data: bytes) -> Request:
    request, statuses = handled(data)
    assert request is not None, statuses
    return request


def refused(data: bytes) -> int:
    request, statuses = handled(data)
    assert request is None
    (status,) = statuses
    return status


# --- valid, and hard to read (RFC 4475 §3.1.1) --------------------------------------------------------------


def test_a_short_tortuous_invite() -> None:
    data = (
        b'INVITE sip:ch1@192.0.2.1;opt=(no,"matter") SIP/2.0\nTO :\n sip:ch1@192.0.2.1 ;   tag    = 1a\n'
        b'from   : "The Gate \\\\\\"" <sip:dev@192.0.2.7>\n  ;\n  tag = 98\nMaX-fOrWaRdS: 0068\nCall-ID: tort.1@x\n'
        b"Content-Length   : 3\ncseq: 0009\n  INVITE\nVia  : SIP  /   2.0\n /UDP\n    192.0.2.7;branch=390sk\n"
        b"s :\nNewFangled:   what it says\n more text\nContent-Type: application/sdp\nv:  SIP  / 2.0  / TCP     a  ;\n"
        b'  branch  =   z9hG4bK9  ,\n SIP  /    2.0   / UDP  b   ; branch= z9hG4bK3\nm:"x" <sip:dev@192.0.2.7>\n\nv=0'
    )

    read = understood(data)

    assert (read.to_tag, read.from_tag, read.call_id, str(read.cseq)) == ("1a", "98", "tort.1@x", "9 INVITE")
    assert read.from_.display == 'The Gate \\"'
    assert read.headers.get("Newfangled") == "what it says more text"
    assert [Via.parse(hop).branch for hop in read.headers.listed("Via")] == ["390sk", "z9hG4bK9", "z9hG4bK3"]
    assert (read.body, read.headers.get("Subject")) == (b"v=0", "")


def test_a_wide_range_of_valid_characters() -> None:
    method = "!int-Method.*_+`'~%"
    read = request(method, uri="sip:1_un%r:&it%21w;0@[::1]:5060", headers=["exten.ded!%*_+`'~-h: \xff\u0e01"])

    assert read.method == read.cseq.method == method
    assert SipUri.parse(read.uri).port == 5060
    assert refused(read.serialize()) == 405


@pytest.mark.parametrize("user", ["%34020", "a%00b", "%Z5", "ch%401;x=y", "%E5%A4%A7"])
def test_escapes_and_what_looks_like_them_stay_as_they_are(user: str) -> None:
    read = understood(request_text(uri=f"sip:{user}@192.0.2.1", to=f"<sip:{user}@192.0.2.1>"))

    assert SipUri.parse(read.uri).user == SipUri.parse(read.to.uri).user == user


def test_no_space_between_a_name_and_its_bracket() -> None:
    address = understood(request_text(from_="Gate<sip:1@x>;tag=a")).from_

    assert (address.display, address.uri, address.tag) == ("Gate", "sip:1@x", "a")


def test_long_values() -> None:
    hops = [f"SIP/2.0/UDP host{number}.{'very' * 30}long;branch=z9hG4bK{number}" for number in range(30)]
    read = understood(
        request_text(
            via=hops,
            call_id="1" * 3000,
            from_=f'"{"I have a long name " * 50}" <sip:1@{"x" * 500}>;tag={"1" * 900};unknown={"2" * 5000}',
        )
    )

    assert len(read.headers.all("Via")) == 30
    assert (len(read.call_id), len(read.from_tag)) == (3000, 900)


def test_more_behind_the_message_in_its_datagram() -> None:
    read = understood(request_text("REGISTER") + request_text("INVITE", call_id="call-2"))

    assert (read.method, read.body) == ("REGISTER", b"")


def test_semicolons_in_the_user_part() -> None:
    assert SipUri.parse("sip:user;par=u%40example.net@192.0.2.1;x=1").user == "user;par=u%40example.net"


@pytest.mark.parametrize("transport", ["UDP", "SCTP", "TLS", "UNKNOWN", "tls-sctp"])
def test_any_transport_may_stand_in_a_hop(transport: str) -> None:
    assert (
        understood(request_text(via=[f"SIP/2.0/{transport} a;branch={BRANCH}"])).via.transport
        == transport.upper()
    )


def test_a_body_in_parts_comes_as_it_is() -> None:
    body = b"--x\r\nContent-Type: text/plain\r\n\r\nhello\r\n--x\r\nContent-Type: a/b\r\n\r\n\x00\x01\r\n\r\n--x--\r\n"
    read = understood(request_text(headers=["Content-Type: multipart/mixed;boundary=x"], body=body))

    assert (read.body, read.content_type) == (body, "multipart/mixed")


@pytest.mark.parametrize("reason", ["= 2**3 * 大门 \udcff", "", " "])
def test_any_reason_phrase_or_none(reason: str) -> None:
    data = f"SIP/2.0 200 {reason}\r\nVia: SIP/2.0/UDP a;branch=b\r\nCSeq: 1 MESSAGE\r\n\r\n"
    read = read_datagram(data.encode("utf-8", "surrogateescape"))

    assert isinstance(read, Response)
    assert read.reason == reason.strip()


# --- invalid (RFC 4475 §3.1.2) ------------------------------------------------------------------------------


def test_separators_with_nothing_between_them_do_not_matter() -> None:
    read = understood(
        request_text(
            from_="<sip:1@x>;;,;,,;tag=a",
            via=["SIP/2.0/UDP 192.0.2.7;;,;,,"],
            headers=["Contact: <sip:1@x>;,,;"],
        )
    )

    assert (read.from_tag, read.via.host) == ("a", "192.0.2.7")


@pytest.mark.parametrize("length", ["9999", "-999"])
def test_a_length_that_is_wrong(length: str) -> None:
    assert refused(request_text(body=b"v=0\r\n", length=length)) == 400


@pytest.mark.parametrize("number", ["36893488147419103232", "4294967296", "-1", "1e3"])
def test_a_number_that_is_too_large(number: str) -> None:
    assert refused(request_text(cseq=f"{number} MESSAGE")) == 400


def test_numbers_nobody_needs_may_be_too_large() -> None:
    read = understood(request_text(headers=["Expires: 10000000000000000000000", "Max-Forwards: 300"]))

    assert read.headers.get("Expires") == "10000000000000000000000"


@pytest.mark.parametrize(
    "line", ["SIP/2.0 4294967301 better not", "SIP/2.0 999 x", "SIP/2.0 20 x", "SIP/3.0 200 OK"]
)
def test_a_response_that_is_none(line: str) -> None:
    data = f"{line}\r\nVia: SIP/2.0/UDP a;branch=b\r\nCSeq: 1 MESSAGE\r\n\r\n".encode()

    assert isinstance(read_datagram(data), Noise)


def test_a_response_with_a_number_that_is_too_large_is_dropped() -> None:
    data = b"SIP/2.0 503 x\r\nVia: SIP/2.0/UDP a;branch=b\r\nCSeq: 9292394834772304023312 OPTIONS\r\n\r\n"

    assert handled(data) == (None, [])


def test_a_quote_that_is_not_closed() -> None:
    read = understood(request_text(to='"Mr. Gate <sip:1@x>', from_='"x" <sip:2@x>;tag=a'))

    assert read.from_tag == "a"
    assert read.to.uri  # something; who it names is for the owner to refuse


def test_brackets_around_the_request_uri() -> None:
    assert SipUri.parse(understood(request_text(uri="<sip:1@192.0.2.1>")).uri).user == "1"


@pytest.mark.parametrize("uri", ["sip:1@x; lr", "sip:1@x  y", ""])
def test_space_within_the_request_uri(uri: str) -> None:
    assert refused(request_text(uri=uri)) == 400


def test_space_around_the_parts_of_the_request_line() -> None:
    data = (
        request_text()
        .replace(b"MESSAGE sip:", b"MESSAGE   sip:", 1)
        .replace(b" SIP/2.0\r", b"   SIP/2.0  \r", 1)
    )

    assert understood(data).method == "MESSAGE"


def test_headers_within_the_request_uri_are_left_alone() -> None:
    read = understood(request_text(uri="sip:1@192.0.2.1?Route=%3Csip:x%3E"))

    assert SipUri.parse(read.uri) == SipUri("1", "192.0.2.1")
    assert "Route" not in read.headers


@pytest.mark.parametrize(
    "date", ["Fri, 01 Jan 2010 16:00:00 EST", "2024-05-17T14:07:33.232", "yesterday", ""]
)
def test_any_date(date: str) -> None:
    assert understood(request_text(headers=[f"Date: {date}"])).headers.get("Date") == date


def test_an_address_without_its_brackets() -> None:
    read = understood(
        request_text("REGISTER", headers=["Contact: sip:1@192.0.2.7?Route=%3Csip:x%3E;expires=60"])
    )

    assert NameAddress.parse(read.headers.get("Contact") or "").parameters == {"expires": "60"}


def test_space_within_an_address() -> None:
    read = understood(request_text(to='"Watson" < sip:1@192.0.2.1 >'))

    assert SipUri.parse(read.to.uri).user == "1"


def test_a_name_that_should_stand_in_quotes() -> None:
    address = understood(request_text(from_=f"Bell, Alexander <sip:{DEVICE}@x>;tag=a")).from_

    assert (SipUri.parse(address.uri).user, address.tag) == (DEVICE, "a")


def test_an_unknown_version() -> None:
    assert refused(request_text().replace(b"SIP/2.0\r", b"SIP/7.0\r", 1)) == 505


@pytest.mark.parametrize("method", ["OPTIONS", "NEWMETHOD"])
def test_a_cseq_with_another_method(method: str) -> None:
    assert refused(request_text(method, cseq="8 INVITE")) == 400


# --- transactions (RFC 4475 §3.2) ---------------------------------------------------------------------------


def test_a_branch_that_is_the_magic_cookie_alone() -> None:
    layer = SipLayer(sent_by=lambda _: "192.0.2.1:5060")

    for call_id in ("call-1", "call-2", "call-2"):
        layer.receive(request(via=["SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK"], call_id=call_id), PEER, 0.0)

    assert len(layer.events_received()) == 2


# --- what the application sees (RFC 4475 §3.3) --------------------------------------------------------------


@pytest.mark.parametrize("name", [b"From", b"To", b"Call-ID", b"CSeq"])
def test_a_field_that_is_missing(name: bytes) -> None:
    data = b"\r\n".join(line for line in request_text().split(b"\r\n") if not line.startswith(name + b":"))

    assert refused(data) == 400


@pytest.mark.parametrize(
    "uri", ["nobody:totallyopaquecontent", "soap.beep://192.0.2.1:3002", "isbn:2983792873"]
)
def test_an_unknown_scheme_is_for_the_owner_to_refuse(uri: str) -> None:
    read = understood(request_text(uri=uri, to=f"<{uri}>"))

    for named in (read.uri, read.to.uri):
        with pytest.raises(ProtocolError):
            SipUri.parse(named)


@pytest.mark.parametrize(
    "header",
    [
        "Require: nothingSupportsThis, nothingSupportsThisEither",
        "Proxy-Require: noProxiesSupportThis",
        "Content-Type: application/unknownformat",
        "Accept: text/nobodyKnowsThis",
        "Authorization: NoOneKnowsThisScheme opaque-data=here",
        "Max-Forwards: 0",
        "Contact: sip:+19725552222@192.0.2.7;unknownparam",
        "Contact: <sip:+19725552222@192.0.2.7;unknownparam>",
        "Contact: <sip:1@192.0.2.7?Route=%3Csip:x%3E>",
    ],
)
def test_what_we_do_not_know_is_handed_over(header: str) -> None:
    name, _, value = header.partition(": ")

    assert value in understood(request_text("REGISTER", headers=[header])).headers.all(name)


def test_of_fields_that_may_stand_once_the_first_counts() -> None:
    read = understood(
        request_text(
            headers=["CSeq: 59 INVITE", "Call-ID: other", "From: <sip:2@x>;tag=b", "To: <sip:3@x>;tag=c"]
        )
    )

    assert (str(read.cseq), read.call_id, read.from_tag, read.to_tag) == (
        "20 MESSAGE",
        "call-1",
        "from-1",
        "",
    )


def test_several_lengths() -> None:
    data = request_text(body=b"0123456789", length="5", headers=["Content-Length: 10"])

    assert refused(data) == 400
    (broken,) = StreamReader().receive_data(data)
    assert isinstance(broken, Broken)
    assert broken.fatal


def test_a_response_that_names_everybody_is_nobodys() -> None:
    data = b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1\r\nCSeq: 74 INVITE\r\n\r\n"

    assert handled(data) == (None, [])


# --- before RFC 3261 (RFC 4475 §3.4) ------------------------------------------------------------------------


def test_an_invite_of_the_time_before_branches_and_tags() -> None:
    read = understood(
        request_text(
            "INVITE",
            via=["SIP/2.0/UDP iftgw.example.com"],
            from_="<sip:1@x>",
            cseq="1 INVITE",
            length=None,
            body=b"v=0",
        )
    )

    assert (read.via.branch, read.from_tag, read.body) == ("", "", b"v=0")
