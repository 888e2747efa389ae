"""What clients really send, named after the client or its oddity, and what comes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cambus.rtsp import (
    Closed,
    Described,
    InterleavedData,
    Pause,
    Play,
    RtspServerConnection,
    SetUp,
    State,
    Teardown,
)

HERE = Path(__file__).parent
EXPECTED = {
    "ffmpeg-digest": (
        [Described, Described, SetUp, SetUp, Play],
        [200, 200, 200, 200, 200, 200],
        State.PLAYING,
    ),
    "live555-tries-udp-first-and-sends-rtcp": (
        [Described, SetUp, SetUp, Play, InterleavedData, InterleavedData, Teardown],
        [200, 200, 461, 200, 200, 200, 200, 200],
        State.INIT,
    ),
    "lf-only-lowercase-query-before-track": ([Described, SetUp, Play], [200, 200, 200], State.PLAYING),
    "replies-and-http-and-tls-on-the-rtsp-port": ([Described, Closed], [200, 405, 505, 400], State.INIT),
}


def replay(data: bytes) -> tuple[list, list[int], State]:
    connection = RtspServerConnection(0.0, new_session_id=lambda: "5e551017")
    accept = {
        Described: lambda: connection.accept_describe("v=0\r\n"),
        SetUp: connection.accept_setup,
        Play: connection.accept_play,
        Pause: connection.accept_pause,
    }
    connection.receive_data(data, 0.0)
    seen = []
    while events := connection.events_received():
        for event in events:
            seen.append(event)
            if type(event) in accept:
                accept[type(event)]()
    return seen, [int(reply.split()[1]) for reply in connection.data_to_send()], connection.state


@pytest.mark.parametrize("name", EXPECTED)
def test_a_dialog_makes_its_events_and_replies(name):
    events, statuses, state = replay((HERE / f"{name}.rtsp").read_bytes())
    expected_events, expected_statuses, expected_state = EXPECTED[name]
    assert [type(event) for event in events] == expected_events
    assert statuses == expected_statuses
    assert state is expected_state


def test_the_details_of_ffmpegs_dialog_are_read():
    events, _, _ = replay((HERE / "ffmpeg-digest.rtsp").read_bytes())
    assert events[0].url.path == "/live/x/0/main"
    assert events[0].url.query == {"token": "abc"}
    assert 'username="joe"' in events[1].request.headers["authorization"]
    assert [event.track for event in events if isinstance(event, SetUp)] == [0, 1]
    assert [event.transport.channels for event in events if isinstance(event, SetUp)] == [(0, 1), (2, 3)]
    assert events[-1].range.start_s == 0.0


def test_every_dialog_is_replayed():
    assert {path.stem for path in HERE.glob("*.rtsp")} == set(EXPECTED)
