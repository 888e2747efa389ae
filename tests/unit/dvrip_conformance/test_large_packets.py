"""What devices send in one packet although the documents allow 16 KiB."""

import pytest

from cambus.dvrip.payload import encode_body
from cambus.dvrip.profile import Credentials
from cambus.dvrip.session import ClientSession
from cambus.dvrip.session_events import Replied
from cambus.dvrip.session_state import State
from cambus.dvrip.wire import Packet, serialize

SID = 0x57
READ = 16 * 1024


@pytest.fixture
def session():
    made = ClientSession()
    made.login(Credentials("admin", "x"), 0.0)
    body = encode_body({"AliveInterval": 20, "Ret": 100})
    made.receive_data(serialize(1001, body, session_id=SID), 0.0)
    made.events_received()
    return made


def feed(session, data):
    """Give a packet to a session as a socket would; what came of it."""
    for start in range(0, len(data), READ):
        session.receive_data(data[start : start + READ], 1.0)
    return session.events_received()


def test_a_media_packet_of_116_kb_is_one_event(session):
    payload = bytes(range(256)) * 4 * 116
    (event,) = feed(session, serialize(1412, payload, session_id=SID))
    assert isinstance(event, Packet)
    assert event.payload == payload


def test_an_answer_of_40_kb_in_one_packet_answers_its_request(session):
    exchange = session.request(1042, {"Name": "NetWork"}, 0.0)
    body = encode_body({"Name": "NetWork", "NetWork": {"x": "y" * 40_000}, "Ret": 100})
    (event,) = feed(session, serialize(1043, body, session_id=SID))
    assert isinstance(event, Replied)
    assert (event.exchange, event.payload) == (exchange, body)
    assert session.state is State.ONLINE


def test_an_alive_interval_that_is_left_out_counts_as_20_s():
    session = ClientSession()
    session.login(Credentials("admin", "x"), 0.0)
    session.receive_data(serialize(1001, encode_body({"Ret": 100}), session_id=SID), 0.0)
    assert session.login_reply.alive_interval_s == 20
    assert session.next_timeout() == 15.0
