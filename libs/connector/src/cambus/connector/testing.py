"""A connector inside the test's own process: everything real but the process, so that a test can look in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

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
    """

    def __init__(
        self, service_class: type[ConnectorService[SettingsT]], settings: SettingsT
    ) -> None:
        self._runtime = Runtime(service_class.name, service_class.summary, settings)
        self.service = service_class(self._runtime)
        self._group = asyncio.TaskGroup()
        self._ended = False

    async def start(self) -> "RunningConnector":
        """Start as the runner does."""
        await self._runtime.bus.open()
        await ensure_assets(self._runtime.bus)
        await self._group.__aenter__()
        self._runtime.own_tasks(self._group)
        await self.service.start()
        await self._runtime.endpoints.start()
        return self

    async def stop(self) -> None:
        """Stop in order: hand over, finish, flush, close; nothing if it has ended already."""
        if self._ended:
            return
        await self.service.release()
        await self._runtime.endpoints.drain(timeout_s=DRAIN_S)
        await self.service.stop()
        await self._end()

    async def crash(self) -> None:
        """End as by SIGKILL, as far as the bus can tell: nothing is handed over, nothing is said."""
        await self._runtime.bus.nc.close()
        await self._end()

    async def _end(self) -> None:
        self._ended = True
        self._runtime.own_tasks(None)
        self._runtime.cancel_tasks()
        await self._group.__aexit__(None, None, None)
        for unit in list(self.service.fleet.units.values()):
            await unit.stop(EndReason.OWNERSHIP_LOST)
        await self._runtime.close_resources()
        await self._runtime.bus.close()


@asynccontextmanager
async def running(
    service_class: type[ConnectorService[SettingsT]], settings: SettingsT
) -> AsyncIterator[RunningConnector]:
    """Run a connector for the length of the block; one that was stopped or crashed inside is left alone."""
    connector = RunningConnector(service_class, settings)
    await connector.start()
    try:
        yield connector
    finally:
        await connector.stop()
