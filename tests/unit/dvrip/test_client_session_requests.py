"""Requests and replies of a client session: matched, in parts, late, twice, or lost."""

import pytest
from client_sessions import SID, online, packet, sent

from cambus.dvrip.errors import (
    ConnectionLost,
    FragmentError,
    Refused,
    RequestTimeout,
)
from cambus.dvrip.payload import decode_body, encode_body
from cambus.dvrip.profile import Profile
from cambus.dvrip.session import ClientSession
from cambus.dvrip.session_events import (
    ExchangeFailed,
    PushReceived,
    Replied,
    SessionClosed,
)
from cambus.dvrip.session_state import State
from cambus.dvrip.wire import Header, Packet, fragment, serialize


@pytest.mark.parametrize("reply_sequence", [3, 4, 0, 4711])
def test_replies_match_whatever_their_sequence(reply_sequence):
    session = online()
    exchange = session.request(1020, {"Name": "SystemInfo"}, 0.0)
    session.receive_data(packet(1021, {"Ret": 100}, sequence=reply_sequence), 0.1)
    (event,) = session.events_received()
    assert isinstance(event, Replied)
    assert event.exchange is exchange


@pytest.mark.parametrize("sid", [0, SID])
def test_a_reply_may_leave_the_session_out(sid):
    session = online()
    session.request(1020, {}, 0.0)
    session.receive_data(packet(1021, {"Ret": 100}, sid=sid), 0.1)
    assert isinstance(session.events_received()[0], Replied)


def test_what_the_reserved_bytes_say_changes_nothing():
    for version, stream, mark in ((0, 0, 0), (1, 1, 0x80), (255, 255, 255)):
        session = online()
        session.request(1020, {}, 0.0)
        reserved = {"session_id": SID, "version": version, "stream": stream, "mark": mark}
        data = serialize(1412, b"media", channel=2, **reserved) + serialize(1021, b'{"Ret":100}', **reserved)
        session.receive_data(data, 0.1)
        media, reply = session.events_received()
        assert (media.header.channel, media.payload) == (2, b"media")
        assert (type(reply), reply.payload) == (Replied, b'{"Ret":100}')


def test_a_reply_of_another_session_is_ignored_and_counted():
    session = online()
    session.request(1020, {}, 0.0)
    session.receive_data(packet(1021, {"Ret": 100}, sid=0x99), 0.1)
    assert session.events_received() == []
    assert session.counters["foreign_sessions"] == 1
    session.receive_data(packet(1021, {"Ret": 100}), 0.2)
    assert isinstance(session.events_received()[0], Replied)


def test_a_timeout_ends_the_session_and_a_late_reply_reaches_nobody():
    session = online()
    first = session.request(1020, {}, 0.0, label="SystemInfo")
    second = session.request(1042, {}, 0.0)
    session.handle_timeout(10.0)
    failed_first, failed_second, closed = session.events_received()
    assert (failed_first.exchange, failed_second.exchange) == (first, second)
    assert isinstance(failed_first.error, RequestTimeout)
    assert (failed_first.error.name, failed_first.error.request) == ("request", "SystemInfo")
    assert isinstance(failed_second.error, ConnectionLost)
    assert isinstance(closed, SessionClosed)
    session.receive_data(packet(1021, {"Ret": 100}), 11.0)
    assert session.events_received() == []
    with pytest.raises(Refused, match="closed"):
        session.request(1020, {}, 12.0)


def test_requests_go_one_at_a_time_in_order():
    session = online()
    for message_id in (1020, 1042, 1360):
        session.request(message_id, {}, 0.0)
    assert [p.header.message_id for p in sent(session)] == [1020]
    session.receive_data(packet(1021), 0.1)
    assert [p.header.message_id for p in sent(session)] == [1042]
    session.receive_data(packet(1043), 0.2)
    assert [p.header.message_id for p in sent(session)] == [1360]


def test_a_waiting_request_starts_its_clock_when_it_is_sent():
    session = online()
    session.request(1020, {}, 0.0)
    session.request(1042, {}, 0.0)
    session.receive_data(packet(1021), 9.0)
    assert session.next_timeout() == 15.0  # the keepalive; the request's is at 19
    session.handle_timeout(15.0)
    session.receive_data(packet(1007), 15.1)
    assert session.next_timeout() == 19.0


def test_a_profile_may_have_different_ids_in_flight_together():
    session = online(Profile(parallel_requests=True))
    for message_id in (1020, 1042, 1020):
        session.request(message_id, {}, 0.0)
    assert [p.header.message_id for p in sent(session)] == [1020, 1042]
    session.receive_data(packet(1021), 0.1)
    assert [p.header.message_id for p in sent(session)] == [1020]


def test_sequences_count_up_and_wrap():
    session = online()
    session._sequence = 0xFFFFFFFF
    session.request(1020, {}, 0.0)
    session.receive_data(packet(1021), 0.1)
    session.request(1020, {}, 0.2)
    assert [p.header.sequence for p in sent(session)] == [0xFFFFFFFF, 0]


