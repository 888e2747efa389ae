"""What reads the answers, descriptions, challenges and media of RTSP servers."""

from fuzzing import Target

from cambus.media.frame import Codec
from cambus.media.rtcp import sender_report
from cambus.media.rtp import RtpPacketizer, interleave
from cambus.media.stamps import LiveStamps
from cambus.media.unit_frames import FrameMaker
from cambus.rtsp.client_errors import AuthRefused, ClientError, MalformedAnswer
from cambus.rtsp.description import parse_description
from cambus.rtsp.events import TrackData
from cambus.rtsp.lip_sync import LipSync
from cambus.rtsp.login import Login
from cambus.rtsp.pull_session import Described, PullSession
from cambus.rtsp.track_reader import TrackReader
from cambus.rtsp.transport import Lower, Transport

URL = "rtsp://h/a"
ARRIVAL_US = 1_700_000_000_000_000
SDP = (
    b"v=0\r\ns=Camera\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    b"a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z00AKZpmA8ARPyw=,aO48gA==\r\na=control:t1\r\n"
    b"m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/16000/1\r\n"
    b"a=fmtp:97 mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1408\r\na=control:t2\r\n"
)
_AAC = b"\x00\x10\x00\x18abc"


def dialog(data: bytes) -> object:
    """A server: what it says, message by message, becomes a stream that is read, or an error of ours."""
    session = PullSession(URL, Login("joe", "secret", basic=True))
    session.begin(0.0)
    readers: dict[int, TrackReader] = {}
    makers: dict[int, FrameMaker] = {}
    frames = 0
    for number, piece in enumerate(data.split(b"\x00\xff\x00\xff")):
        for event in session.receive_data(piece, number / 10):
            if isinstance(event, Described):
                tracks = [track for track in event.description.tracks if track.codec is not None][:2]
                sync = LipSync({track.number: track.clock_rate for track in tracks} or {0: 1})
                offers = []
                for index, track in enumerate(tracks):
                    readers[track.number] = TrackReader(track, sync, datagrams=False)
                    makers[track.number] = FrameMaker(LiveStamps(), described=track.sound)
                    offers.append((track, Transport(Lower.TCP, channels=(2 * index, 2 * index + 1))))
                if offers:
                    session.set_up(offers, number / 10)
            elif isinstance(event, TrackData):
                reader = readers[event.track]
                if event.rtcp:
                    reader.report(event.data, ARRIVAL_US)
                for unit in [] if event.rtcp else reader.push(event.data, number / 10, ARRIVAL_US):
                    frames += len(makers[event.track].frames(unit, ARRIVAL_US))
        session.data_to_send()
        session.handle_timeout(number / 10)
    return session.step.value, min(frames, 3), sorted(session.agreed)


def description(data: bytes) -> object:
    """A session description."""
    return [(track.kind, track.codec, bool(track.sets)) for track in parse_description(data).tracks][:4]


def challenge(data: bytes) -> object:
    """The challenge of a 401, twice: the second time it has been answered."""
    login = Login("joe", "secret", basic=True)
    header = data.decode("utf-8", "surrogateescape")
    login.challenged(header, answered=False)
    answer = (login.authorization("PLAY", URL) or "")[:20]
    login.accepted()
    login.challenged(header, answered=True)
    return answer


def _answer(number: int, *lines: str, body: bytes = b"") -> bytes:
    head = ["RTSP/1.0 200 OK", f"CSeq: {number}", *lines, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(head).encode() + body


_PICTURE = b"\x00\x00\x00\x01\x65" + bytes(range(1, 100))
_MEDIA = (
    interleave(RtpPacketizer(Codec.H264, 96, 1, mtu=64).packetize(_PICTURE, 0), 0)
    + interleave([b"\x80\xe1\x00\x01" + bytes(8) + _AAC], 2)
    + interleave([sender_report(1, wall_us=ARRIVAL_US, rtp_timestamp=0, packets=1, octets=1, cname="c")], 1)
)
_DIALOG = b"\x00\xff\x00\xff".join(
    (
        _answer(1, "Public: OPTIONS, DESCRIBE"),
        _answer(2, "Content-Type: application/sdp", body=SDP),
        _answer(3, "Session: 1;timeout=60", "Transport: RTP/AVP/TCP;interleaved=0-1"),
        _answer(4, "Session: 1", "Transport: RTP/AVP/TCP;interleaved=2-3"),
        _answer(5, "Session: 1"),
        _MEDIA,
        _MEDIA,
    )
)
_DIGEST = b'Digest realm="c", nonce="n", algorithm=SHA-256, qop="auth", opaque="o", stale=true'

TARGETS = (
    Target(
        "rtsp-client",
        dialog,
        (_DIALOG,),
        (ClientError,),
        (
            b"\x00\xff\x00\xff",
            b"CSeq: 3\r\n",
            b"Session: 1\r\n",
            b"$\x00\x00\x10",
            b"RTSP/1.0 401 X\r\n",
            b"RTSP/1.0 302 X\r\n",
        ),
    ),
    Target(
        "rtsp-description",
        description,
        (SDP,),
        (MalformedAnswer,),
        (
            b"m=video 0 RTP/AVP 96",
            b"a=rtpmap:96 H265/90000",
            b"a=fmtp:96 ",
            b"sprop-sps=",
            b"\n",
            b"m=audio 0 RTP/AVP 8",
        ),
    ),
    Target(
        "rtsp-challenge",
        challenge,
        (_DIGEST, b'Basic realm="c", ' + _DIGEST),
        (AuthRefused,),
        (b"Digest ", b"Basic ", b'nonce="', b"stale=true", b'"', b"\\", b", "),
    ),
)
