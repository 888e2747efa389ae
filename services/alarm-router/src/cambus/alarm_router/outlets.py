"""The ways to all sinks: made when first needed, forgotten with their rule."""

import asyncio

from cambus.alarm_router.observe import RouterMetrics
from cambus.alarm_router.outlet import Deliver, Outlet, Pace
from cambus.alarm_router.rules import Route, RuleBook
from cambus.alarm_router.shipment import Parcel


class Outlets:
    """Takes parcels and owns the tasks that deliver them.

    Args:
        rules: tells where a route leads at present.
        deliver: makes one attempt.
        pace: how fast each outlet goes.
        metrics: counts attempts.
    """

    def __init__(self, rules: RuleBook, deliver: Deliver, pace: Pace, metrics: RouterMetrics) -> None:
        self._rules = rules
        self._deliver = deliver
        self._pace = pace
        self._metrics = metrics
        self._outlets: dict[Route, Outlet] = {}
        self._lanes: asyncio.TaskGroup | None = None
        self.open = asyncio.Event()
        """Set while parcels are taken."""

    async def run(self) -> None:
        """Deliver until cancelled; nothing is attempted after that."""
        try:
            async with asyncio.TaskGroup() as self._lanes:
                self.open.set()
                await asyncio.Event().wait()
        finally:
            self.open.clear()
            self._lanes = None

    def send(self, parcel: Parcel) -> None:
        """Queue a parcel on its route.

        Raises:
            RuntimeError: nothing is delivered any more, or not yet.
        """
        if self._lanes is None:
            raise RuntimeError("parcels are taken while the outlets run")
        outlet = self._outlets.get(parcel.route)
        if outlet is None:
            outlet = Outlet(parcel.route, self._rules.sink, self._deliver, self._pace, self._metrics)
            self._outlets[parcel.route] = outlet
        lane = outlet.put(parcel)
        if lane is not None:
            self._lanes.create_task(outlet.run(lane))

    def rules_changed(self) -> None:
        """Forget what leads nowhere any more; what waits tries again at once."""
        for route, outlet in list(self._outlets.items()):
            if outlet.idle and self._rules.sink(route) is None:
                del self._outlets[route]
            outlet.rule_changed()

    def of(self, route: Route) -> Outlet | None:
        """The way to a sink; None before it was first needed."""
        return self._outlets.get(route)
