"""Which replica delivers: one at a time, the one that holds the lease; the others stand by.

Alarms of a device have to stay in order, and NATS gives the events of a consumer to whoever asks, so two replicas
that deliver at the same time could not keep it. One delivers far more alarms than a large fleet raises.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from cambus.alarm_router.router import Router
from cambus.bus.leases import HeldLease, LeaseKeeper
from cambus.client.consumer import EventConsumer
from cambus.client.errors import BusError
from cambus.client.tasks import end

logger = logging.getLogger(__name__)

LOOK_S = 1.0


class Duty:
    """Takes the lease when it is free, and delivers while it holds it.

    Args:
        leases: takes and keeps the lease.
        lease: its key.
        learn: finds out what others left; raises BusError.
        meanwhile: what else is to be done for the length of one term.
        consumer: makes the consumer of one term.
        router: delivers.

    Attributes:
        on: whether this replica delivers now.
    """

    def __init__(
        self,
        leases: LeaseKeeper,
        lease: str,
        learn: Callable[[], Awaitable[None]],
        meanwhile: Callable[[], Awaitable[None]],
        consumer: Callable[[], EventConsumer],
        router: Router,
    ) -> None:
        self._leases = leases
        self._lease = lease
        self._learn = learn
        self._meanwhile = meanwhile
        self._consumer = consumer
        self._router = router
        self._stopping = asyncio.Event()
        self.on = False

    def stop(self) -> None:
        """Take no more events, give back what waits, then give back the lease; `run` returns when it is done."""
        self._stopping.set()
        self._router.hand_over()

    async def run(self) -> None:
        """Be on duty whenever it is our turn, until `stop`.

        Raises:
            JetStreamError: NATS refuses the consumer: no such stream, not allowed.
        """
        while not self._stopping.is_set():
            lease = await self._take()
            if lease is not None:
                logger.info("delivering from now on", extra={"epoch": lease.epoch})
                try:
                    await self._term(lease)
                finally:
                    await self._leases.release(self._lease)
            else:
                await self._pause(LOOK_S)

    async def _take(self) -> HeldLease | None:
        """Take the lease and find out what others left; None if it is not our turn."""
        try:
            lease = await self._leases.acquire(self._lease)
            if lease is not None:
                await self._learn()
        except BusError as error:
            logger.warning("cannot take over yet", extra={"reason": str(error)})
            return None
        return lease

    async def _term(self, lease: HeldLease) -> None:
        """Deliver until the lease is lost or we are to stop, and let what is under way come to its end."""
        consumer = self._consumer()
        self._router.take_on()
        consuming = asyncio.create_task(consumer.run(), name="alarms")
        beside = asyncio.ensure_future(self._meanwhile())
        waits = [asyncio.create_task(event.wait()) for event in (lease.lost, self._stopping)]
        self.on = True
        try:
            await asyncio.wait({consuming, beside, *waits}, return_when=asyncio.FIRST_COMPLETED)
            consumer.stop()
            self._router.hand_over()
            await consuming
            if beside.done():
                beside.result()
        finally:
            self.on = False
            await end(consuming, beside, *waits)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
