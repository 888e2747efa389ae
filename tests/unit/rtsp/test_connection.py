from __future__ import annotations

import pytest

from cambus.rtsp import (
    ClockRange,
    Closed,
    Described,
    InterleavedData,
    Limits,
    LocalProtocolError,
    Lower,
    NptRange,
    Pause,
    Play,
    Request,
    RtpInfo,
    RtspServerConnection,
    SetUp,
    State,
    Status,
    Teardown,
    Transport,
)

URL = "rtsp://h/live/a"
TCP = "RTP/AVP/TCP;unicast;interleaved=0-1"


class Client:
    """Says things to a connection and reads its replies."""

    def __init__(self, **how) -> None:
        how.setdefault("new_session_id", lambda: "5e551017")
        self.connection = RtspServerConnection(0.0, **how)
        self.cseq = 0
        self.now = 0.0

    def say(self, method: str, url: str = URL, **headers: str) -> list:
        """Send a request; the events it makes. Underscores in header names stand for dashes."""
        self.cseq += 1
        named = {"CSeq": str(self.cseq)} | {name.replace("_", "-"): value for name, value in headers.items()}
        body = named.pop("body", "").encode()
        self.connection.receive_data(Request(method, url, headers=named, body=body).serialize(), self.now)
        return self.connection.events_received()

    def reply(self) -> tuple[int, dict[str, str], bytes]:
        """The one reply there is: status, headers, body."""
        (data,) = self.connection.data_to_send()
        head, _, body = data.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        return int(status.split()[1]), dict(line.split(": ", 1) for line in lines), body

    def status(self) -> int:
        return self.reply()[0]

    def set_up(self, track: int = 0, transport: str = TCP, **headers: str) -> Transport:
        (event,) = self.say("SETUP", f"{URL}/trackID={track}", Transport=transport, **headers)
        self.connection.accept_setup(ssrc=1)
        assert self.status() == 200
        return event.transport

    def play(self) -> None:
        self.say("PLAY", Session="5e551017")
        self.connection.accept_play()
        assert self.status() == 200


def test_options_tells_what_there_is():
    client = Client()
    assert client.say("OPTIONS", "*") == []
    status, headers, _ = client.reply()
    assert (status, headers["CSeq"], headers["Server"]) == (200, "1", "Cambus")
    assert (
        headers["Public"] == "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER, TEARDOWN"
    )


def test_describe_is_answered_with_the_description_and_its_base():
    client = Client()
    (event,) = client.say("DESCRIBE", URL + "?token=x", Accept="application/sdp")
    assert isinstance(event, Described)
    assert (event.url.path, event.url.query) == ("/live/a", {"token": "x"})
    client.connection.accept_describe("v=0\r\n")
    status, headers, body = client.reply()
    assert (status, body) == (200, b"v=0\r\n")
    assert headers["Content-Base"] == URL + "/"
    assert headers["Content-Type"] == "application/sdp"
    assert "Session" not in headers


def test_a_session_from_setup_to_teardown():
    client = Client(session_timeout_s=30)
    connection = client.connection
    (event,) = client.say("SETUP", f"{URL}/trackID=0", Transport=TCP)
    assert event == SetUp(event.url, 0, Transport(Lower.TCP, channels=(0, 1)), event.request)
    connection.accept_setup(ssrc=0xABC)
    _, headers, _ = client.reply()
    assert headers["Session"] == "5e551017;timeout=30"
    assert headers["Transport"] == "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=00000ABC"
    assert connection.state is State.READY

    (event,) = client.say("PLAY", URL + "/", Session="5e551017", Range="npt=0-", Scale="2.0")
    assert isinstance(event, Play)
    assert (event.range, event.scale) == (NptRange(0.0), 2.0)
    connection.accept_play([RtpInfo(0, 7, 90)], range_=NptRange(0.0), scale=2.0)
    _, headers, _ = client.reply()
    assert headers["RTP-Info"] == f"url={URL}/trackID=0;seq=7;rtptime=90"
    assert (headers["Range"], headers["Scale"]) == ("npt=0.000-", "2")
    assert connection.state is State.PLAYING

    (event,) = client.say("PAUSE", Session="5e551017")
    assert isinstance(event, Pause)
    connection.accept_pause()
    assert client.status() == 200
    assert connection.state is State.READY

    assert client.say("TEARDOWN", Session="5e551017;timeout=30") == [Teardown()]
    assert client.status() == 200
    assert connection.state is State.INIT
    assert connection.tracks == {}


