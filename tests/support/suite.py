"""The suite as users run it: a real nats-server and every service a process, with simulated devices beside them."""

import asyncio
import json
import os
import signal
import sysconfig
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from event_log import EventLog
from pydantic import SecretStr

from cambus.bus.sealing import KeyRing
from cambus.cli.stack.stack import SERVICES, Stack, StackFailedError, StackOptions
from cambus.client.calling import BusClient
from cambus.client.errors import BusError
from cambus.client.kv import KeyValue
from cambus.schemas.assets import KV_CREDENTIALS, KV_DEVICES, KV_PRESENCE
from cambus.schemas.state.credentials import Credentials, SealedCredentials
from cambus.schemas.state.devices import CredentialsRef, DeviceRecord
from cambus.schemas.state.presence import Presence
from cambus.simulators.dvrip.media_plan import MediaPlan
from cambus.simulators.dvrip.simulator import DvripSimulator
from cambus.simulators.video_loop import VideoSpec

USER, PASSWORD = "operator", "dev1ce-Passw0rd"
SMALL = MediaPlan(
    main=VideoSpec(width=320, height=240, bitrate=300_000, gop_s=1.0, loop_s=1.0),
    sub=VideoSpec(width=160, height=128, bitrate=100_000, gop_s=1.0, loop_s=1.0),
)
"""Streams that cost a test little: H.264 on even channels, H.265 on odd ones."""

QUICK = {
    "CAMBUS_LEASE_TTL_S": "5",
    "CAMBUS_LEASE_MARGIN_S": "1",
    "CAMBUS_LIVE_LINGER_S": "1",
    "CAMBUS_RECONNECT_FIRST_S": "0.2",
    "CAMBUS_RECONNECT_MOST_S": "1",
    "CAMBUS_RELAY_LINGER_S": "1",
    "CAMBUS_SYNC_INTERVAL_S": "0.5",
    "CAMBUS_DISK_RESERVE_MIB": "0",
    "CAMBUS_DELIVERY_FIRST_DELAY_S": "0.2",
    "CAMBUS_DELIVERY_LONGEST_DELAY_S": "1",
    "CAMBUS_REDELIVERY_S": "3",
    "CAMBUS_LOOK_INTERVAL_S": "0.5",
    "CAMBUS_SILENCE_S": "3",
    "CAMBUS_SETTLE_S": "5",
}
"""Settings that make waiting short; nothing else about the services differs from a user's."""

Condition = Callable[[], object]


