"""Damaged datagrams by the thousand, and what a `SipLayer` makes of them."""

from __future__ import annotations

import contextlib
import random

from sip_peer import request_text

from cambus.sip.errors import LocalProtocolError
from cambus.sip.events import RequestReceived
from cambus.sip.framing import Broken, read_datagram
from cambus.sip.layer import SipLayer
from cambus.sip.message import Request, Response
from cambus.sip.peer import Peer

PEER = Peer("udp", "192.0.2.7", 5060)


def run(layer: SipLayer, data: bytes, now: float) -> None:
    """What an endpoint does with a datagram."""
    framed = read_datagram(data)
    if isinstance(framed, Request | Response):
        layer.receive(framed, PEER, now)
    elif isinstance(framed, Broken) and framed.request is not None:
        layer.refuse(framed.request, PEER, framed.error.status)
    for event in layer.events_received():
        if isinstance(event, RequestReceived):
            assert event.request.call_id
            _ = (event.request.from_, event.request.to, event.request.from_tag, event.request.content_type)
            with contextlib.suppress(LocalProtocolError):
                layer.respond(event.transaction, 200, now)
    for _, answer in layer.data_to_send():
        assert isinstance(read_datagram(answer), Response)


def storm(count: int, seed: int = 1) -> int:
    """Damaged datagrams, one a millisecond; how many transactions are left a minute after the last."""
    layer = SipLayer(sent_by=lambda _: "192.0.2.1:5060")
    chance = random.Random(seed)
    now = 0.0
    for number in range(count):
        method = chance.choice(["MESSAGE", "INVITE", "REGISTER", "ACK", "CANCEL", "BYE"])
        data = bytearray(request_text(method, call_id=f"c-{number}", body=b"<Notify><A>1</A></Notify>"))
        for _ in range(chance.randrange(6)):
            at = chance.randrange(len(data))
            data[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
        run(layer, chance.randbytes(chance.randrange(200)) if chance.random() < 0.1 else bytes(data), now)
        now += 0.001
        if number % 100 == 0:
            layer.tick(now)
    while (at_s := layer.next_timeout()) is not None and at_s < now + 60:
        layer.tick(at_s)
        layer.data_to_send()
        layer.events_received()
    return len(layer._servers) + len(layer._clients) + len(layer._accepting) + len(layer._connected)