def test_a_second_session_gets_another_id():
    ids = iter(["first", "second"])
    client = Client(new_session_id=lambda: next(ids))
    client.set_up()
    client.say("TEARDOWN", Session="first")
    client.connection.data_to_send()
    client.set_up()
    assert client.say("PLAY", Session="first") == []
    assert client.status() == 454


def test_session_ids_are_long_and_random():
    found = set()
    for _ in range(3):
        client = Client()
        client.connection = RtspServerConnection(0.0)
        client.say("SETUP", f"{URL}/trackID=0", Transport=TCP)
        client.connection.accept_setup()
        found.add(client.reply()[1]["Session"].partition(";")[0])
    assert len(found) == 3
    assert {len(each) for each in found} == {32}


def test_absolute_ranges_are_for_recordings():
    client = Client()
    client.set_up()
    (event,) = client.say("PLAY", Session="5e551017", Range="clock=20250131T120000Z-")
    assert isinstance(event.range, ClockRange)


def test_tracks_get_channels_that_do_not_collide():
    client = Client()
    assert client.set_up(0).channels == (0, 1)
    assert client.set_up(1, Session="5e551017").channels == (2, 3)  # the client asked for 0-1 again
    assert client.set_up(2, "RTP/AVP/TCP;unicast", Session="5e551017").channels == (4, 5)
    assert client.set_up(0, Session="5e551017").channels == (0, 1)  # its own are free for it
    assert {track: t.channels for track, t in client.connection.tracks.items()} == {
        0: (0, 1),
        1: (2, 3),
        2: (4, 5),
    }


def test_channels_run_out():
    client = Client()
    headers: dict[str, str] = {}
    for track in range(128):
        client.set_up(track, "RTP/AVP/TCP;unicast", **headers)
        headers = {"Session": "5e551017"}
    assert client.say("SETUP", f"{URL}/trackID=128", Transport=TCP, **headers) == []
    assert client.status() == 461


def test_udp_is_only_taken_where_the_owner_serves_it():
    client = Client(transports=(Lower.TCP, Lower.UDP))
    (event,) = client.say("SETUP", f"{URL}/trackID=0", Transport="RTP/AVP;unicast;client_port=5000-5001")
    assert event.transport.client_ports == (5000, 5001)
    client.connection.accept_setup(server_ports=(6000, 6001))
    assert client.reply()[1]["Transport"].endswith("client_port=5000-5001;server_port=6000-6001")
    other = Client()
    assert other.say("SETUP", f"{URL}/trackID=0", Transport="RTP/AVP;unicast;client_port=5000-5001") == []
    assert other.status() == 461


@pytest.mark.parametrize("status", [401, 403, 404, 461, 503])
def test_the_owner_can_refuse_and_nothing_has_changed(status):
    client = Client()
    client.say("SETUP", f"{URL}/trackID=0", Transport=TCP)
    client.connection.reject(Status(status), [("WWW-Authenticate", "Digest x")])
    code, headers, _ = client.reply()
    assert (code, headers["WWW-Authenticate"]) == (status, "Digest x")
    assert "Session" not in headers
    assert client.connection.state is State.INIT
    client.set_up()


def refusals() -> dict[str, tuple[int, str, str, dict[str, str]]]:
    session = {"Session": "5e551017"}
    return {
        "no CSeq": (400, "OPTIONS", URL, {"CSeq": ""}),
        "CSeq is no number": (400, "OPTIONS", URL, {"CSeq": "one"}),
        "URL of another kind": (400, "DESCRIBE", "http://h/a", {}),
        "DESCRIBE of everything": (400, "DESCRIBE", "*", {}),
        "no Transport": (400, "SETUP", f"{URL}/trackID=0", {}),
        "Scale is no number": (400, "PLAY", URL, {"Scale": "fast", **session}),
        "Scale is zero": (400, "PLAY", URL, {"Scale": "0.0", **session}),
        "PLAY of another URL": (404, "PLAY", "rtsp://h/live/b", session),
        "unknown parameter": (451, "GET_PARAMETER", URL, {"body": "position"}),
        "unknown parameter to set": (451, "SET_PARAMETER", URL, {"body": "a: b"}),
        "another session": (454, "PLAY", URL, {"Session": "other"}),
        "no session": (454, "PLAY", URL, {}),
        "keepalive of another session": (454, "GET_PARAMETER", URL, {"Session": "other"}),
        "PLAY range": (457, "PLAY", URL, {"Range": "bytes=0-", **session}),
        "SETUP of a presentation": (459, "SETUP", URL, {"Transport": TCP}),
        "SETUP of another presentation": (459, "SETUP", "rtsp://h/live/b/trackID=0", {"Transport": TCP}),
        "PLAY of one track of two": (460, "PLAY", f"{URL}/trackID=0", session),
        "multicast": (461, "SETUP", f"{URL}/trackID=0", {"Transport": "RTP/AVP;multicast"}),
        "RECORD": (405, "RECORD", URL, session),
        "ANNOUNCE": (405, "ANNOUNCE", URL, {}),
        "another kind of description": (406, "DESCRIBE", URL, {"Accept": "application/rtsl"}),
        "a track over UDP beside one over TCP": (
            461,
            "SETUP",
            f"{URL}/trackID=2",
            {"Transport": "RTP/AVP;unicast;client_port=5000-5001", **session},
        ),
        "nonsense": (501, "FROBNICATE", URL, {}),
        "lower case": (501, "options", URL, {}),
        "an option": (551, "OPTIONS", URL, {"Require": "funky"}),
    }


@pytest.mark.parametrize("name", refusals())
def test_what_is_wrong_is_answered_with_its_status_and_the_connection_goes_on(name):
    status, method, url, headers = refusals()[name]
    client = Client(transports=(Lower.TCP, Lower.UDP))
    client.set_up(0)
    client.set_up(1)
    assert client.say(method, url, **headers) == []
    code, answered, _ = client.reply()
    assert code == status
    assert ("Public" in answered) == (status == 501)
    assert ("Allow" in answered) == (status == 405)
    assert answered.get("Unsupported") == ("funky" if status == 551 else None)
    assert client.connection.state is State.READY
    client.play()


def test_another_version_is_505():
    client = Client()
    client.connection.receive_data(b"OPTIONS rtsp://h/p RTSP/2.0\r\nCSeq: 4\r\n\r\n", 0.0)
    status, headers, _ = client.reply()
    assert (status, headers["CSeq"]) == (505, "4")
    assert not client.connection.closed


def test_a_method_out_of_its_state_is_455():
    client = Client()
    assert client.say("PLAY") == []
    assert client.status() == 455
    client.set_up()
    client.play()
    client.say("SETUP", f"{URL}/trackID=1", Transport=TCP, Session="5e551017")
    assert client.status() == 455


def test_one_track_alone_may_be_played_by_its_own_url():
    client = Client()
    client.set_up(3)
    (event,) = client.say("PLAY", f"{URL}/trackID=3", Session="5e551017")
    assert isinstance(event, Play)


def test_keepalives_are_answered_here():
    client = Client()
    client.set_up()
    for method in ("GET_PARAMETER", "SET_PARAMETER", "OPTIONS"):
        assert client.say(method, Session="5e551017") == []
        status, headers, _ = client.reply()
        assert (status, headers["Session"]) == (200, "5e551017;timeout=60")


def test_requests_behind_one_that_waits_are_worked_off_after_its_reply():
    client = Client()
    requests = [
        Request("DESCRIBE", URL, headers={"CSeq": "1"}),
        Request("OPTIONS", "*", headers={"CSeq": "2"}),
    ]
    data = b"".join(request.serialize() for request in requests)
    client.connection.receive_data(data + b"$\x01\x00\x01x", 0.0)
    assert [type(event) for event in client.connection.events_received()] == [Described]
    assert client.connection.awaiting_reply
    assert client.connection.data_to_send() == []
    client.connection.accept_describe("v=0\r\n")
    first, second = client.connection.data_to_send()
    assert b"CSeq: 1" in first
    assert b"CSeq: 2" in second
    assert client.connection.events_received() == [InterleavedData(1, b"x")]
    assert not client.connection.awaiting_reply


def test_replies_must_fit_the_request():
    client = Client()
    for answer in (
        lambda: client.connection.accept_describe(""),
        client.connection.accept_setup,
        client.connection.accept_play,
        client.connection.accept_pause,
        lambda: client.connection.reject(Status.NOT_FOUND),
    ):
        with pytest.raises(LocalProtocolError):
            answer()
    client.say("DESCRIBE")
    with pytest.raises(LocalProtocolError):
        client.connection.accept_play()
    client.connection.accept_describe("v=0\r\n")
    with pytest.raises(LocalProtocolError):
        client.connection.accept_describe("v=0\r\n")


