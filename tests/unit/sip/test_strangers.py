"""What a layer tells peers it does not know: little, and nothing twice (GB-272)."""

from __future__ import annotations

from typing import Any

import pytest
from sip_peer import request_text

from cambus.sip.events import RequestReceived
from cambus.sip.framing import Broken, StreamReader, read_datagram
from cambus.sip.layer import SipLayer
from cambus.sip.message import Request, Response
from cambus.sip.peer import Peer

UDP = Peer("udp", "192.0.2.7", 5060)
SHORT = b"OPTIONS sip:1 SIP/2.0\nv:SIP/2.0/UDP a\nf:<sip:1@a>\nt:<sip:1@a>\ni:1\nCSeq:1 OPTIONS\n\n"


def read(data: bytes) -> Request:
    found = read_datagram(data)
    assert isinstance(found, Request)
    return found


def layer_for_strangers(factor: float = 2.0, status: int | None = None) -> SipLayer:
    return SipLayer(
        sent_by=lambda _: "192.0.2.1:5060",
        screen=lambda _request, _peer: status,
        answer_bytes=lambda request, _peer: int(factor * request.wire_bytes),
    )


def answer(layer: SipLayer, data: bytes, status: int, **more: Any) -> list[bytes]:
    layer.receive(read(data), UDP, 0.0)
    (event,) = layer.events_received()
    assert isinstance(event, RequestReceived)
    layer.respond(event.transaction, status, 0.0, **more)
    return [out for _, out in layer.data_to_send()]


def test_a_message_knows_how_long_it_was() -> None:
    data = request_text(body=b"<a></a>")
    (streamed,) = StreamReader().receive_data(data)
    assert isinstance(streamed, Request)
    assert read(data).wire_bytes == len(data)
    assert len(data) - 4 <= streamed.wire_bytes <= len(data)
    broken = read_datagram(request_text(length="99"))
    assert isinstance(broken, Broken)
    assert broken.request is not None
    assert broken.request.wire_bytes == len(request_text(length="99"))


def test_fields_nobody_needs_are_left_out_of_an_answer_that_would_be_too_long() -> None:
    headers = [("WWW-Authenticate", "Digest a"), ("User-Agent", "x" * 100), ("Date", "y" * 100)]
    data = request_text("REGISTER")
    (out,) = answer(layer_for_strangers(1.3), data, 401, headers=headers)
    found = read_datagram(out)
    assert isinstance(found, Response)
    assert len(out) <= 1.3 * len(data)
    assert found.headers.get("WWW-Authenticate") == "Digest a"
    assert "Date" not in found.headers
    (whole,) = answer(layer_for_strangers(9.0), data, 401, headers=headers)
    assert b"Date: yyy" in whole


def test_an_answer_that_is_too_long_all_the_same_is_not_sent_nor_repeated() -> None:
    layer = layer_for_strangers(1.0)
    assert answer(layer, SHORT, 200, headers=[("Allow", "x" * 100)]) == []
    layer.receive(read(SHORT), UDP, 0.1)
    assert layer.data_to_send() == []
    assert layer.counts["answer-too-long"] == 1


@pytest.mark.parametrize("status", [403, 503])
def test_what_is_screened_is_refused_and_nothing_is_remembered(status: int) -> None:
    layer = layer_for_strangers(status=status)
    for _ in range(2):
        layer.receive(read(request_text("INVITE")), UDP, 0.0)
        ((_, out),) = layer.data_to_send()
        found = read_datagram(out)
        assert isinstance(found, Response)
        assert found.status == status
        assert ("Retry-After" in found.headers) == (status == 503)
    assert layer.events_received() == []
    assert layer.next_timeout() is None


def test_a_request_that_is_known_already_is_not_screened_again() -> None:
    statuses: list[int | None] = [None, 503]
    layer = SipLayer(sent_by=lambda _: "a", screen=lambda _request, _peer: statuses.pop(0))
    layer.receive(read(request_text()), UDP, 0.0)
    layer.receive(read(request_text()), UDP, 0.0)
    assert statuses == [503]
    assert len(layer.events_received()) == 1
