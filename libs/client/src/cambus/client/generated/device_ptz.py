"""Commands to a device about ptz. Generated from the catalog by `make schemas`; not edited by hand."""

from typing import Literal

from cambus.client.namespace import Commands
from cambus.schemas.commands import ptz as ptz_commands
from cambus.schemas.model import Done


class PtzCommands(Commands):
    """Commands to a device about ptz."""

    async def aux(
        self,
        *,
        channel: int,
        function: ptz_commands.AuxFunction = ptz_commands.AuxFunction.AUX,
        number: int | None = None,
        on: bool,
        within_s: float | None = None,
    ) -> Done:
        """Switch light, wiper and the like.

        The command `ptz.aux`.

        Args:
            channel: The channel, counted from 0.
            function: What it does; `aux` for a switch by its number.
            number: The number of the switch; needed for `aux`.
            on: True to switch it on.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            ptz_commands.AUX, within_s, channel=channel, function=function, number=number, on=on
        )

    async def focus(
        self,
        *,
        channel: int,
        speed: float = 0.0,
        auto: bool = False,
        duration_s: float | None = None,
        within_s: float | None = None,
    ) -> Done:
        """Move the focus.

        The command `ptz.focus`.

        Args:
            channel: The channel, counted from 0.
            speed: Far is positive, near negative, 0 stops.
            auto: True to let the camera focus once by itself; `speed` is ignored.
            duration_s: Seconds after which it stops by itself; None for at most 30 s, or until
                `ptz.stop`.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            ptz_commands.FOCUS, within_s, channel=channel, speed=speed, auto=auto, duration_s=duration_s
        )

    async def home(self, *, channel: int, within_s: float | None = None) -> Done:
        """Go to the home position.

        The command `ptz.home`.

        Args:
            channel: The channel, counted from 0.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(ptz_commands.HOME, within_s, channel=channel)

    async def home_set(
        self,
        *,
        channel: int,
        enabled: bool = True,
        preset: int | None = None,
        delay_s: int | None = None,
        within_s: float | None = None,
    ) -> Done:
        """Say what home is.

        The command `ptz.home.set`.

        Args:
            channel: The channel, counted from 0.
            enabled: Whether it returns home by itself.
            preset: The preset that is home; None for where it looks now.
            delay_s: Seconds without a command before it returns.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            ptz_commands.HOME_SET, within_s, channel=channel, enabled=enabled, preset=preset, delay_s=delay_s
        )

    async def iris(
        self,
        *,
        channel: int,
        speed: float = 0.0,
        duration_s: float | None = None,
        within_s: float | None = None,
    ) -> Done:
        """Move the iris.

        The command `ptz.iris`.

        Args:
            channel: The channel, counted from 0.
            speed: Opening is positive, closing negative, 0 stops.
            duration_s: Seconds after which it stops by itself; None for at most 30 s, or until
                `ptz.stop`.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            ptz_commands.IRIS, within_s, channel=channel, speed=speed, duration_s=duration_s
        )

    async def menu(
        self,
        *,
        channel: int,
        key: Literal["open", "close", "enter", "back", "up", "down", "left", "right"],
        within_s: float | None = None,
    ) -> Done:
        """Press a key of the camera's menu.

        The command `ptz.menu`.

        Args:
            channel: The channel, counted from 0.
            key: The key.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(ptz_commands.MENU, within_s, channel=channel, key=key)

    async def move(
        self,
        *,
        channel: int,
        pan: float = 0.0,
        tilt: float = 0.0,
        zoom: float = 0.0,
        duration_s: float | None = None,
        within_s: float | None = None,
    ) -> Done:
        """Move with given speeds.

        The command `ptz.move`.

        Args:
            channel: The channel, counted from 0.
            pan: Right is positive.
            tilt: Up is positive.
            zoom: In is positive.
            duration_s: Seconds after which it stops by itself; None for at most 30 s, or until
                `ptz.stop`.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            ptz_commands.MOVE, within_s, channel=channel, pan=pan, tilt=tilt, zoom=zoom, duration_s=duration_s
        )

    async def pattern_clear(self, *, channel: int, pattern: int = 1, within_s: float | None = None) -> Done:
        """Delete a movement.

        The command `ptz.pattern.clear`.

        Args:
            channel: The channel, counted from 0.
            pattern: Its number; many cameras have only one.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(ptz_commands.PATTERN_CLEAR, within_s, channel=channel, pattern=pattern)

    async def pattern_finish(self, *, channel: int, pattern: int = 1, within_s: float | None = None) -> Done:
        """End the recording of a movement.

        The command `ptz.pattern.finish`.

        Args:
            channel: The channel, counted from 0.
            pattern: Its number; many cameras have only one.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(ptz_commands.PATTERN_FINISH, within_s, channel=channel, pattern=pattern)

    async def pattern_record(self, *, channel: int, pattern: int = 1, within_s: float | None = None) -> Done:
        """Begin to record a movement.

        The command `ptz.pattern.record`.

        Args:
            channel: The channel, counted from 0.
            pattern: Its number; many cameras have only one.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(ptz_commands.PATTERN_RECORD, within_s, channel=channel, pattern=pattern)

    async def pattern_start(self, *, channel: int, pattern: int = 1, within_s: float | None = None) -> Done:
        """Repeat a movement.

        The command `ptz.pattern.start`.

        Args:
            channel: The channel, counted from 0.
            pattern: Its number; many cameras have only one.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(ptz_commands.PATTERN_START, within_s, channel=channel, pattern=pattern)

    async def pattern_stop(self, *, channel: int, pattern: int = 1, within_s: float | None = None) -> Done:
        """Stop repeating.

        The command `ptz.pattern.stop`.

        Args:
            channel: The channel, counted from 0.
            pattern: Its number; many cameras have only one.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(ptz_commands.PATTERN_STOP, within_s, channel=channel, pattern=pattern)

    async def position_get(
        self, *, channel: int, within_s: float | None = None
    ) -> ptz_commands.PtzPositionReply:
        """Read where the camera looks.

        The command `ptz.position.get`.

        Args:
            channel: The channel, counted from 0.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(ptz_commands.POSITION_GET, within_s, channel=channel)

    async def position_set(
        self,
        *,
        channel: int,
        pan_deg: float | None = None,
        tilt_deg: float | None = None,
        zoom: float | None = None,
        relative: bool = False,
        within_s: float | None = None,
    ) -> Done:
        """Look at a position.

        The command `ptz.position.set`.

        Args:
            channel: The channel, counted from 0.
            pan_deg: Degrees to the right.
            tilt_deg: Degrees up; below the horizon is negative.
            zoom: Magnification, 1 is the widest; with `relative` the change of it.
            relative: True for a change from where it looks now.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            ptz_commands.POSITION_SET,
            within_s,
            channel=channel,
            pan_deg=pan_deg,
            tilt_deg=tilt_deg,
            zoom=zoom,
            relative=relative,
        )

    async def preset_clear(self, *, channel: int, preset: int, within_s: float | None = None) -> Done:
        """Delete a preset.

        The command `ptz.preset.clear`.

        Args:
            channel: The channel, counted from 0.
            preset: Its number.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(ptz_commands.PRESET_CLEAR, within_s, channel=channel, preset=preset)

    async def preset_goto(self, *, channel: int, preset: int, within_s: float | None = None) -> Done:
        """Go to a preset.

        The command `ptz.preset.goto`.

        Args:
            channel: The channel, counted from 0.
            preset: Its number.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(ptz_commands.PRESET_GOTO, within_s, channel=channel, preset=preset)

    async def preset_list(
        self, *, channel: int, within_s: float | None = None
    ) -> ptz_commands.PtzPresetListReply:
        """List the presets.

        The command `ptz.preset.list`.

        Args:
            channel: The channel, counted from 0.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(ptz_commands.PRESET_LIST, within_s, channel=channel)

    async def preset_set(
        self, *, channel: int, preset: int, name: str | None = None, within_s: float | None = None
    ) -> Done:
        """Keep the view as a preset.

        The command `ptz.preset.set`.

        Args:
            channel: The channel, counted from 0.
            preset: Its number.
            name: Its name; None leaves or generates one.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(ptz_commands.PRESET_SET, within_s, channel=channel, preset=preset, name=name)

    async def scan_limit(
        self, *, channel: int, scan: int = 0, side: Literal["left", "right"], within_s: float | None = None
    ) -> Done:
        """Set a limit of a scan.

        The command `ptz.scan.limit`.

        Args:
            channel: The channel, counted from 0.
            scan: Its number.
            side: Which limit.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(ptz_commands.SCAN_LIMIT, within_s, channel=channel, scan=scan, side=side)

    async def scan_start(
        self, *, channel: int, scan: int = 0, speed: float | None = None, within_s: float | None = None
    ) -> Done:
        """Turn to and fro.

        The command `ptz.scan.start`.

        Args:
            channel: The channel, counted from 0.
            scan: Its number; many cameras have only one.
            speed: Speed, 1 is the fastest; None as it was.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(ptz_commands.SCAN_START, within_s, channel=channel, scan=scan, speed=speed)

    async def scan_stop(self, *, channel: int, scan: int = 0, within_s: float | None = None) -> Done:
        """End turning to and fro.

        The command `ptz.scan.stop`.

        Args:
            channel: The channel, counted from 0.
            scan: Its number.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(ptz_commands.SCAN_STOP, within_s, channel=channel, scan=scan)

    async def stop(self, *, channel: int, within_s: float | None = None) -> Done:
        """Stop every movement.

        The command `ptz.stop`.

        Args:
            channel: The channel, counted from 0.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(ptz_commands.STOP, within_s, channel=channel)

    async def tour_add(
        self, *, channel: int, tour: int, point: ptz_commands.PtzTourPoint, within_s: float | None = None
    ) -> Done:
        """Append a stop to a tour.

        The command `ptz.tour.add`.

        Args:
            channel: The channel, counted from 0.
            tour: Its number.
            point: The stop.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(ptz_commands.TOUR_ADD, within_s, channel=channel, tour=tour, point=point)

    async def tour_clear(self, *, channel: int, tour: int, within_s: float | None = None) -> Done:
        """Delete a tour.

        The command `ptz.tour.clear`.

        Args:
            channel: The channel, counted from 0.
            tour: Its number.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(ptz_commands.TOUR_CLEAR, within_s, channel=channel, tour=tour)

    async def tour_list(
        self, *, channel: int, within_s: float | None = None
    ) -> ptz_commands.PtzTourListReply:
        """List the tours.

        The command `ptz.tour.list`.

        Args:
            channel: The channel, counted from 0.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(ptz_commands.TOUR_LIST, within_s, channel=channel)

    async def tour_remove(
        self, *, channel: int, tour: int, preset: int, within_s: float | None = None
    ) -> Done:
        """Take a stop out of a tour.

        The command `ptz.tour.remove`.

        Args:
            channel: The channel, counted from 0.
            tour: Its number.
            preset: The preset of that stop.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(ptz_commands.TOUR_REMOVE, within_s, channel=channel, tour=tour, preset=preset)

    async def tour_set(
        self,
        *,
        channel: int,
        tour: int,
        name: str | None = None,
        points: list[ptz_commands.PtzTourPoint],
        within_s: float | None = None,
    ) -> Done:
        """Write a whole tour.

        The command `ptz.tour.set`.

        Args:
            channel: The channel, counted from 0.
            tour: Its number.
            name: Its name; None leaves it.
            points: Its stops, in order.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            ptz_commands.TOUR_SET, within_s, channel=channel, tour=tour, name=name, points=points
        )

    async def tour_start(self, *, channel: int, tour: int, within_s: float | None = None) -> Done:
        """Start a tour.

        The command `ptz.tour.start`.

        Args:
            channel: The channel, counted from 0.
            tour: Its number.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(ptz_commands.TOUR_START, within_s, channel=channel, tour=tour)

    async def tour_stop(self, *, channel: int, tour: int, within_s: float | None = None) -> Done:
        """Stop a tour.

        The command `ptz.tour.stop`.

        Args:
            channel: The channel, counted from 0.
            tour: Its number.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(ptz_commands.TOUR_STOP, within_s, channel=channel, tour=tour)

    async def zoom_area(
        self,
        *,
        channel: int,
        x: float,
        y: float,
        width: float,
        height: float,
        out: bool = False,
        within_s: float | None = None,
    ) -> Done:
        """Zoom to an area of the picture.

        The command `ptz.zoom_area`.

        Args:
            channel: The channel, counted from 0.
            x: Left edge, as a part of the picture's width.
            y: Upper edge, as a part of the picture's height.
            width: Width, as a part of the picture's; 0 only centres on the point.
            height: Height, as a part of the picture's; 0 only centres on the point.
            out: True to zoom out so that the present picture fills the area.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            ptz_commands.ZOOM_AREA, within_s, channel=channel, x=x, y=y, width=width, height=height, out=out
        )
