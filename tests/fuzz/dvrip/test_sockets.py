"""A million packets nobody means, on every socket there is: nothing breaks, nothing hangs, nothing grows.

The protocols are fed as the event loop feeds them, on sockets with nothing behind them. An exception of theirs is the
test's own failure, for nothing is in between to catch it.
"""

import asyncio
import contextlib
import gc
import sys
import time
from collections.abc import Callable
from random import Random

import pytest
from dvrip_fuzz import DeadSocket, Fuzz
from dvrip_operations import OPERATIONS

from cambus.dvrip.admission import AdmissionLimits
from cambus.dvrip.alarm_centre import AlarmCentreListener, AlarmCentreSettings, _Sender
from cambus.dvrip.connection import Connection
from cambus.dvrip.discovery import DiscoveredDevice
from cambus.dvrip.errors import DvripError
from cambus.dvrip.ids import MessageId
from cambus.dvrip.live import LiveStream
from cambus.dvrip.messages.playback import PlaybackTarget
from cambus.dvrip.messages.registration import RegistrationLogin
from cambus.dvrip.payload import encode_body
from cambus.dvrip.playback import Playback
from cambus.dvrip.registered import RegisteredDevice
from cambus.dvrip.registration import RegistrationListener, RegistrationSettings, Verdict, _Guest
from cambus.dvrip.session import ClientSession
from cambus.dvrip.wire import serialize
from cambus.simulators.dvrip.archive import ArchivePlan
from cambus.simulators.dvrip.clock import DeviceClock
from cambus.simulators.dvrip.device import Identity, SimulatedDevice
from cambus.simulators.dvrip.discovery import DiscoveryResponder
from cambus.simulators.dvrip.media_plan import MediaPlan
from cambus.simulators.dvrip.quirks import Quirks
from cambus.simulators.video_loop import VideoSpec

SID = 0x57
Feed = Callable[[], None]

#: Asked of a device whose answers are the packets; what needs a second socket is fed by itself.
ASKED = [
    operation
    for name, operation in OPERATIONS.items()
    if not name.startswith(("open_", "transfers.", "serial.open"))
]
ASKED += [
    lambda d: d.transfers.export_config(),
    lambda d: d.transfers.export_log(),
    lambda d: d.upgrades.info(),
]


def feed(connection: Connection, data: bytes) -> None:
    """Have a connection read bytes."""
    buffer = connection.get_buffer(-1)
    buffer[: len(data)] = data
    connection.buffer_updated(len(data))


class ControlSocket:
    """The control connection of a device, with an operation always under way and a listener that is slow."""

    def __init__(self, fuzz: Fuzz) -> None:
        self.fuzz = fuzz
        self.asking: asyncio.Task[None] | None = None
        self.answered = 0
        self._connect()

    def _connect(self) -> None:
        session = ClientSession()
        session.adopt(SID, asyncio.get_running_loop().time())
        self.connection = Connection(session)
        self.device = RegisteredDevice(
            RegistrationLogin.parse({"DeviceID": 1}),
            "192.0.2.1",
            expect=lambda claim: None,
            forget=lambda claim: None,
            claim_within_s=0.01,
            check_address=True,
        )
        self.device.begin(self.connection)
        self.connection.connection_made(DeadSocket(self.connection))
        self.connection.on_media = LiveStream(0, "Main", silence_s=60).on_media
        self.events = self.device.events(max_events=100)

    async def _ask(self) -> None:
        with contextlib.suppress(
            DvripError, ValueError
        ):  # ValueError: the table's own, about what was not found
            await self.fuzz.random.choice(ASKED)(self.device)
        self.answered += 1

    def step(self) -> None:
        if self.connection.is_closed:
            self._connect()
        if self.asking is None or self.asking.done():
            if self.asking is not None:
                self.asking.result()
            self.asking = asyncio.create_task(self._ask())
        waiting = list(self.connection.session._exchanges._in_flight)
        wanted = self.fuzz.random.choice(waiting) if waiting and self.fuzz.random.random() < 0.3 else None
        for piece in self.fuzz.cut(self.fuzz.packet(wanted)):
            if not self.connection.is_closed:
                feed(self.connection, piece)
        assert self.connection.counters["callback_errors"] == 0

    async def end(self) -> None:
        self.connection.abort(DvripError("over"))
        if self.asking is not None:
            await asyncio.gather(self.asking, return_exceptions=True)
        assert self.answered > 10


