"""The dialog of a client, step by step: what it asks for, and what it makes of the answers."""

import pytest

from cambus.media.rtp import interleave
from cambus.rtsp.client_errors import (
    AuthRefused,
    Busy,
    MalformedAnswer,
    NotFound,
    Redirected,
    Refused,
    RequestTimeout,
    TransportRefused,
)
from cambus.rtsp.errors import LocalProtocolError
from cambus.rtsp.events import TrackData
from cambus.rtsp.login import Login
from cambus.rtsp.message import Request
from cambus.rtsp.parser import MessageParser
from cambus.rtsp.pull_session import Described, Over, PullSession, Started, Step
from cambus.rtsp.transport import Lower, Transport

URL = "rtsp://192.0.2.7/live/main"
SDP = b"""v=0
s=Camera
a=control:*
m=video 0 RTP/AVP 96
a=rtpmap:96 H264/90000
a=control:track1
m=audio 0 RTP/AVP 8
a=control:rtsp://192.0.2.7/live/main/track2
"""
TIMEOUT_S = 10.0


class Dialog:
    """A session, and a server that is written down."""

    def __init__(self, login=None):
        self.session = PullSession(URL, login, timeout_s=TIMEOUT_S)
        self.now = 100.0
        self.session.begin(self.now)

    def asked(self):
        """The one request the session has just sent."""
        (data,) = self.session.data_to_send()
        parser = MessageParser()
        parser.feed(data)
        request = parser.next_message()
        assert isinstance(request, Request)
        self.cseq = request.headers["cseq"]
        return request

    def answer(self, status=200, *headers, body=b"", cseq=None):
        lines = [f"RTSP/1.0 {status} Whatever", f"CSeq: {self.cseq if cseq is None else cseq}", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return self.feed("\r\n".join([*lines, "", ""]).encode() + body)

    def feed(self, data):
        return self.session.receive_data(data, self.now)

    def described(self, *headers, public="OPTIONS, DESCRIBE, GET_PARAMETER", body=SDP):
        assert self.asked().method == "OPTIONS"
        assert self.answer(200, f"Public: {public}") == []
        assert self.asked().method == "DESCRIBE"
        (event,) = self.answer(200, *headers, body=body)
        assert isinstance(event, Described)
        return event.description

    def set_up(self, *channels):
        description = self.session_description = self.described()
        tracks = list(zip(description.tracks, channels or ((0, 1), (2, 3)), strict=False))
        offers = [(track, Transport(Lower.TCP, channels=pair)) for track, pair in tracks]
        self.session.set_up(offers, self.now)

    def playing(self, session="Session: 1234;timeout=60"):
        self.set_up()
        for number in range(2):
            assert self.asked().method == "SETUP"
            pair = f"{2 * number}-{2 * number + 1}"
            self.answer(200, session, f"Transport: RTP/AVP/TCP;unicast;interleaved={pair}")
        assert self.asked().method == "PLAY"
        (event,) = self.answer()
        assert isinstance(event, Started)


def test_the_whole_way():
    dialog = Dialog()
    dialog.set_up()
    request = dialog.asked()
    assert (request.method, request.url) == ("SETUP", f"{URL}/track1")
    assert request.headers["transport"] == "RTP/AVP/TCP;unicast;interleaved=0-1"
    assert "session" not in request.headers
    dialog.answer(
        200, "Session: 12 34".replace(" ", "") + " ; timeout=30", "Transport: RTP/AVP/TCP;interleaved=0-1"
    )
    request = dialog.asked()
    assert request.url == "rtsp://192.0.2.7/live/main/track2"
    assert request.headers["session"] == "1234"
    dialog.answer(200, "Session: 1234", "Transport: RTP/AVP/TCP;interleaved=2-3")
    request = dialog.asked()
    assert (request.method, request.url, request.headers["session"]) == ("PLAY", URL, "1234")
    (event,) = dialog.answer()
    assert [agreed.channels for agreed in event.agreed.values()] == [(0, 1), (2, 3)]
    assert dialog.feed(interleave([b"rtp"], 2) + interleave([b"rtcp"], 1)) == [
        TrackData(1, False, b"rtp"),
        TrackData(0, True, b"rtcp"),
    ]
    assert dialog.session.tear_down(dialog.now)
    assert dialog.asked().method == "TEARDOWN"
    assert dialog.answer() == [Over()]
    assert not dialog.session.tear_down(dialog.now)


def test_nothing_is_torn_down_that_was_not_set_up():
    dialog = Dialog()
    dialog.described()
    assert not dialog.session.tear_down(dialog.now)


@pytest.mark.parametrize(
    ("header", "url"),
    [
        ("Content-Base: rtsp://10.0.0.1/inside/", "rtsp://10.0.0.1/inside/track1"),
        ("Content-Location: rtsp://10.0.0.1/inside", "rtsp://10.0.0.1/inside/track1"),
        ("Content-Base: nonsense", f"{URL}/track1"),
        ("Content-Base: rtsp://10.0.0.1/a b/", f"{URL}/track1"),
    ],
)
def test_tracks_are_found_under_the_base_the_server_names(header, url):
    dialog = Dialog()
    description = dialog.described(header)
    dialog.session.set_up([(description.tracks[0], Transport(Lower.TCP, channels=(0, 1)))], dialog.now)
    assert dialog.asked().url == url


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_server_that_knows_no_options_is_asked_all_the_same(status):
    dialog = Dialog()
    dialog.asked()
    dialog.answer(status)
    assert dialog.asked().method == "DESCRIBE"


@pytest.mark.parametrize(
    ("status", "error"),
    [(404, NotFound), (453, Busy), (503, Busy), (461, TransportRefused), (403, Refused), (500, Refused)],
)
def test_refusals_are_told_apart(status, error):
    dialog = Dialog()
    dialog.asked()
    dialog.answer()
    dialog.asked()
    with pytest.raises(error) as caught:
        dialog.answer(status)
    assert caught.value.status == status
    assert URL not in str(caught.value)


def test_a_redirection_is_told_with_its_target():
    dialog = Dialog()
    dialog.asked()
    dialog.answer()
    dialog.asked()
    with pytest.raises(Redirected) as caught:
        dialog.answer(302, "Location: rtsp://192.0.2.7:8554/x")
    assert caught.value.location == "rtsp://192.0.2.7:8554/x"


def test_a_challenge_is_answered_and_the_request_sent_again():
    dialog = Dialog(Login("joe", "secret"))
    dialog.asked()
    dialog.answer()
    first = dialog.asked()
    assert "authorization" not in first.headers
    assert dialog.answer(401, 'WWW-Authenticate: Digest realm="c", nonce="n"') == []
    second = dialog.asked()
    assert (second.method, second.url) == (first.method, first.url)
    assert second.headers["authorization"].startswith('Digest username="joe"')
    assert int(second.headers["cseq"]) == int(first.headers["cseq"]) + 1
    with pytest.raises(AuthRefused):
        dialog.answer(401, 'WWW-Authenticate: Digest realm="c", nonce="n2"')


def test_without_an_account_a_challenge_is_the_end():
    dialog = Dialog()
    dialog.asked()
    with pytest.raises(AuthRefused) as caught:
        dialog.answer(401, 'WWW-Authenticate: Digest realm="c", nonce="n"')
    assert caught.value.detail == "no-credentials"


def test_a_server_for_which_every_nonce_is_stale_is_given_up():
    dialog = Dialog(Login("joe", "secret"))

    def challenge_for_ever():
        for number in range(100):
            dialog.asked()
            dialog.answer(401, f'WWW-Authenticate: Digest realm="c", nonce="n{number}", stale=true')

    with pytest.raises(AuthRefused):
        challenge_for_ever()
    assert int(dialog.cseq) <= 4


def test_a_request_that_is_not_answered_fails_in_time():
    dialog = Dialog()
    assert dialog.session.next_timeout() == dialog.now + TIMEOUT_S
    dialog.session.handle_timeout(dialog.now + TIMEOUT_S - 0.1)
    with pytest.raises(RequestTimeout):
        dialog.session.handle_timeout(dialog.now + TIMEOUT_S)


@pytest.mark.parametrize(
    ("session", "between", "method"),
    [
        ("Session: 1;timeout=20", 10.0, "GET_PARAMETER"),
        ("Session: 1", 30.0, "GET_PARAMETER"),
        ("Session: 1;timeout=1", 1.0, "GET_PARAMETER"),
    ],
)
def test_signs_of_life_are_given_twice_in_the_life_of_a_session(session, between, method):
    dialog = Dialog()
    dialog.playing(session)
    due = dialog.session.next_timeout()
    assert due == dialog.now + between
    dialog.now = due
    dialog.session.handle_timeout(due)
    request = dialog.asked()
    assert (request.method, request.headers["session"]) == (method, "1")
    dialog.answer()
    assert dialog.session.next_timeout() == due + between


def test_a_server_that_refuses_get_parameter_gets_options():
    dialog = Dialog()
    dialog.playing()
    dialog.now = dialog.session.next_timeout()
    dialog.session.handle_timeout(dialog.now)
    assert dialog.asked().method == "GET_PARAMETER"
    dialog.answer(405)
    dialog.now = dialog.session.next_timeout()
    dialog.session.handle_timeout(dialog.now)
    assert dialog.asked().method == "OPTIONS"


def test_a_sign_of_life_may_stay_without_an_answer():
    dialog = Dialog()
    dialog.playing()
    for _ in range(3):
        dialog.now = dialog.session.next_timeout()
        dialog.session.handle_timeout(dialog.now)
        dialog.asked()
        dialog.now = dialog.session.next_timeout()
        dialog.session.handle_timeout(dialog.now)
        assert dialog.session.playing
    late = dialog.answer(200, cseq=2)
    assert late == []


def test_media_that_comes_makes_up_for_an_answer_to_play_that_does_not():
    dialog = Dialog()
    dialog.set_up()
    for pair in ("0-1", "2-3"):
        dialog.asked()
        dialog.answer(200, "Session: 1", f"Transport: RTP/AVP/TCP;interleaved={pair}")
    dialog.asked()
    assert dialog.feed(interleave([b"rtp"], 0)) == [TrackData(0, False, b"rtp")]
    dialog.now += TIMEOUT_S
    (event,) = dialog.session.handle_timeout(dialog.now)
    assert isinstance(event, Started)


def test_the_channels_the_server_chooses_are_the_ones_that_count():
    dialog = Dialog()
    dialog.set_up()
    dialog.asked()
    dialog.answer(200, "Session: 1", "Transport: RTP/AVP/TCP;unicast;interleaved=10-11")
    dialog.asked()
    dialog.answer(200, "Session: 1", "Transport: RTP/AVP/TCP;unicast")
    dialog.asked()
    dialog.answer()
    events = dialog.feed(b"".join(interleave([b"x"], channel) for channel in (0, 10, 11, 2)))
    assert [(event.track, event.rtcp) for event in events] == [(0, False), (0, True), (1, False)]
    assert dialog.session.strays == 1


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        (["Transport: RTP/AVP/TCP;interleaved=0-1"], "no session"),
        (["Session: 1", "Transport: RTP/AVP;unicast;server_port=5000-5001"], "another transport"),
        (["Session: 1", "Transport: RTP/AVP/TCP;interleaved=0-999"], "channels"),
    ],
)
def test_an_answer_to_setup_that_makes_no_sense_is_the_end(headers, why):
    dialog = Dialog()
    dialog.set_up()
    dialog.asked()
    with pytest.raises(MalformedAnswer, match=why):
        dialog.answer(200, *headers)


