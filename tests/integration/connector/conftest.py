"""A connector of a made-up protocol, whose devices do what the test says."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.sealing import KeyRing
from cambus.bus.testing import NatsServer
from cambus.client.calling import BusClient
from cambus.client.kv import KeyValue
from cambus.connector.driver import DeviceDescription
from cambus.connector.errors import CredentialsRefused, EndReason, InvalidRecord, SessionEnd
from cambus.connector.handlers import HandlerTable
from cambus.connector.service import ConnectorService
from cambus.connector.settings import ConnectorSettings
from cambus.connector.testing import RunningConnector
from cambus.media.frame import Codec, Flag, Frame, Kind
from cambus.schemas.assets import KV_CREDENTIALS, KV_DEVICES, KV_PRESENCE
from cambus.schemas.channels import ChannelInfo
from cambus.schemas.commands import device as device_commands
from cambus.schemas.commands import ptz
from cambus.schemas.model import Done
from cambus.schemas.state.credentials import Credentials, SealedCredentials
from cambus.schemas.state.devices import CredentialsRef, DeviceRecord
from cambus.schemas.state.presence import Presence

KEY = b"k" * 32


@dataclass
class FakeDevice:
    """A device of the made-up protocol, as it is in the world; any number of replicas may call on it."""

    reachable: bool = True
    password: str | None = None
    model: str = "M1"
    channels: int = 1
    attempts: list[float] = field(default_factory=list)
    passwords: list[str] = field(default_factory=list)
    sessions: list["FakeSession"] = field(default_factory=list)
    most_sessions: int = 0
    moves: list[ptz.PtzMoveRequest] = field(default_factory=list)
    streams: int = 0
    hesitates: asyncio.Event | None = None

    def drop(self, reason=EndReason.CONNECTION_LOST):
        for session in list(self.sessions):
            session.end(reason)


class FakeWorld:
    """All devices there are, made when somebody first asks for them."""

    def __init__(self):
        self.devices = {}

    def __getitem__(self, address) -> FakeDevice:
        return self.devices.setdefault(address, FakeDevice())


class FakeSession:
    def __init__(self, device, replica):
        self.device = device
        self.replica = replica
        self.ended = asyncio.get_running_loop().create_future()
        device.sessions.append(self)
        device.most_sessions = max(device.most_sessions, len(device.sessions))
        self.description = DeviceDescription(
            vendor="Fake",
            model=device.model,
            serial="S1",
            software_version="1.0",
            channels=tuple(
                ChannelInfo(channel=number, streams=["main", "sub"]) for number in range(device.channels)
            ),
        )

    def end(self, reason):
        if not self.ended.done():
            self.ended.set_exception(SessionEnd(reason, "as the test wanted"))

    async def run(self):
        await asyncio.shield(self.ended)

    async def open_stream(self, channel, stream, sink):
        self.device.streams += 1
        return FakeStream(self.device, sink)

    async def close(self):
        if self in self.device.sessions:
            self.device.sessions.remove(self)
        if not self.ended.done():
            self.ended.cancel()


class FakeStream:
    """Sends a keyframe every 10 ms."""

    route = ""

    def __init__(self, device, sink):
        self.device = device
        self.sink = sink

    async def run(self):
        pts = 0
        while True:
            await self.sink(
                Frame(Kind.VIDEO, Codec.H264, Flag.KEYFRAME, 0, pts, pts, 0, b"\0\0\0\1\x65" * 10)
            )
            pts += 900
            await asyncio.sleep(0.01)

    async def request_keyframe(self):
        pass

    async def close(self):
        self.device.streams -= 1


class FakeLink:
    """A connection that a device of the made-up protocol has made."""

    address = "203.0.113.7"

    def __init__(self, device):
        self.device = device
        self.ended = None
        self.session = None

    def end(self, why):
        if self.ended is None:
            self.ended = why
            if self.session is not None:
                self.session.end(EndReason.CONNECTION_LOST)


class FakeDriver:
    def __init__(self, protocol, world, replica):
        self.protocol = protocol
        self.handlers = HandlerTable()
        self.handlers.add(ptz.MOVE, self.move)
        self.handlers.add(device_commands.REBOOT, self.reboot)
        self.world = world
        self.replica = replica

    def device(self, record, context):
        unknown = set(record.options) - {"speed"}
        if unknown:
            raise InvalidRecord(f"options: unknown option {min(unknown)}")
        return _Connectable(self, record)

    def identity(self, record):
        return record.name or record.id

    async def move(self, session, context, request):
        session.device.moves.append(request)
        return Done()

    async def reboot(self, session, context, request):
        session.end(EndReason.REBOOTING)
        return Done()


class _Connectable:
    def __init__(self, driver, record):
        self.driver = driver
        self.record = record

    async def connect(self, credentials):
        device = self.driver.world[self.record.address]
        device.attempts.append(asyncio.get_running_loop().time())
        if not device.reachable:
            raise SessionEnd(EndReason.UNREACHABLE, "no route to it")
        password = credentials.password.get_secret_value() if credentials else None
        device.passwords.append(password)
        if device.hesitates is not None:
            await device.hesitates.wait()
        if device.password is not None and device.password != password:
            raise CredentialsRefused("wrong-password", f"the device refused user {credentials.username}")
        return FakeSession(device, self.driver.replica)

    async def accept(self, link, credentials):
        if not link.device.reachable:
            link.end("it does not answer")
            raise SessionEnd(EndReason.TIMEOUT, "it does not answer")
        link.session = FakeSession(link.device, self.driver.replica)
        link.session.description = replace(
            link.session.description, connection="registered", address=link.address
        )
        return link.session

    async def close(self):
        pass


class Bench:
    """What a test holds in its hands: the world, the buckets, a caller, and connectors started on demand."""

    def __init__(self, bus, protocol, tmp_path, nats):
        self.move_to(bus, nats)
        self.protocol = protocol
        self.world = FakeWorld()
        self.keys = KeyRing(KEY)
        self.connectors = {}
        self._tmp_path = tmp_path
        self._key_file = tmp_path / "credentials.key"
        self._key_file.write_bytes(KEY)
        self._key_file.chmod(0o600)

    def move_to(self, bus, nats):
        """Work through another server."""
        self.bus = bus
        self.nats = nats
        self.client = BusClient(bus)
        self.devices = KeyValue(bus, KV_DEVICES, DeviceRecord)
        self.presence = KeyValue(bus, KV_PRESENCE, Presence)
        self.sealed = KeyValue(bus, KV_CREDENTIALS, SealedCredentials)

    async def connector(self, instance="replica-1", **settings):
        world, protocol = self.world, self.protocol

        class FakeConnector(ConnectorService[ConnectorSettings]):
            name = f"connector-{protocol}"

            def make_driver(self):
                return FakeDriver(protocol, world, self.runtime.settings.instance)

        values = {
            "nats_url": self.nats.url,
            "instance": instance,
            "data_dir": self._tmp_path,
            "credentials_key_file": self._key_file,
            "lease_ttl_s": 3,
            "lease_margin_s": 0.5,
            "reconnect_first_s": 0.05,
            "live_linger_s": 0.2,
            **settings,
        }
        connector = RunningConnector(FakeConnector, ConnectorSettings(**values))
        await connector.start()
        self.connectors[instance] = connector
        return connector

    async def add(self, device, **fields):
        record = DeviceRecord(**{"id": device, "protocol": self.protocol, "address": device, **fields})
        await self.devices.put(device, record)
        return self.world[record.address]

    async def await_device(self, device, **fields):
        """Write the record of a device that dials in."""
        reference = await self.credential(f"c-{device}", "secret")
        record = DeviceRecord(**{"id": device, "protocol": self.protocol, "credentials": reference, **fields})
        await self.devices.put(device, record)
        return self.world[device]

    def dial(self, identity, instance="replica-1"):
        """Have a device dial a replica, as a listener reports it; returns the connection."""
        inbound = self.connectors[instance].service.inbound
        record = inbound.record(identity)
        link = FakeLink(self.world[identity])
        if record is None:
            link.end("not known")
        else:
            inbound.welcome(record.id, link, inbound.credentials(record))
        return link

    async def credential(self, name, password):
        credentials = Credentials(username="admin", password=password)
        await self.sealed.put(name, self.keys.seal(credentials, name))
        return CredentialsRef(name=name)

    async def shown(self, device, condition=lambda presence: presence.online):
        """Wait until the presence of a device is as wanted, and return it."""
        async for key, entry in self.presence.watch():
            if key == device and entry is not None and condition(entry.value):
                return entry.value
        raise AssertionError("a watch never ends")

    async def forgotten(self, device):
        """Wait until nothing is known of a device any more."""
        async for _ in self.presence.watch():
            if await self.presence.get(device) is None:
                return


@pytest.fixture(scope="session")
def connector_nats():
    """A server of these tests' own: they count what is in the buckets."""
    with NatsServer() as server:
        yield server


@pytest.fixture
async def bench(connector_nats, unique, tmp_path, bus_settings):
    settings = bus_settings.model_copy(update={"nats_url": connector_nats.url})
    async with await Bus.connect(settings, name="test") as bus:
        await ensure_assets(bus)
        made = Bench(bus, unique, tmp_path, connector_nats)
        try:
            async with asyncio.timeout(150):
                yield made
        finally:
            await asyncio.gather(*(connector.stop() for connector in made.connectors.values()))


@pytest.fixture
async def own_nats(bench, bus_settings):
    """A server for this test alone, which may end it; the bench is connected to it."""
    async with NatsServer() as nats:
        settings = bus_settings.model_copy(update={"nats_url": nats.url})
        async with await Bus.connect(settings, name="test") as bus:
            await ensure_assets(bus)
            bench.move_to(bus, nats)
            yield nats
            await asyncio.gather(*(connector.stop() for connector in bench.connectors.values()))
