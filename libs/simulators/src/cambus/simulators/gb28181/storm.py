"""Thousands of devices in one process, registering at a steady rate (§18, storm mode)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, Final, Self

from cambus.simulators.gb28181.shared import SharedEndpoint
from cambus.simulators.gb28181.simulator import Gb28181Simulator

DEVICES_PER_ADDRESS: Final = 250
MAX_DEVICES: Final = 100_000
_SERIAL_DIGITS: Final = 6


class Storm:
    """Many light devices: they share sockets, as behind a few NATs, and record nothing.

    Args:
        make: makes the device of a number, that speaks through shared sockets.
        count: how many.
        rate: how many begin to register in a second; 0 for all at once.
        host: address to send from.

    Attributes:
        devices: all of them.
        settled_s: how long it took until all were registered; None while they are not.
    """

    def __init__(
        self,
        make: Callable[[int, SharedEndpoint], Gb28181Simulator],
        count: int,
        *,
        rate: float = 0.0,
        host: str = "127.0.0.1",
    ) -> None:
        if not 1 <= count <= MAX_DEVICES:
            raise ValueError(f"count {count}: want 1-{MAX_DEVICES}")
        self._shared = [SharedEndpoint(host) for _ in range(-(-count // DEVICES_PER_ADDRESS))]
        self.devices = [make(number, self._shared[number // DEVICES_PER_ADDRESS]) for number in range(count)]
        self.settled_s: float | None = None
        self._rate = rate
        self._stack = AsyncExitStack()
        self._starter: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        for shared in self._shared:
            await self._stack.enter_async_context(shared)
        self._starter = asyncio.create_task(self._start(), name="gb28181 storm")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._starter is not None:
            self._starter.cancel()
            await asyncio.gather(self._starter, return_exceptions=True)
        await asyncio.gather(*(each.close(unregister=False) for each in self.devices))
        await self._stack.aclose()

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for number, device in enumerate(self.devices):
            if self._rate:
                await asyncio.sleep(max(begun + number / self._rate - loop.time(), 0.0))
            await device.start()
        await asyncio.gather(*(each.agent.registered.wait() for each in self.devices))
        self.settled_s = loop.time() - begun

    @property
    def registered(self) -> int:
        """How many are registered now."""
        return sum(each.registered for each in self.devices)

    async def settled(self, timeout_s: float) -> float:
        """Wait until all are registered; how long that took. Raises TimeoutError."""
        assert self._starter is not None  # noqa: S101 - it has been entered
        async with asyncio.timeout(timeout_s):
            await asyncio.shield(self._starter)
        return self.settled_s or 0.0

    def register_again(self) -> None:
        """All at once, as after a power cut of the platform."""
        for each in self.devices:
            each.agent.register_again()

    def state(self) -> dict[str, Any]:
        """How far it is, as JSON."""
        return {"devices": len(self.devices), "registered": self.registered, "settled_s": self.settled_s}


def numbered(code: str, number: int) -> str:
    """The code of the so-manieth device, counted from one whose code is given."""
    serial = int(code[-_SERIAL_DIGITS:]) + number
    return f"{code[:-_SERIAL_DIGITS]}{serial:0{_SERIAL_DIGITS}d}"
