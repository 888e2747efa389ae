"""An independent DVRIP client made of struct and json alone, so that the device is not judged by our own client."""

import asyncio
import contextlib
import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from cambus.simulators.dvrip import DvripSimulator
from cambus.simulators.dvrip.archive import ArchivePlan

#: Login hash of the password "admin", from the protocol's own table.
ADMIN_HASH = "6QNMIQGe"
LOGIN = {"EncryptType": "MD5", "LoginType": "DVRIP-Web", "PassWord": ADMIN_HASH, "UserName": "admin"}
TIMEOUT_S = 15.0


@dataclass
class RawPacket:
    """A packet as it came, header fields by their offset in the protocol."""

    flag: int
    version: int
    reserved: tuple[int, int]
    sid: int
    seq: int
    b12: int
    b13: int
    id: int
    payload: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.payload.rstrip(b"\x00\n\r ").decode())


class RawClient:
    """One socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.sid = 0
        self.seq = 0

    @classmethod
    async def connect(cls, port: int) -> "RawClient":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def send(
        self,
        message_id: int,
        body: dict[str, Any] | bytes = b"",
        *,
        sid: int | None = None,
        seq: int | None = None,
        b12: int = 0,
        b13: int = 0,
    ) -> None:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode() + b"\n\x00"
        seq = self.seq if seq is None else seq
        self.seq += 1
        sid = self.sid if sid is None else sid
        header = struct.pack("<BBBBIIBBHI", 0xFF, 0, 0, 0, sid, seq, b12, b13, message_id, len(payload))
        self.writer.write(header + payload)

    async def read(self) -> RawPacket:
        async with asyncio.timeout(TIMEOUT_S):
            head = await self.reader.readexactly(20)
            flag, version, r2, r3, sid, seq, b12, b13, message_id, length = struct.unpack("<BBBBIIBBHI", head)
            payload = await self.reader.readexactly(length)
        return RawPacket(flag, version, (r2, r3), sid, seq, b12, b13, message_id, payload)

    async def read_id(self, message_id: int) -> RawPacket:
        """The next packet with this id; others are skipped."""
        while True:
            packet = await self.read()
            if packet.id == message_id:
                return packet

    async def ask(self, message_id: int, body: dict[str, Any] | bytes = b"", **fields: Any) -> RawPacket:
        self.send(message_id, body, **fields)
        return await self.read_id(message_id + 1)

    async def login(self, body: dict[str, Any] | None = None, message_id: int = 1000) -> RawPacket:
        self.send(message_id, LOGIN if body is None else body, sid=0)
        packet = await self.read_id(1001)
        if packet.json["Ret"] == 100:
            self.sid = packet.sid
        return packet

    async def closed(self) -> bool:
        """Wait for the end of the connection, in whatever way; data before it is thrown away."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while await self.reader.read(65536):
                    pass
        except ConnectionError:
            pass
        return True

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


def split_frames(data: bytes) -> list[tuple[int, bytes, bytes]]:
    """Type, header and payload of each whole media frame, straight from the protocol's table."""
    frames = []
    offset = 0
    while offset + 8 <= len(data):
        kind = data[offset + 3]
        assert data[offset : offset + 3] == b"\x00\x00\x01", data[offset : offset + 16].hex()
        if kind in (0xFC, 0xFE):
            size, length = 16, struct.unpack_from("<I", data, offset + 12)[0]
        elif kind == 0xFD:
            size, length = 8, struct.unpack_from("<I", data, offset + 4)[0]
        else:
            size, length = 8, struct.unpack_from("<H", data, offset + 6)[0]
        if offset + size + length > len(data):
            break
        frames.append((kind, data[offset : offset + size], data[offset + size : offset + size + length]))
        offset += size + length
    return frames


Connect = Callable[..., Awaitable[RawClient]]


@pytest.fixture
async def clients() -> AsyncIterator[Callable[[int], Awaitable[RawClient]]]:
    """Makes clients and closes them all at the end."""
    made: list[RawClient] = []

    async def make(port: int, *, login: bool = False) -> RawClient:
        client = await RawClient.connect(port)
        made.append(client)
        if login:
            reply = await client.login()
            assert reply.json["Ret"] == 100
        return client

    yield make
    for client in made:
        await client.close()


@pytest.fixture
async def sim() -> AsyncIterator[DvripSimulator]:
    """A device with two channels and a short archive."""
    async with DvripSimulator(
        user="admin", password="admin", channels=2, seed=7, archive=ArchivePlan(files=70, file_s=10)
    ) as simulator:
        yield simulator


@pytest.fixture
def frames() -> Callable[[bytes], list[tuple[int, bytes, bytes]]]:
    """See `split_frames`."""
    return split_frames


@pytest.fixture
def login_body() -> dict[str, Any]:
    """A login as strict clients send it."""
    return dict(LOGIN)