def test_a_stream_that_cannot_be_cut_is_answered_and_closed():
    client = Client()
    client.connection.receive_data(b"GET / HTTP/1.1\r\nbroken\r\n\r\n", 0.0)
    assert client.status() == 400
    (event,) = client.connection.events_received()
    assert isinstance(event, Closed)
    assert client.connection.closed
    client.connection.receive_data(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", 0.0)
    assert client.connection.data_to_send() == []


def test_a_flood_behind_a_waiting_request_closes():
    client = Client(limits=Limits(waiting_bytes=1000))
    client.say("DESCRIBE")
    client.connection.receive_data(b"x" * 1000, 0.0)
    assert not client.connection.closed
    client.connection.receive_data(b"x", 0.0)
    assert client.connection.closed
    assert not client.connection.awaiting_reply


def test_a_silent_client_is_closed_after_the_timeout():
    client = Client(session_timeout_s=10)
    assert client.connection.next_timeout() == 10
    client.now = 6
    client.say("OPTIONS")
    assert client.connection.next_timeout() == 16
    client.connection.handle_timeout(15.9)
    assert not client.connection.closed
    client.connection.handle_timeout(16)
    (event,) = client.connection.events_received()
    assert isinstance(event, Closed)
    assert client.connection.next_timeout() is None


def test_bytes_that_make_no_message_do_not_keep_a_connection_open():
    client = Client(session_timeout_s=10)
    client.connection.receive_data(b"OPTI", 9.0)
    assert client.connection.next_timeout() == 10


def test_rtcp_keeps_a_connection_open():
    client = Client(session_timeout_s=10)
    client.connection.receive_data(b"$\x01\x00\x01x", 9.0)
    assert client.connection.next_timeout() == 19


def test_the_time_the_owner_takes_for_its_reply_is_not_the_clients_silence():
    client = Client(session_timeout_s=10)
    client.say("DESCRIBE")
    assert client.connection.next_timeout() is None
    client.connection.handle_timeout(100)
    assert not client.connection.closed


def test_a_session_that_plays_over_tcp_needs_no_keepalive_and_one_over_udp_does():
    client = Client(session_timeout_s=10)
    client.set_up()
    client.play()
    assert client.connection.next_timeout() is None
    other = Client(session_timeout_s=10, transports=(Lower.UDP,))
    other.set_up(0, "RTP/AVP;unicast;client_port=5000-5001")
    other.play()
    assert other.connection.next_timeout() == 10


def test_reports_over_udp_keep_a_session_open():
    client = Client(session_timeout_s=10, transports=(Lower.UDP,))
    client.set_up(0, "RTP/AVP;unicast;client_port=5000-5001")
    client.play()
    client.connection.heard(9.0)
    client.connection.handle_timeout(18.9)
    assert not client.connection.closed
    client.connection.heard(3.0)  # an old one takes nothing back
    client.connection.handle_timeout(19.0)
    assert client.connection.closed


@pytest.mark.parametrize(
    "accept", ["application/sdp", "application/sdp;q=0.5, text/plain", "*/*", "Application/*", " "]
)
def test_whoever_takes_a_session_description_is_described(accept):
    client = Client()
    (event,) = client.say("DESCRIBE", Accept=accept)
    assert isinstance(event, Described)


def test_a_source_address_is_in_the_answer():
    client = Client(transports=(Lower.UDP,))
    client.say("SETUP", f"{URL}/trackID=0", Transport="RTP/AVP;unicast;client_port=5000-5001")
    client.connection.accept_setup(server_ports=(6000, 6001), source="192.0.2.7")
    assert client.reply()[1]["Transport"] == (
        "RTP/AVP;unicast;source=192.0.2.7;client_port=5000-5001;server_port=6000-6001"
    )


def test_a_reply_that_comes_too_late_is_ignored():
    for reply in (
        lambda connection: connection.accept_describe("v=0\r\n"),
        lambda connection: connection.reject(Status.NOT_FOUND),
    ):
        client = Client(limits=Limits(waiting_bytes=10))
        client.say("DESCRIBE")
        client.connection.receive_data(b"x" * 11, 0.0)
        reply(client.connection)
        assert client.connection.data_to_send() == []


def test_the_owner_can_choose_other_channels():
    client = Client()
    client.say("SETUP", f"{URL}/trackID=0", Transport="RTP/AVP/TCP;interleaved=40-41")
    client.connection.accept_setup(channels=(0, 1))
    assert client.reply()[1]["Transport"] == "RTP/AVP/TCP;unicast;interleaved=0-1"
    assert client.connection.tracks[0].channels == (0, 1)
