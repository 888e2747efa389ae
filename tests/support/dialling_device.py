"""A device that dials in, and the listener it dials, with what that reported."""

import asyncio
from typing import Any

from cambus.dvrip.password import hash_password
from cambus.dvrip.payload import decode_body, encode_body
from cambus.dvrip.registration import RegistrationListener, RegistrationSettings, Verdict
from cambus.dvrip.wire import PacketReader, serialize

PASSWORD = "secret"


PATIENT_S = 10.0


LOGIN = {
    "UserName": "device",
    "PassWord": hash_password(PASSWORD),
    "EncryptType": "MD5",
    "DeviceType": "DVR",
    "DeviceID": 123456,
    "ChannelNum": 16,
}


class Dialler:
    """One connection of a device to the listener."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.packets = PacketReader()
        self.queue: list[Any] = []
        self.session_id = 0

    def send(self, message_id: int, body: Any = None, *, sid: int | None = None, sequence: int = 0) -> None:
        payload = body if isinstance(body, bytes) else encode_body(body or {})
        sid = self.session_id if sid is None else sid
        self.writer.write(serialize(message_id, payload, session_id=sid, sequence=sequence, version=1))

    def media(self, *frames: Any, message_id: int = 1412) -> None:
        for frame in frames:
            self.send(message_id, frame.serialize())

    async def receive(self, message_id: int | None = None) -> Any:
        """The next packet, or the next with this id."""
        async with asyncio.timeout(PATIENT_S):
            while True:
                while self.queue:
                    packet = self.queue.pop(0)
                    if message_id is None or packet.header.message_id == message_id:
                        return packet
                data = await self.reader.read(65536)
                if not data:
                    raise EOFError
                self.queue.extend(self.packets.receive_data(data))

    async def is_closed(self) -> bool:
        async with asyncio.timeout(PATIENT_S):
            try:
                return await self.reader.read() == b""
            except ConnectionError:
                return True

    async def log_in(self, message_id: int = 1000, **changes: Any) -> dict[str, Any]:
        self.send(message_id, {**LOGIN, **changes})
        packet = await self.receive(1009 if message_id == 1008 else 1001)
        self.session_id = packet.header.session_id
        return decode_body(packet.payload)

    async def answer(self, message_id: int, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Answer the next request with this id; return its body."""
        packet = await self.receive(message_id)
        request = decode_body(packet.payload)
        reply = {"Name": request.get("Name", ""), "Ret": 100, **(body or {})}
        self.send(message_id + 1, reply, sequence=packet.header.sequence)
        return request

    def close(self) -> None:
        self.writer.close()


class Platform:
    """A listener and what it reported."""

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}
        self.verdict = Verdict(100)
        self.is_strict = False
        self.devices: list[Any] = []
        self.flapping: list[str] = []
        self.arrived = asyncio.Event()
        self.listener: RegistrationListener | None = None
        self.dialled: list[Dialler] = []

    async def start(self, **settings: Any) -> "Platform":
        self.listener = RegistrationListener(
            RegistrationSettings(host="127.0.0.1", port=0, **settings),
            self.judge,
            self.online,
            self.flapping.append,
        )
        await self.listener.start()
        return self

    def judge(self, login: Any, address: str) -> Verdict:
        assert address == "127.0.0.1"
        code = login.check_password(PASSWORD, strict=self.is_strict)
        return self.verdict if code == 100 else Verdict(code)

    def online(self, device: Any) -> None:
        self.devices.append(device)
        self.arrived.set()

    async def dial(self, source: tuple[str, int] | None = None) -> Dialler:
        assert self.listener is not None
        address = ("127.0.0.1", self.listener.port)
        dialler = Dialler(*await asyncio.open_connection(*address, local_addr=source))
        self.dialled.append(dialler)
        return dialler

    async def device(self, **changes: Any) -> tuple[Dialler, Any]:
        """A device that has logged in, and our side of it."""
        dialler = await self.dial()
        reply = await dialler.log_in(**changes)
        assert reply["Ret"] == 100
        return dialler, self.devices[-1]


async def start_live(platform, dialler, frames, *, channel=2, claim_first=False, **claim_changes):
    """Play the device's part of starting live video; return its data connection."""
    if not claim_first:
        request = await dialler.answer(1410)
        assert request["OPMonitor"]["Action"] == "Request"
    data = await platform.dial()
    data.session_id = dialler.session_id
    claim = {
        "Channel": channel,
        "CombinMode": "NONE",
        "StreamType": "Main",
        "TransMode": "TCP",
        **claim_changes,
    }
    data.send(1413, {"Name": "OPMonitor", "OPMonitor": {"Action": "Claim", "Parameter": claim}})
    reply = await data.receive(1414)
    assert decode_body(reply.payload)["Ret"] == 100
    if claim_first:
        await dialler.answer(1410)
    start = await dialler.answer(1410)
    assert start["OPMonitor"]["Action"] == "Start"
    data.media(frames.key, frames.delta)
    return data
