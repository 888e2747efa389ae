"""The session of a client: login, keepalive, the ids of a session, and its end."""

import pytest
from client_sessions import ADMIN, LOGIN_OK, SID, online, packet, sent

from cambus.dvrip.codes import AuthReason
from cambus.dvrip.errors import (
    AuthError,
    ConnectionLimit,
    ConnectionLost,
    FramingError,
    MalformedPayload,
    Refused,
    RequestTimeout,
)
from cambus.dvrip.ids import MessageId
from cambus.dvrip.payload import decode_body
from cambus.dvrip.profile import Profile
from cambus.dvrip.session import ClientSession
from cambus.dvrip.session_events import (
    ExchangeFailed,
    LoggedIn,
    PushReceived,
    Replied,
    SessionClosed,
)
from cambus.dvrip.session_state import State
from cambus.dvrip.wire import Packet


def test_login_takes_the_session_from_the_header():
    session = ClientSession()
    session.login(ADMIN, 0.0)
    (login,) = sent(session)
    assert (login.header.message_id, login.header.session_id, login.header.version) == (1000, 0, 0)
    assert decode_body(login.payload)["PassWord"] == "6QNMIQGe"
    session.receive_data(packet(1001, {**LOGIN_OK, "SessionID": "0x00000099"}, sid=0x1234), 1.0)
    (event,) = session.events_received()
    assert isinstance(event, LoggedIn)
    assert session.session_id == 0x1234
    assert (event.reply.channels, event.reply.device_type) == (8, "HVR")


def test_login_needs_no_session_in_the_body():
    session = ClientSession()
    session.login(ADMIN, 0.0)
    body = {key: value for key, value in LOGIN_OK.items() if key != "SessionID"}
    session.receive_data(packet(1001, body, sid=0x1234), 1.0)
    assert session.session_id == 0x1234


def test_login_takes_the_session_from_the_body_when_the_header_has_none():
    session = ClientSession()
    session.login(ADMIN, 0.0)
    session.receive_data(packet(1001, LOGIN_OK, sid=0), 0.0)
    assert session.session_id == 0x57


def test_device_type_is_read_with_and_without_its_trailing_blank():
    plain = {key.strip(): value for key, value in LOGIN_OK.items()}
    for body in (LOGIN_OK, plain):
        session = ClientSession()
        session.login(ADMIN, 0.0)
        session.receive_data(packet(1001, body), 0.0)
        assert session.login_reply.device_type == "HVR"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (106, AuthReason.BAD_PASSWORD),
        (203, AuthReason.BAD_PASSWORD),
        (104, AuthReason.ALREADY_LOGGED_IN),
        (105, AuthReason.NOT_LOGGED_IN),
        (202, AuthReason.LOGIN_REQUIRED),
        (204, AuthReason.UNKNOWN_USER),
        (205, AuthReason.LOCKED),
        (206, AuthReason.BLACKLISTED),
        (207, AuthReason.ALREADY_IN_USE),
    ],
)
@pytest.mark.parametrize("is_full", [True, False])
def test_refused_logins_have_a_reason_judged_by_ret_alone(code, reason, is_full):
    junk = {"AliveInterval": 20, "ChannelNum": 0, "ExtraChannel": 26431, "SessionID": "0x00000057"}
    body = {**junk, "Ret": code} if is_full else {"Name": "", "Ret": code, "SessionID": "0x00000000"}
    session = ClientSession()
    session.login(ADMIN, 0.0)
    session.receive_data(packet(1001, body, sid=0x57 if is_full else 0), 0.0)
    (event,) = session.events_received()
    assert isinstance(event, SessionClosed)
    assert isinstance(event.error, AuthError)
    assert (event.error.reason, event.error.code) == (reason, code)
    assert session.state is State.CLOSED


def test_distinct_codes_have_distinct_reasons():
    from cambus.dvrip.codes import AUTH_REASONS

    codes = (104, 105, 202, 204, 205, 206, 207)
    assert len({AUTH_REASONS[code] for code in codes}) == len(codes)


