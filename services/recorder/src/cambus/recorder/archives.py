"""Which recorders there are, running or not: each has a disk of its own, and what it holds exists while it is away."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from cambus.bus.connection import Bus
from cambus.client.errors import BusError
from cambus.client.kv import KeyValue
from cambus.schemas import keys
from cambus.schemas.assets import KV_POLICIES
from cambus.schemas.state.recorders import KnownRecorder

logger = logging.getLogger(__name__)

REFRESH_S = 3600.0
RETRY_S = 30.0
FORGOTTEN_AFTER = timedelta(days=31)


class Archives:
    """Says that this recorder is there, and knows of the others.

    Args:
        bus: the connection.
        replica: this replica's name.
    """

    def __init__(self, bus: Bus, replica: str) -> None:
        self._stored: KeyValue[KnownRecorder] = KeyValue(bus, KV_POLICIES, KnownRecorder)
        self._replica = replica
        self._seen: dict[str, KnownRecorder] = {}
        self._told = False
        self._watch = self._stored.watch(f"{keys.RECORDERS}>")

    @property
    def known(self) -> frozenset[str]:
        """The recorders that said so within a month, this one among them."""
        oldest = datetime.now(UTC) - FORGOTTEN_AFTER
        return frozenset(
            {self._replica, *(row.replica for row in self._seen.values() if row.seen_at > oldest)}
        )

    async def wait_known(self) -> None:
        """Return once the others can know of this recorder, and it of them: before it answers anybody.

        Needs `run`; goes on without if NATS does not take or give it.
        """
        self._told = await self._tell()
        await self._watch.synced.wait()

    async def run(self) -> None:
        """Keep both current until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            group.create_task(self._tell_again())

    async def _follow(self) -> None:
        async for key, entry in self._watch:
            if entry is None:
                self._seen.pop(key, None)
            else:
                self._seen[key] = entry.value

    async def _tell_again(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_S if self._told else RETRY_S)
            self._told = await self._tell()

    async def _tell(self) -> bool:
        row = KnownRecorder(replica=self._replica, seen_at=datetime.now(UTC))
        try:
            await self._stored.put(keys.known_recorder(self._replica), row)
        except BusError as error:
            logger.warning("others are not told of this recorder", extra={"reason": str(error)})
            return False
        return True
