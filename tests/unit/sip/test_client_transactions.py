"""Requests of ours: resent, answered, given up (RFC 3261 §17.1; GB-016 to GB-019)."""

from __future__ import annotations

import pytest
from sip_peer import DEVICE, DOMAIN, PLATFORM, answer

from cambus.sip.dialog import Dialog
from cambus.sip.errors import LocalProtocolError
from cambus.sip.events import Arrival, Failure, ResponseReceived, TransactionFailed
from cambus.sip.fields import CSeq
from cambus.sip.framing import read_datagram
from cambus.sip.layer import SipLayer
from cambus.sip.message import Request
from cambus.sip.peer import Peer
from cambus.sip.transactions import ClientTransaction

UDP = Peer("udp", "192.0.2.7", 5060)
TCP = Peer("tcp", "192.0.2.7", 5060, 3)


def outgoing(method: str) -> Request:
    made = Request(method=method, uri=f"sip:{DEVICE}@{DOMAIN}")
    made.headers.add("From", f"<sip:{PLATFORM}@{DOMAIN}>;tag=ours")
    made.headers.add("To", f"<sip:{DEVICE}@{DOMAIN}>")
    made.headers.add("Call-ID", "call-1")
    made.headers.add("CSeq", str(CSeq(20, method)))
    return made


@pytest.fixture
def layer() -> SipLayer:
    return SipLayer(sent_by=lambda _: "192.0.2.1:5060")


def sent(layer: SipLayer) -> list[Request]:
    found = [read_datagram(data) for _, data in layer.data_to_send()]
    assert all(isinstance(each, Request) for each in found)
    return [each for each in found if isinstance(each, Request)]


def methods(layer: SipLayer) -> list[str]:
    return [each.method for each in sent(layer)]


def times_sent(layer: SipLayer, until: float) -> list[float]:
    """When something was sent, if the layer is woken whenever it wants to be."""
    times = []
    while (at := layer.next_timeout()) is not None and at <= until:
        layer.tick(at)
        times += [at] * len(layer.data_to_send())
    return times


def asked(layer: SipLayer, method: str = "MESSAGE", peer: Peer = UDP) -> ClientTransaction:
    transaction = layer.request(outgoing(method), peer, 0.0)
    assert methods(layer) == [method]
    return transaction


def empty(layer: SipLayer) -> bool:
    return not (layer._clients or layer._servers or layer._accepting or layer._connected)


def test_a_request_says_how_to_answer_it(layer: SipLayer) -> None:
    layer.request(outgoing("MESSAGE"), UDP, 0.0)
    layer.request(outgoing("MESSAGE"), TCP, 0.0)

    over_udp, over_tcp = sent(layer)

    assert over_udp.via.text.startswith("SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK")
    assert over_tcp.via.text.startswith("SIP/2.0/TCP 192.0.2.1:5060;rport;branch=z9hG4bK")
    assert over_udp.via.branch != over_tcp.via.branch
    assert over_udp.headers.get("Max-Forwards") == "70"


@pytest.mark.parametrize("wildcard", ["0.0.0.0:5060", "[::]:5060"])
def test_no_via_names_a_wildcard(wildcard: str) -> None:
    layer = SipLayer(sent_by=lambda _: wildcard)

    with pytest.raises(LocalProtocolError):
        layer.request(outgoing("MESSAGE"), UDP, 0.0)
    assert layer.data_to_send() == []


def test_a_request_without_an_answer_is_resent_by_timer_e_and_given_up_after_32_s(layer: SipLayer) -> None:
    transaction = asked(layer)

    assert times_sent(layer, 60.0) == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert layer.events_received() == [TransactionFailed(transaction, Failure.TIMEOUT)]
    assert empty(layer)


def test_an_invite_is_resent_by_timer_a(layer: SipLayer) -> None:
    transaction = asked(layer, "INVITE")

    assert times_sent(layer, 33.0) == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert layer.events_received() == [TransactionFailed(transaction, Failure.TIMEOUT)]