def test_two_tracks_on_one_channel_are_the_end():
    dialog = Dialog()
    dialog.set_up()
    dialog.asked()
    dialog.answer(200, "Session: 1", "Transport: RTP/AVP/TCP;interleaved=0-1")
    dialog.asked()
    with pytest.raises(MalformedAnswer, match="one channel"):
        dialog.answer(200, "Session: 1", "Transport: RTP/AVP/TCP;interleaved=1-2")


def test_what_the_server_asks_for_is_declined():
    dialog = Dialog()
    dialog.playing()
    dialog.feed(
        b"SET_PARAMETER * RTSP/1.0\r\nCSeq: 7\r\n\r\nOPTIONS * RTSP/1.0\r\nCSeq: 8\r\n\r\nREDIRECT x RTSP/1.0\r\n\r\n"
    )
    replies = b"".join(dialog.session.data_to_send())
    assert replies.startswith(b"RTSP/1.0 501 ")
    assert b"CSeq: 7\r\n" in replies
    assert b"RTSP/1.0 200 OK\r\nCSeq: 8\r\n" in replies
    assert replies.count(b"RTSP/1.0") == 2


def test_answers_to_nothing_are_passed_over():
    dialog = Dialog()
    dialog.asked()
    assert dialog.answer(200, cseq=99) == []
    assert dialog.answer(100) == []
    assert dialog.session.step is Step.OPTIONS
    dialog.feed(b"RTSP/1.0 200 OK\r\n\r\n")  # without a number it can only be to this one
    assert dialog.session.step is Step.DESCRIBE


@pytest.mark.parametrize(
    "data", [b"\x00\x01\x02\x03", b"RTSP/1.0 OK\r\nCSeq: 1\r\n\r\n", b"HTTP/1.1 400 Bad\r\n\r\n"]
)
def test_what_is_no_rtsp_is_the_end(data):
    dialog = Dialog()
    dialog.asked()
    with pytest.raises(MalformedAnswer):
        dialog.feed(data)


def test_steps_out_of_turn_are_our_own_mistake():
    dialog = Dialog()
    with pytest.raises(LocalProtocolError):
        dialog.session.set_up([], dialog.now)
    with pytest.raises(LocalProtocolError):
        dialog.session.begin(dialog.now)
