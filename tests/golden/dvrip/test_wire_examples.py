"""The byte examples of the protocol document, both ways."""

from datetime import datetime

import pytest

from cambus.dvrip.frames import FrameHeader, FrameType, pack_time, parse_header, unpack_time
from cambus.dvrip.messages.login import KEEPALIVE_BODY, login_body
from cambus.dvrip.password import hash_password
from cambus.dvrip.payload import encode_body
from cambus.dvrip.profile import Credentials
from cambus.dvrip.values import format_session_id
from cambus.dvrip.wire import Header, serialize
from cambus.dvrip.wire_layout import HEADER
from cambus.media.frame import Codec

HEADERS = {
    "login request, 88-byte body": (
        "ff 00 00 00 00 00 00 00 00 00 00 00 00 00 e8 03 58 00 00 00",
        Header(0xFF, 0, 0, 0, 0, 0, 0, 0, 1000, 88),
    ),
    "keepalive, sid 0x57 seq 5": (
        "ff 00 00 00 57 00 00 00 05 00 00 00 00 00 ee 03 2f 00 00 00",
        Header(0xFF, 0, 0, 0, 0x57, 5, 0, 0, 1006, 47),
    ),
    "media 1412, 8192 B, seq 1": (
        "ff 01 00 00 57 00 00 00 01 00 00 00 00 00 84 05 00 20 00 00",
        Header(0xFF, 1, 0, 0, 0x57, 1, 0, 0, 1412, 8192),
    ),
    "extra-stream audio, channel 2": (
        "ff 01 01 80 57 00 00 00 09 00 00 00 02 00 84 05 a8 00 00 00",
        Header(0xFF, 1, 1, 0x80, 0x57, 9, 2, 0, 1412, 168),
    ),
    "end of playback": (
        "ff 01 00 00 4a 00 00 00 00 00 00 00 00 01 8e 05 00 00 00 00",
        Header(0xFF, 1, 0, 0, 0x4A, 0, 0, 1, 1422, 0),
    ),
    "upgrade end packet": (
        "ff 00 00 00 57 00 00 00 03 00 00 00 00 01 f2 05 00 00 00 00",
        Header(0xFF, 0, 0, 0, 0x57, 3, 0, 1, 1522, 0),
    ),
}

FRAMES = {
    "H.264 2592x1944 12 fps": (
        "00 00 01 fc 12 0c 44 f3 56 c4 82 68 5f 59 03 00",
        (FrameType.KEY, Codec.H264, 2592, 1944, 12, datetime.fromisoformat("2026-02-01 12:17:22"), 219487),
    ),
    "H.265 3840x2160 25 fps": (
        "00 00 01 fc 53 19 e0 0e b9 59 11 6a 53 11 00 00",
        (FrameType.KEY, Codec.H265, 3840, 2160, 25, datetime.fromisoformat("2026-08-08 21:38:57"), 4435),
    ),
    "H.264 640x480 25 fps": (
        "00 00 01 fc 02 19 50 3c b9 59 11 6a e8 03 00 00",
        (FrameType.KEY, Codec.H264, 640, 480, 25, datetime.fromisoformat("2026-08-08 21:38:57"), 1000),
    ),
    "JPEG 704x576": (
        "00 00 01 fe 00 00 58 48 b9 59 11 6a 14 00 00 00",
        (FrameType.PICTURE, Codec.OPAQUE, 704, 576, 0, datetime.fromisoformat("2026-08-08 21:38:57"), 20),
    ),
}

HASHES = {
    "": "tlJwpbo6",
    "admin": "6QNMIQGe",
    "111111": "9kwf1kHJ",
    "a": "Jszew7cB",
    "123456": "nTBCS19C",
    "default": "dvaOha50",
    "tluafed": "OxhlwSG8",
    "密码": "yOkS76I8",
}


@pytest.mark.parametrize("name", HEADERS)
def test_packet_headers_parse_and_serialize_to_the_documented_bytes(name):
    text, header = HEADERS[name]
    data = bytes.fromhex(text)
    assert Header.parse(data) == header
    assert header.serialize() == data
    assert HEADER.build(header._asdict()) == data