def test_media_and_pushes_between_request_and_reply_do_not_disturb_it():
    session = online()
    session.request(1020, {}, 0.0)
    session.receive_data(
        packet(1412, b"\x00\x00\x01\xfd") + packet(1504, {"Name": "AlarmInfo"}) + packet(1021), 0.1
    )
    kinds = [type(event) for event in session.events_received()]
    assert kinds == [Packet, PushReceived, Replied]


@pytest.mark.parametrize("payload", [b'{"Ret":100}', b"[1,2]"])
def test_media_that_looks_like_json_stays_media(payload):
    session = online()
    session.request(1410, {}, 0.0)
    session.receive_data(packet(1412, payload), 0.1)
    (event,) = session.events_received()
    assert isinstance(event, Packet)
    assert event.payload == payload


def test_unknown_and_unexpected_messages_are_skipped_and_counted():
    session = online()
    session.receive_data(packet(7776) + packet(1021) + packet(1021), 0.1)
    assert session.events_received() == []
    assert session.counters["unknown_messages"] == 1
    assert session.counters["unexpected_replies"] == 2
    assert session.state is State.ONLINE


def test_a_reply_that_comes_twice_answers_once():
    session = online()
    session.request(1020, {}, 0.0)
    session.receive_data(packet(1021) + packet(1021), 0.1)
    assert len(session.events_received()) == 1
    session.request(1042, {}, 0.2)
    assert session.counters["unexpected_replies"] == 1


def test_a_reply_under_another_id_leaves_the_request_waiting():
    session = online()
    exchange = session.request(1020, {}, 0.0)
    session.receive_data(packet(1022) + packet(1043), 0.1)
    assert session.events_received() == []
    assert (session.counters["unknown_messages"], session.counters["unexpected_replies"]) == (1, 1)
    session.receive_data(packet(1021), 0.2)
    assert session.events_received()[0].exchange is exchange


def ask(session: ClientSession, distance: int) -> bytes:
    """A request and its reply; the reply."""
    session.request(1020, {}, 0.0)
    (request,) = sent(session)
    reply = packet(1021, {"Ret": 100}, sequence=request.header.sequence + distance)
    session.receive_data(reply, 0.1)
    session.events_received()
    return reply


@pytest.mark.parametrize("distance", [0, 1, 50])
def test_a_second_reply_that_comes_late_is_not_the_answer_to_the_next_request(distance):
    session = online()
    for _ in range(3):
        first = ask(session, distance)
    second = session.request(1020, {}, 1.0)
    (request,) = sent(session)
    session.receive_data(first, 1.1)
    assert session.events_received() == []
    assert session.counters["unexpected_replies"] == 1
    session.receive_data(packet(1021, sequence=request.header.sequence + distance), 1.2)
    assert session.events_received()[0].exchange is second


@pytest.mark.parametrize("sequences", [[0, 0, 0, 0, 0], [1, 1, 1, 1, 1], [9, 7, 7, 9, 9]])
def test_a_device_that_numbers_its_replies_in_no_way_is_believed_all_the_same(sequences):
    session = online()
    for sequence in sequences:
        session.request(1020, {}, 0.0)
        session.receive_data(packet(1021, {"Ret": 100}, sequence=sequence), 0.1)
        (event,) = session.events_received()
        assert isinstance(event, Replied)


def test_a_device_that_numbers_one_kind_of_reply_in_another_way_is_believed_all_the_same():
    session = online()
    for _ in range(3):
        session.request(1440, {}, 0.0)
        sent(session)
        session.receive_data(packet(1441, {"Ret": 100}, sequence=0), 0.1)
        (event,) = session.events_received()
        assert isinstance(event, Replied)
        for _ in range(4):
            ask(session, 0)
    assert session.counters["unexpected_replies"] == 0


def test_cancelling_a_waiting_request_sends_nothing():
    session = online()
    session.request(1020, {}, 0.0)
    second = session.request(1042, {}, 0.0)
    session.cancel(second)
    session.receive_data(packet(1021), 0.1)
    assert [p.header.message_id for p in sent(session)] == [1020]


def test_the_reply_to_a_cancelled_request_goes_to_nobody_and_then_the_next_is_sent():
    session = online()
    first = session.request(1020, {"Name": "A"}, 0.0)
    second = session.request(1020, {"Name": "B"}, 0.0)
    session.data_to_send()
    session.cancel(first)
    assert session.data_to_send() == b""
    session.receive_data(packet(1021, {"Name": "A", "Ret": 100}), 0.1)
    assert session.events_received() == []
    (sent_second,) = sent(session)
    assert decode_body(sent_second.payload)["Name"] == "B"
    session.receive_data(packet(1021, {"Name": "B", "Ret": 100}), 0.2)
    (event,) = session.events_received()
    assert event.exchange is second


def test_too_many_waiting_requests_are_refused():
    session = online()
    for _ in range(65):
        session.request(1020, {}, 0.0)
    with pytest.raises(Refused) as caught:
        session.request(1020, {}, 0.0)
    assert caught.value.reason == "busy"


