"""PTZ (DVRIP §7.3). A movement runs until it is stopped: whoever starts one has to see to its stop."""

from cambus.dvrip.ids import MessageId
from cambus.dvrip.messages.ptz import (
    MAX_PRESET,
    MAX_SPEED,
    START,
    STOP,
    Move,
    PatternStep,
    PtzPoint,
    check_range,
    command,
    flipped,
)
from cambus.dvrip.operations.caller import Caller


class PtzOperations:
    """Commands for one device; ``channel`` is 0-based, whatever the device counts from.

    All of them raise `DeviceError` with code 118 when the device has no PTZ protocol set, and `Refused` for
    values out of range.
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def start(self, channel: int, move: Move, speed: int = 5) -> None:
        """Start a movement at speed 1-8."""
        step = check_range("speed", speed, 1, MAX_SPEED)
        await self._send(self._flipped(move), channel, preset=START, step=step)

    async def stop(self, channel: int, move: Move, speed: int = 5) -> None:
        """Stop the movement that `start` began."""
        await self._send(
            self._flipped(move), channel, preset=STOP, step=check_range("speed", speed, 1, MAX_SPEED)
        )

    async def set_preset(self, channel: int, preset: int) -> None:
        """Store the present position as preset 1-255."""
        await self._send("SetPreset", channel, preset=check_range("preset", preset, 1, MAX_PRESET))

    async def goto_preset(self, channel: int, preset: int) -> None:
        """Go to a preset."""
        await self._send("GotoPreset", channel, preset=check_range("preset", preset, 1, MAX_PRESET))

    async def clear_preset(self, channel: int, preset: int) -> None:
        """Forget a preset."""
        await self._send("ClearPreset", channel, preset=check_range("preset", preset, 1, MAX_PRESET))

    async def add_tour_point(self, channel: int, tour: int, preset: int, dwell_s: int = 5) -> None:
        """Append a preset to a tour, with its dwell time in seconds."""
        preset = check_range("preset", preset, 1, MAX_PRESET)
        await self._send(
            "AddTour", channel, tour=tour, preset=preset, step=check_range("dwell_s", dwell_s, 1, 255)
        )

    async def delete_tour_point(self, channel: int, tour: int, preset: int) -> None:
        """Remove a preset from a tour."""
        await self._send(
            "DeleteTour", channel, tour=tour, preset=check_range("preset", preset, 1, MAX_PRESET)
        )

    async def clear_tour(self, channel: int, tour: int) -> None:
        """Forget a tour."""
        await self._send("ClearTour", channel, tour=tour)

    async def start_tour(self, channel: int, tour: int) -> None:
        """Run a tour."""
        await self._send("StartTour", channel, tour=tour)

    async def stop_tour(self, channel: int, tour: int = 0) -> None:
        """Stop a tour."""
        await self._send("StopTour", channel, tour=tour)

    async def pattern(self, channel: int, step: PatternStep) -> None:
        """Record, run or forget a path."""
        await self._send("SetPattern", channel, pattern=step)

    async def auto_pan(self, channel: int, *, on: bool) -> None:
        """Pan between the limits."""
        await self._send("AutoPanOn" if on else "AutoPanOff", channel)

    async def set_limit(self, channel: int, *, left: bool) -> None:
        """Make the present position the left or right limit."""
        await self._send("SetLeftLimit" if left else "SetRightLimit", channel)

    async def aux(self, channel: int, number: int, *, on: bool) -> None:
        """Switch an auxiliary output: lamp, wiper."""
        await self._send("AUX", channel, aux=(number, "On" if on else "Off"))

    async def menu(self, channel: int, key: str = "Enter") -> None:
        """Open the camera's menu, or press a key in it."""
        await self._send("Menu", channel, menu=key)

    async def reset(self, channel: int) -> None:
        """Restart the PTZ unit."""
        await self._send("Reset", channel)

    async def zoom_area(self, channel: int, area: PtzPoint) -> None:
        """Centre and zoom on a rectangle."""
        await self._send("Position", channel, point=area)

    async def _send(
        self,
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
    ) -> None:
        body = command(
            name,
            self._caller.profile.wire_channel(channel),
            preset=preset,
            step=step,
            tour=tour,
            pattern=pattern,
            menu=menu,
            aux=aux,
            point=point,
        )
        await self._caller.call(MessageId.PTZ, body, label=f"PTZ {name}")

    def _flipped(self, move: Move) -> Move:
        profile = self._caller.profile
        return flipped(move, horizontal=profile.ptz_flip_horizontal, vertical=profile.ptz_flip_vertical)
