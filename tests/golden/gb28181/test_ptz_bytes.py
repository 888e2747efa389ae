"""The bytes of GB/T 28181-2022 annex A.3, one by one (GB-080)."""

import pytest

from cambus.gb28181 import ptz
from cambus.gb28181.errors import OutOfRange, ProtocolError
from cambus.gb28181.ptz import Lens, Move, PtzCommand

M, L = Move, Lens
EXAMPLES = {
    "A50F0000000000B4": ptz.STOP,
    "A50F000164000019": ptz.move(M.RIGHT, pan_speed=100),
    "A50F00026400001A": ptz.move(M.LEFT, pan_speed=100),
    "A50F00040064001C": ptz.move(M.DOWN, tilt_speed=100),
    "A50F000800640020": ptz.move(M.UP, tilt_speed=100),
    "A50F000564640081": ptz.move(M.RIGHT | M.DOWN, pan_speed=100, tilt_speed=100),
    "A50F000664640082": ptz.move(M.LEFT | M.DOWN, pan_speed=100, tilt_speed=100),
    "A50F000964640085": ptz.move(M.RIGHT | M.UP, pan_speed=100, tilt_speed=100),
    "A50F000A64640086": ptz.move(M.LEFT | M.UP, pan_speed=100, tilt_speed=100),
    "A50F001000008044": ptz.move(M.ZOOM_IN, zoom_speed=8),
    "A50F002000008054": ptz.move(M.ZOOM_OUT, zoom_speed=8),
    "A50F002964648025": ptz.move(M.RIGHT | M.UP | M.ZOOM_OUT, pan_speed=100, tilt_speed=100, zoom_speed=8),
    "A50F0040000000F4": ptz.LENS_STOP,
    "A50F004164000059": ptz.lens(L.FOCUS_FAR, focus_speed=100),
    "A50F00426400005A": ptz.lens(L.FOCUS_NEAR, focus_speed=100),
    "A50F00440064005C": ptz.lens(L.IRIS_OPEN, iris_speed=100),
    "A50F004800640060": ptz.lens(L.IRIS_CLOSE, iris_speed=100),
    "A50F0049646400C5": ptz.lens(L.IRIS_CLOSE | L.FOCUS_FAR, focus_speed=100, iris_speed=100),
    "A50F008100010036": ptz.preset(ptz.PRESET_SET, 1),
    "A50F008200010037": ptz.preset(ptz.PRESET_CALL, 1),
    "A50F008300010038": ptz.preset(ptz.PRESET_DELETE, 1),
    "A50F00840101003A": ptz.cruise_point(1, 1),
    "A50F00850101003B": ptz.cruise_point(1, 1, delete=True),
    "A50F00850100003A": ptz.cruise_point(1, 0, delete=True),
    "A50F0086012C1077": ptz.cruise_setting(ptz.CRUISE_SPEED, 1, 300),
    "A50F0087010A0046": ptz.cruise_setting(ptz.CRUISE_STAY, 1, 10),
    "A50F00880100003D": ptz.cruise_start(1),
    "A50F00890100003E": ptz.scan(1, 0),
    "A50F00890101003F": ptz.scan(1, 1),
    "A50F008901020040": ptz.scan(1, 2),
    "A50F008A016400A3": ptz.cruise_setting(ptz.SCAN_SPEED, 1, 100),
    "A50F008A01FFF02E": ptz.cruise_setting(ptz.SCAN_SPEED, 1, 4095),
    "A50F008C01000041": ptz.aux(ptz.WIPER, on=True),
    "A50F008D01000042": ptz.aux(ptz.WIPER, on=False),
}


@pytest.mark.parametrize(("digits", "command"), EXAMPLES.items())
def test_commands_are_the_documented_bytes_both_ways(digits, command):
    assert command.hex() == digits
    assert PtzCommand.parse(digits) == command
    assert PtzCommand.parse(digits.lower()) == command


@pytest.mark.parametrize("digits", EXAMPLES)
def test_the_declared_layout_reads_the_same_bytes(digits):
    read = ptz.LAYOUT.parse(bytes.fromhex(digits))
    command = PtzCommand.parse(digits)
    assert (read.command, read.data1, read.data2) == (command.command, command.data1, command.data2)
    assert read.version_and_check == 0x0F


def test_opposite_directions_are_refused_and_speeds_clamped():
    for pair in (M.LEFT | M.RIGHT, M.UP | M.DOWN, M.ZOOM_IN | M.ZOOM_OUT):
        with pytest.raises(OutOfRange, match="opposite"):
            ptz.move(pair)
    with pytest.raises(OutOfRange, match="opposite"):
        ptz.lens(L.FOCUS_FAR | L.FOCUS_NEAR)
    fast = ptz.move(M.RIGHT | M.UP | M.ZOOM_IN, pan_speed=999, tilt_speed=-1, zoom_speed=99)
    assert (fast.data1, fast.data2, fast.data3) == (255, 0, 15)


@pytest.mark.parametrize("number", [0, 256, -1])
def test_presets_beyond_1_to_255_are_refused(number):
    with pytest.raises(OutOfRange, match="preset"):
        ptz.preset(ptz.PRESET_SET, number)


def test_a_device_that_looks_for_the_focus_speed_in_byte_6_gets_it_there_too():
    command = ptz.lens(L.FOCUS_FAR, focus_speed=100, both_bytes=True)
    assert (command.data1, command.data2) == (100, 100)


@pytest.mark.parametrize(
    ("digits", "why"),
    [
        ("A50F0000000000B5", "checksum"),
        ("A60F0000000000B5", "eight bytes"),
        ("A50F00000000B4", "eight bytes"),
        ("not hex", "hexadecimal"),
    ],
)
def test_what_is_no_command_says_why(digits, why):
    with pytest.raises(ProtocolError, match=why):
        PtzCommand.parse(digits)


def test_any_address_is_read():
    other = PtzCommand(0x01, 100, 0, 0, address=0x321)
    assert PtzCommand.parse(other.hex()) == other
