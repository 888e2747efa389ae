"""A device without sockets in a time of its own: every test says what time it is."""

import json
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from cambus.dvrip.device_connection import Ending
from cambus.simulators.dvrip.archive import ArchivePlan
from cambus.simulators.dvrip.clock import DeviceClock
from cambus.simulators.dvrip.device import Identity, SimulatedDevice
from cambus.simulators.dvrip.media_plan import MediaPlan
from cambus.simulators.dvrip.quirks import Quirks

_HEADER = struct.Struct("<BBBBIIBBHI")
START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


class Packet:
    """A packet as it left the device."""

    def __init__(self, fields: tuple[int, ...], payload: bytes) -> None:
        _, self.version, _, _, self.sid, self.seq, self.b12, self.b13, self.id, _ = fields
        self.payload = payload

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.payload.rstrip(b"\x00\n\r "))

    @property
    def ret(self) -> int:
        return self.json["Ret"]


class Peer:
    """A client's end of a connection."""

    def __init__(self, world: "World", host: str) -> None:
        self.world = world
        self.connection = world.role.connection_made(host, world.now)
        self.sid = 0
        self.seq = 0

    def send(self, message_id: int, body: dict[str, Any] | bytes = b"", **fields: int) -> list[Packet]:
        """Send a request; what the device wrote on this connection by now."""
        payload = body if isinstance(body, bytes) else json.dumps(body).encode() + b"\n\x00"
        sid, seq = fields.get("sid", self.sid), fields.get("seq", self.seq)
        self.seq += 1
        header = _HEADER.pack(
            0xFF, 0, 0, 0, sid, seq, fields.get("b12", 0), fields.get("b13", 0), message_id, len(payload)
        )
        return self.feed(header + payload)

    def feed(self, data: bytes) -> list[Packet]:
        self.world.role.receive_data(self.connection, data, self.world.now)
        return self.read()

    def ask(self, message_id: int, body: dict[str, Any] | bytes = b"", **fields: int) -> Packet:
        """Send a request and return its one answer."""
        answers = [each for each in self.send(message_id, body, **fields) if each.id == message_id + 1]
        assert len(answers) == 1, answers
        return answers[0]

    def login(self, user: str = "admin", password_hash: str = "6QNMIQGe", **extra: Any) -> Packet:
        body = {"EncryptType": "MD5", "LoginType": "DVRIP-Web", "PassWord": password_hash, "UserName": user}
        reply = self.ask(1000, {**body, **extra}, sid=0)
        if reply.ret == 100:
            self.sid = reply.sid
        return reply

    def read(self) -> list[Packet]:
        """What the device has written since the last look."""
        data, packets = self.connection.data_to_send(), []
        while data:
            fields = _HEADER.unpack_from(data)
            packets.append(Packet(fields, data[20 : 20 + fields[-1]]))
            data = data[20 + fields[-1] :]
        return packets

    @property
    def ended(self) -> bool:
        return self.connection.ending is not Ending.NONE

    def vanish(self) -> None:
        """The socket is gone."""
        self.world.role.connection_lost(self.connection, self.world.now)


class World:
    """A device, and the time."""

    def __init__(self, quirks: Quirks, seed: int = 1, channels: int = 2) -> None:
        self.now = 1000.0
        self.device = SimulatedDevice(
            channels=channels,
            user="admin",
            password="admin",
            identity=Identity("003344230000", "00:0b:3f:00:00:00", "123456"),
            plan=MediaPlan(alternate=None),
            archive=ArchivePlan(files=70, file_s=10),
            quirks=quirks,
            random=Random(seed),
            clock=DeviceClock(0, lambda: START + timedelta(seconds=self.now - 1000.0)),
            host="10.6.10.11",
            name="HVR",
        )
        self.role = self.device.role
        self.role.now = self.now
        self.quirks = quirks

    def peer(self, host: str = "10.6.10.99") -> Peer:
        return Peer(self, host)

    def user(self) -> Peer:
        """A peer that is logged in."""
        peer = self.peer()
        assert peer.login().ret == 100
        return peer

    def data_peer(self, owner: Peer) -> Peer:
        """A second connection that uses the session of another without logging in."""
        peer = self.peer()
        peer.sid = owner.sid
        return peer

    def advance(self, seconds: float) -> None:
        """Let time pass; the device does what falls due, in order."""
        end = self.now + seconds
        while (due := self.role.next_timeout()) is not None and due <= end:
            self.now = max(self.now, due)
            self.role.handle_timeout(self.now)
        self.now = end
        self.role.now = end


@pytest.fixture
def quirks() -> Quirks:
    return Quirks()


@pytest.fixture
def world(quirks: Quirks) -> World:
    return World(quirks)


@pytest.fixture(scope="session")
def world_factory() -> Callable[[], World]:
    """Makes devices inside of a property, where a fixture per example cannot be had."""
    return lambda: World(Quirks())


@pytest.fixture
def make_world() -> Callable[..., World]:
    """Another device, e.g. with another seed."""
    return lambda seed=1, **changes: _changed(World(Quirks(), seed), changes)


def _changed(world: World, changes: dict[str, Any]) -> World:
    world.quirks.update(changes)
    return world


def monitor(action: str, channel: int = 0, stream: str = "Main", **extra: Any) -> dict[str, Any]:
    parameter = {"Channel": channel, "CombinMode": "NONE", "StreamType": stream, "TransMode": "TCP"}
    return {"Name": "OPMonitor", "OPMonitor": {"Action": action, "Parameter": parameter, **extra}}


@pytest.fixture(name="monitor")
def _monitor() -> Callable[..., dict[str, Any]]:
    """Body of 1410 and 1413."""
    return monitor


@pytest.fixture
def playback() -> Callable[..., dict[str, Any]]:
    """Body of 1420 and 1424."""

    def body(action: str, channel: int = 0, name: str = "", **extra: Any) -> dict[str, Any]:
        parameter = {
            "PlayMode": "ByName" if name else "ByTime",
            "FileName": name,
            "StreamType": 0,
            "Channel": channel,
            "Value": 0,
            "TransMode": "TCP",
        }
        section = {
            "Action": action,
            "StartTime": "2000-01-01 00:00:00",
            "EndTime": "2099-01-01 00:00:00",
            "Parameter": parameter,
        }
        return {"Name": "OPPlayBack", "OPPlayBack": {**section, **extra}}

    return body


@pytest.fixture
def talk() -> Callable[[str], dict[str, Any]]:
    """Body of 1430 and 1434."""
    audio = {"BitRate": 128, "EncodeType": "G711_ALAW", "SampleBit": 8, "SampleRate": 8000}
    return lambda action: {"Name": "OPTalk", "OPTalk": {"Action": action, "AudioFormat": audio}}
