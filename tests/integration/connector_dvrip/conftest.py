"""The real connector, a real NATS server and simulated recorders, all in the test's own process."""

import asyncio
import contextlib

import pytest

from cambus.bus.assets import ensure_assets
from cambus.bus.client import BusClient
from cambus.bus.connection import Bus
from cambus.bus.kv import KeyValue
from cambus.bus.ordered import ALL, OrderedReader
from cambus.bus.sealing import KeyRing
from cambus.bus.testing import NatsServer
from cambus.connector.testing import RunningConnector
from cambus.connector_dvrip.service import DvripConnector
from cambus.connector_dvrip.settings import DvripSettings
from cambus.media.frame import FrameAssembler
from cambus.schemas import subjects
from cambus.schemas.assets import KV_CREDENTIALS, KV_DEVICES, KV_PRESENCE, STREAM_EVENTS
from cambus.schemas.catalog import EVENTS
from cambus.schemas.codec import decode
from cambus.schemas.commands import live
from cambus.schemas.state.credentials import Credentials, SealedCredentials
from cambus.schemas.state.devices import CredentialsRef, DeviceRecord
from cambus.schemas.state.presence import Presence
from cambus.simulators.dvrip import DvripSimulator

USER, PASSWORD = "admin", "c4nary-passw0rd"
KEY = b"k" * 32


class Heard:
    """The events of one device, in order, from the first."""

    def __init__(self, bus, device):
        self._reader = OrderedReader(bus, STREAM_EVENTS, [subjects.events(device)], start=ALL)

    async def __aenter__(self):
        await self._reader.open()
        return self

    async def __aexit__(self, *exc_info):
        await self._reader.close()

    async def next(self):
        stored = await anext(self._reader)
        subject = subjects.parse_event(stored.subject)
        spec = EVENTS[f"{subject.noun}.{subject.past}"]
        return spec.name, decode(spec.model, stored.data)

    async def until(self, name, condition=lambda event: True):
        while True:
            heard, event = await self.next()
            if heard == name and condition(event):
                return event


class Watched:
    """The frames of one media subject."""

    def __init__(self):
        self.frames = []
        self._assembler = FrameAssembler()
        self._arrived = asyncio.Event()

    def take(self, message):
        frame = self._assembler.push(message.data)
        if frame is not None:
            self.frames.append(frame)
            self._arrived.set()

    async def until(self, condition):
        """Wait until a condition on all frames so far holds."""
        while not condition(self.frames):
            self._arrived.clear()
            await self._arrived.wait()
        return self.frames


