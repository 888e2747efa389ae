"""A device whose every answer a test writes itself, on loopback."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from dialling_device import Platform
from recorder_tour import SMALL, Opened, Registrar
from scripted_settings import MOTION, Settings

from cambus.dvrip.client import DvripClient
from cambus.dvrip.frames import AudioFrame, VideoFrame
from cambus.dvrip.ids import MEDIA_IDS
from cambus.dvrip.payload import decode_body, encode_body, looks_like_json
from cambus.dvrip.profile import Credentials, Profile
from cambus.dvrip.timeouts import Timeouts
from cambus.dvrip.wire import Packet, PacketReader, serialize
from cambus.media.frame import Codec
from cambus.simulators.dvrip import DvripSimulator
from cambus.simulators.dvrip.archive import ArchivePlan

SID = 0x57
PATIENT_S = 10.0  # how long a test waits for what must happen

KEY = VideoFrame(Codec.H264, True, b"\x00\x00\x00\x01\x67\x64\x00\x1f" + b"k" * 300, 640, 480, 25)
DELTA = VideoFrame(Codec.H264, False, b"\x00\x00\x00\x01\x41\x9a" + b"d" * 100, 640, 480, 25)
AUDIO = AudioFrame(14, 2, b"\xd5" * 320)


class Message:
    """One packet a client sent."""

    def __init__(self, peer: "Peer", packet: Packet) -> None:
        self.peer = peer
        self.header, self.payload = packet
        self.id = self.header.message_id

    @property
    def body(self) -> dict[str, Any]:
        return decode_body(self.payload)

    @property
    def action(self) -> str:
        """The action of a media request."""
        return next(
            (str(v["Action"]) for v in self.body.values() if isinstance(v, dict) and "Action" in v), ""
        )

    def reply(
        self, body: dict[str, Any] | bytes | None = None, *, sequence: int | None = None, **extra: Any
    ) -> None:
        """Answer with id + 1; a body given as dict is completed with Name and Ret 100."""
        if not isinstance(body, bytes):
            name = self.body.get("Name", "") if looks_like_json(self.payload) else ""
            body = {"Name": name, "Ret": 100, **(body or {})}
        self.peer.send(
            self.id + 1, body, sequence=self.header.sequence if sequence is None else sequence, **extra
        )


class Peer:
    """One connection of a client."""

    def __init__(
        self, device: "ScriptedDevice", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.device = device
        self.number = len(device.peers)
        self.reader = reader
        self.writer = writer
        self.closed = asyncio.Event()

    def send(
        self,
        message_id: int,
        body: dict[str, Any] | bytes = b"",
        *,
        sid: int = SID,
        sequence: int = 0,
        channel: int = 0,
        end: bool = False,
    ) -> None:
        payload = body if isinstance(body, bytes) else encode_body(body)
        data = serialize(
            message_id, payload, session_id=sid, sequence=sequence, version=1, channel=channel, end=end
        )
        self.send_raw(data)

    def send_raw(self, data: bytes) -> None:
        if not self.writer.is_closing():
            self.writer.write(data)

    def media(self, *frames: Any, message_id: int = 1412, channel: int = 0, chunk: int = 1000) -> None:
        data = b"".join(frame.serialize() for frame in frames)
        for start in range(0, len(data), chunk):
            self.send(message_id, data[start : start + chunk], channel=channel)

    def close(self) -> None:
        self.writer.close()

    def abort(self) -> None:
        self.writer.transport.abort()

    async def run(self) -> None:
        packets = PacketReader()
        try:
            while data := await self.reader.read(65536):
                for packet in packets.receive_data(data):
                    await self.device.handle(Message(self, packet))
        except ConnectionError:
            pass
        finally:
            self.closed.set()
            self.device.heard.set()
            self.writer.close()


class ScriptedDevice:
    """Answers every request with Ret 100 unless the test says otherwise; remembers what it heard.

    Attributes:
        on: handlers by message id: called with the message, sync or async.
    """

    def __init__(self) -> None:
        self.on: dict[int, Callable[[Message], Awaitable[None] | None]] = {
            1000: self.accept_login,
            1002: self.say_goodbye,
        }
        self.peers: list[Peer] = []
        self.received: list[Message] = []
        self.heard = asyncio.Event()
        self.on_connect: Callable[[Peer], None] | None = None
        self.login_body: dict[str, Any] = {"AliveInterval": 20, "ChannelNum": 4, "DeviceType ": "HVR"}
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for peer in self.peers:
            peer.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(self, reader, writer)
        self.peers.append(peer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        if self.on_connect is not None:
            self.on_connect(peer)
        await peer.run()

    async def handle(self, message: Message) -> None:
        self.received.append(message)
        self.heard.set()
        handler = self.on.get(message.id)
        if handler is not None:
            result = handler(message)
            if result is not None:
                await result
        elif (message.id not in MEDIA_IDS and message.id % 2 == 0) or message.id in (1413, 1525):
            message.reply()

    def accept_login(self, message: Message) -> None:
        message.reply({"Ret": 100, "SessionID": f"0x{SID:08X}", **self.login_body})

    def say_goodbye(self, message: Message) -> None:
        message.reply({"Name": ""})
        message.peer.close()

    async def hears(self, message_id: int, count: int = 1) -> Message:
        """The ``count``-th message with this id."""
        async with asyncio.timeout(PATIENT_S):
            while True:
                matching = self.messages(message_id)
                if len(matching) >= count:
                    return matching[count - 1]
                self.heard.clear()
                await self.heard.wait()

    def messages(self, message_id: int) -> list[Message]:
        return [message for message in self.received if message.id == message_id]

    def ids(self) -> list[int]:
        return [message.id for message in self.received]


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedDevice]:
    """A device under the test's control."""
    device = ScriptedDevice()
    await device.start()
    yield device
    await device.stop()


