"""Whatever a server sends, a client makes events of it or raises its own errors; chunks do not matter."""

import contextlib
import itertools

from hypothesis import given
from hypothesis import strategies as st

from cambus.media.aac_depacketizer import AacDepacketizer, AacLayout
from cambus.media.frame import Codec
from cambus.media.rtcp import sender_report
from cambus.media.rtcp_receiver import read_rtcp
from cambus.media.rtp import RtpPacketizer, interleave
from cambus.media.rtp_input import RtpPacket
from cambus.rtsp.client_errors import AuthRefused, ClientError, MalformedAnswer
from cambus.rtsp.client_transport import read_agreed
from cambus.rtsp.client_url import parse_source
from cambus.rtsp.description import MAX_TRACKS, parse_description
from cambus.rtsp.events import TrackData
from cambus.rtsp.lip_sync import LipSync
from cambus.rtsp.login import Login, parse_challenges
from cambus.rtsp.pull_session import Described, PullSession, Started
from cambus.rtsp.track_reader import TrackReader
from cambus.rtsp.transport import Lower, Transport

URL = "rtsp://192.0.2.7/live"
SDP = b"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:t1\r\nm=audio 0 RTP/AVP 8\r\na=control:t2\r\n"
ARRIVAL_US = 1_700_000_000_000_000


