"""A pan-tilt-zoom head that moves as its eight bytes tell it (§5); its position follows from the time passed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from cambus.gb28181 import ptz
from cambus.gb28181.manscdp.control import HomePosition
from cambus.gb28181.ptz import Lens, Move, PtzCommand

_PAN_SPEED: Final = 60.0
_TILT_SPEED: Final = 40.0
_ZOOM_SPEED: Final = 5.0
_LENS_SPEED: Final = 0.5
_TILT: Final = (-30.0, 90.0)
_ZOOM: Final = (1.0, 20.0)
MAX_PRESETS: Final = 255
MAX_HISTORY: Final = 256


@dataclass(frozen=True, slots=True)
class HeadPosition:
    """Degrees of pan (0 to 360) and tilt (down is positive), the zoom factor, and 0 to 1 for the lens."""

    pan: float = 0.0
    tilt: float = 0.0
    zoom: float = 1.0
    focus: float = 0.5
    iris: float = 0.5


@dataclass(slots=True)
class Cruise:
    """A round of presets.

    Attributes:
        points: the presets, in order.
        speed: of all of them, 12 bits.
        stay_s: at each of them, 12 bits.
        name: for people.
    """

    points: list[int] = field(default_factory=list)
    speed: int = 8
    stay_s: int = 10
    name: str = ""


@dataclass(frozen=True, slots=True)
class _Motion:
    pan: float = 0.0
    tilt: float = 0.0
    zoom: float = 0.0
    focus: float = 0.0
    iris: float = 0.0


class Head:
    """The head of one channel.

    Args:
        now: the clock, in seconds.

    Attributes:
        presets: position and name by number.
        cruises: by group, from 0.
        aux: switches by number.
        scans: speed by group.
        running: `cruise 1`, `scan 1` or empty.
        home: where it goes back to.
        history: the last commands.
        refused: `PTZCmd`s that were none.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.presets: dict[int, tuple[HeadPosition, str]] = {}
        self.cruises: dict[int, Cruise] = {}
        self.aux: dict[int, bool] = {}
        self.scans: dict[int, int] = {}
        self.edges: dict[tuple[int, int], float] = {}
        self.running = ""
        self.home: HomePosition = HomePosition(enabled=False, reset_s=60, preset=1)
        self.history: deque[PtzCommand] = deque(maxlen=MAX_HISTORY)
        self.refused = 0
        self.tracking = ""
        self._now = now
        self._position = HeadPosition()
        self._motion = _Motion()
        self._since = now()

    @property
    def moving(self) -> bool:
        """Whether a direction is held."""
        return self._motion != _Motion()

    @property
    def position(self) -> HeadPosition:
        """Where it points now."""
        held, at, motion = self._now() - self._since, self._position, self._motion
        return HeadPosition(
            (at.pan + motion.pan * _PAN_SPEED * held) % 360.0,
            _within(at.tilt + motion.tilt * _TILT_SPEED * held, _TILT),
            _within(at.zoom + motion.zoom * _ZOOM_SPEED * held, _ZOOM),
            _within(at.focus + motion.focus * _LENS_SPEED * held, (0.0, 1.0)),
            _within(at.iris + motion.iris * _LENS_SPEED * held, (0.0, 1.0)),
        )

    def go(self, *, pan: float | None = None, tilt: float | None = None, zoom: float | None = None) -> None:
        """Point exactly somewhere."""
        here = self.position
        self._hold(
            _Motion(),
            replace(
                here,
                pan=(here.pan if pan is None else pan) % 360.0,
                tilt=_within(here.tilt if tilt is None else tilt, _TILT),
                zoom=_within(here.zoom if zoom is None else zoom, _ZOOM),
            ),
        )

    def take(self, command: PtzCommand, *, preset_name: str = "", cruise_name: str = "") -> None:
        """Do what eight bytes say; what no head knows is passed over."""
        self.history.append(command)
        code = command.command
        if code < 0x40:
            self.running = ""
            self._hold(_movement(command))
        elif code < 0x80:
            self._hold(_lens(command))
        elif code in {ptz.PRESET_SET, ptz.PRESET_CALL, ptz.PRESET_DELETE}:
            self._preset(code, command.data2, preset_name)
        elif ptz.CRUISE_ADD <= code <= ptz.CRUISE_START:
            self._cruise(command, cruise_name)
        elif code == ptz.SCAN:
            self._scan(command)
        elif code == ptz.SCAN_SPEED:
            self.scans[command.data1] = command.data3 << 8 | command.data2
        elif code in {ptz.AUX_ON, ptz.AUX_OFF}:
            self.aux[command.data1] = code == ptz.AUX_ON

    def _hold(self, motion: _Motion, position: HeadPosition | None = None) -> None:
        self._position = position or self.position
        self._since = self._now()
        self._motion = motion

    def _preset(self, code: int, number: int, name: str) -> None:
        if not 1 <= number <= MAX_PRESETS:
            return
        if code == ptz.PRESET_SET:
            self.presets[number] = (self.position, name or f"Preset {number}")
        elif code == ptz.PRESET_DELETE:
            self.presets.pop(number, None)
        elif number in self.presets:
            self._hold(_Motion(), self.presets[number][0])

    def _cruise(self, command: PtzCommand, name: str) -> None:
        group, code = command.data1, command.command
        if code == ptz.CRUISE_DELETE and not command.data2:
            self.cruises.pop(group, None)
            return
        cruise = self.cruises.setdefault(group, Cruise())
        cruise.name = name or cruise.name
        if code == ptz.CRUISE_ADD:
            cruise.points.append(command.data2)
        elif code == ptz.CRUISE_DELETE and command.data2 in cruise.points:
            cruise.points.remove(command.data2)
        elif code == ptz.CRUISE_SPEED:
            cruise.speed = command.data3 << 8 | command.data2
        elif code == ptz.CRUISE_STAY:
            cruise.stay_s = command.data3 << 8 | command.data2
        elif code == ptz.CRUISE_START:
            self.running = f"cruise {group}"

    def _scan(self, command: PtzCommand) -> None:
        if command.data2:
            self.edges[command.data1, command.data2] = self.position.pan
        else:
            self.running = f"scan {command.data1}"

    def as_json(self) -> dict[str, Any]:
        """For those who look."""
        at = self.position
        return {
            "pan": round(at.pan, 3),
            "tilt": round(at.tilt, 3),
            "zoom": round(at.zoom, 3),
            "moving": self.moving,
            "running": self.running,
            "presets": {number: name for number, (_, name) in self.presets.items()},
            "cruises": {group: cruise.points for group, cruise in self.cruises.items()},
            "aux": dict(self.aux),
            "commands": len(self.history),
        }


def _movement(command: PtzCommand) -> _Motion:
    bits = Move(command.command)
    return _Motion(
        (bool(bits & Move.RIGHT) - bool(bits & Move.LEFT)) * command.data1 / 255,
        (bool(bits & Move.DOWN) - bool(bits & Move.UP)) * command.data2 / 255,
        (bool(bits & Move.ZOOM_IN) - bool(bits & Move.ZOOM_OUT)) * command.data3 / 15,
    )


def _lens(command: PtzCommand) -> _Motion:
    bits = Lens(command.command & 0xF)
    return _Motion(
        focus=(bool(bits & Lens.FOCUS_FAR) - bool(bits & Lens.FOCUS_NEAR)) * command.data1 / 255,
        iris=(bool(bits & Lens.IRIS_OPEN) - bool(bits & Lens.IRIS_CLOSE)) * command.data2 / 255,
    )


def _within(value: float, bounds: tuple[float, float]) -> float:
    return max(bounds[0], min(value, bounds[1]))