@pytest.fixture
async def make_client(scripted: ScriptedDevice) -> AsyncIterator[Callable[..., DvripClient]]:
    """Makes clients of that device and closes them."""
    clients: list[DvripClient] = []

    def make(profile: Profile | None = None, **timeouts: float) -> DvripClient:
        client = DvripClient(
            "127.0.0.1",
            scripted.port,
            credentials=Credentials("admin", "admin"),
            profile=profile,
            timeouts=Timeouts(**{"release": 0.3, **timeouts}),
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENT_S):
                await client.close()


@pytest.fixture
async def client(make_client: Callable[..., DvripClient]) -> DvripClient:
    """A client that is logged in."""
    client = make_client()
    await client.connect()
    return client


@pytest.fixture
def frames() -> Any:
    """A key frame, a delta frame and a piece of audio."""

    class Frames:
        key = KEY
        delta = DELTA
        audio = AUDIO

    return Frames


@pytest.fixture
def deadline() -> Callable[[], Any]:
    """Bounds how long a test waits for what must happen: ``async with deadline(): ...``."""
    return lambda: asyncio.timeout(PATIENT_S)


@pytest.fixture
def settings(scripted):
    return Settings(
        scripted,
        {
            "NetWork": {"NetCommon": {"HostName": "cam", "HttpPort": 80}},
            "NetWork.NetCommon": {"HostName": "cam", "HttpPort": 80},
            "NetWork.NetCommon.HostName": "cam",
            "Detect": {"MotionDetect": MOTION},
            "Detect.MotionDetect": MOTION,
            "Detect.MotionDetect.[0]": MOTION[0],
            "Detect.MotionDetect.[1]": MOTION[1],
        },
    )


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    platform = Platform()
    yield platform
    for dialler in platform.dialled:
        dialler.close()
    if platform.listener is not None:
        await platform.listener.close()
    for dialler in platform.dialled:
        with contextlib.suppress(OSError):
            await dialler.writer.wait_closed()


@pytest.fixture
async def recorder() -> AsyncIterator[DvripSimulator]:
    simulator = DvripSimulator(
        user="admin",
        password="admin",
        channels=2,
        media=SMALL,
        archive=ArchivePlan(files=3, file_s=4),
        seed=1,
    )
    async with simulator:
        simulator.quirks.lock_after = 0
        yield simulator


@pytest.fixture
async def opened(recorder: DvripSimulator) -> AsyncIterator[Opened]:
    opened = Opened(recorder)
    yield opened
    async with asyncio.timeout(PATIENT_S):
        await asyncio.gather(*(client.close() for client in opened.clients), return_exceptions=True)


@pytest.fixture
async def registrar() -> AsyncIterator[Registrar]:
    registrar = Registrar()
    await registrar.listener.start()
    yield registrar
    async with asyncio.timeout(PATIENT_S):
        await registrar.listener.close()
