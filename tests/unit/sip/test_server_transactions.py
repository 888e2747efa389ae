"""Requests of devices: one effect, one answer (RFC 3261 §17.2; GB-004, GB-005, GB-013, GB-015, GB-020 to GB-022)."""

from __future__ import annotations

from typing import Any

import pytest
from sip_peer import request

from cambus.sip.errors import LocalProtocolError
from cambus.sip.events import AckReceived, Cancelled, Failure, RequestReceived, TransactionFailed
from cambus.sip.framing import read_datagram
from cambus.sip.layer import ALLOW, SipLayer
from cambus.sip.message import Response
from cambus.sip.peer import Peer
from cambus.sip.transactions import ServerTransaction

UDP = Peer("udp", "192.0.2.7", 5060)
TCP = Peer("tcp", "192.0.2.7", 5060, 3)


@pytest.fixture
def layer() -> SipLayer:
    return SipLayer(sent_by=lambda _: "192.0.2.1:5060", tag=lambda: "ours")


def sent(layer: SipLayer) -> list[Response]:
    found = [read_datagram(data) for _, data in layer.data_to_send()]
    assert all(isinstance(each, Response) for each in found)
    return [each for each in found if isinstance(each, Response)]


def statuses(layer: SipLayer) -> list[int]:
    return [each.status for each in sent(layer)]


def taken(layer: SipLayer, method: str = "MESSAGE", peer: Peer = UDP, **changes: Any) -> ServerTransaction:
    layer.receive(request(method, **changes), peer, 0.0)
    (event,) = layer.events_received()
    assert isinstance(event, RequestReceived)
    return event.transaction


def wake(layer: SipLayer, until: float) -> list[float]:
    times = []
    while (at := layer.next_timeout()) is not None and at <= until:
        layer.tick(at)
        times += [at] * len(layer.data_to_send())
    return times


def empty(layer: SipLayer) -> bool:
    return not (layer._clients or layer._servers or layer._accepting or layer._connected)


@pytest.mark.parametrize("method", ["REGISTER", "MESSAGE", "BYE", "INFO", "SUBSCRIBE", "NOTIFY", "OPTIONS"])
@pytest.mark.parametrize("peer", [UDP, TCP], ids=["udp", "tcp"])
def test_a_repeated_request_has_one_effect_and_the_same_answer(
    layer: SipLayer, method: str, peer: Peer
) -> None:
    transaction = taken(layer, method, peer)
    layer.receive(request(method), peer, 0.5)
    assert layer.data_to_send() == []
    layer.respond(transaction, 200, 1.0, body=b"once")
    (first,) = layer.data_to_send()

    layer.receive(request(method), peer, 1.5)
    layer.receive(request(method), peer, 4.0)

    assert layer.events_received() == []
    assert layer.data_to_send() == [first, first]
    assert layer.counts["repeated-request"] == 3


@pytest.mark.parametrize(("peer", "remembered_s"), [(UDP, 32.0), (TCP, 5.0)], ids=["udp", "tcp"])
def test_an_answer_is_remembered_for_as_long_as_a_copy_may_come(
    layer: SipLayer, peer: Peer, remembered_s: float
) -> None:
    layer.respond(taken(layer, peer=peer), 200, 0.0)

    wake(layer, remembered_s - 0.1)
    assert not empty(layer)
    wake(layer, remembered_s)
    assert empty(layer)


def test_a_request_is_answered_once(layer: SipLayer) -> None:
    transaction = taken(layer)
    layer.respond(transaction, 200, 0.0)

    with pytest.raises(LocalProtocolError):
        layer.respond(transaction, 500, 0.1)


def test_a_provisional_response_is_repeated_until_there_is_a_final_one(layer: SipLayer) -> None:
    transaction = taken(layer)
    layer.respond(transaction, 182, 0.1)
    layer.receive(request(), UDP, 0.5)
    layer.respond(transaction, 200, 0.6)
    layer.receive(request(), UDP, 1.0)

    assert statuses(layer) == [182, 182, 200, 200]


