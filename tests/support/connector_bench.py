"""A connector in the test's own process, on a real NATS server, and what a test sees of it over the bus."""

import asyncio
import contextlib
from types import MappingProxyType

from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.sealing import KeyRing
from cambus.client.calling import BusClient
from cambus.client.kv import KeyValue
from cambus.client.ordered import ALL, OrderedReader
from cambus.connector.testing import RunningConnector
from cambus.media.frame import FrameAssembler
from cambus.schemas import subjects
from cambus.schemas.assets import KV_CREDENTIALS, KV_DEVICES, KV_PRESENCE, STREAM_EVENTS
from cambus.schemas.catalog import EVENTS
from cambus.schemas.codec import decode
from cambus.schemas.commands import live
from cambus.schemas.state.credentials import Credentials, SealedCredentials
from cambus.schemas.state.devices import CredentialsRef, DeviceRecord
from cambus.schemas.state.presence import Presence

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


@contextlib.asynccontextmanager
async def running_bench(make, settings, patience_s):
    """A bench on a server, its assets there; the test ends after so many seconds.

    Args:
        make: makes the bench of a connection.
        settings: of that connection.
        patience_s: how long the test may take.
    """
    async with await Bus.connect(settings, name="test") as bus:
        await ensure_assets(bus)
        bench = make(bus)
        try:
            async with asyncio.timeout(patience_s):
                yield bench
        finally:
            await bench.close()


class ConnectorBench:
    """What a test holds in its hands: connectors of one protocol, their devices, and the bus.

    Args:
        bus: the test's own connection.
        nats: the server.
        folder: of the connectors' files.
        service: the class of the connector.
        settings: the class of its settings.
    """

    defaults = MappingProxyType({"reconnect_first_s": 0.05, "live_linger_s": 0.3})

    def __init__(self, bus, nats, folder, service, settings):
        self.bus = bus
        self.nats = nats
        self.client = BusClient(bus)
        self.devices = KeyValue(bus, KV_DEVICES, DeviceRecord)
        self.presence = KeyValue(bus, KV_PRESENCE, Presence)
        self.sealed = KeyValue(bus, KV_CREDENTIALS, SealedCredentials)
        self.keys = KeyRing(KEY)
        self.connectors = {}
        self._folder = folder
        self._service, self._settings = service, settings
        self._key_file = folder / "credentials.key"
        self._key_file.write_bytes(KEY)
        self._key_file.chmod(0o600)
        self._stack = contextlib.AsyncExitStack()

    async def connector(self, instance="replica-1", **settings):
        """Start a connector."""
        values = {
            "nats_url": self.nats.url,
            "instance": instance,
            "data_dir": self._folder,
            "credentials_key_file": self._key_file,
            **self.defaults,
            **settings,
        }
        self.connectors[instance] = RunningConnector(self._service, self._settings(**values))
        return await self.connectors[instance].start()

    async def credential(self, name, password, user=""):
        """Keep an account."""
        credentials = Credentials(username=user, password=password)
        await self.sealed.put(name, self.keys.seal(credentials, name))
        return CredentialsRef(name=name)

    async def shown(self, device, condition=lambda presence: presence.online):
        """Wait until the presence of a device is as wanted, and return it."""
        async for key, entry in self.presence.watch():
            if key == device and entry is not None and condition(entry.value):
                return entry.value
        raise AssertionError("a watch never ends")

    async def heard(self, device):
        """The events of a device, from the first."""
        return await self._stack.enter_async_context(Heard(self.bus, device))

    async def enter(self, context):
        """Enter a context that ends with the test."""
        return await self._stack.enter_async_context(context)

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
        """End everything, and leave an empty bus."""
        await self._stack.aclose()
        await asyncio.gather(*(connector.stop() for connector in self.connectors.values()))
        for bucket in (self.devices, self.presence):
            for key in await bucket.keys():
                await bucket.delete(key)