class Bench:
    """What a test holds in its hands."""

    def __init__(self, bus, nats, tmp_path):
        self.bus = bus
        self.nats = nats
        self.client = BusClient(bus)
        self.devices = KeyValue(bus, KV_DEVICES, DeviceRecord)
        self.presence = KeyValue(bus, KV_PRESENCE, Presence)
        self.sealed = KeyValue(bus, KV_CREDENTIALS, SealedCredentials)
        self.keys = KeyRing(KEY)
        self.connectors = {}
        self._tmp_path = tmp_path
        self._key_file = tmp_path / "credentials.key"
        self._key_file.write_bytes(KEY)
        self._key_file.chmod(0o600)
        self._stack = contextlib.AsyncExitStack()

    async def connector(self, instance="replica-1", **settings):
        values = {
            "nats_url": self.nats.url,
            "instance": instance,
            "data_dir": self._tmp_path,
            "credentials_key_file": self._key_file,
            "reconnect_first_s": 0.05,
            "live_linger_s": 0.3,
            **settings,
        }
        self.connectors[instance] = RunningConnector(DvripConnector, DvripSettings(**values))
        return await self.connectors[instance].start()

    async def credential(self, name, password=PASSWORD, user=USER):
        credentials = Credentials(username=user, password=password)
        await self.sealed.put(name, self.keys.seal(credentials, name))
        return CredentialsRef(name=name)

    async def add(self, device, at, *, password=PASSWORD, **fields):
        """Write a device's record, with credentials of its own."""
        target = at if isinstance(at, str) else f"127.0.0.1:{at.port}"
        record = DeviceRecord(
            **{
                "id": device,
                "protocol": "dvrip",
                "address": target,
                "credentials": await self.credential(f"c-{device}", password),
                **fields,
            }
        )
        await self.devices.put(device, record)

    async def online(self, device, simulator, **fields):
        """Start a connector, add a device to it and wait until it is there."""
        if not self.connectors:
            await self.connector()
        await self.add(device, simulator, **fields)
        return await self.shown(device)

    async def registered(self, device, simulator, identity="123456", **fields):
        """Start a connector that listens, add a device that dials it, and wait until it is there."""
        if not self.connectors:
            await self.connector(dvrip_registration_port=0)
        options = {"device_id": identity, **fields.pop("options", {})}
        await self.add(device, "", address=None, options=options, **fields)
        await self.known(identity)
        self.dial(simulator, identity=identity)
        return await self.shown(device)

    async def known(self, identity, is_known=True):
        """Wait until every connector knows (or has forgotten) who calls itself so."""
        for connector in self.connectors.values():
            known = connector.service.inbound.record
            while (known(identity) is not None) is not is_known:  # noqa: ASYNC110 - nobody sets an event
                await asyncio.sleep(0.01)

    def dial(self, simulator, instance=None, *, identity="123456", password=PASSWORD, user=USER):
        """Have a recorder dial a connector."""
        connector = self.connectors[instance or next(iter(self.connectors))]
        port = connector.service.registration.port
        simulator.register_with("127.0.0.1", port, user=user, password=password, device_id=identity)

    async def shown(self, device, condition=lambda presence: presence.online):
        """Wait until the presence of a device is as wanted, and return it."""
        async for key, entry in self.presence.watch():
            if key == device and entry is not None and condition(entry.value):
                return entry.value
        raise AssertionError("a watch never ends")

    async def heard(self, device):
        return await self._stack.enter_async_context(Heard(self.bus, device))

    async def watch(self, subject):
        """Follow a media subject."""
        watched = Watched()
        subscription = await self.bus.subscribe(subject, watched.take)
        self._stack.push_async_callback(subscription.close)
        await self.bus.flush()
        return watched

    async def view(self, device, channel=0, stream="main", claimant="viewer", ttl_s=30.0):
        """Claim a live stream and follow it."""
        watched = await self.watch(subjects.media_subject(device, channel, stream))
        request = live.LiveStartRequest(channel=channel, stream=stream, claimant=claimant, ttl_s=ttl_s)
        await self.client.call(live.START, request, device=device)
        return watched

    def session(self, device):
        """The connector's own session, to look inside."""
        for connector in self.connectors.values():
            unit = connector.service.fleet.unit(device)
            if unit is not None and unit.session is not None:
                return unit.session
        raise AssertionError(f"{device} has no session")

    async def close(self):
        await asyncio.gather(*(connector.stop() for connector in self.connectors.values()))
        await self._stack.aclose()
        for bucket in (self.devices, self.presence):
            for key in await bucket.keys():
                await bucket.delete(key)


@pytest.fixture(scope="session")
def dvrip_nats():
    """A server of these tests' own: every connector on it takes every device there is."""
    with NatsServer() as server:
        yield server


@pytest.fixture
def patience_s():
    """How long a test may take; those of many devices say more."""
    return 90


@pytest.fixture
async def bench(dvrip_nats, tmp_path, bus_settings, patience_s):
    settings = bus_settings.model_copy(update={"nats_url": dvrip_nats.url})
    async with await Bus.connect(settings, name="test") as bus:
        await ensure_assets(bus)
        made = Bench(bus, dvrip_nats, tmp_path)
        try:
            async with asyncio.timeout(patience_s):
                yield made
        finally:
            await made.close()


@pytest.fixture
async def simulator():
    """A recorder of two cameras: H.264 on the first, H.265 on the second."""
    async with DvripSimulator(user=USER, password=PASSWORD, channels=2, seed=1) as made:
        await made.prepare()  # a busy machine encodes for longer than a command may take
        yield made