@pytest.mark.parametrize("code", [122, 123])
def test_a_full_device_is_a_connection_limit(code):
    session = ClientSession()
    session.login(ADMIN, 0.0)
    session.receive_data(packet(1001, {"Ret": code}), 0.0)
    (event,) = session.events_received()
    assert isinstance(event.error, ConnectionLimit)


@pytest.mark.parametrize("body", [b"cGxlYXNlIGVuY3J5cHQ=", b'{"Ret":1', b'{"Ret"'])
def test_a_login_reply_that_is_no_json_is_malformed(body):
    session = ClientSession()
    session.login(ADMIN, 0.0)
    session.receive_data(packet(1001, body), 0.0)
    (event,) = session.events_received()
    assert isinstance(event.error, MalformedPayload)


def test_login_that_is_never_answered_names_its_timeout():
    session = ClientSession()
    session.login(ADMIN, 0.0)
    assert session.next_timeout() == 10.0
    session.handle_timeout(10.0)
    (event,) = session.events_received()
    assert isinstance(event.error, RequestTimeout)
    assert event.error.name == "login"


@pytest.mark.parametrize(
    ("interval", "expected"), [(20, 15.0), (21, 15.75), (0, 15.0), (None, 15.0), (301, 15.0), (4, 3.0)]
)
def test_keepalives_leave_every_three_quarters_of_the_interval(interval, expected):
    session = online(AliveInterval=interval) if interval is not None else online(AliveInterval="")
    assert session.next_timeout() == expected
    session.handle_timeout(expected)
    (keepalive,) = sent(session)
    assert keepalive.header.message_id == 1006
    assert decode_body(keepalive.payload) == {"Name": "KeepAlive", "SessionID": "0x00000057"}
    session.receive_data(packet(1007, {"Name": "KeepAlive", "Ret": 100}), expected + 0.25)
    assert session.keepalive_latency_s == 0.25
    assert session.next_timeout() == 2 * expected


def test_two_missed_keepalives_end_the_session_and_one_does_not():
    session = online()
    for now in (15.0, 25.0, 30.0, 32.0):
        session.handle_timeout(now)
    session.receive_data(packet(1007), 33.0)
    assert session.state is State.ONLINE
    for now in (45.0, 55.0, 60.0, 69.9):
        session.handle_timeout(now)
        assert session.state is State.ONLINE
    session.handle_timeout(70.0)
    (event,) = session.events_received()
    assert isinstance(event, SessionClosed)
    assert isinstance(event.error, ConnectionLost)


def test_keepalives_go_on_during_a_long_request_and_media():
    session = online()
    session.request(1042, {"Name": "NetWork"}, 0.0, timeout="config_root")
    session.data_to_send()
    session.receive_data(packet(1412, b"\x00\x00\x01\xfc"), 1.0)
    session.handle_timeout(15.0)
    assert [p.header.message_id for p in sent(session)] == [1006]
    session.receive_data(packet(1007), 15.1)
    session.receive_data(packet(1043, {"Ret": 100}), 20.0)
    assert any(isinstance(event, Replied) for event in session.events_received())


def test_a_keepalive_answered_with_not_logged_in_ends_the_session():
    session = online()
    session.handle_timeout(15.0)
    session.receive_data(packet(1007, {"Ret": 105}), 15.1)
    (event,) = session.events_received()
    assert isinstance(event.error, AuthError)


def test_the_keepalive_of_the_device_is_answered():
    session = online()
    session.receive_data(packet(1006, {"Name": "KeepAlive"}, sequence=77), 1.0)
    (answer,) = sent(session)
    assert (answer.header.message_id, answer.header.sequence, answer.header.version) == (1007, 77, 1)
    assert decode_body(answer.payload)["Ret"] == 100


def test_lost_framing_ends_the_session():
    session = online()
    session.request(1020, {}, 0.0)
    session.receive_data(b"\x00", 0.1)
    failed, closed = session.events_received()
    assert isinstance(failed.error, ConnectionLost)
    assert isinstance(closed.error, FramingError)


