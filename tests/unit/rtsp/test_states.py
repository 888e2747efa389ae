from __future__ import annotations

import pytest

from cambus.rtsp import TRANSITIONS, Method, Request, RtspServerConnection, State, Status

URL = "rtsp://h/a"


def bring_to(state: State) -> RtspServerConnection:
    connection = RtspServerConnection(0.0, new_session_id=lambda: "s")
    if state is not State.INIT:
        ask(connection, Method.SETUP)
    if state is State.PLAYING:
        ask(connection, Method.PLAY)
    connection.events_received()
    assert connection.state is state
    return connection


def ask(connection: RtspServerConnection, method: Method) -> int:
    """Send a request, have it accepted if it comes through; the status of the reply."""
    headers = {"CSeq": "1"}
    url = URL
    if connection.state is not State.INIT:
        headers["Session"] = "s"
    if method is Method.SETUP:
        url += "/trackID=0"
        headers["Transport"] = "RTP/AVP/TCP;interleaved=0-1"
    connection.receive_data(Request(method, url, headers=headers).serialize(), 0.0)
    accept = {
        Method.DESCRIBE: lambda: connection.accept_describe("v=0\r\n"),
        Method.SETUP: connection.accept_setup,
        Method.PLAY: connection.accept_play,
        Method.PAUSE: connection.accept_pause,
    }
    if connection.awaiting_reply:
        accept[method]()
    (reply,) = connection.data_to_send()
    return int(reply.split()[1])


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("state", State)
def test_every_method_in_every_state_does_what_the_table_says(state, method):
    connection = bring_to(state)
    status = ask(connection, method)
    following = TRANSITIONS.get((state, method))
    if following is None:
        assert status == Status.METHOD_NOT_VALID
        assert connection.state is state
    else:
        assert status == Status.OK
        assert connection.state is following


@pytest.mark.parametrize("method", [Method.DESCRIBE, Method.SETUP, Method.PLAY, Method.PAUSE])
@pytest.mark.parametrize("state", State)
def test_a_refused_method_leaves_the_state(state, method):
    if (state, method) not in TRANSITIONS:
        return
    connection = bring_to(state)
    headers = {"CSeq": "1", "Transport": "RTP/AVP/TCP"} | ({} if state is State.INIT else {"Session": "s"})
    url = URL + ("/trackID=0" if method is Method.SETUP else "")
    connection.receive_data(Request(method, url, headers=headers).serialize(), 0.0)
    connection.reject(Status.SERVICE_UNAVAILABLE)
    assert connection.state is state
