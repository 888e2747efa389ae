"""A real platform, and simulated GB/T 28181 devices that register at it."""

from contextlib import AsyncExitStack

from cambus.gb28181.accounts import Account
from cambus.gb28181.catalog_assembly import AssemblyTimes
from cambus.gb28181.media_session import MediaSessions, MediaSettings, SessionOrder
from cambus.gb28181.platform import Gb28181Platform, Told
from cambus.gb28181.platform_settings import PlatformSettings
from cambus.gb28181.record_assembly import RecordTimes
from cambus.gb28181.registrar import Offline, Online, RegistrarSettings
from cambus.gb28181.times import Times
from cambus.media.frame import Codec
from cambus.simulators.gb28181.archive import ArchivePlan
from cambus.simulators.gb28181.quirks import Quirks
from cambus.simulators.gb28181.simulator import Gb28181Simulator
from cambus.simulators.gb28181.source import MediaPlan
from cambus.simulators.video_loop import VideoSpec
from cambus.simulators.watch import Watch

SERVER = "34020000002000000001"
DOMAIN = "3402000000"
DEVICE = "34020000001320000001"
NVR = "34020000001180000002"
PASSWORD = "a password of tests"
EPOCH = 1_714_800_000
LOOK_S = 0.01
SMALL = MediaPlan(
    VideoSpec(width=176, height=144, fps=10, bitrate=100_000, gop_s=1.0, loop_s=1.0),
    VideoSpec(width=96, height=80, fps=10, bitrate=60_000, gop_s=1.0, loop_s=1.0),
)
TIMES = Times(
    request_s=4.0,
    control_s=3.0,
    query_s=5.0,
    config_gap_s=1.0,
    invite_s=8.0,
    first_media_s=8.0,
    media_loss_s=2.0,
    broadcast_answer_s=3.0,
    broadcast_invite_s=3.0,
    catalog=AssemblyTimes(first_s=5.0, gap_s=1.0, quiet_s=0.05),
    records=RecordTimes(first_s=5.0, gap_s=1.0, total_s=20.0),
)

MEDIA = MediaSettings(allow_loopback=True, active_after_s=0.2, connect_pause_s=0.05)


class AnyAccount:
    """Every device has the same password."""

    def account(self, code):
        return Account(code, PASSWORD)


class Rig:
    """A platform, what it told, and the devices of a test."""

    def __init__(self, times=TIMES, media=None, ssrcs=None):
        self.events = []
        self._watch = Watch()
        settings = PlatformSettings(RegistrarSettings(DOMAIN, SERVER), DOMAIN, times=times)
        self.platform = Gb28181Platform(settings, AnyAccount(), self._happened)
        self.sessions = MediaSessions(self.platform, media or MEDIA, ssrcs)
        self._stack = AsyncExitStack()

    def _happened(self, event):
        self.events.append(event)
        if isinstance(event, Told):
            self.sessions.told(event.device, event.envelope)
        elif isinstance(event, Offline):
            self.sessions.offline(event.code)
        self._watch.changed()

    async def __aenter__(self):
        await self.platform.start()
        return self

    async def __aexit__(self, *_):
        await self.sessions.close()
        await self._stack.aclose()
        await self.platform.close()

    async def device(self, *, code=DEVICE, online=True, quirks=None, **options):
        """A device, by default once it is registered."""
        options.setdefault("media", SMALL)
        options.setdefault("archive", ArchivePlan(3, 3, EPOCH + 9))
        options.setdefault("seed", 1)
        sim = Gb28181Simulator(
            server=("127.0.0.1", self.platform.port),
            server_code=SERVER,
            code=code,
            password=PASSWORD,
            quirks=quirks or Quirks(),
            **options,
        )
        await self._stack.enter_async_context(sim)
        if online:
            await self.until(lambda: self.platform.registrar.online(code))
            await sim.wait_for(lambda: sim.registered)
        return sim

    def remote(self, sim):
        """The device as the platform has it."""
        return self.platform.device(sim.code)

    async def until(self, predicate, timeout_s=60.0):
        """Wait for a fact."""
        await self._watch.until(predicate, timeout_s, look_s=LOOK_S)

    def told(self, command):
        """What devices told, of one kind."""
        return [
            each
            for each in self.events
            if isinstance(each, Told) and each.envelope.command.lower() == command.lower()
        ]

    def online(self, code=DEVICE):
        return [each for each in self.events if isinstance(each, Online) and each.binding.code == code]

    async def watch(self, sim, transport="udp", **order):
        """A session with a device, and what comes of it."""
        order.setdefault("channel", sim.channels[0])
        units = Units()
        session = await self.sessions.open(sim.code, SessionOrder(transport=transport, **order), units.take)
        units.session = session
        return session, units


class Units:
    """The media of a session."""

    def __init__(self):
        self.all = []
        self.session = None
        self._watch = Watch()

    def take(self, units):
        self.all += units
        self._watch.changed()

    @property
    def pictures(self):
        return [each for each in self.all if each.codec in {Codec.H264, Codec.H265}]

    @property
    def sound(self):
        return [each for each in self.all if each.codec.is_audio]

    async def until(self, predicate, timeout_s=60.0):
        await self._watch.until(predicate, timeout_s, look_s=LOOK_S)
