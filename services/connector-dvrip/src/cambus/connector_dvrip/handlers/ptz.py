"""Moving cameras (DVRIP §7.3)."""

from typing import Any, Final

from cambus.connector.handlers import HandlerTable
from cambus.connector_dvrip.handlers.guarded import add
from cambus.connector_dvrip.mapping.native import text
from cambus.connector_dvrip.motion import Movement, movements_of, speed_of
from cambus.connector_dvrip.session import DvripSession
from cambus.dvrip.messages.ptz import Move, PatternStep, PtzPoint
from cambus.dvrip.values import as_list, as_object, parse_number
from cambus.schemas.commands import ptz as commands
from cambus.schemas.errors import BadRequest, Unsupported
from cambus.schemas.model import Done

PRESETS: Final = "Uart.PTZPreset"
TOURS: Final = "Uart.PTZTour"
AREA: Final = 8192
"""Positions in the picture run from 0 to this, as everywhere in these devices' settings (DVRIP §8)."""


def register(table: HandlerTable[DvripSession]) -> None:
    """Add the commands of this noun."""
    add(table, commands.MOVE, move)
    add(table, commands.STOP, stop)
    add(table, commands.FOCUS, focus)
    add(table, commands.IRIS, iris)
    add(table, commands.AUX, aux)
    add(table, commands.ZOOM_AREA, zoom_area)
    add(table, commands.HOME, home)
    add(table, commands.PRESET_LIST, preset_list)
    add(table, commands.PRESET_SET, preset_set)
    add(table, commands.PRESET_GOTO, preset_goto)
    add(table, commands.PRESET_CLEAR, preset_clear)
    add(table, commands.TOUR_LIST, tour_list)
    add(table, commands.TOUR_SET, tour_set)
    add(table, commands.TOUR_ADD, tour_add)
    add(table, commands.TOUR_REMOVE, tour_remove)
    add(table, commands.TOUR_CLEAR, tour_clear)
    add(table, commands.TOUR_START, tour_start)
    add(table, commands.TOUR_STOP, tour_stop)
    add(table, commands.PATTERN_RECORD, _pattern(PatternStep.BEGIN_RECORDING))
    add(table, commands.PATTERN_FINISH, _pattern(PatternStep.END_RECORDING))
    add(table, commands.PATTERN_START, _pattern(PatternStep.START))
    add(table, commands.PATTERN_STOP, _pattern(PatternStep.STOP))
    add(table, commands.PATTERN_CLEAR, _pattern(PatternStep.CLEAR))
    add(table, commands.SCAN_START, scan_start)
    add(table, commands.SCAN_STOP, scan_stop)
    add(table, commands.SCAN_LIMIT, scan_limit)
    add(table, commands.MENU, menu)
    for positions in (commands.POSITION_GET, commands.POSITION_SET):
        table.refuse(
            positions, "the protocol of these devices has no positions; use presets, or move the camera"
        )
    table.refuse(commands.HOME_SET, "home is the option `ptz_home_preset` of the device's record")


# --- moving -------------------------------------------------------------------------------------------------


async def move(session: DvripSession, request: commands.PtzMoveRequest) -> Done:
    """Move with these speeds; no speed at all stops."""
    movements = movements_of(request.pan, request.tilt, request.zoom)
    return await _move(session, request.channel, movements, request.duration_s)


async def stop(session: DvripSession, request: commands.PtzChannelRequest) -> Done:
    """Stop whatever moves."""
    await session.motions.stop(request.channel)
    return Done()


async def focus(session: DvripSession, request: commands.PtzFocusRequest) -> Done:
    """Move the focus."""
    if request.auto:
        raise Unsupported("these devices have no command to focus once by themselves")
    movement = Movement(Move.FOCUS_FAR if request.speed > 0 else Move.FOCUS_NEAR, speed_of(request.speed))
    return await _move(session, request.channel, [movement] if request.speed else [], request.duration_s)


