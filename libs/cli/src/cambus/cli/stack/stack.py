"""The whole suite on this machine, as `cambusctl up` runs it.

NATS comes first and goes last. Every service is a process of its own, started again when it dies; NATS is
started again on the same port and store when it dies.
"""

import asyncio
import contextlib
import re
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from cambus.bus.assets import wait_for_assets
from cambus.bus.connection import Bus
from cambus.bus.sealing import KeyRing
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer, ServerFailedError
from cambus.bus.users import ADMIN, USERS
from cambus.cli.nats_users import UserFolder
from cambus.cli.stack.lock import FolderLock
from cambus.cli.stack.options import (
    CONNECTOR_GRACE_S,
    SERVICES,
    StackFailedError,
    StackOptions,
    budget_of,
    command_of,
    environment_of,
    grace_of,
)
from cambus.cli.stack.ports import free_or_any
from cambus.cli.stack.process import ProcessSpec, SupervisedProcess
from cambus.cli.stack.readiness import wait_ready
from cambus.client.discovery import Instance, ping

__all__ = ["SERVICES", "Change", "Stack", "StackFailedError", "StackOptions"]

READY_S: Final = 60.0
NATS_LOOK_S: Final = 0.5
NATS: Final = "nats-server"
NATS_SETTINGS: Final = {"ping_interval": "5s", "ping_max": 2}
"""A client that stands still is to be seen: until then its subscriptions take their share of the commands."""
MOST_STARTS: Final = 3
USAGE: Final = 2
_PORTS: Final = (
    ("media-relay", "CAMBUS_RELAY_HTTP_PORT", "viewers"),
    ("media-relay", "CAMBUS_RELAY_RTSP_PORT", "rtsp"),
    ("media-relay", "CAMBUS_RELAY_WEBRTC_PORT", "webrtc"),
    ("connector-dvrip", "CAMBUS_DVRIP_REGISTRATION_PORT", "registration"),
    ("connector-gb28181", "CAMBUS_GB28181_PORT", "registration"),
    ("connector-rtsp", "CAMBUS_RTSP_PUBLISH_PORT", "publish-rtsp"),
)
"""Where a service says which port it took, and the variable that has it take the same again."""
_PORT: Final = re.compile(r":(\d+)(?:/[^:]*)?$")
"""A service ends so when its settings are wrong: starting it again would not help."""


class Change(StrEnum):
    """What happened to a process of the stack."""

    READY = "ready"
    ENDED = "ended"
    BACK = "back"


OnChange = Callable[[str, Change, str], None]
"""Told the name of a process, what happened to it, and more about it."""


def _ignore(name: str, change: Change, detail: str) -> None:
    del name, change, detail


class Stack:
    """Runs the suite between `async with` and its end.

    Args:
        options: what and where.
        on_change: told what happens to the processes, unasked ends above all.

    Attributes:
        processes: the processes by name; more can be added with `run`.
    """

    def __init__(self, options: StackOptions, *, on_change: OnChange = _ignore) -> None:
        self.options = options
        self.processes: dict[str, SupervisedProcess] = {}
        self._on_change = on_change
        self._lock = FolderLock(options.data_dir)
        self._nats: NatsServer | None = None
        self._bus: Bus | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._watching: set[asyncio.Task[None]] = set()
        self._served: set[str] = set()
        self._stopping = False

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
        return self.options.credentials_key_file

    def process(self, name: str) -> SupervisedProcess:
        """The process of a service. Raises KeyError for one that is not part of this stack."""
        return self.processes[name]

    def log(self, name: str) -> Path:
        """The log file of a process."""
        return self.options.log(name)

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
        options = self.options
        options.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock.acquire()
        for folder in ("nats", "logs"):
            (options.data_dir / folder).mkdir(exist_ok=True)
        KeyRing.load_or_create(self.credentials_key_file)
        commands = {name: command_of(name) for name in options.services}
        users = UserFolder(options.data_dir / "nats-users")
        users.ensure(USERS)
        await self._start_nats(users)
        try:
            async with asyncio.timeout(READY_S):
                await wait_for_assets(self.bus)
        except TimeoutError:
            raise StackFailedError(f"{NATS} does not keep anything; its log is {self.log(NATS)}") from None
        for name, command in commands.items():
            environment = {
                **environment_of(name, options, self.nats_url, self.nats.monitor_url),
                "CAMBUS_NATS_NKEY_FILE": str(users.seed_file(name).absolute()),
                "CAMBUS_CREATE_ASSETS": "false",
            }
            self.run(ProcessSpec(name, command, self.log(name), environment))
        await self.wait_ready(options.services)

    async def _start_nats(self, users: UserFolder) -> None:
        """Services log in, each as a user of its own; who does not is on this machine, and may do everything."""
        options = self.options
        anyone = users.public_key(ADMIN)
        nats = NatsServer(
            store=options.data_dir / "nats",
            port=free_or_any(options.nats_port),
            log=_fresh(self.log(NATS)),
            working=options.data_dir / NATS,
            config={**NATS_SETTINGS, "authorization": users.authorization(USERS), "no_auth_user": anyone},
        )
        try:
            await nats.start()
        except (ServerFailedError, FileNotFoundError) as error:
            nats.close()
            raise StackFailedError(str(error)) from None
        self._nats = nats
        self._watch(self._keep_nats(nats), "keep nats-server")
        self._on_change(NATS, Change.READY, nats.url)
        settings = BusSettings(nats_url=nats.url, instance="stack", jetstream_budget_mib=budget_of(options))
        self._bus = await Bus.connect(settings, name="cambusctl up")

    def run(self, spec: ProcessSpec) -> SupervisedProcess:
        """Run one more process until the stack stops."""
        _fresh(spec.log)
        process = SupervisedProcess(spec, on_exit=self._ended)
        self.processes[spec.name] = process
        self._tasks[spec.name] = asyncio.create_task(process.run(), name=f"run {spec.name}")
        return process

    async def wait_ready(self, services: Sequence[str], within_s: float = READY_S) -> None:
        """Return once all these services answer on the bus and are ready.

        Raises:
            StackFailedError: one is not in time, or cannot be with these settings.
        """
        ready: set[str] = set()

        def note(instance: Instance) -> None:
            ready.add(instance.name)
            self._served.add(instance.name)
            self._pin(instance)
            self._on_change(instance.name, Change.READY, instance.metadata.get("viewers", ""))

        try:
            async with asyncio.timeout(within_s):
                await wait_ready(self.bus, services, on_ready=note, check=self._check)
        except TimeoutError:
            name = min(set(services) - ready)
            raise StackFailedError(self._complaint(name, f"{name} was not ready in {within_s:g} s")) from None

    def _check(self, name: str) -> None:
        process = self.processes.get(name)
        task = self._tasks.get(name)
        if process is not None and process.last_code == USAGE:
            raise StackFailedError(self._complaint(name, f"{name} does not take its settings"))
        if process is not None and process.starts >= MOST_STARTS and process.pid is None:
            raise StackFailedError(self._complaint(name, f"{name} ends again and again"))
        if task is not None and task.done() and not task.cancelled() and task.exception() is not None:
            raise StackFailedError(f"{name} cannot be run: {task.exception()}")

    def _complaint(self, name: str, what: str) -> str:
        end = ""
        with contextlib.suppress(OSError):
            lines = self.log(name).read_text(encoding="utf-8", errors="replace").splitlines()
            end = "\n".join(lines[-5:])
        return f"{what}; its log is {self.log(name)}\n{end}".rstrip()

    def _pin(self, instance: Instance) -> None:
        """Have a service that took free ports take the same again when it is started again."""
        process = self.processes.get(instance.name)
        taken = {
            name: port[1]
            for service, name, key in _PORTS
            if service == instance.name and (port := _PORT.search(instance.metadata.get(key, "")))
        }
        if process is not None and taken:
            process.spec = replace(process.spec, env={**process.spec.env, **taken})

    # --- what goes wrong --------------------------------------------------------------------------------

    def _ended(self, name: str, code: int) -> None:
        if not self._stopping:
            self._on_change(name, Change.ENDED, _how(code))
            if name in self._served:
                self._served.discard(name)
                self._watch(self._tell_when_back(name), f"back {name}")

    async def _tell_when_back(self, name: str) -> None:
        def note(instance: Instance) -> None:
            self._served.add(instance.name)
            self._on_change(instance.name, Change.BACK, "")

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_S):
                await wait_ready(self.bus, [name], on_ready=note, check=lambda _: None)

    async def _keep_nats(self, nats: NatsServer) -> None:
        """Start NATS again when it has died."""
        while True:
            await asyncio.sleep(NATS_LOOK_S)
            if nats.running:
                continue
            self._on_change(NATS, Change.ENDED, "unexpectedly")
            try:
                await nats.restart()
            except ServerFailedError as error:
                self._on_change(NATS, Change.ENDED, str(error))
            else:
                self._on_change(NATS, Change.BACK, nats.url)

    def _watch(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)

    # --- the end ----------------------------------------------------------------------------------------

    async def stop(self) -> None:
        """End everything: first what uses the devices, then connectors and simulators, NATS last.

        Nothing is left running, even if this is cancelled: then it ends at once.
        """
        self._stopping = True
        watching = list(self._watching)
        for task in watching:
            task.cancel()
        try:
            for stage in self._stages():
                await asyncio.gather(*(each.stop(grace_s=grace_of(each.spec.name)) for each in stage))
            if self._bus is not None:
                await self._bus.close()
            if self._nats is not None:
                await asyncio.to_thread(self._nats.stop)
        finally:
            for task in self._tasks.values():
                task.cancel()  # kills what still runs
            await asyncio.gather(*self._tasks.values(), *watching, return_exceptions=True)
            if self._nats is not None:
                self._nats.close()
            self._lock.release()

    def _stages(self) -> list[list[SupervisedProcess]]:
        users = [each for name, each in self.processes.items() if grace_of(name) > CONNECTOR_GRACE_S]
        return [users, [each for each in self.processes.values() if each not in users]]


def _how(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"with exit code {code}"


def _fresh(log: Path) -> Path:
    """Put the log of the last run aside; returns the path."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        log.replace(log.with_name(log.name + ".1"))
    return log