@pytest.mark.parametrize(("method", "waited_s"), [("MESSAGE", 32.0), ("INVITE", 192.0)])
def test_what_is_never_answered_is_forgotten(layer: SipLayer, method: str, waited_s: float) -> None:
    transaction = taken(layer, method)

    wake(layer, waited_s - 0.1)
    assert not transaction.answered
    wake(layer, waited_s)

    assert empty(layer)
    with pytest.raises(LocalProtocolError):
        layer.respond(transaction, 200, waited_s)


def test_every_hop_is_echoed_in_order_and_the_topmost_filled_in(layer: SipLayer) -> None:
    via = ("SIP/2.0/UDP 10.0.0.2:5060;rport;branch=z9hG4bKa, SIP/2.0/UDP b;branch=z9hG4bKb", "SIP/2.0/TCP c")
    transaction = taken(layer, via=via, peer=Peer("udp", "192.0.2.7", 40001))

    layer.respond(transaction, 200, 0.0)

    (response,) = sent(layer)
    assert response.headers.all("Via") == [
        "SIP/2.0/UDP 10.0.0.2:5060;rport=40001;branch=z9hG4bKa;received=192.0.2.7, SIP/2.0/UDP b;branch=z9hG4bKb",
        "SIP/2.0/TCP c",
    ]


def test_an_answer_is_hardly_larger_than_its_request(layer: SipLayer) -> None:
    hops = ["SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKa" + "," * 20_000, *["x"] * 100]
    message = request(via=hops)
    size = len(message.serialize())

    layer.receive(message, UDP, 0.0)
    (event,) = layer.events_received()
    assert isinstance(event, RequestReceived)
    layer.respond(event.transaction, 403, 0.0)

    ((_, data),) = layer.data_to_send()
    assert len(data) < size + 100


@pytest.mark.parametrize("rport", ["", ";rport"])
def test_the_answer_goes_to_where_the_request_came_from(layer: SipLayer, rport: str) -> None:
    source = Peer("udp", "198.51.100.1", 40001)
    via = [f"SIP/2.0/UDP 10.0.0.2:5060{rport};branch=z9hG4bKa"]
    transaction = taken(layer, peer=source, via=via)

    layer.respond(transaction, 200, 0.0)

    ((peer, _),) = layer.data_to_send()
    assert peer == source


def test_a_copy_from_another_port_is_answered_there(layer: SipLayer) -> None:
    layer.respond(taken(layer), 200, 0.0)
    layer.data_to_send()
    moved = Peer("udp", "192.0.2.7", 40002)

    layer.receive(request(), moved, 1.0)

    ((peer, _),) = layer.data_to_send()
    assert peer == moved


def test_a_copy_on_a_new_connection_is_answered_there(layer: SipLayer) -> None:
    layer.respond(taken(layer, peer=TCP), 200, 0.0)
    layer.data_to_send()
    again = TCP._replace(connection=4)

    layer.lost(TCP, 0.5)
    layer.receive(request(), again, 1.0)

    ((peer, _),) = layer.data_to_send()
    assert peer == again
    assert list(layer._connected) == [again]


def test_one_branch_for_everything_keeps_requests_apart(layer: SipLayer) -> None:
    one = taken(layer, "REGISTER", cseq="1 REGISTER")
    layer.respond(one, 401, 0.0)

    two = taken(layer, "REGISTER", cseq="2 REGISTER")
    three = taken(layer, "REGISTER", cseq="2 REGISTER", call_id="call-2")

    assert len({one, two, three}) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"call_id": "call-2"},
        {"cseq": "21 MESSAGE"},
        {"from_": "<sip:1@x>;tag=2"},
        {"via": ("SIP/2.0/UDP b",)},
    ],
    ids=str,
)
def test_without_the_magic_cookie_what_else_identifies_a_request_counts(
    layer: SipLayer, change: dict[str, Any]
) -> None:
    old = {"via": ("SIP/2.0/UDP 192.0.2.7:5060;branch=1",), "call_id": "c", "cseq": "20 MESSAGE"}
    taken(layer, **old)

    layer.receive(request(**old), UDP, 0.1)
    assert layer.events_received() == []
    taken(layer, **{**old, **change})