def test_replies_in_small_parts_are_whole_again():
    session = online()
    session.request(1042, {"Name": "NetWork"}, 0.0)
    body = encode_body({"Name": "NetWork", "NetWork": {"x": "y" * 1000}, "Ret": 100})
    for part in fragment(1043, body, session_id=SID, sequence=3, version=1, size=150):
        session.receive_data(part + packet(1412, b"media between"), 0.1)
    replies = [event for event in session.events_received() if isinstance(event, Replied)]
    assert [reply.payload for reply in replies] == [body]


def test_replies_in_parts_that_are_mixed_with_each_other_are_both_whole_again():
    session = online(Profile(parallel_requests=True))
    bodies = {
        1043: encode_body({"a": "x" * 500, "Ret": 100}),
        1021: encode_body({"b": "y" * 500, "Ret": 100}),
    }
    for reply_id in bodies:
        session.request(reply_id - 1, {}, 0.0)
    cut = [
        list(fragment(reply_id, body, session_id=SID, sequence=3, version=1, size=150))
        for reply_id, body in bodies.items()
    ]
    for pair in zip(*cut, strict=True):
        session.receive_data(packet(1007).join(reversed(pair)), 0.1)
    replies = {event.header.message_id: event.payload for event in session.events_received()}
    assert replies == bodies


@pytest.mark.parametrize(
    ("count", "size", "total"), [(9, 100, 2), (17, 256 * 1024, 20)], ids=["open messages", "bytes"]
)
def test_too_much_in_parts_fails_the_request_it_answers_and_no_more(count, size, total):
    session = online()
    failed = session.request(1042, {}, 0.0)
    waiting = session.request(1020, {}, 0.0)
    for number in range(count):
        sequence, current = (number, 0) if count == 9 else (1, number)
        part = Header(0xFF, 1, 0, 0, SID, sequence, total, current, 1043, size).serialize() + bytes(size)
        assert session.events_received() == []
        session.receive_data(part, 0.1)
    (event,) = session.events_received()
    assert event.exchange is failed
    assert isinstance(event.error, FragmentError)
    assert session.counters["fragment_errors"] == 1
    session.receive_data(packet(1021), 0.2)
    assert session.events_received()[0].exchange is waiting
    assert session.state is State.ONLINE


def test_a_part_that_does_not_fit_fails_only_its_request():
    session = online()
    failed = session.request(1042, {}, 0.0)
    waiting = session.request(1020, {}, 0.0)
    parts = list(fragment(1043, bytes(400), session_id=SID, sequence=3, size=150))
    session.receive_data(parts[0] + parts[0], 0.1)
    (event,) = session.events_received()
    assert isinstance(event, ExchangeFailed)
    assert event.exchange is failed
    assert isinstance(event.error, FragmentError)
    session.receive_data(packet(1021), 0.2)
    assert session.events_received()[0].exchange is waiting
    assert session.state is State.ONLINE


def test_a_hole_in_a_reply_fails_its_request_after_ten_seconds_and_keeps_the_session():
    session = online()
    session.request(1042, {}, 0.0)
    parts = list(fragment(1043, bytes(400), session_id=SID, sequence=3, size=150))
    session.receive_data(parts[0] + parts[2], 4.0)
    session.handle_timeout(10.0)  # the request's own deadline: its reply is on the way
    assert session.events_received() == []
    session.handle_timeout(14.0)
    (event,) = session.events_received()
    assert isinstance(event.error, FragmentError)
    assert session.state is State.ONLINE


def test_a_request_above_16_kib_leaves_in_parts():
    session = online()
    session.request(1040, {"Name": "x", "x": "y" * 40_000}, 0.0)
    parts = sent(session)
    assert [part.header.total_or_channel for part in parts] == [3, 3, 3]
    assert decode_body(b"".join(part.payload for part in parts))["x"] == "y" * 40_000


def test_a_body_that_fits_no_255_parts_is_refused():
    session = online()
    with pytest.raises(Refused) as caught:
        session.request(1040, bytes(255 * 16384 + 1), 0.0)
    assert caught.value.reason == "too_large"


def test_a_soft_request_may_stay_unanswered():
    session = online()
    soft = session.request(1562, {}, 0.0, soft=True)
    hard = session.request(1020, {}, 0.0)
    assert [p.header.message_id for p in sent(session)] == [1562, 1020]
    session.receive_data(packet(1021), 0.1)
    assert session.events_received()[0].exchange is hard
    session.handle_timeout(10.0)
    (event,) = session.events_received()
    assert (event.exchange, session.state) == (soft, State.ONLINE)


def test_a_settled_request_frees_its_reply_id():
    session = online()
    first = session.request(1410, {}, 0.0, soft=True)
    session.request(1410, {}, 0.0, soft=True)
    assert len(sent(session)) == 1
    session.settle(first, 0.1)
    assert len(sent(session)) == 1


def test_a_body_may_be_bytes_and_an_answer_carries_the_sequence_it_answers():
    session = online()
    session.request(1572, b"\x00\x01raw", 0.0)
    assert sent(session)[0].payload == b"\x00\x01raw"
    session.notify(1505, {"Ret": 100}, sequence=42)
    (answer,) = sent(session)
    assert (answer.header.message_id, answer.header.sequence, answer.header.version) == (1505, 42, 1)