async def until(condition: Condition, within_s: float = 90.0, what: str = "") -> None:
    """Wait for what a foreign process does and tells nobody; `condition` may be asynchronous."""
    try:
        async with asyncio.timeout(within_s):
            while True:
                outcome = condition()
                if await outcome if isinstance(outcome, Awaitable) else outcome:
                    return
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {within_s:g} s: {what or condition}") from None


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command line left: its exit code, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The JSON it printed."""
        return json.loads(self.out)


class Suite:
    """A running suite, and what a test asks of it.

    Attributes:
        stack: the processes.
        bus: a connection to NATS.
        client: calls commands.
        events: every event since the start.
        folder: where everything is kept: data, keys, logs.
        presences: the presence of every device.
        http: for metrics and the like.
    """

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.bus = stack.bus
        self.client = BusClient(stack.bus)
        self.events = EventLog(stack.bus)
        self.folder = stack.options.data_dir
        self.presences = KeyValue(stack.bus, KV_PRESENCE, Presence)
        self.http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        self._keys = KeyRing.load(stack.credentials_key_file)

    # --- services ---------------------------------------------------------------------------------------

    @property
    def nats_url(self) -> str:
        """Where NATS is."""
        return self.stack.nats_url

    def pid(self, service: str) -> int:
        """The process of a service that runs."""
        pid = self.stack.process(service).pid
        assert pid is not None, f"{service} is not running"
        return pid

    def kill(self, service: str, how: signal.Signals = signal.SIGKILL) -> int:
        """Kill a process, by SIGKILL unless told otherwise: nothing is flushed, nobody is told. Returns which."""
        pid = self.pid(service)
        os.kill(pid, how)
        return pid

    async def back(self, service: str, killed: int | None = None) -> None:
        """Wait until a service answers again, by another process than the killed one."""
        process = self.stack.process(service)
        await until(lambda: process.pid not in {None, killed}, what=f"{service} started")
        await until(lambda: self._ready(service), what=f"{service} ready")

    async def kill_and_back(self, service: str) -> None:
        """Kill a service and wait until it serves again."""
        await self.back(service, self.kill(service))

    async def _ready(self, service: str) -> bool:
        try:
            async with self.http.get(f"{await self.url(service)}/readyz") as answer:
                return answer.status == 200
        except (aiohttp.ClientError, BusError, StackFailedError, TimeoutError):
            return False

    async def url(self, service: str, port: str = "http") -> str:
        """The address of a port of a service: `http`, or `viewers` and `rtsp` of media-relay."""
        return (await self.stack.instance(service)).metadata[port]

    async def metrics(self, service: str) -> str:
        """What a service shows Prometheus."""
        async with self.http.get(f"{await self.url(service)}/metrics") as answer:
            return await answer.text()

    def log(self, service: str) -> str:
        """Everything a service has logged."""
        return self.stack.log(service).read_text()

    # --- the command line -------------------------------------------------------------------------------

    async def cambusctl(self, *arguments: str, within_s: float = 60.0) -> Ran:
        """Run the command line as a user would, in a process of its own, in the folder of the suite."""
        process = await self.begin_cambusctl(*arguments)
        try:
            async with asyncio.timeout(within_s):
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return Ran(process.returncode or 0, out.decode(), err.decode())

    async def begin_cambusctl(self, *arguments: str) -> asyncio.subprocess.Process:
        """As `cambusctl`, for a command that goes on; end it."""
        variables = {
            "CAMBUS_NATS_URL": self.nats_url,
            "CAMBUS_CREDENTIALS_KEY_FILE": str(self.stack.credentials_key_file),
        }
        return await asyncio.create_subprocess_exec(
            str(Path(sysconfig.get_path("scripts")) / "cambusctl"),
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self.folder,
            env={**os.environ, **variables},
        )

    # --- devices ----------------------------------------------------------------------------------------

    async def add(
        self,
        device: str,
        port: int | None,
        *,
        protocol: str = "dvrip",
        password: str = PASSWORD,
        user: str = USER,
        **record: Any,
    ) -> None:
        """Put a device on the bus, as `cambusctl apply` does; without a port it comes by itself."""
        sealed = self._keys.seal(Credentials(username=user, password=SecretStr(password)), device)
        await KeyValue(self.bus, KV_CREDENTIALS, SealedCredentials).put(device, sealed)
        wanted = DeviceRecord(
            id=device,
            protocol=protocol,
            address=None if port is None else f"127.0.0.1:{port}",
            credentials=CredentialsRef(name=device),
            **record,
        )
        await KeyValue(self.bus, KV_DEVICES, DeviceRecord).put(device, wanted)

    async def remove(self, device: str) -> None:
        """Take a device off the bus."""
        await KeyValue(self.bus, KV_DEVICES, DeviceRecord).delete(device)

    async def presence(self, device: str) -> Presence | None:
        """What is known of a device now."""
        entry = await self.presences.get(device)
        return entry.value if entry is not None else None

    async def presence_like(
        self, device: str, condition: Callable[[Presence], object], within_s: float = 30.0
    ) -> Presence:
        """Wait for a presence that is as it should be, and return it."""
        found: Presence | None = None
        try:
            async with asyncio.timeout(within_s):
                async for _, entry in self.presences.watch(device):
                    if entry is not None:
                        found = entry.value
                        if condition(found):
                            return found
        except TimeoutError:
            pass
        raise AssertionError(f"{device} did not get there within {within_s:g} s; now: {found!r}")

    async def online(self, device: str, within_s: float = 30.0) -> Presence:
        """Wait until a device takes commands."""
        return await self.presence_like(device, lambda presence: presence.online, within_s)


@asynccontextmanager
async def running_suite(
    folder: Path, *services: str, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Suite]:
    """The suite as `cambusctl up` runs it, on free ports; all services if none is named."""
    options = StackOptions(
        data_dir=folder,
        nats_port=0,
        relay_http_port=0,
        relay_rtsp_port=0,
        webrtc_port=0,
        sip_port=0,
        services=services or SERVICES,
        environment={**QUICK, **(settings or {})},
    )
    async with Stack(options) as stack:
        suite = Suite(stack)
        async with suite.http:
            await suite.events.start()
            try:
                await asyncio.gather(*(suite.back(service) for service in options.services))
                yield suite
            finally:
                await suite.events.stop()
    refused = [line for line in stack.log("nats-server").read_text().splitlines() if "Violation" in line]
    assert not refused, "\n".join(refused[:10])  # services log in with the least permissions they need


@asynccontextmanager
async def recorder_device(
    *, channels: int = 2, media: MediaPlan = SMALL, **options: Any
) -> AsyncIterator[DvripSimulator]:
    """A simulated recorder whose pictures are encoded before anybody asks for them."""
    simulator = DvripSimulator(
        user=options.pop("user", USER),
        password=options.pop("password", PASSWORD),
        channels=channels,
        media=media,
        **options,
    )
    async with simulator:
        await simulator.prepare()
        yield simulator
