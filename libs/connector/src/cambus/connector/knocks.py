"""Who dials in without being known, for people to look at: in the bucket of leases, for as long as it goes on.

Anybody on the network can call themselves anything, so what is kept is bounded: so many at a time, each written once a
minute at most, and gone an hour after it was last heard.
"""

import asyncio
import logging
from collections import OrderedDict
from datetime import UTC, datetime
from typing import Final

from cambus.bus.connection import Bus
from cambus.bus.metrics import Metrics
from cambus.client.errors import BusError
from cambus.client.kv import KeyValue
from cambus.schemas import keys
from cambus.schemas.assets import KV_LEASES
from cambus.schemas.state.inbound import Knock, KnockOutcome

logger = logging.getLogger(__name__)

MAX_KNOCKS: Final = 256
KEPT_S: Final = 3600.0
AGAIN_S: Final = 60.0


class Knocks:
    """The unknown devices of one protocol that dialled this replica.

    Args:
        bus: the connection.
        protocol: theirs.
        replica: the name of this one.
        metrics: the service's registry.
    """

    def __init__(self, bus: Bus, protocol: str, replica: str, metrics: Metrics) -> None:
        self._bucket = KeyValue(bus, KV_LEASES, Knock)
        self._protocol = protocol
        self._replica = replica
        self._count = metrics.counter(
            "connector_knocks_total",
            "Devices without a record that dialled in, by what became of them",
            {"protocol": (protocol,), "outcome": tuple(outcome.value for outcome in KnockOutcome)},
        )
        self._known: OrderedDict[str, Knock] = OrderedDict()
        self._changed: OrderedDict[str, bool] = OrderedDict()
        self._work = asyncio.Event()

    @property
    def identities(self) -> list[str]:
        """What those call themselves, the one that was silent for longest first."""
        return list(self._known)

    def heard(
        self, identity: str, outcome: KnockOutcome, *, address: str, kind: str = "", channels: int = 0
    ) -> None:
        """A device nobody configured has dialled in. Texts are its own, cut where they are too long."""
        self._count(self._protocol, outcome.value).inc()
        now, identity = datetime.now(UTC), identity[:128]
        before = self._known.get(identity)
        if before is not None:
            recent = (now - before.last_at).total_seconds() < AGAIN_S
            if recent and (before.outcome, before.address) == (outcome, address):
                return
        elif not self._room(now):
            return
        self._known[identity] = Knock(
            protocol=self._protocol,
            identity=identity,
            address=address[:64],
            kind=kind[:64],
            channels=max(channels, 0),
            outcome=outcome,
            replica=self._replica,
            first_at=now if before is None else before.first_at,
            last_at=now,
        )
        self._known.move_to_end(identity)
        if before is None:
            extra = {"identity": identity, "source": address, "outcome": outcome.value}
            logger.warning("a device without a record dialled in", extra=extra)
        self._note(identity, there=True)

    def settled(self, identity: str) -> None:
        """There is a record for it now."""
        if self._known.pop(identity, None) is not None:
            self._note(identity, there=False)

    async def run(self) -> None:
        """Write what changed until cancelled."""
        while True:
            await self._work.wait()
            self._work.clear()
            while self._changed:
                identity, there = self._changed.popitem(last=False)
                try:
                    await self._write(identity, there)
                except BusError as error:
                    logger.info("a knock is not shown", extra={"identity": identity, "reason": str(error)})

    # --- inside -----------------------------------------------------------------------------------------

    def _room(self, now: datetime) -> bool:
        """Whether one more may be kept, after forgetting the one that was silent for longest if that is over."""
        if len(self._known) < MAX_KNOCKS:
            return True
        identity, oldest = next(iter(self._known.items()))
        if (now - oldest.last_at).total_seconds() < KEPT_S:
            return False
        del self._known[identity]
        return True

    def _note(self, identity: str, *, there: bool) -> None:
        self._changed[identity] = there
        self._work.set()

    async def _write(self, identity: str, there: bool) -> None:
        key = keys.knock(self._protocol, identity)
        knock = self._known.get(identity)
        if there and knock is not None:
            await self._bucket.put(key, knock, ttl_s=KEPT_S)
        elif not there:
            await self._bucket.delete(key)