@pytest.mark.parametrize("method", ["MESSAGE", "INVITE"])
def test_on_tcp_nothing_is_resent(layer: SipLayer, method: str) -> None:
    transaction = asked(layer, method, TCP)

    assert times_sent(layer, 33.0) == []
    assert layer.events_received() == [TransactionFailed(transaction, Failure.TIMEOUT)]


def test_after_a_provisional_response_a_request_is_resent_slower(layer: SipLayer) -> None:
    transaction = asked(layer)
    layer.tick(0.5)
    layer.receive(answer(transaction.request, 100), UDP, 0.6)
    layer.data_to_send()

    assert times_sent(layer, 12.0) == [1.5, 5.5, 9.5]


@pytest.mark.parametrize("status", [200, 202, 302, 401, 486, 500, 603])
def test_a_final_response_is_delivered_once(layer: SipLayer, status: int) -> None:
    transaction = asked(layer)
    response = answer(transaction.request, status)

    layer.receive(response, UDP, 0.1)
    layer.receive(answer(transaction.request, status), UDP, 0.2)

    assert layer.events_received() == [ResponseReceived(transaction, response, UDP)]
    assert times_sent(layer, 60.0) == []
    assert empty(layer)


@pytest.mark.parametrize("status", [100, 101, 180, 183, 199])
def test_any_1xx_is_provisional(layer: SipLayer, status: int) -> None:
    transaction = asked(layer, "INVITE")

    layer.receive(answer(transaction.request, status, tag="early"), UDP, 0.1)
    layer.receive(answer(transaction.request, 200, tag="final"), UDP, 20.0)

    first, second = layer.events_received()
    assert isinstance(first, ResponseReceived)
    assert isinstance(second, ResponseReceived)
    assert (first.response.status, second.response.to_tag) == (status, "final")
    assert times_sent(layer, 19.0) == []


def test_a_response_with_another_branch_or_method_is_no_answer(layer: SipLayer) -> None:
    transaction = asked(layer)
    other = answer(transaction.request, 200)
    other.headers.set("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-other")
    wrong = answer(transaction.request, 200)
    wrong.headers.set("CSeq", "20 BYE")

    layer.receive(other, UDP, 0.1)
    layer.receive(wrong, UDP, 0.1)

    assert layer.events_received() == []
    assert layer.counts["stray-response"] == 2


def test_a_failed_invite_is_acknowledged_each_time(layer: SipLayer) -> None:
    transaction = asked(layer, "INVITE")

    for at in (0.1, 0.6, 1.6):
        layer.receive(answer(transaction.request, 486, tag="theirs"), UDP, at)

    acks = sent(layer)
    assert [each.method for each in acks] == ["ACK"] * 3
    assert {each.via.branch for each in acks} == {transaction.request.via.branch}
    assert {(str(each.cseq), each.to_tag) for each in acks} == {("20 ACK", "theirs")}
    assert len(layer.events_received()) == 1
    assert times_sent(layer, 60.0) == []
    assert empty(layer)


def test_a_failure_is_acknowledged_for_as_long_as_it_may_be_repeated(layer: SipLayer) -> None:
    transaction = asked(layer, "INVITE")
    layer.receive(answer(transaction.request, 486), UDP, 0.0)
    times_sent(layer, 31.9)

    layer.receive(answer(transaction.request, 486), UDP, 31.9)

    assert methods(layer) == ["ACK"]


def test_each_repeated_2xx_gets_the_ack_again(layer: SipLayer) -> None:
    transaction = asked(layer, "INVITE")
    success = answer(transaction.request, 200, tag="theirs")
    layer.receive(success, UDP, 0.1)
    layer.acknowledge(transaction, Dialog.called(transaction.request, success, UDP).ack(transaction.request))

    layer.receive(answer(transaction.request, 200, tag="theirs"), UDP, 0.6)
    layer.receive(answer(transaction.request, 200, tag="theirs"), UDP, 1.6)

    acks = sent(layer)
    assert [(each.method, str(each.cseq)) for each in acks] == [("ACK", "20 ACK")] * 3
    assert len({each.via.branch for each in acks}) == 1
    assert acks[0].via.branch != transaction.request.via.branch
    arrivals = [each.arrival for each in layer.events_received() if isinstance(each, ResponseReceived)]
    assert arrivals == [Arrival.EXPECTED, Arrival.REPEATED, Arrival.REPEATED]


