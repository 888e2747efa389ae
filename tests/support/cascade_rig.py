"""A real NATS server, links to upper platforms, the platforms, and devices on the bus."""

import asyncio
import contextlib
from collections import defaultdict

from cambus.bus.endpoints import Endpoints
from cambus.bus.leases import LeaseKeeper
from cambus.bus.metrics import Metrics
from cambus.client.calling import BusClient
from cambus.client.kv import KeyValue
from cambus.client.tasks import end
from cambus.connector_gb28181.cascade.links import CascadeLinks
from cambus.connector_gb28181.cascade.settings import CascadeSettings
from cambus.gb28181 import sdp
from cambus.gb28181.catalog_assembly import AssemblyTimes
from cambus.gb28181.record_assembly import RecordTimes
from cambus.gb28181.sdp import Description
from cambus.gb28181.times import Times
from cambus.media.rtp_input import parse_rtp
from cambus.schemas import keys
from cambus.schemas.assets import KV_DEVICES, KV_POLICIES, KV_PRESENCE
from cambus.schemas.channels import ChannelInfo
from cambus.schemas.errors import NotFound
from cambus.schemas.model import Done
from cambus.schemas.state.cascade import CascadeLink
from cambus.schemas.state.credentials import Credentials
from cambus.schemas.state.devices import CredentialsRef, DeviceRecord
from cambus.schemas.state.presence import Presence
from cambus.simulators.gb28181.upper import UpperPlatform

OURS = "34020000002000000002"
UPPER = "34010000002000000001"
PASSWORD = "a secret between platforms"
TIMES = Times(
    request_s=8.0,
    control_s=8.0,
    query_s=8.0,
    invite_s=20.0,
    first_media_s=20.0,
    media_loss_s=5.0,
    catalog=AssemblyTimes(first_s=8.0, gap_s=2.0, quiet_s=0.05),
    records=RecordTimes(first_s=8.0, gap_s=2.0, total_s=20.0),
)


class Passwords:
    """Credentials in clear."""

    def __init__(self):
        self.known = {"upper": Credentials(password=PASSWORD)}

    def open(self, name):
        return self.known[name]


class FakeDevice:
    """A device on the bus that answers what a test has it answer, and remembers what it was told."""

    def __init__(self, bus, device, channels=1, **presence):
        self.bus, self.device = bus, device
        self.told = []
        self.answers = {}
        self.codes = defaultdict(lambda: None)
        self.channels = [
            ChannelInfo(channel=number, name=f"Camera {number}", streams=["main", "sub"], ptz=True)
            for number in range(channels)
        ]
        self._presence = presence
        self._endpoints = Endpoints(bus, f"fake-{device}")
        self._kv = KeyValue(bus, KV_PRESENCE, Presence)
        self._changed = asyncio.Event()

    def on(self, spec, answer=None):
        """Answer a command: with a message, or by a function of the request."""

        async def handle(_, request):
            self.told.append((spec.name, request))
            self._changed.set()
            if callable(answer):
                return answer(request)
            return answer if answer is not None else Done()

        return self.handle(spec, handle)

    def handle(self, spec, handler):
        """Answer a command as services do."""
        self._endpoints.add(spec, handler)
        return self

    async def __aenter__(self):
        await self._endpoints.start()
        await self.go_online()
        return self

    async def __aexit__(self, *_):
        await self._kv.delete(self.device)
        await self._endpoints.release(self.device)
        await self._endpoints.drain(1.0)

    async def go_online(self):
        await self._endpoints.hold(self.device)
        await self.show(online=True)

    async def go_offline(self):
        await self._endpoints.release(self.device)
        await self.show(online=False)

    async def show(self, *, online=True):
        await self._kv.put(
            self.device,
            Presence(
                device=self.device,
                online=online,
                since="2026-02-01T00:00:00Z",
                vendor="Acme",
                model="Model 7",
                software_version="1.2.3",
                channels=self.channels,
                channels_total=len(self.channels),
                **self._presence,
            ),
        )

    async def until(self, condition):
        async with asyncio.timeout(30):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def orders(self, *names):
        return [request for name, request in self.told if not names or name in names]


