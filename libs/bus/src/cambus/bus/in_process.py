"""A service inside the caller's own process: everything real but the process, so that a test can look in."""

import asyncio
import logging
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Generic, Self, TypeVar

from cambus.bus.assets import ensure_assets
from cambus.bus.service import Runtime, Service
from cambus.bus.settings import BusSettings

logger = logging.getLogger(__name__)

SettingsT = TypeVar("SettingsT", bound=BusSettings)

DRAIN_S = 5.0


class RunningService(Generic[SettingsT]):
    """Runs a service between `start` and `stop` or `crash`, as the runner does, without its signals.

    Use it as a context manager, or call the three yourself. Whatever goes wrong on the way, everything it opened is
    closed at the end.

    Args:
        service_class: the service.
        settings: its settings.

    Attributes:
        service: the service; new for each instance of this class.
        runtime: what it was given.
        failure: what made one of its tasks fail while it was to run; `stop` raises it.
    """

    def __init__(self, service_class: type[Service[SettingsT]], settings: SettingsT) -> None:
        self.runtime: Runtime[SettingsT] = Runtime(service_class.name, service_class.summary, settings)
        self.service: Service[SettingsT] = service_class(self.runtime)
        self.failure: BaseExceptionGroup[BaseException] | None = None
        self._crashed = False
        self._end = asyncio.Event()
        self._host: asyncio.Task[None] | None = None

    async def start(self) -> Self:
        """Connect, create what is missing in JetStream, and start the service."""
        runtime = self.runtime
        try:
            await runtime.http.start()
            await runtime.bus.open()
            await ensure_assets(runtime.bus)
            owning = asyncio.Event()
            self._host = asyncio.create_task(self._own_tasks(owning), name=f"tasks of {self.service.name}")
            await owning.wait()
            await self.service.start()
            await runtime.endpoints.start()
        except BaseException:
            await self._close()
            raise
        return self

    async def stop(self) -> None:
        """End in order: hand over, finish what is under way, flush, close. Nothing if it has ended already.

        Raises:
            BaseExceptionGroup: what made a task of the service fail before.
        """
        if self._end.is_set():
            return
        self.runtime.stopping.set()
        try:
            await self.service.release()
            await self.runtime.endpoints.drain(timeout_s=DRAIN_S)
            await self.service.stop()
        finally:
            await self._close()
        if self.failure is not None:
            raise self.failure

    async def crash(self) -> None:
        """End as by SIGKILL, as far as the bus can tell: nothing is handed over and nothing is said.

        What the service makes of the loss of its connection is nobody's business: a killed process raises nothing.
        """
        if self._end.is_set():
            return
        self._crashed = True
        try:
            await self.runtime.bus.nc.close()
            await self.runtime.endpoints.drain(timeout_s=0.0)
            await self._close()
        except Exception as error:
            logger.debug("while it crashed", exc_info=error)

    async def _own_tasks(self, owning: asyncio.Event) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                self.runtime.own_tasks(group)
                owning.set()
                await self._end.wait()
                await self.runtime.end_tasks()
        except BaseExceptionGroup as failures:
            if not self._crashed:
                self.failure = failures

    async def _close(self) -> None:
        """Close everything, each whatever became of those before it."""
        self._end.set()
        async with AsyncExitStack() as closing:
            closing.push_async_callback(self.runtime.http.stop)
            closing.push_async_callback(self.runtime.bus.close)
            closing.push_async_callback(self.runtime.close_resources)
            closing.push_async_callback(self._close_own)
            closing.push_async_callback(self._end_tasks)

    async def _end_tasks(self) -> None:
        await self.runtime.end_tasks()  # the group cancels only once, which a task may have missed
        if self._host is not None:
            await self._host
        self.runtime.own_tasks(None)

    async def _close_own(self) -> None:
        """Close what the service keeps outside its runtime, after its tasks have ended."""

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
