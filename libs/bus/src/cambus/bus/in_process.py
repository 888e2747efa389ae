"""A service inside the caller's own process: everything real but the process, so that a test can look in."""

import asyncio
from types import TracebackType
from typing import Generic, Self, TypeVar

from cambus.bus.assets import ensure_assets
from cambus.bus.service import Runtime, Service
from cambus.bus.settings import BusSettings

SettingsT = TypeVar("SettingsT", bound=BusSettings)

DRAIN_S = 5.0


class RunningService(Generic[SettingsT]):
    """Runs a service between `start` and `stop` or `crash`, as the runner does, without its signals.

    Use it as a context manager, or call the three yourself. A failure of one of the service's tasks is raised
    by whatever ends it.

    Args:
        service_class: the service.
        settings: its settings.

    Attributes:
        service: the service; new for each instance of this class.
        runtime: what it was given.
    """

    def __init__(self, service_class: type[Service[SettingsT]], settings: SettingsT) -> None:
        self.runtime: Runtime[SettingsT] = Runtime(service_class.name, service_class.summary, settings)
        self.service: Service[SettingsT] = service_class(self.runtime)
        self._end = asyncio.Event()
        self._host: asyncio.Task[None] | None = None

    async def start(self) -> Self:
        """Connect, create what is missing in JetStream, and start the service."""
        runtime = self.runtime
        await runtime.http.start()
        await runtime.bus.open()
        await ensure_assets(runtime.bus)
        owning = asyncio.Event()
        self._host = asyncio.create_task(self._own_tasks(owning), name=f"tasks of {self.service.name}")
        await owning.wait()
        await self.service.start()
        await runtime.endpoints.start()
        return self

    async def stop(self) -> None:
        """End in order: hand over, finish what is under way, flush, close. Nothing if it has ended already."""
        if self._end.is_set():
            return
        self.runtime.stopping.set()
        await self.service.release()
        await self.runtime.endpoints.drain(timeout_s=DRAIN_S)
        await self.service.stop()
        await self._close()

    async def crash(self) -> None:
        """End as by SIGKILL, as far as the bus can tell: nothing is handed over and nothing is said."""
        await self.runtime.bus.nc.close()
        await self._close()

    async def _own_tasks(self, owning: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            self.runtime.own_tasks(group)
            owning.set()
            await self._end.wait()
            self.runtime.cancel_tasks()

    async def _close(self) -> None:
        self._end.set()
        if self._host is not None:
            await self._host
        self.runtime.own_tasks(None)
        await self.runtime.close_resources()
        await self.runtime.bus.close()
        await self.runtime.http.stop()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
