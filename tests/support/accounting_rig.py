"""Devices, services, NATS and a receiver, what can be done to them by chance, and the books of every alarm."""

import asyncio
import contextlib
import itertools
import json
import random
import secrets
import sys
from pathlib import Path

from alarm_flood import FIRST_TYPE, DvripFlood, Gb28181Flood
from alarm_ledger import AlarmLedger, alarm_of
from alarm_rig import AlarmBus, Receiver
from connector_process import Process
from device_book import Reader
from fault_actors import Actor, InItsOwn, nodes
from gb28181_rig import SERVER, SMALL

from cambus.alarm_router.settings import AlarmRouterSettings
from cambus.bus.assets import STREAMS, ensure_assets, stream_config
from cambus.bus.connection import Bus
from cambus.bus.sealing import KeyRing
from cambus.bus.settings import BusSettings
from cambus.client.kv import KeyValue
from cambus.schemas import assets
from cambus.schemas.state.credentials import Credentials, SealedCredentials
from cambus.schemas.state.devices import CredentialsRef, DeviceRecord
from cambus.simulators.dvrip import DvripSimulator
from cambus.simulators.gb28181.simulator import Gb28181Simulator

USER, PASSWORD = "operator", "acc0unt-for-all"
SIP_PORT = 5060
DVRIP_PORT = 7777  # the kernel gives it to nobody, and each device has an address of its own
MOMENT_NS = 200_000_000
COMES_BACK_S = 600  # whatever is killed here does, some time


