"""The whole suite on this machine, as `cambusctl up` runs it.

NATS comes first and goes last. Every service is a process of its own, restarted when it dies; NATS is restarted on
the same port and store when it dies.
"""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cambus.bus.connection import Bus
from cambus.bus.sealing import KeyRing
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.cli.discovery import Instance, ping
from cambus.cli.stack.ports import free_or_any
from cambus.cli.stack.process import ProcessSpec, SupervisedProcess

SERVICES: Final = ("connector-dvrip", "media-relay", "recorder", "alarm-router", "upgrade-manager")
READY_S: Final = 60.0
LOOK_S: Final = 0.1
SERVICE_GRACE_S: Final = 25.0
KEEP_DISK_FREE_MIB: Final = 256


class StackFailedError(Exception):
    """The suite did not come up; the message says which part and where its log is."""


@dataclass(frozen=True, slots=True)
class StackOptions:
    """What to run and where.

    Attributes:
        data_dir: folder of everything that is kept: the store of NATS, recordings, outboxes, keys, logs.
        nats_port: 0 takes a free one, and so does a port that is taken.
        relay_http_port: of the player page, likewise.
        relay_rtsp_port: likewise.
        services: which services.
        environment: further variables for all of them, such as `CAMBUS_LOG_LEVEL`.
    """

    data_dir: Path
    nats_port: int = 4222
    relay_http_port: int = 8080
    relay_rtsp_port: int = 8554
    services: Sequence[str] = SERVICES
    environment: Mapping[str, str] = field(default_factory=dict)


class Stack:
    """Runs the suite between `async with` and its end.

    Args:
        options: what and where.
        on_exit: told the name and exit code of every process that ended without being asked to.

    Attributes:
        processes: the services' processes by name; more can be added with `run`.
    """

    def __init__(self, options: StackOptions, *, on_exit: Callable[[str, int], None] | None = None) -> None:
        self.options = options
        self.processes: dict[str, SupervisedProcess] = {}
        self._on_exit = on_exit
        self._nats: NatsServer | None = None
        self._bus: Bus | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._watch: asyncio.Task[None] | None = None

    # --- where things are -------------------------------------------------------------------------------

    @property
    def nats(self) -> NatsServer:
        """The NATS server. Raises StackFailedError before the start."""
        if self._nats is None:
            raise StackFailedError("the stack is not running")
        return self._nats

    @property
    def nats_url(self) -> str:
        """What clients connect to."""
        return self.nats.url

    @property
    def bus(self) -> Bus:
        """A connection of our own. Raises StackFailedError before the start."""
        if self._bus is None:
            raise StackFailedError("the stack is not running")
        return self._bus

    @property
    def credentials_key_file(self) -> Path:
        """The key device credentials are sealed with."""
        return self.options.data_dir / "credentials.key"

    def process(self, name: str) -> SupervisedProcess:
        """The process of a service. Raises KeyError for one that is not part of this stack."""
        return self.processes[name]

    def log(self, name: str) -> Path:
        """The log file of a process."""
        return self.options.data_dir / "logs" / f"{name}.log"

    async def instance(self, service: str) -> Instance:
        """What a service says of itself. Raises StackFailedError if it does not answer."""
        found = await ping(self.bus, service)
        if not found:
            raise StackFailedError(f"{service} does not answer; see {self.log(service)}")
        return found[0]

    async def http_url(self, service: str) -> str:
        """The address of a service's HTTP port (`/metrics`, `/readyz`)."""
        return (await self.instance(service)).metadata["http"]

    # --- life -------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _start(self) -> None:
        data = self.options.data_dir
        for folder in (data / "nats", data / "logs"):
            folder.mkdir(parents=True, exist_ok=True)
        KeyRing.load_or_create(self.credentials_key_file)
        self._nats = NatsServer(
            store=data / "nats", port=free_or_any(self.options.nats_port), log=self.log("nats-server")
        )
        await self._nats.start()
        self._watch = asyncio.create_task(self._keep_nats(), name="keep nats-server")
        settings = BusSettings(nats_url=self.nats_url, instance="stack")
        self._bus = await Bus.connect(settings, name="cambusctl up")
        for name in self.options.services:
            module = f"cambus.{name.replace('-', '_')}"
            self.run(
                ProcessSpec(name, (sys.executable, "-m", module), self.log(name), self.environment(name))
            )
        await self.wait_ready(self.options.services)

    def environment(self, service: str) -> dict[str, str]:
        """The variables one service is started with."""
        data, options = self.options.data_dir, self.options
        values = {
            "CAMBUS_NATS_URL": self.nats_url,
            "CAMBUS_NATS_MONITOR_URL": self.nats.monitor_url,
            "CAMBUS_INSTANCE": f"{service}-0",
            "CAMBUS_DATA_DIR": str(data / service),
            "CAMBUS_HTTP_PORT": "0",
        }
        match service:
            case "media-relay":
                values["CAMBUS_RELAY_HTTP_PORT"] = str(free_or_any(options.relay_http_port))
                values["CAMBUS_RELAY_RTSP_PORT"] = str(free_or_any(options.relay_rtsp_port))
            case "recorder":
                values["CAMBUS_DISK_RESERVE_MIB"] = str(KEEP_DISK_FREE_MIB)
        if service == "alarm-router" or service.startswith("connector-"):
            values["CAMBUS_CREDENTIALS_KEY_FILE"] = str(self.credentials_key_file)
        return {**values, **options.environment}

    def run(self, spec: ProcessSpec) -> SupervisedProcess:
        """Run one more process until the stack stops."""
        process = SupervisedProcess(spec, on_exit=self._on_exit)
        self.processes[spec.name] = process
        self._tasks[spec.name] = asyncio.create_task(process.run(), name=f"run {spec.name}")
        return process

    async def wait_ready(self, services: Sequence[str], within_s: float = READY_S) -> None:
        """Return once all these services answer on the bus.

        Raises:
            StackFailedError: one does not in time, or keeps dying.
        """
        missing = set(services)
        try:
            async with asyncio.timeout(within_s):
                while missing:
                    missing -= {instance.name for instance in await ping(self.bus)}
                    if missing:
                        await asyncio.sleep(LOOK_S)
        except TimeoutError:
            name = min(missing)
            raise StackFailedError(
                f"{name} did not start; see {self.log(name)}\n{self._end_of_log(name)}"
            ) from None

    def _end_of_log(self, name: str) -> str:
        with contextlib.suppress(OSError):
            return "\n".join(self.log(name).read_text(errors="replace").splitlines()[-5:])
        return ""

    async def _keep_nats(self) -> None:
        """Start NATS again when it has died."""
        while True:
            await asyncio.sleep(LOOK_S * 5)
            if not self.nats.running:
                if self._on_exit is not None:
                    self._on_exit("nats-server", 1)
                await self.nats.restart()

    async def stop(self) -> None:
        """End everything: the services at the same time, NATS after them. Nothing is left running."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait({self._watch})
        await asyncio.gather(*(each.stop(grace_s=SERVICE_GRACE_S) for each in self.processes.values()))
        if self._tasks:
            await asyncio.wait(self._tasks.values())
        if self._bus is not None:
            await self._bus.close()
        if self._nats is not None:
            self._nats.stop()
            self._nats.close()