MEDIA = {1412, 1422, 1426, 1432, 1433, 1522, 1561, 1580, 1581, 1582, 1583, 2264}
UNSETTLED = {1540, 1543, 1545, 1601}  # part 2 of 3 where there are parts, else the last one


def test_bytes_12_and_13_are_read_by_the_id_alone_whichever_it_is():
    for message_id in range(0x10000):
        header = Header(0xFF, 1, 0, 0, 0x57, 1, 3, 1, message_id, 0)
        read = (header.is_media, header.channel, header.end, header.is_fragment)
        assert read == ((True, 3, True, False) if message_id in MEDIA else (False, 0, False, True))
        one = header._replace(total_or_channel=1)
        assert (one.end, one.is_fragment) == (message_id in MEDIA | UNSETTLED, False)


def test_bytes_12_and_13_are_channel_and_end_flag_on_media_ids_only():
    audio = HEADERS["extra-stream audio, channel 2"][1]
    end = HEADERS["end of playback"][1]
    assert (audio.is_media, audio.channel, audio.end, audio.is_fragment) == (True, 2, False, False)
    assert (end.channel, end.end) == (0, True)
    part = Header(0xFF, 1, 0, 0, 0x57, 1, 3, 1, 1043, 0)
    assert (part.is_media, part.channel, part.end, part.is_fragment) == (False, 0, False, True)


def test_zip_transfers_read_byte_13_as_end_flag_unless_they_are_in_parts():
    assert Header(0xFF, 1, 0, 0, 1, 0, 0, 1, 1543, 0).end
    assert not Header(0xFF, 1, 0, 0, 1, 0, 2, 1, 1543, 0).end
    assert Header(0xFF, 1, 0, 0, 1, 0, 2, 1, 1543, 0).is_fragment


def test_the_login_of_the_document_is_built_byte_for_byte():
    body = encode_body(login_body(Credentials("admin", "admin")))
    packet = serialize(1000, body)
    assert packet[:20].hex(" ") == HEADERS["login request, 88-byte body"][0]
    expected = b'{"EncryptType":"MD5","LoginType":"DVRIP-Web","PassWord":"6QNMIQGe","UserName":"admin"}\n\x00'
    assert packet[20:] == expected


def test_the_keepalive_of_the_document_is_built_byte_for_byte():
    body = encode_body({**KEEPALIVE_BODY, "SessionID": format_session_id(0x57)})
    packet = serialize(1006, body, session_id=0x57, sequence=5)
    assert packet[:20].hex(" ") == HEADERS["keepalive, sid 0x57 seq 5"][0]
    assert packet[20:] == b'{"Name":"KeepAlive","SessionID":"0x00000057"}\n\x00'


@pytest.mark.parametrize("name", FRAMES)
def test_key_frame_headers_parse_and_serialize_to_the_documented_bytes(name):
    text, (frame_type, codec, width, height, fps, time, length) = FRAMES[name]
    data = bytes.fromhex(text)
    header = parse_header(data)
    assert header is not None
    assert (header.type, header.codec, header.width, header.height) == (frame_type, codec, width, height)
    assert (header.fps, unpack_time(header.time), header.length) == (fps, time, length)
    assert header.serialize() == data
    assert pack_time(time) == header.time


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("00 00 01 fd 2f 05 00 00", FrameHeader(FrameType.DELTA, 1327)),
        ("00 00 01 fa 0e 02 a0 00", FrameHeader(FrameType.AUDIO, 160, media=14, rate=2)),
        ("00 00 01 fa 0e 02 40 01", FrameHeader(FrameType.AUDIO, 320, media=14, rate=2)),
        ("00 00 01 f9 06 00 10 00", FrameHeader(FrameType.INFO, 16, media=6)),
    ],
)
def test_short_frame_headers_parse_and_serialize_to_the_documented_bytes(text, header):
    data = bytes.fromhex(text)
    assert parse_header(data) == header
    assert header.serialize() == data


@pytest.mark.parametrize("password", HASHES)
def test_passwords_hash_as_documented(password):
    assert hash_password(password) == HASHES[password]
