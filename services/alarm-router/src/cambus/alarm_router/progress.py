"""How far the delivery of an event has come, when it did not come to its end in one go.

An event that all its routes took is acknowledged to JetStream, and that is the record of it. Only when some
routes have it and others have not is there something to remember: the ones that have it are not to get it
again with the next attempt, whoever makes it and whatever was killed in between.
"""

from cambus.bus.connection import Bus
from cambus.bus.kv import KeyValue
from cambus.schemas import assets
from cambus.schemas.state.deliveries import DeliveryProgress


class Progress:
    """Partial deliveries in the bucket `cambus-deliveries`, by event id."""

    def __init__(self, bus: Bus) -> None:
        self._stored: KeyValue[DeliveryProgress] = KeyValue(bus, assets.KV_DELIVERIES, DeliveryProgress)

    async def done(self, event: str) -> frozenset[str]:
        """The routes that have the event already.

        Raises:
            BusError: NATS refuses or does not answer.
        """
        entry = await self._stored.get(event)
        return frozenset(entry.value.routes) if entry is not None else frozenset()

    async def remember(self, event: str, routes: frozenset[str]) -> None:
        """Write down which routes have the event; durable when this returns.

        Raises:
            BusError: NATS refuses or does not answer.
        """
        await self._stored.put(event, DeliveryProgress(event=event, routes=sorted(routes)))

    async def forget(self, event: str) -> None:
        """The event has come to its end.

        Raises:
            BusError: NATS refuses or does not answer.
        """
        await self._stored.delete(event)
