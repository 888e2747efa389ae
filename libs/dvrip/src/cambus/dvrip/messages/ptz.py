"""PTZ commands (DVRIP §7.3): 1400."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from cambus.dvrip.errors import Refused

NAME: Final = "OPPTZControl"
#: Preset that starts a movement, and the one that stops it.
START: Final = 65535
STOP: Final = -1
MAX_SPEED: Final = 8
MAX_PRESET: Final = 255


class Move(StrEnum):
    """Movements: the same command starts and stops."""

    UP = "DirectionUp"
    DOWN = "DirectionDown"
    LEFT = "DirectionLeft"
    RIGHT = "DirectionRight"
    LEFT_UP = "DirectionLeftUp"
    LEFT_DOWN = "DirectionLeftDown"
    RIGHT_UP = "DirectionRightUp"
    RIGHT_DOWN = "DirectionRightDown"
    ZOOM_IN = "ZoomTile"  # sic
    ZOOM_OUT = "ZoomWide"
    FOCUS_NEAR = "FocusNear"
    FOCUS_FAR = "FocusFar"
    IRIS_CLOSE = "IrisSmall"
    IRIS_OPEN = "IrisLarge"


class PatternStep(StrEnum):
    """What to do with the recorded path."""

    BEGIN_RECORDING = "SetBegin"
    END_RECORDING = "SetEnd"
    START = "Start"
    STOP = "Stop"
    CLEAR = "Clear"


_FLIP_VERTICAL: Final = {
    Move.UP: Move.DOWN,
    Move.LEFT_UP: Move.LEFT_DOWN,
    Move.RIGHT_UP: Move.RIGHT_DOWN,
}
_FLIP_HORIZONTAL: Final = {
    Move.LEFT: Move.RIGHT,
    Move.LEFT_UP: Move.RIGHT_UP,
    Move.LEFT_DOWN: Move.RIGHT_DOWN,
}


def flipped(move: Move, *, horizontal: bool = False, vertical: bool = False) -> Move:
    """The command a mirrored mount needs for what the operator sees as ``move``."""
    for active, table in ((horizontal, _FLIP_HORIZONTAL), (vertical, _FLIP_VERTICAL)):
        if active:
            move = {**table, **{other: one for one, other in table.items()}}.get(move, move)
    return move


@dataclass(frozen=True, slots=True)
class PtzPoint:
    """A rectangle to centre and zoom on."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0


def command(
    name: str,
    channel: int,
    *,
    preset: int = 0,
    step: int = 5,
    tour: int = 0,
    pattern: str = "SetBegin",
    menu: str = "Enter",
    aux: tuple[int, str] = (0, "On"),
    point: PtzPoint | None = None,
) -> dict[str, Any]:
    """The body of any PTZ command; all parameters are always sent (DVRIP §7.3).

    Args:
        name: the wire's Command.
        channel: channel as the device counts.
        preset: see the command.
        step: speed 1-8, or seconds of dwell in tours.
        tour: line of a tour.
        pattern: step of a pattern.
        menu: what to press in the menu.
        aux: auxiliary output and "On" or "Off".
        point: rectangle for fast positioning.
    """
    area = point or PtzPoint()
    parameter: Mapping[str, Any] = {
        "AUX": {"Number": aux[0], "Status": aux[1]},
        "Channel": channel,
        "MenuOpts": menu,
        "POINT": {"bottom": area.bottom, "left": area.left, "right": area.right, "top": area.top},
        "Pattern": pattern,
        "Preset": preset,
        "Step": step,
        "Tour": tour,
    }
    return {"Name": NAME, NAME: {"Command": name, "Parameter": parameter}}


def check_range(what: str, value: int, low: int, high: int) -> int:
    """``value`` when it is in range.

    Raises:
        Refused: it is not; nothing is sent.
    """
    if not low <= value <= high:
        raise Refused("out_of_range", f"{what} is {value}, want {low} to {high}")
    return value