def test_repeated_tags_do_not_matter(layer: SipLayer) -> None:
    transaction = taken(layer, from_="<sip:1@x>;tag=a;tag=b")

    layer.respond(transaction, 200, 0.0)

    (response,) = sent(layer)
    assert response.headers.get("From") == "<sip:1@x>;tag=a;tag=b"
    assert (response.from_tag, response.to_tag) == ("a", "ours")


def test_an_unknown_method_is_refused_with_those_that_are_known(layer: SipLayer) -> None:
    layer.receive(request("PUBLISH"), UDP, 0.0)
    layer.receive(request("message"), UDP, 0.0)

    for response in sent(layer):
        assert response.status == 405
        assert response.headers.get("Allow") == ALLOW
    assert layer.events_received() == []
    assert empty(layer)


def test_a_request_whose_cseq_names_another_method_is_refused(layer: SipLayer) -> None:
    layer.receive(request("MESSAGE", cseq="20 BYE"), UDP, 0.0)

    assert statuses(layer) == [400]
    assert layer.counts["malformed"] == 1


@pytest.mark.parametrize("method", ["MESSAGE", "ACK"])
def test_without_a_via_nothing_is_answered(layer: SipLayer, method: str) -> None:
    broken = request(method)
    broken.headers.remove("Via")
    nothing = request(method, via=("nonsense",))

    layer.receive(broken, UDP, 0.0)
    layer.receive(nothing, UDP, 0.0)

    assert layer.data_to_send() == []
    assert layer.counts["malformed"] == 2


def test_a_route_and_a_missing_max_forwards_do_not_matter(layer: SipLayer) -> None:
    message = request(headers=["Route: <sip:34020000001320000001@192.0.2.1:5060;lr>"])
    message.headers.remove("Max-Forwards")

    layer.receive(message, UDP, 0.0)

    assert len(layer.events_received()) == 1


def test_too_many_open_requests_are_put_off() -> None:
    layer = SipLayer(sent_by=lambda _: "192.0.2.1:5060", max_server_transactions=1)
    taken(layer)

    layer.receive(request(call_id="call-2"), UDP, 0.0)
    layer.receive(request(), UDP, 0.0)

    (response,) = sent(layer)
    assert response.status == 503
    assert 60 <= int(response.headers.get("Retry-After") or "") < 90
    assert layer.events_received() == []
    assert layer.counts["overload"] == 1


# --- INVITE -------------------------------------------------------------------------------------------------


def test_an_invite_is_trying_at_once(layer: SipLayer) -> None:
    taken(layer, "INVITE")
    layer.receive(request("INVITE"), UDP, 0.5)

    first, second = sent(layer)
    assert (first.status, first.to_tag) == (100, "")
    assert first == second


def test_a_2xx_is_resent_until_it_is_acknowledged(layer: SipLayer) -> None:
    transaction = taken(layer, "INVITE")
    layer.respond(transaction, 200, 0.0)
    layer.data_to_send()
    assert wake(layer, 3.6) == [0.5, 1.5, 3.5]

    ack = request("ACK", to="<sip:1@x>;tag=ours", cseq="20 ACK", via=["SIP/2.0/UDP d;branch=z9hG4bK-ack"])
    layer.receive(ack, UDP, 4.0)
    layer.receive(request("INVITE"), UDP, 4.1)

    assert layer.events_received() == [AckReceived(transaction, ack, UDP)]
    assert wake(layer, 60.0) == []
    assert empty(layer)


