"""What a device tells on its own account, as a bounded stream for one consumer or several."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final, Self

from cambus.dvrip.messages.alarm import AlarmReport

#: Events a consumer may be behind.
MAX_EVENTS: Final = 4096
#: Bytes a consumer may be behind, as they came from the device; what is read from them takes a multiple.
MAX_EVENT_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class AlarmRaised:
    """An alarm (1504). `acknowledge` it once it is safe: a device without an answer may repeat it."""

    report: AlarmReport
    message_id: int
    _acknowledge: Callable[[], bool] = field(repr=False, compare=False)

    def acknowledge(self) -> bool:
        """Answer 1505; False when the connection is gone."""
        return self._acknowledge()


@dataclass(frozen=True, slots=True)
class DevicePush:
    """Any other message: upgrade progress (1524), its result (1527), and later firmware's (16xx)."""

    message_id: int
    payload: bytes


DeviceEvent = AlarmRaised | DevicePush


class EventStream:
    """Events in order of arrival; iterate it.

    The reader never waits: when it is full, new events are dropped and counted.

    Args:
        max_events: how far a consumer may be behind.
        only: message ids it is about; None for all.
        on_close: called once by `close`.

    Attributes:
        counters: ``delivered``, ``dropped``.
    """

    def __init__(
        self,
        max_events: int = MAX_EVENTS,
        *,
        only: frozenset[int] | None = None,
        on_close: "Callable[[EventStream], None] | None" = None,
    ) -> None:
        self.counters: Counter[str] = Counter()
        self._only = only
        self._on_close = on_close
        self._max_events = max_events
        self._events: deque[tuple[DeviceEvent, int]] = deque()
        self._bytes = 0
        self._ended = False
        self._wakeup = asyncio.Event()

    def put(self, event: DeviceEvent, size: int = 0) -> None:
        """Add an event that came as ``size`` bytes, or drop it and count."""
        if self._ended or (self._only is not None and event.message_id not in self._only):
            return
        if len(self._events) >= self._max_events or self._bytes + size > MAX_EVENT_BYTES:
            self.counters["dropped"] += 1
            return
        self._events.append((event, size))
        self._bytes += size
        self._wakeup.set()

    def end(self) -> None:
        """Nothing more will come; what is queued is still delivered."""
        self._ended = True
        self._wakeup.set()

    def close(self) -> None:
        """The consumer has heard enough."""
        self.end()
        if self._on_close is not None:
            self._on_close(self)
            self._on_close = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __aiter__(self) -> AsyncIterator[DeviceEvent]:
        return self

    async def __anext__(self) -> DeviceEvent:
        while not self._events:
            if self._ended:
                raise StopAsyncIteration
            self._wakeup.clear()
            await self._wakeup.wait()
        self.counters["delivered"] += 1
        event, size = self._events.popleft()
        self._bytes -= size
        return event
