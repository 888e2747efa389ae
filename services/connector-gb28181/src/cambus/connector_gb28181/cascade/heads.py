"""The eight bytes of a PTZ command, as commands of the bus (§5, GB-243)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from cambus.gb28181 import ptz as wire
from cambus.gb28181.errors import OutOfRange
from cambus.gb28181.ptz import Lens, Move, PtzCommand
from cambus.schemas.commands import ptz
from cambus.schemas.model import Message
from cambus.schemas.spec import CommandSpec

Call = Callable[[CommandSpec[Any, Any], Message], Awaitable[Any]]

_FAST: Final = 255.0
_ZOOM_FAST: Final = 15.0
_SCAN_FAST: Final = 4095.0
_OPPOSITES: Final = (0x03, 0x0C, 0x30)
_DEFAULT_DWELL_S: Final = 10


@dataclass(slots=True)
class Head:
    """One camera as the platform moves it; remembers what the bytes say in pieces.

    Args:
        channel: of the device.

    Attributes:
        tour: the one that was started: the bytes stop it without naming it.
        scan: likewise.
        dwell: seconds of stops to be added, by tour.
        speed: of the way there, by tour.
        scan_speed: by scan.
    """

    channel: int
    tour: int | None = None
    scan: int | None = None
    dwell: dict[int, int] = field(default_factory=dict)
    speed: dict[int, float] = field(default_factory=dict)
    scan_speed: dict[int, float] = field(default_factory=dict)

    async def obey(self, command: PtzCommand, call: Call) -> None:
        """Carry a command out.

        Raises:
            OutOfRange: two directions that exclude each other, or bytes without a meaning.
            CambusError: the device refuses, or is away.
        """
        if command.command <= 0x3F:
            await self._move(command, call)
        elif command.command <= 0x4F:
            await self._turn_lens(command, call)
        elif command.command in _HANDLERS:
            await _HANDLERS[command.command](self, command, call)
        else:
            raise OutOfRange("command", f"{command.command:#04x} is no command")

    # --- moving -----------------------------------------------------------------------------------------

    async def _move(self, command: PtzCommand, call: Call) -> None:
        bits = Move(command.command)
        if not bits:
            await self._stop(call)
            return
        _exclude(command.command, _OPPOSITES)
        await call(
            ptz.MOVE,
            ptz.PtzMoveRequest(
                channel=self.channel,
                pan=_signed(bits, Move.RIGHT, Move.LEFT, command.data1 / _FAST),
                tilt=_signed(bits, Move.UP, Move.DOWN, command.data2 / _FAST),
                zoom=_signed(bits, Move.ZOOM_IN, Move.ZOOM_OUT, command.data3 / _ZOOM_FAST),
            ),
        )

    async def _stop(self, call: Call) -> None:
        """Everything: movements, and the tour or scan that was started."""
        tour, scan, self.tour, self.scan = self.tour, self.scan, None, None
        if tour is not None:
            await call(ptz.TOUR_STOP, ptz.PtzTourRequest(channel=self.channel, tour=tour))
        if scan is not None:
            await call(ptz.SCAN_STOP, ptz.PtzScanStopRequest(channel=self.channel, scan=scan))
        await call(ptz.STOP, ptz.PtzChannelRequest(channel=self.channel))

    async def _turn_lens(self, command: PtzCommand, call: Call) -> None:
        bits = Lens(command.command & 0x0F)
        _exclude(command.command & 0x0F, _OPPOSITES[:2])
        focus = _signed(bits, Lens.FOCUS_FAR, Lens.FOCUS_NEAR, command.data1 / _FAST)
        iris = _signed(bits, Lens.IRIS_OPEN, Lens.IRIS_CLOSE, command.data2 / _FAST)
        if not bits:  # which of the two turns is not said
            await call(ptz.STOP, ptz.PtzChannelRequest(channel=self.channel))
        if bits & (Lens.FOCUS_FAR | Lens.FOCUS_NEAR):
            await call(ptz.FOCUS, ptz.PtzFocusRequest(channel=self.channel, speed=focus))
        if bits & (Lens.IRIS_OPEN | Lens.IRIS_CLOSE):
            await call(ptz.IRIS, ptz.PtzIrisRequest(channel=self.channel, speed=iris))

    # --- presets ----------------------------------------------------------------------------------------

    async def preset(self, command: PtzCommand, call: Call) -> None:
        """Set, go to, or delete one; 0 is reserved."""
        if not command.data2:
            raise OutOfRange("preset", "preset 0 is reserved")
        if command.command == wire.PRESET_SET:
            await call(ptz.PRESET_SET, ptz.PtzPresetSetRequest(channel=self.channel, preset=command.data2))
            return
        spec = ptz.PRESET_GOTO if command.command == wire.PRESET_CALL else ptz.PRESET_CLEAR
        await call(spec, ptz.PtzPresetRequest(channel=self.channel, preset=command.data2))

    # --- tours ------------------------------------------------------------------------------------------

    async def tour_point(self, command: PtzCommand, call: Call) -> None:
        """Append a stop, take one out, or delete the tour."""
        tour, preset = command.data1, command.data2
        if command.command == wire.CRUISE_ADD:
            if not preset:
                raise OutOfRange("preset", "preset 0 is reserved")
            dwell = self.dwell.get(tour, _DEFAULT_DWELL_S)
            point = ptz.PtzTourPoint(preset=preset, dwell_s=dwell, speed=self.speed.get(tour))
            await call(ptz.TOUR_ADD, ptz.PtzTourAddRequest(channel=self.channel, tour=tour, point=point))
        elif preset:
            await call(
                ptz.TOUR_REMOVE, ptz.PtzTourRemoveRequest(channel=self.channel, tour=tour, preset=preset)
            )
        else:
            await call(ptz.TOUR_CLEAR, ptz.PtzTourRequest(channel=self.channel, tour=tour))

    async def tour_setting(self, command: PtzCommand, call: Call) -> None:
        """Speed or stay of a whole tour: of the stops there are, and of those to come."""
        tour, value = command.data1, command.data3 << 8 | command.data2
        if command.command == wire.CRUISE_STAY:
            self.dwell[tour] = value
        else:
            self.speed[tour] = min(value / _SCAN_FAST, 1.0)
        known = await call(ptz.TOUR_LIST, ptz.PtzChannelRequest(channel=self.channel))
        found = next((each for each in known.tours if each.tour == tour), None)
        if found is None or not found.points:
            return
        points = [self._as_set(tour, point) for point in found.points]
        await call(ptz.TOUR_SET, ptz.PtzTourSetRequest(channel=self.channel, tour=tour, points=points))

    def _as_set(self, tour: int, point: ptz.PtzTourPoint) -> ptz.PtzTourPoint:
        return ptz.PtzTourPoint(
            preset=point.preset,
            dwell_s=self.dwell.get(tour, point.dwell_s),
            speed=self.speed.get(tour, point.speed),
        )

    async def tour_start(self, command: PtzCommand, call: Call) -> None:
        """Start one; the bytes that stop everything stop it."""
        await call(ptz.TOUR_START, ptz.PtzTourRequest(channel=self.channel, tour=command.data1))
        self.tour = command.data1

    # --- scans ------------------------------------------------------------------------------------------

    async def scan_order(self, command: PtzCommand, call: Call) -> None:
        """Start a scan, or make where the camera looks one of its edges."""
        number = command.data1
        if command.data2 == 0:
            speed = self.scan_speed.get(number)
            await call(
                ptz.SCAN_START, ptz.PtzScanStartRequest(channel=self.channel, scan=number, speed=speed)
            )
            self.scan = number
        elif command.data2 in {1, 2}:
            await call(
                ptz.SCAN_LIMIT,
                ptz.PtzScanLimitRequest(
                    channel=self.channel, scan=number, side="left" if command.data2 == 1 else "right"
                ),
            )
        else:
            raise OutOfRange("what", f"{command.data2} is no order to a scan")

    async def scan_setting(self, command: PtzCommand, call: Call) -> None:  # noqa: ARG002 - told with the start
        """How fast it is to be, once it starts."""
        value = command.data3 << 8 | command.data2
        self.scan_speed[command.data1] = max(value, 1) / _SCAN_FAST

    # --- switches ---------------------------------------------------------------------------------------

    async def switch(self, command: PtzCommand, call: Call) -> None:
        """Turn one on or off; number 1 is the wiper."""
        wiper = command.data1 == wire.WIPER
        await call(
            ptz.AUX,
            ptz.PtzAuxRequest(
                channel=self.channel,
                function=ptz.AuxFunction.WIPER if wiper else ptz.AuxFunction.AUX,
                number=None if wiper else command.data1,
                on=command.command == wire.AUX_ON,
            ),
        )


def _signed(bits: int, positive: int, negative: int, speed: float) -> float:
    """A speed of ours, -1 to 1; the slowest there is where the bytes ask for a movement without any."""
    speed = min(speed, 1.0) or 1 / _FAST
    return speed if bits & positive else -speed if bits & negative else 0.0


def _exclude(bits: int, pairs: tuple[int, ...]) -> None:
    for pair in pairs:
        if bits & pair == pair:
            raise OutOfRange("direction", "two opposite directions at once")


_HANDLERS: Final[dict[int, Callable[[Head, PtzCommand, Call], Awaitable[None]]]] = {
    wire.PRESET_SET: Head.preset,
    wire.PRESET_CALL: Head.preset,
    wire.PRESET_DELETE: Head.preset,
    wire.CRUISE_ADD: Head.tour_point,
    wire.CRUISE_DELETE: Head.tour_point,
    wire.CRUISE_SPEED: Head.tour_setting,
    wire.CRUISE_STAY: Head.tour_setting,
    wire.CRUISE_START: Head.tour_start,
    wire.SCAN: Head.scan_order,
    wire.SCAN_SPEED: Head.scan_setting,
    wire.AUX_ON: Head.switch,
    wire.AUX_OFF: Head.switch,
}
