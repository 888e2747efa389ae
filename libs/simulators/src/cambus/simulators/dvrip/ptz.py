"""A pan-tilt-zoom head that really moves (DVRIP §7.3).

While a direction is held, the position follows from the time passed; nothing ticks. Times are seconds of the
device role's clock.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from cambus.dvrip.codes import ReturnCode
from cambus.dvrip.values import as_object, parse_number

#: Travel at Step 8, per second: degrees for pan and tilt, factor steps for zoom, the full range in 2 s for the lens.
_PAN_SPEED: Final = 60.0
_TILT_SPEED: Final = 40.0
_ZOOM_SPEED: Final = 5.0
_LENS_SPEED: Final = 0.5
_PAN_RANGE: Final = (-180.0, 180.0)
_TILT_RANGE: Final = (-90.0, 90.0)
_ZOOM_RANGE: Final = (1.0, 20.0)
_LENS_RANGE: Final = (0.0, 1.0)

#: Direction of travel by command: pan, tilt, zoom, focus, iris.
_MOVES: Final[Mapping[str, tuple[int, int, int, int, int]]] = {
    "DirectionUp": (0, 1, 0, 0, 0),
    "DirectionDown": (0, -1, 0, 0, 0),
    "DirectionLeft": (-1, 0, 0, 0, 0),
    "DirectionRight": (1, 0, 0, 0, 0),
    "DirectionLeftUp": (-1, 1, 0, 0, 0),
    "DirectionLeftDown": (-1, -1, 0, 0, 0),
    "DirectionRightUp": (1, 1, 0, 0, 0),
    "DirectionRightDown": (1, -1, 0, 0, 0),
    "ZoomTile": (0, 0, 1, 0, 0),
    "ZoomWide": (0, 0, -1, 0, 0),
    "FocusNear": (0, 0, 0, -1, 0),
    "FocusFar": (0, 0, 0, 1, 0),
    "IrisSmall": (0, 0, 0, 0, -1),
    "IrisLarge": (0, 0, 0, 0, 1),
}
_STILL: Final = (0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class PtzPosition:
    """Where a head points: degrees for pan and tilt, factor for zoom, 0-1 for focus and iris."""

    pan: float = 0.0
    tilt: float = 0.0
    zoom: float = 1.0
    focus: float = 0.5
    iris: float = 0.5

    def moved(self, direction: tuple[int, ...], speed: float, seconds: float) -> "PtzPosition":
        """The position after moving at a fraction of full speed; stops at the ends."""
        travel = speed * seconds
        return PtzPosition(
            _clamp(self.pan + direction[0] * _PAN_SPEED * travel, _PAN_RANGE),
            _clamp(self.tilt + direction[1] * _TILT_SPEED * travel, _TILT_RANGE),
            _clamp(self.zoom + direction[2] * _ZOOM_SPEED * travel, _ZOOM_RANGE),
            _clamp(self.focus + direction[3] * _LENS_SPEED * travel, _LENS_RANGE),
            _clamp(self.iris + direction[4] * _LENS_SPEED * travel, _LENS_RANGE),
        )


@dataclass(frozen=True, slots=True)
class PtzCommand:
    """A command as it came, for those who inspect the device."""

    at: float
    command: str
    parameter: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Tour:
    line: int
    started: float


class PtzHead:
    """The head of one channel.

    Attributes:
        presets: position by number.
        tours: by line, the preset numbers and dwell seconds in order.
        patterns: state by number: "recording", "recorded" or "running".
        aux: on or off by number.
        menu_open: whether the on-screen menu is shown.
        history: the last 256 commands.
    """

    def __init__(self) -> None:
        self.presets: dict[int, PtzPosition] = {}
        self.tours: dict[int, list[tuple[int, int]]] = {}
        self.patterns: dict[int, str] = {}
        self.aux: dict[int, bool] = {}
        self.menu_open = False
        self.auto_pan = False
        self.limits: list[float] = [_PAN_RANGE[0], _PAN_RANGE[1]]
        self.history: deque[PtzCommand] = deque(maxlen=256)
        self._position = PtzPosition()
        self._direction: tuple[int, ...] = _STILL
        self._speed = 0.0
        self._since = 0.0
        self._tour: _Tour | None = None

    @property
    def moving(self) -> bool:
        """Whether a direction is held, or a tour or auto pan runs."""
        return self._direction != _STILL or self._tour is not None or self.auto_pan

    def position(self, now: float) -> PtzPosition:
        """Where the head points at ``now``."""
        held = max(0.0, now - self._since)
        if self._tour is not None:
            return self._on_tour(self._tour, now)
        if self.auto_pan:
            return replace(self._position, pan=self._swing(held))
        return self._position.moved(self._direction, self._speed, held)

    def command(self, name: str, parameter: Mapping[str, Any], now: float) -> int:
        """Carry out an ``OPPTZControl`` command; the return code."""
        self.history.append(PtzCommand(now, name, dict(parameter)))
        preset = parse_number(parameter.get("Preset"), 65535)
        if name in _MOVES:
            self._hold(_STILL if preset == -1 else _MOVES[name], parse_number(parameter.get("Step"), 5), now)
            return ReturnCode.OK
        if name in {"SetPreset", "GotoPreset", "ClearPreset"}:
            return self._preset(name, preset, now)
        if name in {"AddTour", "DeleteTour", "ClearTour", "StartTour", "StopTour", "EndTour"}:
            return self._tours(name, parse_number(parameter.get("Tour")), preset, parameter, now)
        return self._rest(name, parameter, now)

    def as_json(self, now: float) -> dict[str, Any]:
        """The state for the control API."""
        return {
            "position": asdict(self.position(now)),
            "moving": self.moving,
            "presets": {str(number): asdict(at) for number, at in sorted(self.presets.items())},
            "tours": {str(line): points for line, points in sorted(self.tours.items())},
            "patterns": {str(number): state for number, state in self.patterns.items()},
            "aux": {str(number): on for number, on in self.aux.items()},
            "commands": len(self.history),
        }

    def _settle(self, now: float) -> None:
        """Make the present position the one to go on from, and hold still."""
        self._position = self.position(now)
        self._direction, self._since = _STILL, now
        self._tour, self.auto_pan = None, False

    def _hold(self, direction: tuple[int, ...], step: int, now: float) -> None:
        self._settle(now)
        self._direction = direction
        self._speed = min(8, max(1, step)) / 8

    def _preset(self, name: str, number: int, now: float) -> int:
        if not 0 <= number <= 255:
            return ReturnCode.BAD_INPUT
        if name == "SetPreset":
            self.presets[number] = self.position(now)
        elif name == "ClearPreset":
            self.presets.pop(number, None)
        elif number in self.presets:
            self._settle(now)
            self._position = self.presets[number]
        return ReturnCode.OK  # going to a preset nobody set does nothing, as with real heads

    def _tours(self, name: str, line: int, preset: int, parameter: Mapping[str, Any], now: float) -> int:
        points = self.tours.get(line, [])
        if name == "AddTour":
            self.tours[line] = [*points, (preset, max(1, parse_number(parameter.get("Step"), 3)))]
        elif name == "DeleteTour":
            self.tours[line] = [point for point in points if point[0] != preset]
        elif name == "ClearTour":
            self.tours.pop(line, None)
        elif name == "StartTour":
            self._settle(now)
            self._tour = _Tour(line, now) if points else None
        else:
            self._settle(now)
        return ReturnCode.OK

    def _rest(self, name: str, parameter: Mapping[str, Any], now: float) -> int:
        match name:
            case "SetPattern" | "StartPattern" | "StopPattern":
                return self._pattern(str(parameter.get("Pattern", "")), parse_number(parameter.get("Tour")))
            case "AutoPanOn" | "AutoPanOff":
                self._settle(now)
                self.auto_pan = name == "AutoPanOn"
            case "SetLeftLimit" | "SetRightLimit":
                self.limits[name == "SetRightLimit"] = self.position(now).pan
            case "Reset":
                self._settle(now)
                self._position = PtzPosition()
            case "Menu":
                self.menu_open = str(parameter.get("MenuOpts", "Enter")) not in {"Exit", "Esc", "Leave"}
            case "AUX":
                aux = as_object(parameter.get("AUX"))
                self.aux[parse_number(aux.get("Number"))] = str(aux.get("Status")) == "On"
            case "FastPosition" | "Position" | "POINT":
                self._point(as_object(parameter.get("POINT")), now)
            case _:
                return ReturnCode.ILLEGAL_REQUEST
        return ReturnCode.OK

    def _pattern(self, action: str, number: int) -> int:
        states = {"SetBegin": "recording", "SetEnd": "recorded", "Start": "running", "Stop": "recorded"}
        if action == "Clear":
            self.patterns.pop(number, None)
        elif action in states:
            self.patterns[number] = states[action]
        else:
            return ReturnCode.ILLEGAL_REQUEST
        return ReturnCode.OK

    def _point(self, rectangle: Mapping[str, Any], now: float) -> None:
        """Turn to the middle of a rectangle given in 0-8191 of the picture, seen through a 60 degree lens."""
        left, right, top, bottom = (
            parse_number(rectangle.get(side)) for side in ("left", "right", "top", "bottom")
        )
        self._settle(now)
        across = ((left + right) / 2 / 8192 - 0.5) * 60 / self._position.zoom
        up = (0.5 - (top + bottom) / 2 / 8192) * 40 / self._position.zoom
        self._position = replace(
            self._position,
            pan=_clamp(self._position.pan + across, _PAN_RANGE),
            tilt=_clamp(self._position.tilt + up, _TILT_RANGE),
        )

    def _on_tour(self, tour: _Tour, now: float) -> PtzPosition:
        points = self.tours.get(tour.line, [])
        total = sum(dwell for _, dwell in points)
        if not total:
            return self._position
        at = (now - tour.started) % total
        for preset, dwell in points:
            if at < dwell:
                return self.presets.get(preset, self._position)
            at -= dwell
        return self._position

    def _swing(self, seconds: float) -> float:
        """Pan between the limits, there and back, at a quarter of full speed."""
        left, right = sorted(self.limits)
        width = right - left
        if width <= 0:
            return left
        start = _clamp(self._position.pan, (left, right)) - left
        at = (start + seconds * _PAN_SPEED / 4) % (2 * width)
        return left + (at if at <= width else 2 * width - at)


def _clamp(value: float, bounds: tuple[float, float]) -> float:
    return min(bounds[1], max(bounds[0], value))
