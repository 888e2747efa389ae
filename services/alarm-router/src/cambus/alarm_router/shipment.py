"""One event on its way along its routes."""

import asyncio
from dataclasses import dataclass, field

from cambus.alarm_router.notice import Notice
from cambus.alarm_router.rules import Route


@dataclass(eq=False, slots=True)
class Parcel:
    """What one route is to get of an event.

    Attributes:
        route: where it goes.
        notice: what is told.
        shipment: what it is a part of.
        busy: an attempt is under way.
        delayed: its sink does not take it at present.
        withdrawn: it is no longer to be sent.
        barred: older ones of its device have to go before it, and are not here.
    """

    route: Route
    notice: Notice
    shipment: "Shipment"
    busy: bool = False
    delayed: bool = False
    withdrawn: bool = False
    barred: bool = False

    def finish(self, failure: str | None = None) -> None:
        """It is delivered, or given up for the reason told."""
        self.shipment.finished(self, failure)

    def delay(self) -> None:
        """Its sink does not take it at present."""
        self.delayed = True
        self.shipment.delay()

    def bar(self) -> None:
        """It is not to be sent before older ones that are not here."""
        self.barred = True
        self.delay()


@dataclass(eq=False, slots=True)
class Shipment:
    """All parcels of one event.

    Attributes:
        event: the event's id.
        device: its device: what stays in order along a route.
        seq: its place in the stream.
        give_up_at: when a failed attempt becomes the last, on the router's clock.
        begun: when it was taken on, on the same clock.
        routes: where it was sent, by their ids.
        owed: the parcels that are not finished, by route.
        failures: the routes that were given up, and why.
        delayed: one of them has to wait.
        over: set when the router is done with it, for better or worse.
    """

    event: str
    device: str
    seq: int
    give_up_at: float
    begun: float = 0.0
    routes: dict[str, Route] = field(default_factory=dict)
    owed: dict[str, Parcel] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    delayed: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def barred(self) -> bool:
        """Whether nothing can be done for what is left but to wait for alarms that are not here."""
        return all(parcel.barred for parcel in self.owed.values())

    def add(self, route: Route, notice: Notice) -> Parcel:
        """A parcel more."""
        parcel = Parcel(route, notice, self)
        self.routes[route.id] = route
        self.owed[route.id] = parcel
        return parcel

    def finished(self, parcel: Parcel, failure: str | None) -> None:
        """A parcel is delivered, given up, or no longer wanted."""
        if self.owed.pop(parcel.route.id, None) is not None and failure is not None:
            self.failures[parcel.route.id] = failure
        self._changed.set()

    def delay(self) -> None:
        """A parcel has to wait, or was refused once more."""
        self.delayed = True
        self._changed.set()

    async def changed(self) -> None:
        """Wait until something happened since the last time."""
        await self._changed.wait()
        self._changed.clear()

    def withdraw(self) -> bool:
        """Send nothing more of it; False, and nothing changes, if nothing is left or is being attempted now."""
        if not self.owed or any(parcel.busy for parcel in self.owed.values()):
            return False
        self.abandon()
        return True

    def abandon(self) -> None:
        """Send nothing more of it, whatever comes of an attempt under way."""
        for parcel in self.owed.values():
            parcel.withdrawn = True