class World:
    """Devices, services, NATS, a receiver, and the books of all of them."""

    def __init__(self, nats, bus, receiver, folder, seed, lease_ttl_s):
        self.lease_ttl_s = lease_ttl_s
        self.nats = nats
        self.bus = bus
        self.receiver = receiver
        self.folder = folder
        self.chance = random.Random(seed)
        self.ledger = AlarmLedger()
        self.actors: dict[str, Actor] = {}
        self.dvrip: list[DvripFlood] = []
        self.gb28181: list[Gb28181Flood] = []
        self.devices: dict[str, InItsOwn] = {}
        self.books: dict[str, Reader] = {}
        self.sip_host = own_address()
        self.replicas = len(nodes(nats))
        self.key = KeyRing.load_or_create(folder / "key")
        settings = AlarmRouterSettings(
            nats_url=nats.url,
            instance="router-1",
            credentials_key_file=folder / "key",
            jetstream_replicas=self.replicas,
            delivery_first_delay_s=0.05,
            delivery_longest_delay_s=0.5,
            redelivery_s=2.0,
            lease_ttl_s=4.0,
        )
        self.router = AlarmBus(bus, settings, folder)
        self._counted = 0

    # --- what there is ----------------------------------------------------------------------------------

    async def populate(self, stack, dvrip, gb28181, pause_s):
        """Have devices of both protocols, known to the bus; none runs yet."""
        sealed = KeyValue(self.bus, assets.KV_CREDENTIALS, SealedCredentials)
        for name, user in (("recorders", USER), ("cameras", "")):
            account = Credentials(username=user, password=PASSWORD)
            await sealed.put(name, self.key.seal(account, name))
        records = KeyValue(self.bus, assets.KV_DEVICES, DeviceRecord)
        for number in range(dvrip):
            flood = DvripFlood(f"recorder-{number}", self.ledger, pause_s)
            flood.simulator = DvripSimulator(
                user=USER, password=PASSWORD, channels=1, index=number, utc_now=flood.clock
            )
            await stack.enter_async_context(flood.simulator)
            address = f"127.0.0.1:{flood.simulator.port}"
            await records.put(
                flood.device, record(flood.device, "dvrip", "recorders", RECORDER, address=address)
            )
            self.dvrip.append(flood)
        for number in range(gb28181):
            flood = Gb28181Flood(f"camera-{number}", self.ledger, pause_s)
            code = f"3402000000132000{number:04d}"
            await records.put(flood.device, record(flood.device, "gb28181", "cameras", camera(code)))
            flood.simulator = Gb28181Simulator(**self.camera_options(code), media=SMALL)
            self.gb28181.append(flood)
        await self.router.store("all", {"kind": "webhook", "url": self.receiver.url + "/hook"})

    async def in_its_own(self, kind, number, *, keeps, pause_s):
        """Have one more device, in a process of its own; none runs yet.

        Args:
            kind: dvrip or gb28181.
            number: above those of `populate`.
            keeps: whether it still knows, after it was killed, what nobody had heard.
        """
        records = KeyValue(self.bus, assets.KV_DEVICES, DeviceRecord)
        if kind == "dvrip":
            device, host = f"recorder-{number}", own_address()
            options = {"host": host, "port": DVRIP_PORT, "user": USER, "password": PASSWORD, "channels": 1}
            known = record(device, kind, "recorders", RECORDER, address=f"{host}:{DVRIP_PORT}")
        else:
            device, code = f"camera-{number}", f"3402000000132000{number:04d}"
            options = self.camera_options(code)
            known = record(device, kind, "cameras", camera(code))
        await records.put(device, known)
        book = self.folder / f"{device}.book"
        script = Path(__file__).with_name("flooding_device.py")
        arguments = [kind, device, book, int(keeps), pause_s, json.dumps(options)]

        async def launch():
            pipe = asyncio.subprocess.PIPE
            started = await asyncio.create_subprocess_exec(
                sys.executable, script, *map(str, arguments), stdout=pipe, stderr=pipe
            )
            made = Process(started)
            assert await started.stdout.readline() == b"on\n", made.lines
            return made

        self.devices[device] = InItsOwn(launch)
        self.books[device] = Reader(book, self.ledger)

    def camera_options(self, code):
        """Of a simulated camera, beside its pictures."""
        return {
            "server": (self.sip_host, SIP_PORT),
            "server_code": SERVER,
            "code": code,
            "password": PASSWORD,
            "retry_s": 0.3,
            "keepalive_s": 1.0,
        }

    def environment(self, instance):
        return {
            "nats_url": self.nats.url,
            "instance": instance,
            "data_dir": self.folder / instance,
            "jetstream_replicas": self.replicas,
            "credentials_key_file": self.folder / "key",
            "lease_ttl_s": self.lease_ttl_s,
            "lease_margin_s": 1,
            "alarm_order_wait_s": COMES_BACK_S,
            "lease_history": self.folder / f"{instance}.leases",
            "reconnect_first_s": 0.1,
            "reconnect_most_s": 0.5,
        }

    def sip(self):
        return {"gb28181_host": self.sip_host, "gb28181_port": SIP_PORT, "gb28181_media_allow_loopback": True}

    def launching(self, launch, name, **settings):
        """Starts a service as a process."""
        values = self.environment(name) | (self.sip() if "gb28181" in name else {}) | settings
        values |= (
            {} if name.startswith("connector") else self.router.settings.model_dump(exclude_defaults=True)
        )
        variables = {f"CAMBUS_{field.upper()}": str(value) for field, value in values.items()}
        return lambda: launch(name, **variables | {"CAMBUS_INSTANCE": name})

    async def begin(self, stack):
        """Start everything."""
        for actor in (*self.actors.values(), *self.devices.values()):
            await actor.start()
        for flood in self.gb28181:
            await stack.enter_async_context(flood.simulator)

    # --- what is counted --------------------------------------------------------------------------------

    def count(self):
        """Enter what the receiver has got and devices wrote since the last time; how much that is in all."""
        for book in self.books.values():
            book.read()
        accepted = self.receiver.accepted
        for _, delivery, body in accepted[self._counted :]:
            self._enter(delivery, body)
        self._counted = len(accepted)
        return len(self.ledger.received)

    def _enter(self, delivery, body):
        alarm = alarm_of(body)
        device, code, what = alarm["device"], alarm["native"]["code"], body["type"].rpartition(".")[2]
        if what == "cleared" and alarm.get("cause") != "ended":
            return  # the connector's own word: a lasting alarm that nobody ended
        if device.startswith("camera"):
            number = int(code.rpartition("/")[2]) - FIRST_TYPE
        else:
            clocks = {flood.device: flood for flood in self.dvrip} | self.books
            number = clocks[device].number_of(alarm["device_time"])
        self.ledger.take(delivery, (device, code, number, what))

    def taken_over(self):
        """Devices that went to another replica because theirs was not back within its lease, as on a busy machine."""
        files = self.folder.glob("*.leases")
        records = []
        for line in itertools.chain.from_iterable(file.read_bytes().splitlines() for file in files):
            with contextlib.suppress(ValueError):  # a kill cuts a line short
                records.append(json.loads(line))
        holders, taken = {}, set()
        for each in sorted(records, key=lambda each: each["at"]):
            if each["what"] == "taken":
                if holders.get(each["key"], each["holder"]) != each["holder"]:
                    taken.add(each["key"])
                holders[each["key"]] = each["holder"]
            elif each["what"] == "released":
                holders.pop(each["key"], None)
        return taken

    async def until(self, condition, within_s=120.0):
        """Wait until the books are as they should be."""
        async with asyncio.timeout(within_s):
            while not condition():  # noqa: ASYNC110 - the receiver and the devices are looked at together
                await asyncio.sleep(0.05)

    async def more(self, count=3):
        """Wait until some more has gone all the way."""
        wanted = self.count() + count
        await self.until(lambda: self.count() >= wanted)

    # --- what is done to it -----------------------------------------------------------------------------

    async def a_service_is_killed(self):
        name = self.chance.choice(sorted(self.actors))
        print("kill", name)
        await self.actors[name].kill()
        await self.actors[name].start()

    async def two_services_are_killed(self):
        names = self.chance.sample(sorted(self.actors), 2)
        print("kill", *names)
        await asyncio.gather(*(self.actors[name].kill() for name in names))
        for name in names:
            await self.actors[name].start()

    async def nats_is_away(self):
        """Every server is killed, and comes back after devices have gone on reporting."""
        print("NATS away")
        for server in nodes(self.nats):
            server.kill()
        heard = len(self.ledger.heard)
        with contextlib.suppress(TimeoutError):  # where no connector runs at the moment, none is heard
            await self.until(lambda: len(self.ledger.heard) >= heard + 5, 10.0)
        await asyncio.gather(*(server.start() for server in nodes(self.nats)))

    async def a_nats_node_is_killed(self):
        server = self.chance.choice(nodes(self.nats))
        print("NATS node killed")
        server.kill()
        await self.more()
        await server.start()

    async def the_receiver_refuses(self):
        print("receiver refuses")
        refused = self.receiver.attempts()
        self.receiver.scripts["/hook"] = lambda _: 503
        await self.until(lambda: self.receiver.attempts() >= refused + 3)
        del self.receiver.scripts["/hook"]

    async def a_device_is_cut_off(self):
        print("device cut off")
        self.chance.choice(self.dvrip).simulator.drop()

    async def a_device_is_killed(self):
        """A device dies, with whatever nobody had heard yet, and comes back."""
        name = self.chance.choice(sorted(self.devices))
        print("kill", name)
        await self.devices[name].kill()
        await self.devices[name].start()

    async def a_service_is_frozen(self):
        name = self.chance.choice(sorted(self.actors))
        seconds = self.chance.uniform(0.5, 7.0)  # sometimes longer than its lease
        print(f"freeze {name} {seconds:.1f} s")
        await self.actors[name].freeze(seconds)

    async def settle(self, floods, enough):
        """Stop to report, and have everything that is under way arrive."""
        enough.set()
        codes = await asyncio.gather(*floods, *(device.stop() for device in self.devices.values()))
        assert not any(codes), [device.running.lines for device in self.devices.values()]
        while self.count() and self.ledger.missing:  # as long as it becomes less on a busy machine
            before = self.count()
            await self.until(lambda before=before: self.count() > before or not self.ledger.missing)
        for name, actor in self.actors.items():
            if name.startswith("connector"):
                await actor.stop()
        async with asyncio.timeout(300):
            while not await self.router.all_done():  # noqa: ASYNC110 - the consumer tells nobody
                await asyncio.sleep(0.1)
        self.count()


