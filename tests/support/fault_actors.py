"""What can be killed and comes back: services in the test's process or in one of their own, and NATS."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from cambus.bus.in_process import RunningService
from cambus.bus.testing import NatsServer
from cambus.bus.testing_cluster import NatsCluster


class Actor(Protocol):
    """Something that runs, dies and comes back."""

    async def start(self) -> None: ...
    async def kill(self) -> None: ...
    async def stop(self) -> None: ...


class InProcess:
    """A service in this process: it is as good as killed, as far as the bus and the devices can tell."""

    def __init__(self, make: Callable[[], RunningService[Any]]) -> None:
        self._make = make
        self.running: RunningService[Any] | None = None

    async def start(self) -> None:
        self.running = await self._make().start()

    async def kill(self) -> None:
        if self.running is not None:
            await self.running.crash()

    async def stop(self) -> None:
        if self.running is not None:
            await self.running.stop()


class InItsOwn:
    """A service or a device in a process of its own: SIGKILL, SIGSTOP and SIGTERM are what they say."""

    def __init__(self, launch: Callable[[], Awaitable[Any]]) -> None:
        self._launch = launch
        self.running: Any = None
        self.runs: list[tuple[Any, datetime]] = []

    async def start(self) -> None:
        self.running = await self._launch()
        self.runs.append((self.running, datetime.now(UTC)))

    async def kill(self) -> None:
        if self.running is not None and self.running.process.returncode is None:
            await self.running.end(signal.SIGKILL)

    async def stop(self) -> Any:
        """Ask it to end; how it did."""
        return await self.running.end(signal.SIGTERM)

    async def freeze(self, seconds: float) -> None:
        """Stand still for a while."""
        pid = self.running.process.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)


def nodes(nats: NatsServer | NatsCluster) -> list[NatsServer]:
    """The servers there are."""
    return list(nats.servers.values()) if isinstance(nats, NatsCluster) else [nats]
