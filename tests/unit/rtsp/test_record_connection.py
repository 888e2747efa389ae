from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambus.rtsp import (
    RECORD_TRANSITIONS,
    Announced,
    Closed,
    Lower,
    Record,
    RecordMethod,
    RecordState,
    Request,
    RtspRecordConnection,
    SetUp,
    Status,
    Teardown,
    TrackData,
)

URL = "rtsp://h/live/gate"
SDP = (
    b"v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:streamid=0\r\n"
    b"m=audio 0 RTP/AVP 8\r\na=control:streamid=1\r\n"
)
TCP = "RTP/AVP/TCP;unicast;interleaved=0-1;mode=record"


def made(**settings):
    return RtspRecordConnection(0.0, new_session_id=lambda: "s", **settings)


def send(connection, method, url=URL, body=b"", **headers):
    """Send a request, have it accepted if it is one to decide; the status of the reply."""
    named = {"CSeq": "1", **{name.replace("_", "-"): value for name, value in headers.items()}}
    connection.receive_data(Request(method, url, headers=named, body=body).serialize(), 0.0)
    if connection.awaiting_reply:
        accept = {
            "ANNOUNCE": connection.accept_announce,
            "SETUP": connection.accept_setup,
            "RECORD": connection.accept_record,
        }
        accept[method]()
    return int(connection.data_to_send()[0].split()[1])


def ask(connection, method):
    """The usual request of a method."""
    headers = {} if connection.state in {RecordState.INIT, RecordState.ANNOUNCED} else {"Session": "s"}
    if method == "ANNOUNCE":
        return send(connection, method, body=SDP, Content_Type="application/sdp", **headers)
    if method == "SETUP":
        return send(connection, method, URL + "/streamid=0", Transport=TCP, **headers)
    return send(connection, method, **headers)


def bring_to(state, **settings):
    connection = made(**settings)
    for method in ("ANNOUNCE", "SETUP", "RECORD")[: list(RecordState).index(state)]:
        assert ask(connection, method) == 200
    connection.events_received()
    assert connection.state is state
    return connection


@pytest.mark.parametrize("method", RecordMethod)
@pytest.mark.parametrize("state", RecordState)
def test_every_method_in_every_state_does_what_the_table_says(state, method):
    connection = bring_to(state)
    status = ask(connection, method)
    following = RECORD_TRANSITIONS.get((state, method))
    assert status == (Status.METHOD_NOT_VALID if following is None else Status.OK)
    assert connection.state is (following or state)


def test_a_publisher_is_asked_about_then_heard():
    connection = made()
    connection.receive_data(
        Request("ANNOUNCE", URL, headers={"CSeq": "1", "User-Agent": "cam"}, body=SDP).serialize(), 0.0
    )
    (announced,) = connection.events_received()
    assert isinstance(announced, Announced)
    assert announced.url.path == "/live/gate"
    assert [track.kind for track in announced.description.tracks] == ["video", "audio"]
    assert announced.description.server == "cam"
    connection.accept_announce()
    send(connection, "SETUP", URL + "/streamid=0", Transport=TCP)
    send(connection, "SETUP", URL + "/streamid=1", Transport=TCP, Session="s")
    first, second = connection.events_received()
    assert isinstance(first, SetUp)
    assert (second.track, second.transport.channels) == (1, (2, 3))  # the first pair is taken
    send(connection, "RECORD", Session="s")
    assert [type(each) for each in connection.events_received()] == [Record]
    connection.receive_data(b"$\x00\x00\x02ab$\x03\x00\x01c$\x09\x00\x01d", 1.0)
    assert connection.events_received() == [TrackData(0, False, b"ab"), TrackData(1, True, b"c")]
    assert connection.strays == 1
    assert send(connection, "TEARDOWN", Session="s") == 200
    assert connection.events_received() == [Teardown()]
    assert ask(connection, "ANNOUNCE") == 200


def test_packets_before_record_are_passed_over():
    connection = bring_to(RecordState.READY)
    connection.receive_data(b"$\x00\x00\x02ab", 1.0)
    assert connection.events_received() == []
    assert connection.strays == 1