class DataSocket:
    """A connection that carries media of one kind."""

    def __init__(self, fuzz: Fuzz) -> None:
        self.fuzz = fuzz
        self._connect()

    def _connect(self) -> None:
        session = ClientSession(hand_out=frozenset({1411, 1421}))
        session.attach(SID)
        live = LiveStream(0, "Main", silence_s=60)
        target = PlaybackTarget("x", 0)
        playback = Playback(target, download=True, silence_s=60)
        on_media = [live.on_media, playback.on_media]
        self.connection = Connection(
            session,
            on_media=lambda header, payload: [take(header, payload) for take in on_media],
            on_push=playback.on_push,
        )
        self.connection.connection_made(DeadSocket(self.connection))
        self._left = 2000  # a new stream now and then: a playback keeps all it gets

    def step(self) -> None:
        self._left -= 1
        if self.connection.is_closed or self._left < 0:
            self.connection.abort(DvripError("over"))
            self._connect()
        kind = self.fuzz.random.random()
        wanted = None if kind < 0.2 else self.fuzz.random.choice([1412, 1422, 1426, 1433, 1423])
        for piece in self.fuzz.cut(self.fuzz.packet(wanted)):
            if not self.connection.is_closed:
                feed(self.connection, piece)
        assert self.connection.counters["callback_errors"] == 0

    async def end(self) -> None:
        self.connection.abort(DvripError("over"))


class RegistrationSocket:
    """The listener for devices that dial; every connection is another guest."""

    def __init__(self, fuzz: Fuzz) -> None:
        self.fuzz = fuzz
        limits = AdmissionLimits(total=64, per_address=64)
        self.listener = RegistrationListener(
            RegistrationSettings(limits=limits), self._judge, lambda device: None
        )
        self.listener._is_listening = True  # on a socket that nobody needs here
        self._dial()

    def _judge(self, login: RegistrationLogin, address: str) -> Verdict:
        login.check_password("secret")
        return Verdict(100 if self.fuzz.random.random() < 0.2 else 203)  # a number is kept for an hour

    def _dial(self) -> None:
        draw = self.fuzz.random  # so many addresses that few are held off for what they did before
        self.guest = _Guest(self.listener)
        self.socket = DeadSocket(self.guest, f"10.{draw.randrange(256)}.{draw.randrange(256)}.1")
        self.guest.connection_made(self.socket)
        self.left = draw.randrange(1, 6)
        if draw.random() < 0.02 and not self.socket.is_closing():
            login = encode_body({"DeviceID": draw.randrange(50), "UserName": "u", "PassWord": "secret"})
            self.guest.data_received(serialize(draw.choice([999, 1000, 1008]), login))

    def step(self) -> None:
        if self.socket.is_closing() or self.left == 0:
            self.socket.close()
            self._dial()
        self.left -= 1
        first = [1000, 999, 1008, 1413, 1424, 1434, None]
        for piece in self.fuzz.cut(self.fuzz.packet(self.fuzz.random.choice(first))):
            if self.socket.is_closing():
                return
            if self.socket.protocol is self.guest:
                self.guest.data_received(piece)
            else:
                feed(self.socket.protocol, piece)

    async def end(self) -> None:
        self.socket.close()
        await asyncio.sleep(0)  # the listener hears of it in its turn
        assert self.listener.counters["logins"] > 0
        assert self.listener.counters["garbage"] > 0
        assert self.listener.counters["claims_refused"] > 0
        assert self.listener._guests == set()
        assert self.listener.devices == {}


class AlarmCentreSocket:
    """The listener for alarm centre messages."""

    def __init__(self, fuzz: Fuzz) -> None:
        self.fuzz = fuzz
        self.reports = 0
        self.listener = AlarmCentreListener(
            AlarmCentreSettings(reply=True),
            lambda report, address: "gate" if self.fuzz.random.random() < 0.5 else None,
            lambda report, device, address: self._count(),
        )
        self._dial()

    def _count(self) -> None:
        self.reports += 1

    def _dial(self) -> None:
        self.sender = _Sender(self.listener)
        self.socket = DeadSocket(self.sender, f"192.0.2.{self.fuzz.random.randrange(200)}")
        self.sender.connection_made(self.socket)

    def step(self) -> None:
        if self.socket.is_closing():
            self._dial()
        wanted = 1508 if self.fuzz.random.random() < 0.7 else None
        for piece in self.fuzz.cut(self.fuzz.packet(wanted)):
            if not self.socket.is_closing():
                self.sender.data_received(piece)

    async def end(self) -> None:
        self.socket.close()
        assert self.reports > 0
        assert self.listener.counters["callback_errors"] == 0
        assert self.listener._links == set()