def test_a_2xx_is_resent_on_tcp_too(layer: SipLayer) -> None:
    layer.respond(taken(layer, "INVITE", TCP), 200, 0.0)
    layer.data_to_send()

    assert wake(layer, 2.0) == [0.5, 1.5]


def test_a_2xx_that_is_never_acknowledged_fails(layer: SipLayer) -> None:
    transaction = taken(layer, "INVITE")
    layer.respond(transaction, 200, 0.0)

    wake(layer, 32.0)

    assert layer.events_received() == [TransactionFailed(transaction, Failure.TIMEOUT)]
    assert empty(layer)


def test_a_refusal_is_resent_until_it_is_acknowledged(layer: SipLayer) -> None:
    layer.respond(taken(layer, "INVITE"), 486, 0.0)
    layer.data_to_send()
    assert wake(layer, 1.6) == [0.5, 1.5]

    layer.receive(request("ACK", to="<sip:1@x>;tag=ours", cseq="20 ACK"), UDP, 2.0)

    assert wake(layer, 60.0) == []
    assert layer.events_received() == []
    assert empty(layer)


def test_a_refusal_is_not_resent_on_tcp(layer: SipLayer) -> None:
    layer.respond(taken(layer, "INVITE", TCP), 486, 0.0)
    layer.data_to_send()

    assert wake(layer, 60.0) == []
    assert empty(layer)


def test_an_ack_for_nothing_is_counted(layer: SipLayer) -> None:
    layer.receive(request("ACK", cseq="20 ACK"), UDP, 0.0)

    assert layer.counts["stray-ack"] == 1
    assert layer.data_to_send() == []


@pytest.mark.parametrize("branch", ["z9hG4bK-one", "1"], ids=["magic", "old"])
def test_cancel_ends_an_invite_that_has_no_answer(layer: SipLayer, branch: str) -> None:
    via = [f"SIP/2.0/UDP 192.0.2.7;branch={branch}"]
    transaction = taken(layer, "INVITE", via=via)

    layer.receive(request("CANCEL", via=via), UDP, 0.5)

    assert statuses(layer) == [100, 200, 487]
    assert layer.events_received() == [Cancelled(transaction)]
    layer.receive(request("ACK", cseq="20 ACK", via=via), UDP, 0.6)
    wake(layer, 60.0)
    assert empty(layer)


def test_cancel_changes_nothing_once_there_is_an_answer(layer: SipLayer) -> None:
    layer.respond(taken(layer, "INVITE"), 200, 0.0)
    layer.data_to_send()

    layer.receive(request("CANCEL"), UDP, 0.4)

    assert statuses(layer) == [200]
    assert layer.events_received() == []


def test_cancel_for_nothing_is_refused(layer: SipLayer) -> None:
    layer.receive(request("CANCEL"), UDP, 0.0)

    assert statuses(layer) == [481]
    assert layer.events_received() == []


def test_a_lost_connection_ends_a_call_that_was_not_acknowledged(layer: SipLayer) -> None:
    transaction = taken(layer, "INVITE", TCP)
    layer.respond(transaction, 200, 0.0)

    layer.lost(TCP, 0.1)

    assert layer.events_received() == [TransactionFailed(transaction, Failure.TRANSPORT)]
    assert empty(layer)


def test_two_calls_with_one_acknowledgement_key_do_not_forget_each_other(layer: SipLayer) -> None:
    first = taken(layer, "INVITE", via=["SIP/2.0/UDP a;branch=z9hG4bK-1"])
    second = taken(layer, "INVITE", via=["SIP/2.0/UDP a;branch=z9hG4bK-2"])
    layer.respond(first, 486, 0.0)
    layer.respond(second, 200, 0.0)
    wake(layer, 31.0)

    layer.receive(
        request("ACK", to="<sip:1@x>;tag=ours", cseq="20 ACK", via=["SIP/2.0/UDP a;branch=z9hG4bK-3"]),
        UDP,
        31.0,
    )

    assert [type(each) for each in layer.events_received()] == [AckReceived]
