"""Who is let in, in which order, and who is turned away (GB-261, GB-262, GB-272)."""

from collections import Counter

import pytest
from sip_peer import request, request_text

from cambus.gb28181.admission import (
    BOUND_BODY_BYTES,
    UNBOUND_BODY_BYTES,
    Admission,
    AdmissionSettings,
    Backlog,
    RateLimiter,
)
from cambus.sip.events import RequestReceived
from cambus.sip.framing import read_datagram
from cambus.sip.layer import SipLayer
from cambus.sip.peer import Peer

HOME, AWAY = Peer("udp", "192.0.2.7", 5060), Peer("udp", "192.0.2.8", 5060)
ALIVE = b"<Notify><CmdType>Keepalive</CmdType><SN>1</SN></Notify>"
PART = b"<Response><CmdType>Catalog</CmdType><SN>1</SN></Response>"


def waiting(method="MESSAGE", number=0, **changes):
    layer = SipLayer(sent_by=lambda _: "192.0.2.1:5060")
    layer.receive(request(method, call_id=str(number), **changes), HOME, 0.0)
    (event,) = layer.events_received()
    assert isinstance(event, RequestReceived)
    return event


class Door:
    """An admission and its clock; one device is registered, at home."""

    def __init__(self, **settings):
        self.now = 0.0
        self.counts = Counter()
        self.bound = {HOME}
        self.admission = Admission(
            AdmissionSettings(**settings), self.bound.__contains__, lambda: self.now, self.counts
        )

    def admitted(self, count, method="MESSAGE", peer=AWAY):
        return sum(self.admission.admits(request(method), peer) for _ in range(count))


def test_a_source_gets_a_second_s_worth_at_once_and_then_its_rate():
    limiter = RateLimiter(50.0)
    assert [limiter.allows("a", 10.0) for _ in range(60)] == [True] * 50 + [False] * 10
    assert sum(limiter.allows("a", 10.5) for _ in range(60)) == 25
    assert sum(limiter.allows("a", 100.0) for _ in range(60)) == 50


def test_sources_have_limits_of_their_own_and_what_was_refused_costs_nothing():
    limiter = RateLimiter(1.0)
    assert limiter.allows("a", 0.0)
    assert limiter.allows("b", 0.0)
    assert not any(limiter.allows("a", at / 100) for at in range(99))
    assert limiter.allows("a", 1.0)


def test_a_limit_below_one_a_second_still_lets_one_through():
    limiter = RateLimiter(0.5)
    assert [limiter.allows("a", at) for at in (0.0, 1.0, 2.0, 3.0)] == [True, False, True, False]


def test_a_flood_of_invented_sources_takes_bounded_memory():
    limiter = RateLimiter(1.0, most=100)
    for number in range(10_000):
        limiter.allows(str(number), 0.0)
    assert len(limiter) == 100


def test_registrations_are_limited_by_address_whoever_sends_them():
    door = Door()
    assert door.admitted(600, "REGISTER", HOME) == 500
    assert door.admitted(1, "REGISTER", Peer("tcp", HOME.host, 7, 3)) == 0
    assert door.admitted(600, "REGISTER", AWAY) == 500
    door.now = 0.1
    assert door.admitted(600, "REGISTER", HOME) == 50
    assert door.counts["rate-limited"] == 101 + 100 + 550


def test_strangers_may_say_little_else_and_registered_devices_anything():
    door = Door()
    assert door.admitted(100) == 50
    assert door.admitted(1, "OPTIONS", Peer("udp", AWAY.host, 9)) == 0
    assert door.admitted(1000, peer=HOME) == 1000
    door.bound.clear()
    assert door.admitted(1000, peer=HOME) == 50


def test_limits_can_be_set():
    door = Door(registers_per_s=7, others_per_s=3)
    assert (door.admitted(100, "REGISTER"), door.admitted(100)) == (7, 3)


def test_signs_of_life_overtake_registrations_and_both_everything_else():
    backlog = Backlog(AdmissionSettings())
    kinds = [("MESSAGE", PART), ("NOTIFY", PART), ("REGISTER", b""), ("BYE", b""), ("MESSAGE", ALIVE)]
    events = [waiting(method, number, body=body) for number, (method, body) in enumerate(kinds)]
    for event in events:
        backlog.put(event)
    assert [backlog.take() for _ in range(6)] == [events[4], events[2], events[0], events[1], events[3], None]
    assert len(backlog) == 0


def test_a_long_body_is_no_sign_of_life():
    backlog = Backlog(AdmissionSettings())
    long, short = waiting(body=ALIVE + b" " * 2000), waiting(body=ALIVE.upper())
    backlog.put(long)
    backlog.put(short)
    assert [backlog.take(), backlog.take()] == [short, long]


def test_the_line_is_closed_first_to_those_who_have_yet_to_prove_themselves():
    backlog = Backlog(AdmissionSettings(waiting=2))
    new, proven = request("REGISTER"), request("REGISTER", headers=["Authorization: Digest x"])
    alive, part = request(body=ALIVE), request(body=PART)
    for number in range(2):
        backlog.put(waiting("REGISTER", number))
    assert [backlog.has_room(each) for each in (new, proven, alive, part)] == [False, True, True, True]
    for number in range(2):
        backlog.put(waiting("REGISTER", number))
        backlog.put(waiting("MESSAGE", number, body=PART))
        backlog.put(waiting("MESSAGE", number, body=ALIVE))
        backlog.put(waiting("MESSAGE", number, body=ALIVE))
    assert [backlog.has_room(each) for each in (new, proven, alive, part)] == [False] * 4
    for _ in range(4 + 3):
        backlog.take()
    assert [backlog.has_room(each) for each in (new, proven, alive, part)] == [True, True, True, False]


def test_bodies_that_wait_are_bounded_by_their_size_too():
    backlog = Backlog(AdmissionSettings(waiting_bytes=1000))
    backlog.put(waiting(body=b"x" * 900))
    assert backlog.has_room(request(body=b"x" * 100))
    assert not backlog.has_room(request(body=b"x" * 101))
    backlog.take()
    assert backlog.has_room(request(body=b"x" * 1000))


def test_a_new_request_is_refused_where_the_line_is_full_or_an_invite_comes_from_nowhere():
    door = Door(waiting=1)
    assert door.admission.screen(request("REGISTER"), AWAY) is None
    assert door.admission.screen(request("INVITE"), AWAY) == 403
    assert door.admission.screen(request("INVITE"), HOME) is None
    door.admission.backlog.put(waiting("REGISTER"))
    assert door.admission.screen(request("REGISTER"), AWAY) == 503
    assert (door.counts["overload"], door.counts["unbound-invite"]) == (1, 1)


def test_only_registered_devices_may_say_much_and_hear_more_than_twice_of_what_they_said():
    door = Door()
    read = read_datagram(request_text())
    assert door.admission.answer_bytes(read, AWAY) == 2 * len(request_text())
    assert door.admission.answer_bytes(read, HOME) is None
    limits = door.admission.limits
    assert (limits.body_bytes(AWAY), limits.body_bytes(HOME)) == (UNBOUND_BODY_BYTES, BOUND_BODY_BYTES)


@pytest.mark.parametrize(("name", "value"), [("connections_per_host", 2000), ("message_timeout_s", 30.0)])
def test_connections_are_limited_as_the_reference_says(name, value):
    assert getattr(Door().admission.limits, name) == value