@pytest.mark.parametrize("cut", [b"", b"\xff\x01", packet(1021, {"Ret": 100})[:-1]])
def test_the_end_of_the_stream_is_a_lost_connection_never_a_message(cut):
    session = online()
    session.request(1020, {}, 0.0)
    session.receive_data(cut, 0.1)
    session.receive_eof()
    failed, closed = session.events_received()
    assert isinstance(failed, ExchangeFailed)
    assert isinstance(closed.error, ConnectionLost)
    assert ("in the middle of a packet" in str(closed.error)) is bool(cut)


def test_a_forced_logout_is_answered_and_ends_the_session():
    session = online()
    session.receive_data(packet(1004, {"Name": ""}), 1.0)
    (answer,) = sent(session)
    assert (answer.header.message_id, decode_body(answer.payload)["Ret"]) == (1005, 100)
    (event,) = session.events_received()
    assert isinstance(event.error, ConnectionLost)


def test_logout_is_polite_and_final():
    session = online()
    session.request(1020, {}, 0.0)
    session.data_to_send()
    session.logout(1.0)
    (logout,) = sent(session)
    assert (logout.header.message_id, decode_body(logout.payload)["Name"]) == (1002, "")
    session.receive_data(packet(1003, {"Name": "", "Ret": 100}), 1.1)
    failed, closed = session.events_received()
    assert isinstance(failed, ExchangeFailed)
    assert closed == SessionClosed(None)


def test_a_logout_that_is_not_answered_ends_all_the_same():
    for end in (lambda s: s.handle_timeout(11.0), lambda s: s.receive_eof()):
        session = online()
        session.logout(1.0)
        end(session)
        assert session.events_received() == [SessionClosed(None)]


def test_seed_ids_shift_the_session_messages():
    session = ClientSession(Profile(seed_ids=True))
    session.login(ADMIN, 0.0)
    assert [p.header.message_id for p in sent(session)] == [999]
    session.receive_data(packet(1000, LOGIN_OK), 0.0)
    assert session.state is State.ONLINE
    session.handle_timeout(15.0)
    assert [p.header.message_id for p in sent(session)] == [1005]
    session.receive_data(packet(1006), 15.1)
    assert session.counters["keepalives_missed"] == 0
    session.request(1020, {}, 16.0)
    assert [p.header.message_id for p in sent(session)] == [1020]
    session.receive_data(packet(1021), 16.1)
    session.logout(17.0)
    assert [p.header.message_id for p in sent(session)] == [1001]
    session.receive_data(packet(1002), 17.1)
    assert session.events_received()[-1] == SessionClosed(None)


def test_a_data_socket_never_logs_in_and_needs_no_keepalive():
    session = ClientSession(hand_out=frozenset({1411}))
    session.attach(SID)
    session.request(MessageId.MONITOR_CLAIM, {}, 0.0)
    (claim,) = sent(session)
    assert (claim.header.message_id, claim.header.session_id) == (1413, SID)
    session.receive_data(packet(1414, {"Ret": 100}) + packet(1411, {"Ret": 100}) + packet(1412, b"x"), 0.1)
    kinds = [type(event) for event in session.events_received()]
    assert kinds == [Replied, PushReceived, Packet]
    assert session.next_timeout() is None
    with pytest.raises(Refused):
        session.login(ADMIN, 1.0)


def test_an_adopted_socket_keeps_alive_every_20_s_and_dies_after_3_misses():
    session = ClientSession()
    session.adopt(SID, 0.0)
    assert session.next_timeout() == 20.0
    for now in (20.0, 30.0, 40.0, 50.0, 60.0):
        session.handle_timeout(now)
        assert session.state is State.ONLINE
    session.handle_timeout(70.0)
    assert session.state is State.CLOSED


def test_a_second_login_on_a_forgotten_session_takes_the_new_id():
    session = online()
    session.login(ADMIN, 1.0)
    assert session.session_id == 0
    session.receive_data(packet(1001, LOGIN_OK, sid=0x99), 1.1)
    assert (session.state, session.session_id) == (State.ONLINE, 0x99)


def test_after_a_paused_process_only_one_keepalive_leaves():
    session = online()
    session.handle_timeout(1000.0)
    assert [p.header.message_id for p in sent(session)] == [1006]
    assert session.state is State.ONLINE
