"""Moving cameras: speeds, presets, tours and positions of the bus, and the bytes and bodies of the protocol (§5)."""

from typing import Final

from cambus.connector_gb28181.mapping.text import text
from cambus.gb28181 import ptz
from cambus.gb28181.manscdp.control import Area, PrecisePosition
from cambus.gb28181.manscdp.ptz_state import CruiseAnswer, CruisePoint, PresetList, PtzPosition
from cambus.gb28181.ptz import Lens, Move, PtzCommand
from cambus.schemas.commands import ptz as commands
from cambus.schemas.errors import BadRequest

MAX_SPEED: Final = 0xFF
MAX_ZOOM_SPEED: Final = 0xF
MAX_NUMBER: Final = 0xFFF
"""What speeds and stays of cruises and scans go up to: they have twelve bits."""
MAX_POINT_SPEED: Final = 15
"""What a device tells as the speed of a stop goes up to this."""
WINDOW: Final = (1920, 1080)
"""Areas are given in pixels of a window; any size does, as long as it is told along with them."""
TILT: Final = (-30.0, 90.0)
"""Degrees a head can be sent to; down is positive on the wire."""


def movement(pan: float, tilt: float, zoom: float) -> PtzCommand:
    """All of a movement in one command, each axis at a speed of its own; all zero is the stop (GB-081)."""
    direction = Move(0)
    for speed, positive, negative in (
        (pan, Move.RIGHT, Move.LEFT),
        (tilt, Move.UP, Move.DOWN),
        (zoom, Move.ZOOM_IN, Move.ZOOM_OUT),
    ):
        if speed:
            direction |= positive if speed > 0 else negative
    return ptz.move(
        direction,
        pan_speed=_step(pan, MAX_SPEED),
        tilt_speed=_step(tilt, MAX_SPEED),
        zoom_speed=_step(zoom, MAX_ZOOM_SPEED),
    )


def focusing(speed: float, *, both_bytes: bool) -> PtzCommand:
    """Focus far or near (GB-082)."""
    action = Lens.FOCUS_FAR if speed > 0 else Lens.FOCUS_NEAR
    return ptz.lens(action, focus_speed=_step(speed, MAX_SPEED), both_bytes=both_bytes)


def iris(speed: float, *, both_bytes: bool) -> PtzCommand:
    """Open or close the iris."""
    action = Lens.IRIS_OPEN if speed > 0 else Lens.IRIS_CLOSE
    return ptz.lens(action, iris_speed=_step(speed, MAX_SPEED), both_bytes=both_bytes)


def _step(speed: float, most: int) -> int:
    """A speed of -1 to 1 as a step; what is not standing still moves."""
    return max(1, min(round(abs(speed) * most), most)) if speed else 0


def number_of(speed: float) -> int:
    """A speed of 0 to 1 as a number of twelve bits."""
    return round(speed * MAX_NUMBER)


def area_of(request: commands.PtzZoomAreaRequest) -> Area:
    """A rectangle in pixels of our window."""
    width, height = WINDOW
    return Area(
        length=width,
        width=height,
        middle_x=round(min(request.x + request.width / 2, 1.0) * width),
        middle_y=round(min(request.y + request.height / 2, 1.0) * height),
        length_x=round(min(request.width, 1.0 - request.x) * width),
        length_y=round(min(request.height, 1.0 - request.y) * height),
    )


def presets_of(answer: PresetList) -> list[commands.PtzPreset]:
    """The presets a device has listed, by number; what has none is left out."""
    found: dict[int, commands.PtzPreset] = {}
    for preset in answer.presets:
        digits = (preset.number or "").strip()
        if digits.isascii() and digits.isdigit() and 1 <= int(digits[:6]) <= MAX_SPEED:
            found.setdefault(int(digits), commands.PtzPreset(preset=int(digits), name=text(preset.name, 100)))
    return [found[number] for number in sorted(found)]


def tour_of(number: int, answer: CruiseAnswer, name: str | None) -> commands.PtzTour:
    """A cruise with its stops."""
    points = [_stop(point) for point in answer.points]
    return commands.PtzTour(
        tour=number,
        name=text(answer.name or name, 100),
        points=[point for point in points if point is not None],
    )


def _stop(point: CruisePoint) -> commands.PtzTourPoint | None:
    if point.preset is None or not 1 <= point.preset <= MAX_SPEED:
        return None
    speed = None if point.speed is None else max(0, min(point.speed, MAX_POINT_SPEED)) / MAX_POINT_SPEED
    return commands.PtzTourPoint(
        preset=point.preset, dwell_s=max(0, min(point.stay_s or 0, MAX_NUMBER)), speed=speed
    )


def position_reply(answer: PtzPosition) -> commands.PtzPositionReply:
    """Where a head points; up is positive on the bus, down on the wire."""
    return commands.PtzPositionReply(
        pan_deg=None if answer.pan is None else answer.pan % 360,
        tilt_deg=None if answer.tilt is None else -answer.tilt or 0.0,
        zoom=_positive(answer.zoom),
        horizontal_view_deg=_positive(answer.horizontal_angle),
        vertical_view_deg=_positive(answer.vertical_angle),
        native={} if answer.view_m is None else {"MaxViewDistance": answer.view_m},
    )


def _positive(value: float | None) -> float | None:
    return value if value is not None and value > 0 else None


def precise(
    request: commands.PtzPositionSetRequest, here: commands.PtzPositionReply | None
) -> PrecisePosition:
    """Where to point.

    Args:
        request: what is wanted.
        here: where it points now, for what is wanted relative to that.

    Raises:
        BadRequest: nothing is wanted, or what no head can do.
    """
    pan, tilt, zoom = request.pan_deg, request.tilt_deg, request.zoom
    if pan is None and tilt is None and zoom is None:
        raise BadRequest("pan_deg, tilt_deg, zoom: wanted at least one of them")
    if here is not None:
        pan, tilt = _added("pan_deg", pan, here.pan_deg), _added("tilt_deg", tilt, here.tilt_deg)
        zoom = _added("zoom", zoom, here.zoom)
    if tilt is not None and not TILT[0] <= -tilt <= TILT[1]:
        raise BadRequest(f"tilt_deg: wanted {-TILT[1]:g} to {-TILT[0]:g}", reason="out-of-range")
    if zoom is not None and zoom <= 0:
        raise BadRequest("zoom: wanted more than 0", reason="out-of-range")
    return PrecisePosition(
        pan=None if pan is None else round(pan % 360, 2),
        tilt=None if tilt is None else round(-tilt, 2) or 0.0,
        zoom=None if zoom is None else round(zoom, 2),
    )


def _added(field: str, change: float | None, here: float | None) -> float | None:
    if change is None:
        return None
    if here is None:
        raise BadRequest(f"{field}: the device does not tell where it is, so there is no change from there")
    return here + change
