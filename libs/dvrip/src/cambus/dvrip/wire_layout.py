"""The binary layouts of DVRIP, declared once for reading (DVRIP §2.1, §9.2).

These declarations are the specification: documentation, fixtures and tests use them. The hot paths in `wire`
and `media` use `struct`, and a property test holds both to the same bytes.
"""

from typing import Final

from construct import (
    Byte,
    Bytes,
    Const,
    Enum,
    Int16ul,
    Int32ul,
    Struct,
    this,
)

#: DVRIP §2.1: 20 bytes before every payload.
HEADER: Final = Struct(
    "flag" / Const(0xFF, Byte),
    "version" / Byte,
    "stream" / Byte,
    "mark" / Byte,
    "session_id" / Int32ul,
    "sequence" / Int32ul,
    "total_or_channel" / Byte,  # TotalPacket, or Channel on media ids
    "current_or_end" / Byte,  # CurPacket, or EndFlag on media ids
    "message_id" / Int16ul,
    "length" / Int32ul,
)

#: A whole packet.
PACKET: Final = Struct("header" / HEADER, "payload" / Bytes(this.header.length))

FrameType: Final = Enum(Byte, info=0xF9, audio=0xFA, key=0xFC, delta=0xFD, picture=0xFE)

#: DVRIP §9.2: an I-frame or a picture, 16 bytes.
KEY_FRAME_HEADER: Final = Struct(
    "start" / Const(b"\x00\x00\x01"),
    "type" / FrameType,
    "media" / Byte,  # bits 0-3 codec, 4-5 = bits 8-9 of width/8, 6-7 = bits 8-9 of height/8
    "rate" / Byte,  # bits 0-4 frames per second
    "width" / Byte,
    "height" / Byte,
    "time" / Int32ul,  # low bits first: second 6, minute 6, hour 5, day 5, month 4, year 6
    "length" / Int32ul,
)

#: DVRIP §9.2: a P-frame, 8 bytes.
DELTA_FRAME_HEADER: Final = Struct("start" / Const(b"\x00\x00\x01"), "type" / FrameType, "length" / Int32ul)

#: DVRIP §9.2: an audio or information frame, 8 bytes.
SHORT_FRAME_HEADER: Final = Struct(
    "start" / Const(b"\x00\x00\x01"),
    "type" / FrameType,
    "media" / Byte,
    "rate" / Byte,
    "length" / Int16ul,
)
