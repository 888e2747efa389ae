"""Order among the events that NATS gives out again.

After a crash, or when events that were given back come again, NATS gives out those of a device at about the
same time and in no particular order: often the first one last. So they are collected for a moment and go on
in the order of the stream.
"""

import asyncio

SETTLE_S = 0.1


class Returned:
    """Collects events that come again, and lets those of a device go on in order.

    Args:
        settle_s: for how many seconds they are collected, from the first one on.
    """

    def __init__(self, settle_s: float = SETTLE_S) -> None:
        self._settle_s = settle_s
        self._collected: dict[str, list[tuple[int, asyncio.Future[None]]]] = {}

    async def in_order(self, device: str, seq: int) -> None:
        """Return in the order of `seq` among the events of the device that come within the moment."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        collected = self._collected.get(device)
        if collected is None:
            collected = self._collected[device] = []
            loop.call_later(self._settle_s, self._release, device)
        collected.append((seq, turn))
        await turn

    def _release(self, device: str) -> None:
        for _, turn in sorted(self._collected.pop(device), key=lambda item: item[0]):
            if not turn.done():  # cancelled
                turn.set_result(None)
