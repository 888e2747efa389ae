from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cambus.rtsp import (
    Authenticator,
    Described,
    Event,
    Limits,
    Method,
    Pause,
    Play,
    Request,
    RtspServerConnection,
    SetUp,
    Status,
    parse_url,
)
from cambus.rtsp.errors import FramingError, ProtocolError
from cambus.rtsp.parser import MessageParser
from cambus.rtsp.ranges import parse_range
from cambus.rtsp.transport import Lower, choose_transport

URL = "rtsp://h/a"
LIMITS = Limits(head_bytes=400, header_count=8, body_bytes=100, waiting_bytes=100_000)

HEADERS = st.dictionaries(
    st.sampled_from(["Session", "Range", "Scale", "Transport", "Require", "Authorization", "X"]),
    st.sampled_from(
        [
            "s",
            "other",
            "npt=0-",
            "npt=x",
            "2.0",
            "nan",
            "RTP/AVP/TCP;interleaved=0-1",
            "RTP/AVP",
            "",
            "Digest a=b",
        ]
    ),
    max_size=4,
)
REQUESTS = st.builds(
    lambda method, url, headers, cseq, body: Request(
        method, url, headers=({"CSeq": cseq} if cseq else {}) | headers, body=body
    ).serialize(),
    st.sampled_from([*Method, "RECORD", "x"]),
    st.sampled_from([URL, f"{URL}/", f"{URL}/trackID=0", f"{URL}/trackID=1", f"{URL}?t=1", "*", "bad"]),
    HEADERS,
    st.sampled_from(["1", "77", "", "x"]),
    st.sampled_from([b"", b"param\r\n", b"$$$$"]),
)
PIECES = st.one_of(
    REQUESTS,
    st.sampled_from(
        [
            b"\r\n",
            b"$\x00\x00\x05hello",
            b"$\x01\x00\x00",
            b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 2\r\n\r\nok",
            f"SETUP {URL}/trackID=0 RTSP/1.0\nCSeq: 5\nTransport: RTP/AVP/TCP\n\n".encode(),
            f"PLAY {URL} RTSP/1.0\r\nCSeq: 6\r\nSession: s\r\n\r\n".encode(),
            b"OPTIONS * RTSP/1.0\r\nContent-Length: 101\r\n\r\n",
        ]
    ),
    st.binary(max_size=30),
)
STREAMS = st.lists(PIECES, max_size=12).map(b"".join)


def answer(connection: RtspServerConnection, event: Event) -> None:
    """Accept most things, refuse some, always the same way."""
    if isinstance(event, Described):
        if "t" in event.url.query:
            connection.reject(Status.UNAUTHORIZED, [("WWW-Authenticate", "Digest")])
        else:
            connection.accept_describe("v=0\r\n")
    elif isinstance(event, SetUp):
        connection.accept_setup(ssrc=event.track)
    elif isinstance(event, Play):
        connection.accept_play(range_=event.range, scale=event.scale)
    elif isinstance(event, Pause):
        connection.accept_pause()


def run(chunks: list[bytes]) -> tuple[list[Event], bytes]:
    connection = RtspServerConnection(0.0, limits=LIMITS, new_session_id=lambda: "s")
    seen: list[Event] = []
    sent = b""
    for chunk in chunks:
        connection.receive_data(chunk, 0.0)
        while events := connection.events_received():
            seen += events
            for event in events:
                answer(connection, event)
        sent += b"".join(connection.data_to_send())
    return seen, sent


def cut(data: bytes, at: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(position % (len(data) + 1) for position in at)})
    return [data[start:end] for start, end in pairwise(edges)]


@given(STREAMS, st.lists(st.integers(0, 1 << 16), max_size=10))
def test_any_chunking_gives_the_same_events_and_replies(data, at):
    whole = run([data])
    assert run(cut(data, at)) == whole
    assert run([data[index : index + 1] for index in range(len(data))]) == whole


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_arbitrary_bytes_raise_nothing(chunks):
    run(chunks)


@given(STREAMS)
def test_every_reply_is_one_well_formed_message(data):
    _, sent = run([data])
    parser = MessageParser()
    parser.feed(sent)
    while parser.next_message() is not None:
        pass
    assert parser.buffered_bytes == 0


@given(st.binary(max_size=300))
def test_the_parser_gives_messages_or_a_framing_error(data):
    parser = MessageParser(LIMITS)
    parser.feed(data)
    with suppress(FramingError):
        while parser.next_message() is not None:
            pass


@given(st.text(max_size=80))
def test_values_of_headers_are_understood_or_refused(text):
    for parse in (parse_url, parse_range, lambda value: choose_transport(value, tuple(Lower))):
        with suppress(ProtocolError):
            parse(text)


@given(st.text(max_size=200), st.sampled_from(["Digest ", "Basic ", "", 'digest username="joe", ']))
def test_credentials_nobody_gave_are_never_accepted(text, scheme):
    auth = Authenticator("Cambus", {"joe": "secret"}.get, basic=True)
    auth.challenges(0.0)
    request = Request("DESCRIBE", URL, headers={"authorization": scheme + text})
    assert auth.check(request, 0.0).user is None
