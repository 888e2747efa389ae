"""Where a mobile device is, in the forms of 2016 and 2022 (A.2.5.6, A.2.4.8, GB-208)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cambus.gb28181.manscdp.envelope import Envelope, Root
from cambus.gb28181.manscdp.layout import FLOAT, INT, Body, Part, leaf, listing


@dataclass(frozen=True, slots=True)
class Position(Part):
    """One position: WGS-84 degrees, km/h, degrees clockwise from north, metres."""

    code: str | None = leaf("DeviceID")
    time: str | None = leaf("CaptureTime", also=("Time",))
    longitude: float | None = leaf("Longitude", FLOAT)
    latitude: float | None = leaf("Latitude", FLOAT)
    speed: float | None = leaf("Speed", FLOAT)
    direction: float | None = leaf("Direction", FLOAT)
    altitude: float | None = leaf("Altitude", FLOAT)
    height: float | None = leaf("Height", FLOAT)

    @property
    def plausible(self) -> bool:
        """Whether it is somewhere on earth; 0/0 is what devices without a fix say."""
        longitude, latitude = self.longitude, self.latitude
        if longitude is None or latitude is None or (longitude, latitude) == (0.0, 0.0):
            return False
        return abs(longitude) <= 180 and abs(latitude) <= 90


@dataclass(frozen=True, slots=True)
class PositionNotice(Body):
    """Positions in the form of 2022."""

    ROOT: ClassVar = Root.NOTIFY
    COMMAND: ClassVar = "MobilePosition"

    time: str | None = leaf("Time")
    announced: int | None = leaf("SumNum", INT)
    items: tuple[Position, ...] = listing("DeviceList", Position)


@dataclass(frozen=True, slots=True)
class FlatPositionNotice(Body):
    """One position in the form of 2016."""

    ROOT: ClassVar = Root.NOTIFY
    COMMAND: ClassVar = "MobilePosition"

    time: str | None = leaf("Time")
    longitude: float | None = leaf("Longitude", FLOAT)
    latitude: float | None = leaf("Latitude", FLOAT)
    speed: float | None = leaf("Speed", FLOAT)
    direction: float | None = leaf("Direction", FLOAT)
    altitude: float | None = leaf("Altitude", FLOAT)


@dataclass(frozen=True, slots=True)
class PositionQuery(Body):
    """The body of a subscription; the interval is in seconds."""

    ROOT: ClassVar = Root.QUERY
    COMMAND: ClassVar = "MobilePosition"

    interval_s: int | None = leaf("Interval", INT)


def positions(envelope: Envelope) -> list[Position]:
    """The positions in a body of either form; a flat one may lack the code of its device."""
    listed = PositionNotice.parse(envelope).items
    if listed:
        return list(listed)
    flat = Position.read(envelope.element)
    return [flat] if flat.longitude is not None or flat.latitude is not None else []
