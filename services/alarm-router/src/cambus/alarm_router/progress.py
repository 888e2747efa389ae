"""What is still owed of an event whose delivery did not come to its end in one go.

An event that all its routes took is acknowledged to JetStream, and that is the record of it. Only when a sink
does not take it is there something to remember: which routes are still to get it. Whoever tries next, and
whatever was killed in between, tries those and no others.
"""

from dataclasses import replace

from cambus.alarm_router.rules import Route
from cambus.bus.connection import Bus
from cambus.client.kv import KeyValue
from cambus.schemas import assets
from cambus.schemas.errors import BadRequest
from cambus.schemas.state.deliveries import DeliveryProgress


class Progress:
    """Unfinished deliveries in the bucket `cambus-deliveries`, by event id.

    An entry stays when the event is done: it must be there until the acknowledgement is, and it is read only
    for an event that comes again. The bucket drops what is older than any event.
    """

    def __init__(self, bus: Bus) -> None:
        self._stored: KeyValue[DeliveryProgress] = KeyValue(bus, assets.KV_DELIVERIES, DeliveryProgress)

    async def owed(self, event: str) -> list[Route] | None:
        """The routes that are still to get the event; None if nothing was written down about it.

        Raises:
            BusError: NATS refuses or does not answer.
        """
        try:
            entry = await self._stored.get(event)
        except BadRequest:
            return None
        if entry is None:
            return None
        known = entry.value
        routes = map(Route.parse, known.routes)
        return [replace(route, among=tuple(known.among.get(route.list, ()))) for route in routes]

    async def remember(self, event: str, owed: list[Route]) -> None:
        """Write down which routes are still to get the event; durable when this returns.

        Raises:
            BusError: NATS refuses or does not answer.
        """
        among = {route.list: list(route.among) for route in owed if route.among}
        ids = [route.id for route in owed]
        await self._stored.put(event, DeliveryProgress(event=event, routes=ids, among=among))
