"""The last alarms, as they pass by on the bus: enough for a ticker, no history (that is the alarm router's)."""

import logging
from collections import deque
from typing import Final

from cambus.bus.connection import Bus
from cambus.client.delivery import Subscription
from cambus.schemas import subjects
from cambus.schemas.codec import decode
from cambus.schemas.errors import BadRequest, TooLarge
from cambus.schemas.events.alarm import CLEARED, RAISED, AlarmEvent

log = logging.getLogger(__name__)

_KEPT: Final = 50
_SPECS: Final = {RAISED.past: RAISED.model, CLEARED.past: CLEARED.model}


class AlarmTicker:
    """Remembers the last alarms raised and cleared, newest first."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._subscription: Subscription | None = None
        self._recent: deque[tuple[bool, AlarmEvent]] = deque(maxlen=_KEPT)

    @property
    def recent(self) -> list[tuple[bool, AlarmEvent]]:
        """Whether it was raised (or cleared), and the event."""
        return list(self._recent)

    async def start(self) -> None:
        """Begin to listen."""
        self._subscription = await self._bus.subscribe(
            subjects.events(noun=RAISED.noun), lambda message: self._take(message.subject, message.data)
        )

    async def stop(self) -> None:
        """Listen no more."""
        if self._subscription is not None:
            await self._subscription.close()

    def _take(self, subject: str, data: bytes) -> None:
        try:
            past = subjects.parse_event(subject).past
            if past in _SPECS:
                self._recent.appendleft((past == RAISED.past, decode(_SPECS[past], data)))
        except (ValueError, BadRequest, TooLarge) as error:
            log.warning("unreadable alarm", extra={"reason": str(error)})
