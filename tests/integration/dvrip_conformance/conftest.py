"""Simulated recorders whose clock stands still, and sessions with them, dialled by either side."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import pytest

from cambus.dvrip.client import DvripClient
from cambus.dvrip.profile import Credentials, Profile
from cambus.dvrip.reassembly import Reassembler
from cambus.dvrip.registered import RegisteredDevice
from cambus.dvrip.registration import RegistrationListener, RegistrationSettings, Verdict
from cambus.dvrip.timeouts import Timeouts
from cambus.dvrip.wire import Packet
from cambus.simulators.dvrip import DvripSimulator
from cambus.simulators.dvrip.archive import ArchivePlan
from cambus.simulators.dvrip.media_plan import MediaPlan
from cambus.simulators.video_loop import VideoSpec

PATIENT_S = 30.0
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SMALL = MediaPlan(
    main=VideoSpec(width=320, height=240, bitrate=200_000),
    sub=VideoSpec(width=160, height=128, bitrate=64_000),
)


@pytest.fixture
async def closing() -> AsyncIterator[AsyncExitStack]:
    """What a test opened, closed at its end within bounds."""
    async with AsyncExitStack() as stack:
        yield stack
        async with asyncio.timeout(PATIENT_S):
            await stack.aclose()


@pytest.fixture
def make_recorder(closing: AsyncExitStack) -> Callable[..., Any]:
    """Starts recorders that differ in what the test says only."""

    async def make(**quirks: Any) -> DvripSimulator:
        made = DvripSimulator(
            user="admin",
            password="admin",
            channels=2,
            media=SMALL,
            archive=ArchivePlan(files=3, file_s=30),
            seed=1,
            utc_now=lambda: NOON,
        )
        recorder = await closing.enter_async_context(made)
        recorder.update_quirks({"lock_after": 0, "pace": 2, **quirks})
        recorder.device.config.set("NetWork.NetCommon.TCPPort", 34567)  # the real one differs from run to run
        return recorder

    return make


@pytest.fixture
async def recorder(make_recorder: Callable[..., Any]) -> DvripSimulator:
    """One recorder."""
    made: DvripSimulator = await make_recorder()
    return made


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """How many parts of messages came, at either side, by message id."""
    counted: Counter[int] = Counter()
    receive = Reassembler.receive

    def noted(self: Reassembler, packet: Packet, now: float) -> Packet | None:
        counted[packet.header.message_id] += packet.header.is_fragment
        return receive(self, packet, now)

    monkeypatch.setattr(Reassembler, "receive", noted)
    return counted


@pytest.fixture
def dial(closing: AsyncExitStack) -> Callable[..., Any]:
    """Opens sessions with recorders."""

    async def open_session(
        recorder: DvripSimulator, profile: Profile | None = None, **timeouts: float
    ) -> DvripClient:
        client = DvripClient(
            "127.0.0.1",
            recorder.port,
            credentials=Credentials("admin", "admin"),
            profile=profile,
            timeouts=Timeouts(**{"media_silence": 5.0, **timeouts}),
        )
        await client.connect()
        closing.push_async_callback(client.close)
        return client

    return open_session


@pytest.fixture
def register(closing: AsyncExitStack) -> Callable[..., Any]:
    """Has recorders register with a listener; our side of the sessions they open."""

    async def start(recorder: DvripSimulator, **settings: Any) -> RegisteredDevice:
        arrived: asyncio.Queue[RegisteredDevice] = asyncio.Queue()
        listener = RegistrationListener(
            RegistrationSettings(host="127.0.0.1", port=0, **settings),
            lambda login, address: Verdict(login.check_password("pw")),
            arrived.put_nowait,
        )
        await listener.start()
        closing.push_async_callback(listener.close)
        recorder.register_with("127.0.0.1", listener.port, user="device", password="pw")
        async with asyncio.timeout(PATIENT_S):
            return await arrived.get()

    return start
