"""Packets as no device means them, made from a seed: mostly well framed, with bodies that are nearly right."""

import asyncio
import random
import struct
from collections.abc import Iterator
from typing import Any

from cambus.dvrip.ids import MessageId
from cambus.dvrip.payload import encode_body

HEADER = struct.Struct("<BBBBIIBBHI")
IDS = [int(each) for each in MessageId]
IDS += [each + 1 for each in IDS] + [999, 1000, 1008, 1009, 1411, 1423, 1527, 3502, 0, 65535]
NAMES = [
    "OPMonitor",
    "OPPlayBack",
    "OPTalk",
    "OPTimeQuery",
    "OPFileQuery",
    "OPLogQuery",
    "OPSNAP",
    "OPMachine",
    "SystemInfo",
    "StorageInfo",
    "WorkState",
    "SystemFunction",
    "AlarmInfo",
    "NetAlarmCenterMsg",
    "Users",
    "OPSystemUpgrade",
    "NetWork.NetCommon",
    "Detect",
    "ChannelTitle",
    "Groups",
    "AuthorityList",
    "User",
]
FIELDS = [
    "Name",
    "Ret",
    "SessionID",
    "Action",
    "Parameter",
    "Channel",
    "StreamType",
    "FileName",
    "Event",
    "Status",
    "StartTime",
    "BeginTime",
    "Partition",
    "EncodeInfo",
    "CompressionMask",
    "AlarmState",
    "ChannelState",
    "DeviceID",
    "DevicID",
    "PassWord",
    "EncryptType",
    "AliveInterval",
    "ByTimeInfo",
    "cRecordBitMap",
    "MAC",
    "Position",
    "Mask",
    "Month",
    "HostIP",
    "TCPPort",
    "SerialID",
    "Address",
    "Reserved",
    "DeviceType",
    "Type",
]
FIELDS.append("DeviceType ")  # with the blank devices send
ODD: list[Any] = [
    None,
    True,
    -1,
    0,
    100,
    103,
    1e308,
    2**70,
    "",
    "0x",
    "0xFFFFFFFF",
    "0x" + "F" * 40,
    "2026-02-31 25:61:61",
    "*",
    "Start",
    "Claim",
    "../../etc/passwd",
    "<script>",
    "\x00\x01",
    "门" * 50,
    "1" * 300,
    [],
    {},
    [[]],
    [{}],
    "AAAA",
]
FRAMES = [
    bytes.fromhex("000001fc021950 3cb959116a06000000000000016764"),
    bytes.fromhex("000001fd06000000000000 01419a"),
    bytes.fromhex("000001fa0e020300 616263"),
    bytes.fromhex("000001f901000900") + b"SPEED:12;",
    bytes.fromhex("000001fdffffff7f"),
    bytes.fromhex("000001fc"),
    b"\x00\x00\x01",
]


class Fuzz:
    """An endless source of packets.

    Args:
        seed: makes the same packets again.
        session_id: the session most of them claim to belong to.
    """

    def __init__(self, seed: int, session_id: int = 0) -> None:
        self.random = random.Random(seed)
        self.session_id = session_id
        self._bodies = [self._body() for _ in range(3000)]
        self._sequence = 0

    def _value(self, depth: int) -> Any:
        draw = self.random
        kind = draw.random()
        if depth > 3 or kind < 0.5:
            return draw.choice(ODD)
        if kind < 0.8:
            return {draw.choice(FIELDS): self._value(depth + 1) for _ in range(draw.randrange(6))}
        return [self._value(depth + 1) for _ in range(draw.randrange(4))]

    def _body(self) -> bytes:
        draw = self.random
        kind = draw.random()
        if kind < 0.1:
            return draw.randbytes(draw.randrange(60))
        if kind < 0.2:
            return b"".join(draw.choices(FRAMES, k=draw.randrange(1, 6)))
        if kind < 0.23:
            return b'{"a":' + b"[" * draw.randrange(200) + b"]" * draw.randrange(200) + b"}"
        if kind < 0.25:
            return b'{"a":[' + b"[]," * 40 + b'"' + b'\\"' * 500
        fields = {draw.choice(NAMES): self._value(0) for _ in range(draw.randrange(3))}
        body = encode_body(
            {**fields, **{draw.choice(FIELDS): draw.choice(ODD) for _ in range(draw.randrange(5))}}
        ).replace(b"1e+308", b"1e999")  # a number JSON has and floats have not
        if kind < 0.3:
            return body[: draw.randrange(len(body) + 1)]
        if kind < 0.35:
            spot = draw.randrange(len(body))
            return body[:spot] + draw.randbytes(1) + body[spot + 1 :]
        return body.removesuffix(b"\n\x00") + draw.choice([b"\n\x00", b"\n", b"\x00", b"", b"\r\n"])

    def packet(self, message_id: int | None = None) -> bytes:
        """The next packet; with ``message_id`` it is one of these at least."""
        draw = self.random
        payload = draw.choice(self._bodies)
        self._sequence += draw.random() < 0.9
        total, current, length, flag = 0, 0, len(payload), 0xFF
        kind = draw.random()
        if kind < 0.06:
            total, current = draw.randrange(5), draw.randrange(5)
        elif kind < 0.062:
            length = draw.choice([0xFFFFFFFF, 1 << 24, length + draw.randrange(1, 500)])
        elif kind < 0.064:
            flag = draw.randrange(256)
        elif kind < 0.1:
            total, current = draw.randrange(256), draw.randrange(3)
        sid = self.session_id if kind > 0.14 else draw.choice([0, 1, self.session_id ^ 1, 0xFFFFFFFF])
        if message_id is None:
            message_id = draw.choice(IDS) if kind > 0.2 else draw.randrange(65536)
        header = HEADER.pack(
            flag,
            draw.choice([0, 1, 1, 255]),
            0,
            0,
            sid,
            self._sequence & 0xFFFFFFFF,
            total,
            current,
            message_id,
            length,
        )
        return header + payload

    def cut(self, data: bytes) -> Iterator[bytes]:
        """``data`` as a socket might deliver it."""
        while data and self.random.random() < 0.05:
            size = self.random.randrange(1, len(data) + 1)
            yield data[:size]
            data = data[size:]
        if data:
            yield data


class DeadSocket(asyncio.Transport):
    """A transport with nothing behind it; what is written is forgotten.

    Args:
        protocol: whose socket it is.
        host: the peer.
    """

    def __init__(self, protocol: asyncio.BaseProtocol, host: str = "192.0.2.1") -> None:
        super().__init__({"peername": (host, 40000)})
        self.protocol = protocol
        self.closing = False
        self.written = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += len(data)

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            self.protocol.connection_lost(None)

    abort = close

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass
