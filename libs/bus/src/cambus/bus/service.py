"""What a service is made of: a class with a start and an end, and the runtime it is given."""

import asyncio
import math
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from cambus.bus.connection import Bus
from cambus.bus.endpoints import Endpoints
from cambus.bus.health import Health
from cambus.bus.http import HttpServer
from cambus.bus.metrics import Metrics
from cambus.bus.settings import BusSettings
from cambus.bus.version import suite_version
from cambus.client.calling import BusClient
from cambus.client.tasks import end

S = TypeVar("S", bound=BusSettings)
T = TypeVar("T")


class CannotRun(Exception):
    """The machine or its settings do not let the service run; the text tells its operator why, and what to change."""


class Runtime(Generic[S]):
    """What the runner gives a service.

    Attributes:
        settings: the validated settings.
        metrics: the registry behind `/metrics`.
        health: the conditions behind `/readyz`.
        http: the HTTP port; routes may be added in the service's constructor.
        bus: the connection; open from `Service.start()` on.
        endpoints: the commands answered; drained by the runner.
        client: calls commands.
        stopping: set once the service is asked to stop.
        begun: whether `Service.start()` was called; if not, neither are `release` and `stop`.
    """

    def __init__(self, name: str, summary: str, settings: S) -> None:
        self.settings = settings
        self.metrics = Metrics(name, suite_version(), process=True)
        self.health = Health()
        self.http = HttpServer(self.metrics, self.health, host=settings.http_host, port=settings.http_port)
        self.bus = Bus(settings, name=name, metrics=self.metrics, health=self.health)
        self.endpoints = Endpoints(self.bus, name, suite_version(), description=summary)
        self.client = BusClient(self.bus)
        self.stopping = asyncio.Event()
        self.begun = False
        self.metrics.gauge("ready", "1 while the service is ready")().set_function(lambda: self.health.ready)
        self.metrics.gauge("clock_seconds", "This machine's clock: seconds since 1970")().set_function(
            time.time
        )
        self.metrics.gauge(
            "data_free_bytes", "Bytes free on the disk of CAMBUS_DATA_DIR, if there is one"
        )().set_function(lambda: _free_bytes(settings.data_dir))
        self._resources = AsyncExitStack()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._group: asyncio.TaskGroup | None = None

    def spawn(self, coroutine: Coroutine[Any, Any, T], *, name: str | None = None) -> asyncio.Task[T]:
        """Run a task as long as the service: it is cancelled at the end, and its failure is the service's.

        Raises:
            RuntimeError: the service has not started, or has ended.
        """
        if self._group is None:
            coroutine.close()
            raise RuntimeError("tasks can be spawned between start and end of the service only")
        task = self._group.create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def enter(self, resource: AbstractAsyncContextManager[T]) -> T:
        """Open something the service needs; the runner closes it at the end, in reverse order."""
        return await self._resources.enter_async_context(resource)

    def on_close(self, close: Callable[[], None]) -> None:
        """Have something closed at the end, after all that is opened later."""
        self._resources.callback(close)

    # --- for the runner ---------------------------------------------------------------------------------

    def own_tasks(self, group: asyncio.TaskGroup | None) -> None:
        """Spawn tasks in this group from now on; None: no more."""
        self._group = group

    async def end_tasks(self) -> None:
        """Cancel what was spawned, and wait until it has ended."""
        await end(*self._tasks)

    async def close_resources(self) -> None:
        """Close what was entered, last first."""
        await self._resources.aclose()


class Service(ABC, Generic[S]):
    """A service. The runner constructs it, then calls `start`, and at the end `release` and `stop`.

    Attributes:
        name: as in subjects, metrics and logs (`connector-dvrip`).
        summary: one sentence for `--help` and discovery.
    """

    name: ClassVar[str]
    summary: ClassVar[str] = ""

    def __init__(self, runtime: Runtime[S]) -> None:
        self.runtime = runtime

    @abstractmethod
    async def start(self) -> None:
        """Begin: the bus is open, the assets exist. Register commands, spawn tasks, return."""

    async def release(self) -> None:
        """Give up what another replica is to take over at once: leases, held devices. The first step."""

    async def stop(self) -> None:
        """End what is left, after the last command was answered and while the bus is still open."""


ServiceFactory = Callable[[Runtime[S]], Service[S]]


def _free_bytes(folder: Path) -> float:
    """What is free where a folder is; not a number where it is not: then nothing is kept there."""
    try:
        return float(shutil.disk_usage(folder).free)
    except OSError:
        return math.nan
