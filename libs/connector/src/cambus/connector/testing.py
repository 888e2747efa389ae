"""A connector inside the test's own process: everything real but the process, so that a test can look in."""

import asyncio
from typing import Any, TypeVar

from cambus.bus.assets import ensure_assets
from cambus.bus.service import Runtime
from cambus.connector.errors import EndReason
from cambus.connector.service import ConnectorService
from cambus.connector.settings import ConnectorSettings

SettingsT = TypeVar("SettingsT", bound=ConnectorSettings)

DRAIN_S = 5.0


class RunningConnector:
    """Starts and ends a connector in this event loop.

    Args:
        service_class: the connector.
        settings: its settings.

    Attributes:
        service: the connector.
        failure: what made it fail; None while it runs and after an orderly end.
    """

    def __init__(self, service_class: type[ConnectorService[SettingsT]], settings: SettingsT) -> None:
        self._runtime = Runtime(service_class.name, service_class.summary, settings)
        self.service: ConnectorService[Any] = service_class(self._runtime)
        self.failure: BaseException | None = None
        self._host: asyncio.Task[None] | None = None
        self._end = asyncio.Event()

    async def start(self) -> "RunningConnector":
        """Start as the runner does."""
        await self._runtime.bus.open()
        try:
            await ensure_assets(self._runtime.bus)
            started = asyncio.Event()
            self._host = asyncio.create_task(self._own_tasks(started), name="connector")
            await started.wait()
            await self.service.start()
            await self._runtime.endpoints.start()
        except BaseException:
            await self._close()
            raise
        return self

    async def stop(self) -> None:
        """Stop in order: hand over, finish, flush, close; nothing if it has ended already."""
        if self._end.is_set():
            return
        await self.service.release()
        await self._runtime.endpoints.drain(timeout_s=DRAIN_S)
        await self.service.stop()
        await self._close()

    async def crash(self) -> None:
        """End as by SIGKILL, as far as the bus can tell: nothing is handed over, nothing is said."""
        await self._runtime.bus.nc.close()
        await self._close()

    async def _own_tasks(self, started: asyncio.Event) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                self._runtime.own_tasks(group)
                started.set()
                await self._end.wait()
                self._runtime.cancel_tasks()
        except BaseExceptionGroup as failures:
            self.failure = failures.exceptions[0]

    async def _close(self) -> None:
        self._end.set()
        if self._host is not None:
            await self._host
        self._runtime.own_tasks(None)
        for unit in list(self.service.fleet.units.values()):
            await unit.stop(EndReason.OWNERSHIP_LOST)
        await self._runtime.close_resources()
        await self._runtime.bus.close()