def answer(cseq, *headers, body=b""):
    lines = ["RTSP/1.0 200 OK", f"CSeq: {cseq}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def messages():
    """All that a server says to a client that plays, media behind it; a message is said when it is asked for."""
    media = interleave(RtpPacketizer(Codec.PCMA, 8, clock_rate=8000).packetize(bytes(range(256)) * 20, 0), 2)
    report = sender_report(1, wall_us=ARRIVAL_US, rtp_timestamp=0, packets=0, octets=0, cname="c")
    return (
        answer(1, "Public: OPTIONS, DESCRIBE"),
        answer(2, "Content-Type: application/sdp", body=SDP),
        answer(3, "Session: 1;timeout=60", "Transport: RTP/AVP/TCP;interleaved=0-1"),
        answer(4, "Session: 1", "Transport: RTP/AVP/TCP;interleaved=2-3"),
        interleave([b"early"], 0),
        answer(5, "Session: 1"),
        media + interleave([report], 3),
    )


def played(chunks):
    """The events of a session that is fed so, set up as soon as it is described."""
    session = PullSession(URL, Login("joe", "secret"))
    session.begin(0.0)
    events = []
    for chunk in chunks:
        fresh = session.receive_data(chunk, 0.0)
        while fresh:
            events += fresh
            described = [event for event in fresh if isinstance(event, Described)]
            fresh = []
            if described:
                pairs = ((0, 1), (2, 3))
                offers = [Transport(Lower.TCP, channels=pair) for pair in pairs]
                session.set_up(list(zip(described[0].description.tracks, offers, strict=True)), 0.0)
                fresh = session.receive_data(b"", 0.0)
        session.data_to_send()
    return events


MESSAGES = messages()
WHOLE = b"".join(MESSAGES)
ENDS = list(itertools.accumulate(map(len, MESSAGES)))


@given(st.lists(st.integers(1, len(WHOLE) - 1), max_size=30))
def test_any_chunks_give_the_same_events(cuts):
    places = sorted({0, *ENDS, *cuts})
    events = played(WHOLE[begin:end] for begin, end in itertools.pairwise(places))
    assert isinstance(events[0], Described)
    assert sum(isinstance(event, Started) for event in events) == 1
    data = [event for event in events if isinstance(event, TrackData)]
    assert data[0] == TrackData(0, False, b"early")
    assert [event.rtcp for event in data[1:]] == [False] * (len(data) - 2) + [True]
    assert b"".join(event.data[12:] for event in data[1:-1]) == bytes(range(256)) * 20


@given(st.binary(max_size=400), st.integers(0, len(WHOLE)), st.integers(0, 200))
def test_damage_anywhere_raises_our_errors_only(noise, at, lost):
    damaged = WHOLE[:at] + noise + WHOLE[at + lost :]
    with contextlib.suppress(ClientError):
        assert len(played((damaged[:200], damaged[200:500], damaged[500:]))) < 100


@given(st.binary(max_size=3000))
def test_any_description_is_one_or_an_error(body):
    try:
        description = parse_description(body)
    except MalformedAnswer:
        return
    assert 0 < len(description.tracks) <= MAX_TRACKS


LINES = st.sampled_from(
    [
        "m=video 0 RTP/AVP 96",
        "m=audio 0 RTP/AVP 97",
        "m=audio 0 RTP/AVP 8",
        "a=rtpmap:96 H264/90000",
        "a=rtpmap:96 H265/90000",
        "a=rtpmap:97 MPEG4-GENERIC/16000/2",
        "a=fmtp:97 mode=AAC-hbr;sizelength=13;config=1408",
        "a=fmtp:96 sprop-parameter-sets=Z00AKZpmA8ARPyw=,aO48gA==",
        "a=control:*",
        "a=control:t",
        "",
    ]
)


@given(st.lists(st.one_of(LINES, st.text(max_size=60)), max_size=40))
def test_lines_in_any_order_make_tracks_that_can_be_read(lines):
    try:
        description = parse_description("\n".join(lines).encode())
    except MalformedAnswer:
        return
    for track in description.tracks:
        if track.codec is not None:
            TrackReader(track, LipSync({track.number: track.clock_rate}), datagrams=True)


@given(st.text(max_size=500), st.booleans())
def test_any_challenge_is_answered_or_refused(header, basic):
    parse_challenges(header)
    login = Login("joe", "secret", basic=basic)
    try:
        login.challenged(header, answered=False)
    except AuthRefused:
        return
    assert login.authorization("PLAY", URL)


@given(st.text(max_size=200))
def test_any_transport_is_agreed_to_or_an_error(header):
    for offer in (Transport(Lower.TCP, channels=(0, 1)), Transport(Lower.UDP, client_ports=(5000, 5001))):
        try:
            agreed = read_agreed(header, offer)
        except MalformedAnswer:
            continue
        assert agreed.lower is offer.lower


@given(st.text(max_size=100))
def test_any_text_is_a_source_or_is_not(text):
    for url in (text, f"rtsp://{text}"):
        try:
            source = parse_source(url)
        except ValueError:
            continue
        assert source.host
        assert 0 < source.port < 65536


@given(st.lists(st.binary(max_size=200), max_size=20), st.tuples(*[st.integers(0, 32)] * 3))
def test_any_packets_of_aac_are_taken_apart(payloads, bits):
    depacketizer = AacDepacketizer(AacLayout(*bits))
    for number, payload in enumerate(payloads):
        for frame in depacketizer.push(RtpPacket(97, True, number, number, 1, payload)):
            assert frame.payload
            assert len(frame.payload) <= 200 * len(payloads)


@given(st.lists(st.binary(max_size=100), max_size=30), st.booleans())
def test_any_datagrams_are_read(flow, datagrams):
    track = parse_description(SDP).tracks[0]
    reader = TrackReader(track, LipSync({0: 90_000}), datagrams=datagrams)
    last = -1
    for number, data in enumerate(flow):
        head = bytes((0x80, 96)) + number.to_bytes(2, "big") + bytes(8)
        for unit in reader.push(head + data, number / 10, ARRIVAL_US) + reader.push(
            data, number / 10, ARRIVAL_US
        ):
            assert unit.payload
            assert unit.pts is None or unit.pts >= last
            last = last if unit.pts is None else unit.pts
        reader.report(data, ARRIVAL_US)
        list(read_rtcp(data))


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2**32 - 1), st.integers(0, 10**7)), max_size=50))
def test_whatever_the_timestamps_times_stay_near_arrival(flow):
    line, arrival_us = LipSync({0: 90_000, 1: 8000}), ARRIVAL_US
    for track, timestamp, later_us in flow:
        arrival_us += later_us
        pts, _ = line.place(track, timestamp, arrival_us)
        assert abs(pts - arrival_us * 9 // 100) <= 10 * 90_000
        line.report(track, arrival_us + timestamp, timestamp ^ 0x5555, arrival_us)
