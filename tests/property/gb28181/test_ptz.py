"""The eight bytes: what is built is valid and read back; what is damaged is refused (GB-080, GB-081, GB-086)."""

from hypothesis import assume, given
from hypothesis import strategies as st

from cambus.gb28181 import ptz
from cambus.gb28181.errors import OutOfRange, ProtocolError
from cambus.gb28181.ptz import Move, PtzCommand

BYTES = st.integers(0, 255)
COMMANDS = st.builds(PtzCommand, BYTES, BYTES, BYTES, st.integers(0, 15), st.integers(0, 4095))


@given(COMMANDS)
def test_any_command_has_a_right_sum_and_is_read_back(command):
    raw = bytes.fromhex(command.hex())
    assert len(raw) == 8
    assert raw[:2] == b"\xa5\x0f"
    assert sum(raw[:7]) % 256 == raw[7]
    assert PtzCommand.parse(command.hex()) == PtzCommand.parse(command.hex().lower()) == command


@given(COMMANDS, st.integers(0, 7), st.integers(1, 255))
def test_any_damaged_byte_is_noticed(command, at, change):
    raw = bytearray.fromhex(command.hex())
    raw[at] ^= change
    try:
        PtzCommand.parse(raw.hex())
    except ProtocolError:
        return
    raise AssertionError(raw.hex())


@given(COMMANDS, st.integers(0, 20))
def test_another_length_is_refused(command, length):
    assume(length != 16)
    try:
        PtzCommand.parse((command.hex() * 2)[:length])
    except ProtocolError:
        return
    raise AssertionError(length)


@given(st.integers(0, 63), st.integers(-500, 500), st.integers(-500, 500), st.integers(-500, 500))
def test_a_movement_has_no_opposites_and_speeds_within_bounds(bits, pan, tilt, zoom):
    opposite = any(bits & pair == pair for pair in (0x03, 0x0C, 0x30))
    try:
        command = ptz.move(Move(bits), pan_speed=pan, tilt_speed=tilt, zoom_speed=zoom)
    except OutOfRange:
        assert opposite
        return
    assert not opposite
    assert command.command == bits
    assert (command.data1, command.data2) == (max(0, min(pan, 255)), max(0, min(tilt, 255)))
    assert command.data3 == max(0, min(zoom, 15))


@given(st.sampled_from([ptz.CRUISE_SPEED, ptz.CRUISE_STAY, ptz.SCAN_SPEED]), BYTES, st.integers(0, 4095))
def test_numbers_of_twelve_bits_are_read_back(command, group, value):
    read = PtzCommand.parse(ptz.cruise_setting(command, group, value).hex())
    assert (read.command, read.data1, read.data3 << 8 | read.data2) == (command, group, value)
