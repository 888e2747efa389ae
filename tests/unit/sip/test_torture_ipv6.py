"""A message of our own for every class of torture in RFC 5118 (GB-027)."""

from __future__ import annotations

import pytest
from sip_peer import DEVICE, request

from cambus.sip.fields import NameAddress, Via
from cambus.sip.framing import read_datagram
from cambus.sip.layer import SipLayer
from cambus.sip.message import Response
from cambus.sip.peer import Peer
from cambus.sip.uri import SipUri

PEER = Peer("udp", "2001:db8::9:1", 5061)


def answered_via(*hops: str) -> list[str]:
    layer = SipLayer(sent_by=lambda _: "[2001:db8::1]:5060")
    layer.receive(request("OPTIONS", via=hops), PEER, 0.0)
    (event,) = layer.events_received()
    layer.respond(event.transaction, 200, 0.0)  # type: ignore[arg-type]  # a server's: a request has come
    ((_, data),) = layer.data_to_send()
    response = read_datagram(data)
    assert isinstance(response, Response)
    return response.headers.all("Via")


def test_an_address_in_brackets() -> None:
    uri = SipUri.parse(request(uri=f"sip:{DEVICE}@[2001:db8::10]").uri)

    assert (uri.user, uri.host, uri.port, uri.address) == (DEVICE, "2001:db8::10", None, "[2001:db8::10]")


def test_an_address_without_brackets_has_no_port() -> None:
    uri = SipUri.parse(f"sip:{DEVICE}@2001:db8::10")

    assert (uri.user, uri.host, uri.port) == (DEVICE, "2001:db8::10", None)


def test_a_port_within_the_brackets_is_part_of_the_address() -> None:
    assert SipUri.parse("sip:[2001:db8::10:5070]") == SipUri("", "2001:db8::10:5070")


def test_a_port_behind_the_brackets_is_a_port() -> None:
    assert SipUri.parse("sip:[2001:db8::10]:5070") == SipUri("", "2001:db8::10", 5070)


@pytest.mark.parametrize("received", ["[2001:db8::9:255]", "2001:db8::9:255"])
def test_a_source_that_was_filled_in_is_replaced_however_it_is_written(received: str) -> None:
    assert answered_via(f"SIP/2.0/UDP [2001:db8::9:2];received={received};branch=z9hG4bKas3") == [
        "SIP/2.0/UDP [2001:db8::9:2];branch=z9hG4bKas3;received=2001:db8::9:1"
    ]


def test_a_source_that_is_the_hop_itself_is_not_said_again() -> None:
    assert answered_via("SIP/2.0/UDP [2001:db8::9:1]:5061;rport;branch=z9hG4bKas3") == [
        "SIP/2.0/UDP [2001:db8::9:1]:5061;rport=5061;branch=z9hG4bKas3"
    ]


def test_a_description_with_ipv6_comes_as_it_is() -> None:
    body = b"v=0\r\no=1 0 0 IN IP6 2001:db8::20\r\nc=IN IP6 2001:db8::20\r\nm=video 6000 RTP/AVP 96\r\n"

    assert request("INVITE", body=body).body == body


def test_addresses_of_both_kinds_side_by_side() -> None:
    hops = (
        "SIP/2.0/UDP [2001:db8::9:1]:6050;comp=sigcomp;branch=z9hG4bK87a",
        "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK87b",
    )

    assert answered_via(*hops) == list(hops)
    contact = NameAddress.parse("<sip:[2001:db8::9:1]:6050;comp=sigcomp>")
    assert SipUri.parse(contact.uri).parameters == {"comp": "sigcomp"}


def test_an_ipv4_address_in_ipv6() -> None:
    assert SipUri.parse("sip:1@[::ffff:192.0.2.10]:19823") == SipUri("1", "::ffff:192.0.2.10", 19823)
    assert Via.parse("SIP/2.0/UDP [::ffff:192.0.2.2]:5060;branch=b").host == "[::ffff:192.0.2.2]"


def test_three_colons_do_not_hurt() -> None:
    assert SipUri.parse("sip:1@[2001:db8:::192.0.2.1]").user == "1"
