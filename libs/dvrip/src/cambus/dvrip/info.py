"""Information frames of type 1 (DVRIP §9.3): what a vehicle says about itself, as ``KEY:value;`` text in any order."""

from dataclasses import dataclass, field
from typing import Final

from cambus.dvrip.payload import decode_text

VEHICLE_INFO: Final = 1

#: Places of the STATUS digits after the first.
STATUS_FIELDS: Final = (
    "left_lamp",
    "right_lamp",
    "front_left_door",
    "front_right_door",
    "rear_left_door",
    "rear_right_door",
    "back_door",
    "brake",
    "manual_alarm",
    "reversing",
)
VEHICLE_STATES: Final = {"0": "off", "1": "running"}
LINK_STATES: Final = {"0": "connected", "1": "disconnected"}


@dataclass(frozen=True, slots=True)
class Passengers:
    """How many of one category got on or off."""

    category: str
    action: str
    count: int


@dataclass(frozen=True, slots=True)
class VehicleInfo:
    """What one frame says; None or empty for what it does not.

    Attributes:
        gps: the NMEA sentence.
        acceleration_mg: x, y, z in thousandths of g.
        text: plate or free text.
        vehicle: off or running.
        status: lamps, doors, brake, ...: True or False; absent when invalid.
        speed_km_h: overrides the speed in the NMEA sentence.
        passenger_stop: name of the stop passengers were counted at.
        passengers: the counts.
        location: ok, no_signal, fault.
        location_signal: 0-3.
        links: state of 3g, wifi and das.
        other: keys unknown here.
    """

    gps: str = ""
    acceleration_mg: tuple[int, int, int] | None = None
    text: str = ""
    vehicle: str = ""
    status: dict[str, bool] = field(default_factory=dict)
    speed_km_h: float | None = None
    passenger_stop: str = ""
    passengers: tuple[Passengers, ...] = ()
    location: str = ""
    location_signal: int | None = None
    links: dict[str, str] = field(default_factory=dict)
    other: dict[str, str] = field(default_factory=dict)


def parse_vehicle_info(payload: bytes) -> VehicleInfo:
    """Read a type 1 payload; what cannot be read is left out, never an error."""
    pairs: dict[str, str] = {}
    for item in decode_text(payload.rstrip(b"\x00")).split(";"):
        key, separator, value = item.partition(":")
        if separator:
            pairs[key.strip().upper()] = value.strip()
    stop, passengers = _passengers(pairs.pop("PASSENGER", ""))
    status = pairs.pop("STATUS", "")
    location = pairs.pop("LOCATESTATUS", "")
    return VehicleInfo(
        gps=pairs.pop("GPS", ""),
        acceleration_mg=_acceleration(pairs.pop("G-SENSOR", "")),
        text=pairs.pop("INFO", ""),
        vehicle=VEHICLE_STATES.get(status[:1], ""),
        status={
            name: digit == "1"
            for name, digit in zip(STATUS_FIELDS, status[1:], strict=False)
            if digit in "01"
        },
        speed_km_h=_number(pairs.pop("SPEED", "")),
        passenger_stop=stop,
        passengers=passengers,
        location={"0": "ok", "1": "no_signal", "2": "fault"}.get(location[:1], ""),
        location_signal=int(location[1]) if location[1:2] in ("0", "1", "2", "3") else None,
        links={
            name: LINK_STATES[value[:1]]
            for name in ("3g", "wifi", "das")
            if (value := pairs.pop(f"{name.upper()}STATUS", ""))[:1] in LINK_STATES
        },
        other=pairs,
    )


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < 10_000 else None


def _acceleration(text: str) -> tuple[int, int, int] | None:
    try:
        x, y, z = (int(part) for part in text.split(","))
    except ValueError:
        return None
    return x, y, z


def _passengers(text: str) -> tuple[str, tuple[Passengers, ...]]:
    """A two-digit length and a name, then groups of category, action and a four-digit count."""
    if not text[:2].isascii() or not text[:2].isdigit():
        return "", ()
    length = int(text[:2])
    name, rest = text[2 : 2 + length], text[2 + length :]
    groups = []
    for start in range(0, len(rest) - 5, 6):
        category = {"0": "adult", "1": "child"}.get(rest[start])
        action = {"0": "on", "1": "off"}.get(rest[start + 1])
        count = rest[start + 2 : start + 6]
        if category and action and count.isascii() and count.isdigit():
            groups.append(Passengers(category, action, int(count)))
    return name, tuple(groups)