def test_cancel_waits_for_a_provisional_response(layer: SipLayer) -> None:
    transaction = asked(layer, "INVITE")

    layer.cancel(transaction, 0.1)
    assert methods(layer) == []
    layer.receive(answer(transaction.request, 100), UDP, 0.2)

    (cancel,) = sent(layer)
    assert (cancel.method, str(cancel.cseq), cancel.uri) == ("CANCEL", "20 CANCEL", transaction.request.uri)
    assert cancel.via.text == transaction.request.via.text
    assert (cancel.call_id, cancel.from_tag, cancel.to_tag) == ("call-1", "ours", "")


def test_cancel_after_a_provisional_response_goes_out_at_once(layer: SipLayer) -> None:
    transaction = asked(layer, "INVITE")
    layer.receive(answer(transaction.request, 101), UDP, 0.1)
    layer.events_received()

    layer.cancel(transaction, 0.2)
    layer.cancel(transaction, 0.3)
    assert methods(layer) == ["CANCEL"]
    cancel = outgoing("CANCEL")
    cancel.headers.set("Via", transaction.request.via.text)
    layer.receive(answer(cancel, 200), UDP, 0.4)
    layer.receive(answer(transaction.request, 487), UDP, 0.5)

    assert methods(layer) == ["ACK"]
    events = layer.events_received()
    assert [each.transaction.request.method for each in events] == ["CANCEL"]


@pytest.mark.parametrize("after_provisional", [True, False])
def test_a_2xx_after_the_call_was_given_up_is_late(layer: SipLayer, after_provisional: bool) -> None:
    transaction = asked(layer, "INVITE")
    if after_provisional:
        layer.receive(answer(transaction.request, 100), UDP, 0.1)
    layer.cancel(transaction, 15.0)
    layer.events_received()

    layer.receive(answer(transaction.request, 200), UDP, 16.0)

    (event,) = layer.events_received()
    assert isinstance(event, ResponseReceived)
    assert event.arrival is Arrival.LATE


def test_a_2xx_after_timer_b_is_late(layer: SipLayer) -> None:
    transaction = asked(layer, "INVITE")
    times_sent(layer, 32.0)
    layer.events_received()

    layer.receive(answer(transaction.request, 200), UDP, 40.0)

    (event,) = layer.events_received()
    assert isinstance(event, ResponseReceived)
    assert event.arrival is Arrival.LATE
    times_sent(layer, 200.0)
    assert empty(layer)


def test_a_failure_after_the_call_was_given_up_is_acknowledged_and_nothing_else(layer: SipLayer) -> None:
    transaction = asked(layer, "INVITE")
    layer.cancel(transaction, 15.0)

    layer.receive(answer(transaction.request, 486), UDP, 16.0)

    assert methods(layer) == ["ACK"]
    assert layer.events_received() == []


def test_a_request_that_is_given_up_is_not_sent_again(layer: SipLayer) -> None:
    transaction = asked(layer)

    layer.cancel(transaction, 0.1)

    assert times_sent(layer, 60.0) == []
    assert layer.events_received() == []
    assert empty(layer)


def test_a_lost_connection_fails_what_waits_on_it_and_nothing_else(layer: SipLayer) -> None:
    on_tcp = [asked(layer, "MESSAGE", TCP), asked(layer, "INVITE", TCP)]
    asked(layer, "MESSAGE", UDP)
    asked(layer, "MESSAGE", Peer("tcp", "192.0.2.7", 5060, 4))

    layer.lost(TCP, 1.0)
    layer.lost(TCP, 1.0)

    assert layer.events_received() == [TransactionFailed(each, Failure.TRANSPORT) for each in on_tcp]
    assert len(layer._clients) == 2


def test_what_is_woken_often_is_scheduled_once(layer: SipLayer) -> None:
    asked(layer)

    times_sent(layer, 31.0)

    assert len(layer._schedule) == 1