class DeviceSocket:
    """The server of the reference device, as a client that is logged in reaches it."""

    def __init__(self, fuzz: Fuzz) -> None:
        self.fuzz = fuzz
        self.now = 1000.0
        small = VideoSpec(width=128, height=96, bitrate=32_000)
        self.device = SimulatedDevice(
            channels=2,
            user="admin",
            password="admin",
            identity=Identity("1", "00:00:00:00:00:01", "1"),
            plan=MediaPlan(main=small, sub=small, alternate=None),
            archive=ArchivePlan(files=3, file_s=2),
            quirks=Quirks(lock_after=0),
            random=Random(1),
            clock=DeviceClock(),
            host="127.0.0.1",
            name="HVR",
        )
        self._dial()

    def _dial(self) -> None:
        role = self.device.role
        self.connection = role.connection_made("127.0.0.1", self.now)
        if self.fuzz.random.random() < 0.9:
            session = role.sessions.create("admin", "x", self.connection, self.now, self.fuzz.session_id)
            self.connection.session = session
            role.bind(self.connection, session)
        self.left = self.fuzz.random.randrange(1, 400)

    def step(self) -> None:
        role = self.device.role
        self.left -= 1
        if self.connection.ending.value != "none" or self.left < 0:
            role.connection_lost(self.connection, self.now)
            self._dial()
        for piece in self.fuzz.cut(self.fuzz.packet()):
            role.receive_data(self.connection, piece, self.now)
        self.connection.data_to_send()
        self.now += 0.001
        while (due := role.next_timeout()) is not None and due <= self.now:
            role.handle_timeout(self.now)
            self.connection.data_to_send()
            if due == role.next_timeout():
                break  # a stream that is never paced goes on with the next packet
        role.take_dirty()

    async def end(self) -> None:
        role = self.device.role
        role.connection_lost(self.connection, self.now)
        assert len(role.sessions) == 0
        assert list(role.media.claims()) == []


class DatagramSocket:
    """Both ends of the search over UDP."""

    def __init__(self, fuzz: Fuzz) -> None:
        self.fuzz = fuzz
        self.found = 0
        self.responder = DiscoveryResponder([])

    def step(self) -> None:
        wanted = self.fuzz.random.choice([1530, 1531, 1532, 1533, None])
        datagram = self.fuzz.packet(wanted)[: self.fuzz.random.choice([7, 20, 21, 1400, 1400, 1400])]
        self.found += DiscoveredDevice.parse(datagram, "192.0.2.1") is not None
        self.responder.datagram_received(datagram, ("192.0.2.1", 34569))

    async def end(self) -> None:
        assert self.found > 0


SOCKETS = [ControlSocket, DataSocket, RegistrationSocket, AlarmCentreSocket, DeviceSocket, DatagramSocket]
BATCH = 50


async def run(kind: type, count: int, seed: int) -> float:
    """Feed ``count`` packets to a socket, which must neither raise nor grow; the processor seconds of the longest."""
    target = kind(Fuzz(seed, session_id=SID))
    blocks = [0]
    longest = 0.0
    for batch in range(count // BATCH):
        for _ in range(BATCH):
            began = time.thread_time()
            target.step()
            longest = max(longest, time.thread_time() - began)
        await asyncio.sleep(0)
        if batch % (count // BATCH // 10) == 0:
            gc.collect()
            blocks.append(sys.getallocatedblocks())
    await target.end()
    early = max(blocks[1:5])  # tables of limited size fill up in the beginning
    assert max(blocks[5:]) < early * 1.05 + 20_000, blocks
    return longest


@pytest.mark.parametrize("kind", SOCKETS)
async def test_some_thousand_packets_nobody_means(kind):
    await run(kind, 5_000 if kind is DatagramSocket else 2_000, seed=1)  # few datagrams are answers


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", SOCKETS)
async def test_a_million_packets_nobody_means(kind):
    assert await run(kind, 1_000_000, seed=20260801) < 1.0


def test_the_packets_follow_from_the_seed_and_are_of_all_kinds():
    one, again, other = Fuzz(1, SID), Fuzz(1, SID), Fuzz(2, SID)
    packets = [one.packet() for _ in range(2000)]
    assert packets == [again.packet() for _ in range(2000)] != [other.packet() for _ in range(2000)]
    assert {packet[0] == 0xFF for packet in packets} == {True, False}
    ids = {int.from_bytes(packet[14:16], "little") for packet in packets}
    assert len(ids & {int(each) for each in MessageId}) > 0.9 * len(MessageId)
