"""Where a device says it is, as the bus has it (GB/T 28181-2022 A.2.5.6, GB-208)."""

from datetime import datetime, tzinfo
from typing import Any, Final

from cambus.connector_gb28181.channels import ChannelTable
from cambus.connector_gb28181.mapping.text import text
from cambus.gb28181.manscdp.positions import Position
from cambus.gb28181.values import read_time
from cambus.schemas.geo import GeoPoint
from cambus.schemas.model import JsonObject

FULL_CIRCLE: Final = 360.0


def position_fields(
    position: Position, time: str | None, channels: ChannelTable, zone: tzinfo
) -> dict[str, Any]:
    """Return the fields of the event.

    Args:
        position: what the device said.
        time: when, by the whole message, for a position that does not say.
        channels: what is behind the device.
        zone: of the device's clock.
    """
    said = position.time if position.time is not None else time
    device_time = read_time(said, zone)
    code = position.code or channels.code
    native: JsonObject = {"DeviceID": text(code, 64)}
    if position.height is not None:
        native["Height"] = position.height
    flags = []
    if not position.plausible:
        flags.append("bad-coordinates")
        native |= {"Longitude": position.longitude, "Latitude": position.latitude}
    if said is not None and device_time is None:
        flags.append("bad-time")
    channel = channels.channel_of(code)
    if channel is None and code != channels.code:
        flags.append("unknown-code")
    if flags:
        native["flags"] = [*flags]
    return {
        "channel": channel,
        "device_time": device_time,
        "location": _place(position),
        "speed_kmh": _within(position.speed, None),
        "heading_deg": _within(position.direction, FULL_CIRCLE),
        "native": native,
    }


def when(fields: dict[str, Any], received: datetime) -> datetime:
    """What a position is identified by: the device's time, else when it came."""
    time: datetime | None = fields["device_time"]
    return time or received


def _place(position: Position) -> GeoPoint | None:
    if not position.plausible or position.latitude is None or position.longitude is None:
        return None
    return GeoPoint(latitude=position.latitude, longitude=position.longitude, altitude_m=position.altitude)


def _within(value: float | None, most: float | None) -> float | None:
    """A number that is none below zero, nor above its bound."""
    if value is None or value < 0 or (most is not None and value > most):
        return None
    return value