async def iris(session: DvripSession, request: commands.PtzIrisRequest) -> Done:
    """Move the iris."""
    movement = Movement(Move.IRIS_OPEN if request.speed > 0 else Move.IRIS_CLOSE, speed_of(request.speed))
    return await _move(session, request.channel, [movement] if request.speed else [], request.duration_s)


async def _move(
    session: DvripSession, channel: int, movements: list[Movement], duration_s: float | None
) -> Done:
    if movements:
        await session.motions.move(channel, movements, duration_s or commands.MAX_MOVE_S)
    else:
        await session.motions.stop(channel)
    return Done()


async def aux(session: DvripSession, request: commands.PtzAuxRequest) -> Done:
    """Switch an auxiliary output; which number is the wiper or the lamp is up to the camera's wiring."""
    if request.number is None:
        raise BadRequest("number: wanted the number of the switch; these devices know them by number only")
    await session.client.ptz.aux(request.channel, request.number, on=request.on)
    return Done()


async def zoom_area(session: DvripSession, request: commands.PtzZoomAreaRequest) -> Done:
    """Bring an area of the picture to fill it."""
    if request.out:
        raise Unsupported("these devices zoom into an area only")
    area = PtzPoint(
        left=round(request.x * AREA),
        top=round(request.y * AREA),
        right=round(min(request.x + request.width, 1.0) * AREA),
        bottom=round(min(request.y + request.height, 1.0) * AREA),
    )
    await session.client.ptz.zoom_area(request.channel, area)
    return Done()


async def menu(session: DvripSession, request: commands.PtzMenuRequest) -> Done:
    """Press a key of the camera's menu."""
    key = "Enter" if request.key == "open" else request.key.capitalize()
    await session.client.ptz.menu(request.channel, key)
    return Done()


# --- presets ------------------------------------------------------------------------------------------------


async def preset_list(
    session: DvripSession, request: commands.PtzChannelRequest
) -> commands.PtzPresetListReply:
    """List the presets that have an entry in the device's settings."""
    presets: dict[int, commands.PtzPreset] = {}
    for value in await _of_channel(session, PRESETS, request.channel):
        entry = as_object(value)
        number = parse_number(entry.get("Id"))
        if 1 <= number <= 255:
            presets[number] = commands.PtzPreset(preset=number, name=text(str(entry.get("Name", "")), 100))
    return commands.PtzPresetListReply(presets=[presets[number] for number in sorted(presets)])


async def preset_set(session: DvripSession, request: commands.PtzPresetSetRequest) -> Done:
    """Keep where the camera looks now as a preset, and name it if a name is given."""
    await session.client.ptz.set_preset(request.channel, request.preset)
    if request.name is not None:
        await _name_preset(session, request.channel, request.preset, request.name)
    return Done()


async def preset_goto(session: DvripSession, request: commands.PtzPresetRequest) -> Done:
    """Go to a preset."""
    await session.client.ptz.goto_preset(request.channel, request.preset)
    return Done()


async def home(session: DvripSession, request: commands.PtzChannelRequest) -> Done:
    """Go to the preset that the device's record calls home; the protocol knows none."""
    preset = session.device.options.ptz_home_preset
    if preset is None:
        raise Unsupported("name the home of this camera with the option `ptz_home_preset`", reason="no-home")
    await session.client.ptz.goto_preset(request.channel, preset)
    return Done()


async def preset_clear(session: DvripSession, request: commands.PtzPresetRequest) -> Done:
    """Delete a preset."""
    await session.client.ptz.clear_preset(request.channel, request.preset)
    return Done()


async def _name_preset(session: DvripSession, channel: int, preset: int, name: str) -> None:
    def named(value: Any) -> Any:
        entries = as_list(as_list(value)[channel]) if channel < len(as_list(value)) else []
        for entry in entries:
            if isinstance(entry, dict) and parse_number(entry.get("Id")) == preset:
                entry["Name"] = name
                return value
        raise Unsupported("the preset is set; the device has no place for its name", reason="no-preset-names")

    await session.client.config.edit(PRESETS, named)