RECORDER = {"time_zone": "UTC", "alarm_hold_s": 3600, "clock_drift_s": 80000}


def camera(code):
    """What is known of a camera."""
    return {"code": code, "alarm_hold_s": 2}


def own_address():
    """An address of the loopback network that nobody else has."""
    return f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(256)}.{secrets.randbelow(254) + 1}"


def record(device, protocol, credentials, options, **fields):
    reference = CredentialsRef(name=credentials)
    return DeviceRecord(id=device, protocol=protocol, credentials=reference, options=options, **fields)


async def forget_soon(bus, replicas):
    """Have JetStream know ids for a moment, not for two minutes: every outage is longer than that."""
    asset, subject = STREAMS[assets.STREAM_EVENTS]
    config = stream_config(asset, subject, replicas) | {"duplicate_window": MOMENT_NS}
    await bus.jetstream.call(f"STREAM.UPDATE.{assets.STREAM_EVENTS}", config)


@contextlib.asynccontextmanager
async def world(nats, folder, seed, *, dvrip, gb28181, pause_s, lease_ttl_s=25):
    replicas = len(nodes(nats))
    settings = BusSettings(nats_url=nats.url, jetstream_replicas=replicas)
    async with contextlib.AsyncExitStack() as stack:
        bus = await stack.enter_async_context(await Bus.connect(settings, name="accountant"))
        await ensure_assets(bus)
        await forget_soon(bus, replicas)
        receiver = await stack.enter_async_context(Receiver().running())
        made = World(nats, bus, receiver, folder, seed, lease_ttl_s)
        await made.populate(stack, dvrip, gb28181, pause_s)
        made.stack = stack
        try:
            yield made
        finally:
            for actor in (*made.actors.values(), *made.devices.values()):
                await actor.kill()
