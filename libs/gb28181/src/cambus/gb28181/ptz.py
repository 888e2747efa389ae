"""The eight bytes that move a camera (GB/T 28181-2022 annex A.3, GB-080 to GB-086).

::

    A5 | 0F | address low | command | data 1 | data 2 | data 3 (high nibble), address high | checksum
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import Final

from construct import Byte, Const, Struct

from cambus.gb28181.errors import OutOfRange, ProtocolError

FIRST_BYTE: Final = 0xA5
COMMAND_BYTES: Final = 8

LAYOUT: Final = Struct(
    "first" / Const(b"\xa5"),
    "version_and_check" / Byte,
    "address_low" / Byte,
    "command" / Byte,
    "data1" / Byte,
    "data2" / Byte,
    "data3_and_address_high" / Byte,
    "checksum" / Byte,
)
"""The layout as a declaration: the oracle of the codec below."""


class Move(IntFlag):
    """Bits of a movement; opposite ones exclude each other."""

    RIGHT = 0x01
    LEFT = 0x02
    DOWN = 0x04
    UP = 0x08
    ZOOM_IN = 0x10
    ZOOM_OUT = 0x20


class Lens(IntFlag):
    """Bits of a lens command, beside `0x40`."""

    FOCUS_FAR = 0x01
    FOCUS_NEAR = 0x02
    IRIS_OPEN = 0x04
    IRIS_CLOSE = 0x08


_OPPOSITES: Final = (0x03, 0x0C, 0x30)
_LENS: Final = 0x40
PRESET_SET, PRESET_CALL, PRESET_DELETE = 0x81, 0x82, 0x83
CRUISE_ADD, CRUISE_DELETE, CRUISE_SPEED, CRUISE_STAY, CRUISE_START = 0x84, 0x85, 0x86, 0x87, 0x88
SCAN, SCAN_SPEED = 0x89, 0x8A
AUX_ON, AUX_OFF = 0x8C, 0x8D
WIPER: Final = 1


@dataclass(frozen=True, slots=True)
class PtzCommand:
    """One command, as it is on the wire.

    Attributes:
        command: byte 4.
        data1: byte 5: speed of pan or focus, a group, a switch.
        data2: byte 6: speed of tilt or iris, a preset, the low byte of a number.
        data3: high nibble of byte 7: speed of zoom, the high bits of a number.
        address: 0..4095; 0 is what is sent, anything is read.
    """

    command: int
    data1: int = 0
    data2: int = 0
    data3: int = 0
    address: int = 0

    def hex(self) -> str:
        """The sixteen digits of `PTZCmd`."""
        # byte 2: version 0, and a check over the first byte and itself (A.3.1)
        check = (0xA + 0x5 + 0) % 16
        head = bytes(
            (
                FIRST_BYTE,
                check,
                self.address & 0xFF,
                self.command,
                self.data1,
                self.data2,
                self.data3 << 4 | self.address >> 8 & 0xF,
            )
        )
        return (head + bytes((sum(head) % 256,))).hex().upper()

    @classmethod
    def parse(cls, text: str) -> PtzCommand:
        """Read a `PTZCmd`.

        Raises:
            ProtocolError: not sixteen hexadecimal digits, another first byte, or a wrong checksum.
        """
        try:
            raw = bytes.fromhex(text.strip())
        except ValueError:
            raise ProtocolError("PTZCmd is no hexadecimal number", context=text.encode()) from None
        if len(raw) != COMMAND_BYTES or raw[0] != FIRST_BYTE:
            raise ProtocolError("PTZCmd is not eight bytes that begin with A5", context=raw)
        if sum(raw[:7]) % 256 != raw[7]:
            raise ProtocolError("PTZCmd has a wrong checksum", offset=7, context=raw)
        return cls(raw[3], raw[4], raw[5], raw[6] >> 4, (raw[6] & 0xF) << 8 | raw[2])


STOP: Final = PtzCommand(0x00)
LENS_STOP: Final = PtzCommand(_LENS)


def move(direction: Move, *, pan_speed: int = 0, tilt_speed: int = 0, zoom_speed: int = 0) -> PtzCommand:
    """Move until told otherwise.

    Args:
        direction: where to.
        pan_speed: 0..255, clamped.
        tilt_speed: 0..255, clamped.
        zoom_speed: 0..15, clamped.

    Raises:
        OutOfRange: two directions that exclude each other.
    """
    for pair in _OPPOSITES:
        if direction & pair == pair:
            raise OutOfRange("direction", "two opposite directions at once")
    return PtzCommand(int(direction), _clamp(pan_speed, 255), _clamp(tilt_speed, 255), _clamp(zoom_speed, 15))


def lens(action: Lens, *, focus_speed: int = 0, iris_speed: int = 0, both_bytes: bool = False) -> PtzCommand:
    """Turn focus or iris until told otherwise.

    Args:
        action: what to do.
        focus_speed: 0..255, in byte 5.
        iris_speed: 0..255, in byte 6.
        both_bytes: the speed in both bytes, for devices that look for that of the focus in byte 6.

    Raises:
        OutOfRange: two actions that exclude each other.
    """
    for pair in (0x03, 0x0C):
        if action & pair == pair:
            raise OutOfRange("action", "two opposite actions at once")
    focus, iris = _clamp(focus_speed, 255), _clamp(iris_speed, 255)
    if both_bytes:
        focus = iris = max(focus, iris)
    return PtzCommand(_LENS | int(action), focus, iris)


def lens_stop(*, with_ptz_stop: bool = False) -> PtzCommand:
    """Stop focus and iris; some firmware does so only on the stop of a movement (GB-082)."""
    return STOP if with_ptz_stop else LENS_STOP


def preset(command: int, number: int) -> PtzCommand:
    """`PRESET_SET`, `PRESET_CALL` or `PRESET_DELETE`; preset 0 is reserved. Raises OutOfRange."""
    return PtzCommand(command, 0, _within("preset", number, 1, 255))


def cruise_point(group: int, number: int, *, delete: bool = False) -> PtzCommand:
    """Append a preset to a cruise group, or take it out; deleting preset 0 deletes the group. Raises OutOfRange."""
    lowest = 0 if delete else 1
    command = CRUISE_DELETE if delete else CRUISE_ADD
    return PtzCommand(command, _within("group", group, 0, 255), _within("preset", number, lowest, 255))


def cruise_setting(command: int, group: int, value: int) -> PtzCommand:
    """`CRUISE_SPEED`, `CRUISE_STAY` (seconds) or `SCAN_SPEED`, a number of twelve bits. Raises OutOfRange."""
    number = _within("value", value, 0, 0xFFF)
    return PtzCommand(command, _within("group", group, 0, 255), number & 0xFF, number >> 8)


def cruise_start(group: int) -> PtzCommand:
    """Start a cruise; `STOP` ends it. Raises OutOfRange."""
    return PtzCommand(CRUISE_START, _within("group", group, 0, 255))


def scan(group: int, what: int) -> PtzCommand:
    """Start a scan (0), or set its left (1) or right edge (2); `STOP` ends it. Raises OutOfRange."""
    return PtzCommand(SCAN, _within("group", group, 0, 255), _within("what", what, 0, 2))


def aux(switch: int, *, on: bool) -> PtzCommand:
    """Turn a switch on or off; `WIPER` is the wiper. Raises OutOfRange."""
    return PtzCommand(AUX_ON if on else AUX_OFF, _within("switch", switch, 0, 255))


def _clamp(value: int, most: int) -> int:
    return max(0, min(value, most))


def _within(field: str, value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise OutOfRange(field, f"{value} is not within {least}..{most}")
    return value
