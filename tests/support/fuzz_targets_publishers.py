"""What reads the bytes of publishers: RTMP from its handshake to its tags, and RTSP from ANNOUNCE to its packets."""

from fuzzing import Target
from rtmp_by_hand import opening

from cambus.media.stamps import LiveStamps
from cambus.media.unit_frames import FrameMaker
from cambus.rtmp import (
    Kind,
    Media,
    Message,
    ProtocolError,
    Publish,
    RtmpServerConnection,
    TagReader,
    write_message,
)
from cambus.rtmp.amf0 import decode, encode
from cambus.rtsp import Announced, Record, Request, RtspRecordConnection, SetUp, TrackData
from cambus.rtsp.track_readers import TrackReaders

ARRIVAL_US = 1_700_000_000_000_000
_URL = "rtsp://h/live/gate"
_SDP = (
    b"v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:streamid=0\r\n"
    b"m=audio 0 RTP/AVP 8\r\na=control:streamid=1\r\n"
)


def rtmp(data: bytes) -> object:
    """A publisher by RTMP: what it sends becomes frames."""
    connection, tags, maker = RtmpServerConnection(0.0), TagReader(), FrameMaker(LiveStamps())
    frames, asked = 0, 0
    connection.receive_data(data, 1.0)
    while events := connection.events_received():
        for event in events:
            if isinstance(event, Publish):
                asked += 1
                connection.accept_publish()
            elif isinstance(event, Media):
                unit = tags.read(event.body, event.timestamp, video=event.video)
                if unit is not None:
                    maker.know_sound(tags.sound)
                    frames += len(maker.frames(unit, ARRIVAL_US))
    return connection.state, asked, min(frames, 3), len(connection.data_to_send())


def tags(data: bytes) -> object:
    """Tags, one after the other."""
    reader, found = TagReader(), 0
    for number, body in enumerate(data.split(b"\x00\xff\x00\xff")):
        found += reader.read(body[1:], number, video=body[:1] == b"v") is not None
    return found, sorted(reader.counts)


def values(data: bytes) -> object:
    """The values of a command."""
    return [type(value).__name__ for value in decode(data)][:4]


def rtsp(data: bytes) -> object:
    """A publisher by RTSP: what it sends becomes units."""
    connection = RtspRecordConnection(0.0, new_session_id=lambda: "s")
    readers, units = None, 0
    connection.receive_data(data, 1.0)
    while events := connection.events_received():
        for event in events:
            if isinstance(event, Announced):
                connection.accept_announce()
            elif isinstance(event, SetUp):
                connection.accept_setup()
            elif isinstance(event, Record):
                tracks = [each for each in connection.description.tracks if each.codec is not None]
                readers = TrackReaders(tracks, datagrams=False) if tracks else None
                connection.accept_record()
            elif isinstance(event, TrackData) and readers is not None:
                units += len(readers.push(event.track, event.data, 1.0, ARRIVAL_US, rtcp=event.rtcp))
    return connection.state, min(units, 3), [each[9:12] for each in connection.data_to_send()][:6]


def _request(method: str, url: str = _URL, body: bytes = b"", **headers: str) -> bytes:
    named = {"CSeq": "1", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Request(method, url, headers=named, body=body).serialize()


_AVCC = b"\x17\x00\x00\x00\x00\x01\x42\x00\x1e\xff\xe1\x00\x04\x67\x42\x00\x1e\x01\x00\x02\x68\xce"
_PICTURE = b"\x17\x01\x00\x00\x00\x00\x00\x00\x03\x65\x88\x84"
_SOUND = (b"\xaf\x00\x12\x10", b"\xaf\x01\x21raw")
_RTMP = opening() + b"".join(
    write_message(Message(kind, 1, 40, body), 6)
    for kind, body in (
        (Kind.VIDEO, _AVCC),
        (Kind.VIDEO, _PICTURE),
        (Kind.AUDIO, _SOUND[0]),
        (Kind.AUDIO, _SOUND[1]),
        (Kind.AUDIO, b"\x72" + bytes(80)),
    )
)
_RTSP = (
    _request("ANNOUNCE", body=_SDP)
    + _request("SETUP", _URL + "/streamid=0", Transport="RTP/AVP/TCP;interleaved=0-1;mode=record")
    + _request(
        "SETUP", _URL + "/streamid=1", Transport="RTP/AVP/TCP;interleaved=2-3;mode=record", Session="s"
    )
    + _request("RECORD", Session="s")
    + b"$\x00\x00\x10\x80\xe0\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x65\x88\x84\x00"
    + b"$\x02\x00\x10\x80\x88\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\xd5\xd5\xd5\xd5"
    + _request("TEARDOWN", Session="s")
)

TARGETS = (
    Target(
        "rtmp-publisher", rtmp, (_RTMP,), (), (b"\xc3", b"\x03\x00\x00\x00", b"\xff\xff\xff", b"\x00\x00\x09")
    ),
    Target(
        "rtmp-tags",
        tags,
        (b"\x00\xff\x00\xff".join((b"v" + _AVCC, b"v" + _PICTURE, b"a" + _SOUND[0], b"a" + _SOUND[1])),),
        (),
        (b"\x00\xff\x00\xff", b"v\x90hvc1", b"v\x97\x00", b"a\x90mp4a"),
    ),
    Target(
        "rtmp-values",
        values,
        (encode("connect", 1.0, {"app": "live", "l": [None, True]}),),
        (ProtocolError,),
        (),
    ),
    Target(
        "rtsp-publisher",
        rtsp,
        (_RTSP,),
        (),
        (b"$\x00\x00\x10", b"Session: s\r\n", b"a=control:", b"mode=record"),
    ),
)