def test_udp_is_agreed_upon_with_our_ports():
    connection = made(transports=(Lower.TCP, Lower.UDP))
    ask(connection, "ANNOUNCE")
    offer = "RTP/AVP/UDP;unicast;client_port=5000-5001;mode=record"
    headers = {"CSeq": "1", "Transport": offer}
    connection.receive_data(Request("SETUP", URL + "/streamid=0", headers=headers).serialize(), 0.0)
    connection.accept_setup(server_ports=(30000, 30001))
    (reply,) = connection.data_to_send()
    assert b"client_port=5000-5001;server_port=30000-30001;mode=record" in reply


@pytest.mark.parametrize(
    ("state", "method", "url", "headers", "status"),
    [
        (RecordState.INIT, "DESCRIBE", URL, {}, 405),
        (RecordState.INIT, "PLAY", URL, {}, 405),
        (RecordState.INIT, "DANCE", URL, {}, 501),
        (RecordState.INIT, "ANNOUNCE", URL, {}, 400),  # nothing is described
        (RecordState.INIT, "ANNOUNCE", URL, {"Content_Type": "text/html"}, 415),
        (RecordState.INIT, "ANNOUNCE", "http://h/x", {}, 400),
        (RecordState.ANNOUNCED, "SETUP", URL + "/streamid=7", {"Transport": TCP}, 404),
        (RecordState.ANNOUNCED, "SETUP", "rtsp://h/live/other/streamid=0", {"Transport": TCP}, 404),
        (RecordState.ANNOUNCED, "SETUP", URL + "/streamid=0", {"Transport": "RTP/SAVP;unicast"}, 461),
        (
            RecordState.ANNOUNCED,
            "SETUP",
            URL + "/streamid=0",
            {"Transport": TCP.replace("record", "play")},
            461,
        ),
        (
            RecordState.ANNOUNCED,
            "SETUP",
            URL + "/streamid=0",
            {"Transport": "RTP/AVP;unicast;client_port=5000-5001;mode=record"},
            461,
        ),
        (RecordState.READY, "SETUP", URL + "/streamid=1", {"Transport": TCP, "Session": "other"}, 454),
        (RecordState.READY, "RECORD", URL, {"Session": "other"}, 454),
        (RecordState.READY, "RECORD", URL, {}, 454),
        (RecordState.READY, "RECORD", "rtsp://h/live/other", {"Session": "s"}, 404),
        (RecordState.READY, "RECORD", URL, {"Session": "s", "Require": "magic"}, 551),
    ],
)
def test_what_is_not_allowed_is_answered_as_the_specification_says(state, method, url, headers, status):
    connection = bring_to(state)
    assert send(connection, method, url, **headers) == status
    assert connection.state is state


@pytest.mark.parametrize(
    ("control", "url"),
    [
        ("streamid=0", URL + "/streamid=0"),
        ("streamid=0", URL + "?a=b/streamid=0"),
        ("streamid=0", URL + "/streamid=0?a=b"),
        ("trackID=0", URL + "/trackID=0"),
        ("rtsp://other/live/gate/video", URL + "/video"),
        ("*", URL),
        ("", URL + "/"),
    ],
)
def test_tracks_are_known_by_their_control_urls(control, url):
    connection = made()
    body = f"v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:{control}\r\n".encode()
    assert send(connection, "ANNOUNCE", body=body) == 200
    assert send(connection, "SETUP", url, Transport=TCP) == 200
    assert list(connection.tracks) == [0]


def test_a_silent_publisher_is_closed_and_a_packet_keeps_it():
    connection = bring_to(RecordState.RECORDING, session_timeout_s=30.0)
    connection.receive_data(b"$\x00\x00\x02ab", 20.0)
    connection.events_received()
    connection.handle_timeout(49.0)
    assert not connection.closed
    connection.heard(45.0)
    connection.handle_timeout(50.0)
    assert not connection.closed
    connection.handle_timeout(75.0)
    assert connection.closed
    assert isinstance(connection.events_received()[-1], Closed)


@given(st.binary(max_size=400), st.sampled_from(RecordState))
def test_any_bytes_are_answered_or_end_the_connection(data, state):
    connection = bring_to(state)
    connection.receive_data(data, 1.0)
    ended = any(isinstance(each, Closed) for each in connection.events_received())
    assert ended == connection.closed
