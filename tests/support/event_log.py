"""Every event of the bus, as it comes: what a test waits for, and what it looks through afterwards."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import TypeVar

from cambus.bus.connection import Bus
from cambus.client.follow import follow
from cambus.client.received import ReceivedEvent
from cambus.schemas.events.base import Event
from cambus.schemas.spec import EventSpec

E = TypeVar("E", bound=Event)


class EventLog:
    """Follows the stream from its first event on, over restarts of NATS.

    Attributes:
        received: all of it, in the order of the stream.
    """

    def __init__(self, bus: Bus) -> None:
        self.received: list[ReceivedEvent] = []
        self._bus = bus
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin."""
        self._task = asyncio.get_running_loop().create_task(self._follow())

    async def stop(self) -> None:
        """End; what was received stays."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def of(self, spec: EventSpec[E], device: str | None = None) -> list[E]:
        """The events of one kind, of one device or of all."""
        return [
            each.event
            for each in self.received
            if each.name == spec.name
            and isinstance(each.event, spec.model)
            and (device is None or each.device == device)
        ]

    async def find(
        self,
        spec: EventSpec[E],
        device: str,
        condition: Callable[[E], object] = lambda event: True,
        within_s: float = 30.0,
    ) -> E:
        """Wait for an event like that, or return the first that came already."""
        try:
            async with asyncio.timeout(within_s):
                while True:
                    self._changed.clear()
                    for event in self.of(spec, device):
                        if condition(event):
                            return event
                    await self._changed.wait()
        except TimeoutError:
            seen = [(each.name, each.event) for each in self.received if each.device == device]
            raise AssertionError(
                f"no such {spec.name} of {device} within {within_s:g} s; seen: {seen}"
            ) from None

    async def _follow(self) -> None:
        async for event in follow(self._bus, after_seq=0):
            self.received.append(event)
            self._changed.set()