class Rig:
    """What a test holds in its hands."""

    def __init__(self, bus, unique):
        self.bus, self.unique = bus, unique
        self.client = BusClient(bus)
        self.passwords = Passwords()
        self.metrics = Metrics()
        self.replicas = []
        self._stack = contextlib.AsyncExitStack()
        self._links = KeyValue(bus, KV_POLICIES, CascadeLink)
        self._records = KeyValue(bus, KV_DEVICES, DeviceRecord)
        self._written = []

    async def replica(self, name="one", **settings):
        """A replica that serves links."""
        leases = LeaseKeeper(self.bus, holder=f"{name}-{self.unique}", ttl_s=6, margin_s=1.0)
        links = CascadeLinks(
            self.bus,
            self.client,
            leases,
            self.passwords,
            CascadeSettings(
                **{
                    "host": "127.0.0.1",
                    "advertised": "127.0.0.1",
                    "allow_loopback": True,
                    "times": TIMES,
                    "settle_s": 0.2,
                    **settings,
                }
            ),
            self.metrics,
        )
        links.tasks = [asyncio.create_task(leases.run()), asyncio.create_task(links.run())]
        self.replicas.append(links)
        return links

    async def upper(self, code=UPPER, accounts=None, **options):
        upper = UpperPlatform(
            code=code, accounts=accounts or {OURS: PASSWORD}, times=options.pop("times", TIMES), **options
        )
        return await self._stack.enter_async_context(upper)

    async def device(self, name="gate", channels=1, **presence):
        return FakeDevice(self.bus, f"{name}-{self.unique}", channels, **presence)

    async def enter(self, resource):
        return await self._stack.enter_async_context(resource)

    async def link(self, upper, *, link="link", **fields):
        """Write a link, with whatever of this test's devices there are."""
        name = f"{link}-{self.unique}"
        values = {
            "id": name,
            "name": "Lower",
            "code": OURS,
            "server_code": upper.platform.settings.code,
            "server_address": f"127.0.0.1:{upper.port}",
            "credentials": CredentialsRef(name="upper"),
            "shares": [{"devices": [f"*-{self.unique}"]}],
            "retry_s": 1.0,
            **fields,
        }
        value = CascadeLink.model_validate(values)
        await self._links.put(keys.cascade_link(name), value)
        self._written.append(name)
        return value

    async def forget(self, name):
        await self._links.delete(keys.cascade_link(name))

    async def record(self, device, **fields):
        """Write what a device is to be."""
        await self._records.put(device, DeviceRecord(id=device, protocol="cambus", **fields))
        self._stack.push_async_callback(self._records.delete, device)

    async def linked(self, upper, **fields):
        """A replica, a link, and the registration."""
        if not self.replicas:
            await self.replica()
        link = await self.link(upper, **fields)
        await upper.wait_for(lambda: upper.registered(link.code))
        return link

    def held(self, link):
        """A link as the replica that serves it has it."""
        return next(each.held[link.id] for each in self.replicas if link.id in each.held)

    async def until(self, condition, within_s=30.0):
        """Wait for what nobody tells."""
        async with asyncio.timeout(within_s):
            while not condition():  # noqa: ASYNC110 - nobody sets an event
                await asyncio.sleep(0.02)

    async def code_of(self, link, device, channel=0):
        """The code of a channel, once the platform can see it."""
        await self.until(lambda: self.held(link).context.shared.at(device, channel) is not None)
        return self.held(link).context.shared.at(device, channel).code

    async def close(self):
        for name in self._written:
            await self._links.delete(keys.cascade_link(name))
        for links in self.replicas:
            await links.release()
            await end(*links.tasks)
        for name in self._written:
            for key in (keys.cascade_numbers(name), keys.cascade_status(name)):
                await self._links.delete(key)
        await self._stack.aclose()


def refuse(text="no"):
    def answer(_):
        raise NotFound(text)

    return answer


SSRC = 123_456_789


class Packets:
    """A port of the platform that keeps the RTP packets of one session as they come."""

    def __init__(self):
        self.heard = []
        self._arrived = asyncio.Event()
        self._dialog = self._upper = None

    async def __aenter__(self):
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        return self

    async def __aexit__(self, *_):
        if self._dialog is not None:
            await self._upper.platform.endpoint.request(
                self._dialog.request("BYE"), self._dialog.peer, timeout_s=8.0
            )
        self._transport.close()

    def connection_made(self, transport):
        pass

    def connection_lost(self, error):
        pass

    def datagram_received(self, data, address):
        self.heard.append(parse_rtp(data))
        self._arrived.set()

    async def offer(self, upper, code, headers=(), *, acknowledge=True, timeout_s=20.0, **fields):
        """INVITE a channel over UDP; the answer."""
        port = self._transport.get_extra_info("sockname")[1]
        platform = upper.platform
        values = {"formats": (sdp.PS,), "direction": "recvonly", "ssrc": SSRC, **fields}
        offer = Description(platform.settings.code, "127.0.0.1", port, **values)
        peer = platform.registrar.binding(OURS).peer
        request = platform.compose("INVITE", code, peer, sequence=20)
        request.headers.add("Content-Type", sdp.CONTENT_TYPE)
        for name, value in headers:
            request.headers.add(name, value)
        request.body = offer.serialize()
        invitation = await platform.endpoint.invite(request, peer, timeout_s=timeout_s)
        self.response = invitation.response
        assert self.response.status == 200, self.response.status
        if acknowledge:
            platform.endpoint.acknowledge(invitation)
            self._dialog, self._upper = invitation.dialog, upper
        return Description.parse(invitation.response.body)

    async def until(self, count):
        async with asyncio.timeout(30):
            while len(self.heard) < count:
                self._arrived.clear()
                await self._arrived.wait()
