"""What the replica on duty tells as time goes by: escalations that are due, and counts of what was kept back."""

import asyncio
import logging
import math
import time
from collections.abc import Callable

from cambus.alarm_router.acknowledging import publish
from cambus.alarm_router.escalation import Escalations
from cambus.alarm_router.suppression import Suppression
from cambus.bus.connection import Bus
from cambus.client.errors import BusError
from cambus.schemas.events.alarm_handling import SUPPRESSED, AlarmSuppressed

logger = logging.getLogger(__name__)

LOOK_S = 1.0
LEAVE_S = 2.0


class Telling:
    """Runs for the length of one term of duty.

    Args:
        bus: the connection.
        escalations: know what is due.
        suppression: knows what was kept back.
        clock: seconds that never go back, as `suppression` is given them.
    """

    def __init__(
        self,
        bus: Bus,
        escalations: Escalations,
        suppression: Suppression,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bus = bus
        self._escalations = escalations
        self._suppression = suppression
        self._clock = clock
        self._owed: list[AlarmSuppressed] = []

    async def run(self) -> None:
        """Tell until cancelled; then what was kept back so far, for nobody else knows of it."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._escalations.run(), name="escalations")
                group.create_task(self._counts(), name="suppressed")
        finally:
            try:
                async with asyncio.timeout(LEAVE_S):
                    await self._tell(math.inf)
            except (BusError, TimeoutError) as error:
                logger.warning("what was kept back is not told", extra={"reason": str(error)})

    async def _counts(self) -> None:
        while True:
            try:
                await self._tell(self._clock())
            except BusError as error:
                logger.warning("what was kept back is told later", extra={"reason": str(error)})
            await asyncio.sleep(LOOK_S)

    async def _tell(self, now: float) -> None:
        self._owed += self._suppression.due(now)
        while self._owed:
            await publish(self._bus, SUPPRESSED, self._owed[0])
            del self._owed[0]