# --- tours --------------------------------------------------------------------------------------------------


async def tour_list(session: DvripSession, request: commands.PtzChannelRequest) -> commands.PtzTourListReply:
    """List the tours in the device's settings."""
    tours = []
    for value in await _of_channel(session, TOURS, request.channel):
        entry = as_object(value)
        number = parse_number(entry.get("Id"), -1)
        if 0 <= number <= 255:
            tours.append(
                commands.PtzTour(
                    tour=number, name=text(str(entry.get("Name", "")), 100), points=_points(entry.get("Tour"))
                )
            )
    return commands.PtzTourListReply(tours=sorted(tours, key=lambda tour: tour.tour))


def _points(value: Any) -> list[commands.PtzTourPoint]:
    points = []
    for item in as_list(value):
        point = as_object(item)
        preset, dwell_s = parse_number(point.get("Id")), parse_number(point.get("Time"))
        if 1 <= preset <= 255 and 0 <= dwell_s <= 4095:
            points.append(commands.PtzTourPoint(preset=preset, dwell_s=dwell_s))
    return points


async def tour_set(session: DvripSession, request: commands.PtzTourSetRequest) -> Done:
    """Write a whole tour, stop by stop."""
    ptz = session.client.ptz
    await ptz.clear_tour(request.channel, request.tour)
    for point in request.points:
        await ptz.add_tour_point(request.channel, request.tour, point.preset, max(point.dwell_s, 1))
    return Done()


async def tour_add(session: DvripSession, request: commands.PtzTourAddRequest) -> Done:
    """Append a stop to a tour."""
    point = request.point
    await session.client.ptz.add_tour_point(
        request.channel, request.tour, point.preset, max(point.dwell_s, 1)
    )
    return Done()


async def tour_remove(session: DvripSession, request: commands.PtzTourRemoveRequest) -> Done:
    """Take a stop out of a tour."""
    await session.client.ptz.delete_tour_point(request.channel, request.tour, request.preset)
    return Done()


async def tour_clear(session: DvripSession, request: commands.PtzTourRequest) -> Done:
    """Delete a tour."""
    await session.client.ptz.clear_tour(request.channel, request.tour)
    return Done()


async def tour_start(session: DvripSession, request: commands.PtzTourRequest) -> Done:
    """Start a tour."""
    await session.client.ptz.start_tour(request.channel, request.tour)
    return Done()


async def tour_stop(session: DvripSession, request: commands.PtzTourRequest) -> Done:
    """Stop a tour."""
    await session.client.ptz.stop_tour(request.channel, request.tour)
    return Done()


# --- patterns and scans -------------------------------------------------------------------------------------


def _pattern(step: PatternStep) -> Any:
    async def pattern(session: DvripSession, request: commands.PtzPatternRequest) -> Done:
        await session.client.ptz.pattern(request.channel, step)
        return Done()

    return pattern


async def scan_start(session: DvripSession, request: commands.PtzScanStartRequest) -> Done:
    """Turn to and fro between the limits."""
    await session.client.ptz.auto_pan(request.channel, on=True)
    return Done()


async def scan_stop(session: DvripSession, request: commands.PtzScanStopRequest) -> Done:
    """End turning to and fro."""
    await session.client.ptz.auto_pan(request.channel, on=False)
    return Done()


async def scan_limit(session: DvripSession, request: commands.PtzScanLimitRequest) -> Done:
    """Make where the camera looks now a limit."""
    await session.client.ptz.set_limit(request.channel, left=request.side == "left")
    return Done()


async def _of_channel(session: DvripSession, name: str, channel: int) -> list[Any]:
    """The entries of one channel in a setting that has a list for each."""
    value = as_list(await session.client.config.get(name))
    entries = value[channel] if channel < len(value) else []
    return entries if isinstance(entries, list) else [entries]
