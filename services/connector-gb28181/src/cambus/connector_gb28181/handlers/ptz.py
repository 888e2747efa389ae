"""Moving cameras (§5, GB-080 to GB-095).

None of it waits at the device's gate: the device takes the commands of a channel in the order of the calls anyway, and
a stop is not to wait for the answer to a question.
"""

from typing import Final, TypeVar

from cambus.connector.handlers import HandlerTable
from cambus.connector_gb28181.handlers.guarded import Handle, add
from cambus.connector_gb28181.mapping import ptz as mapping
from cambus.connector_gb28181.mapping.text import text
from cambus.connector_gb28181.motion import HEAD, LENS, Part
from cambus.connector_gb28181.session import GbSession
from cambus.gb28181 import ptz
from cambus.gb28181.manscdp.control import DeviceControl, PtzParameters, home_position
from cambus.gb28181.manscdp.ptz_state import (
    CruiseAnswer,
    CruiseList,
    CruiseListQuery,
    CruiseQuery,
    HomePositionAnswer,
    HomePositionQuery,
    PtzPosition,
    PtzPositionQuery,
)
from cambus.gb28181.ptz import PtzCommand
from cambus.schemas.commands import ptz as commands
from cambus.schemas.errors import BadRequest, Unsupported
from cambus.schemas.model import Done, Message
from cambus.schemas.spec import CommandSpec

Req = TypeVar("Req", bound=Message)
Rep = TypeVar("Rep", bound=Message)

MAX_TOURS: Final = 32
"""So many tours are listed with their stops: each is a question of its own."""


def register(table: HandlerTable[GbSession]) -> None:
    """Add the commands of this noun."""

    def at_once(spec: CommandSpec[Req, Rep], handle: Handle[Req, Rep]) -> None:
        async def in_turn(session: GbSession, request: Req) -> Rep:
            with session.motions.turn():
                return await handle(session, request)

        add(table, spec, in_turn, exclusive=False)

    at_once(commands.MOVE, move)
    at_once(commands.STOP, stop)
    at_once(commands.FOCUS, focus)
    at_once(commands.IRIS, iris)
    at_once(commands.AUX, aux)
    at_once(commands.ZOOM_AREA, zoom_area)
    at_once(commands.POSITION_GET, position_get)
    at_once(commands.POSITION_SET, position_set)
    at_once(commands.HOME, home)
    at_once(commands.HOME_SET, home_set)
    at_once(commands.PRESET_LIST, preset_list)
    at_once(commands.PRESET_SET, preset_set)
    at_once(commands.PRESET_GOTO, preset_goto)
    at_once(commands.PRESET_CLEAR, preset_clear)
    at_once(commands.TOUR_LIST, tour_list)
    at_once(commands.TOUR_SET, tour_set)
    at_once(commands.TOUR_ADD, tour_add)
    at_once(commands.TOUR_REMOVE, tour_remove)
    at_once(commands.TOUR_CLEAR, tour_clear)
    at_once(commands.TOUR_START, tour_start)
    at_once(commands.TOUR_STOP, tour_stop)
    at_once(commands.SCAN_START, scan_start)
    at_once(commands.SCAN_STOP, scan_stop)
    at_once(commands.SCAN_LIMIT, scan_limit)
    for pattern in (
        commands.PATTERN_RECORD,
        commands.PATTERN_FINISH,
        commands.PATTERN_START,
        commands.PATTERN_STOP,
        commands.PATTERN_CLEAR,
    ):
        table.refuse(pattern, "the protocol has no recorded movements; use a tour over presets, or a scan")
    table.refuse(
        commands.MENU, "the protocol has no keys of a menu; some cameras open it by a preset of theirs"
    )


# --- moving -------------------------------------------------------------------------------------------------


async def move(session: GbSession, request: commands.PtzMoveRequest) -> Done:
    """Move with these speeds, all of them in one command; no speed at all stops."""
    command = mapping.movement(request.pan, request.tilt, request.zoom)
    moves = bool(request.pan or request.tilt or request.zoom)
    return await _move(session, request.channel, HEAD, command if moves else None, request.duration_s)


async def stop(session: GbSession, request: commands.PtzChannelRequest) -> Done:
    """Stop whatever moves: also what somebody else moves, and a tour or a scan."""
    await session.motions.stop_all(session.code_of(request.channel))
    return Done()


async def focus(session: GbSession, request: commands.PtzFocusRequest) -> Done:
    """Move the focus."""
    if request.auto:
        raise Unsupported("the protocol has no command to focus once by itself")
    command = mapping.focusing(request.speed, both_bytes=session.device.options.fi_speed_both_bytes)
    return await _move(session, request.channel, LENS, command if request.speed else None, request.duration_s)


async def iris(session: GbSession, request: commands.PtzIrisRequest) -> Done:
    """Move the iris."""
    command = mapping.iris(request.speed, both_bytes=session.device.options.fi_speed_both_bytes)
    return await _move(session, request.channel, LENS, command if request.speed else None, request.duration_s)


async def _move(
    session: GbSession, channel: int, part: Part, command: PtzCommand | None, duration_s: float | None
) -> Done:
    code = session.code_of(channel)
    if command is None:
        await session.motions.stop(code, part)
    else:
        await session.motions.move(code, part, command, duration_s or commands.MAX_MOVE_S)
    return Done()


async def aux(session: GbSession, request: commands.PtzAuxRequest) -> Done:
    """Switch an auxiliary output: number 1 is the wiper, the others are up to the camera's wiring."""
    wiper = request.function is commands.AuxFunction.WIPER
    number = ptz.WIPER if request.number is None and wiper else request.number
    if number is None:
        raise BadRequest("number: wanted the number of the switch; only the wiper has one of its own")
    await session.motions.send(session.code_of(request.channel), ptz.aux(number, on=request.on))
    return Done()


async def zoom_area(session: GbSession, request: commands.PtzZoomAreaRequest) -> Done:
    """Bring an area of the picture to fill it, or the other way round."""
    area, code = mapping.area_of(request), session.code_of(request.channel)
    control = DeviceControl(drag_out=area) if request.out else DeviceControl(drag_in=area)
    await session.remote.control(control, code)
    session.motions.placed(code)
    return Done()


# --- positions ----------------------------------------------------------------------------------------------


async def position_get(session: GbSession, request: commands.PtzChannelRequest) -> commands.PtzPositionReply:
    """Read where a camera looks (2022)."""
    answer = await session.remote.ask(PtzPositionQuery(), PtzPosition, session.code_of(request.channel))
    return mapping.position_reply(answer)


async def position_set(session: GbSession, request: commands.PtzPositionSetRequest) -> Done:
    """Look at a position (2022)."""
    code, here = session.code_of(request.channel), None
    if request.relative:
        here = await position_get(session, commands.PtzChannelRequest(channel=request.channel))
    await session.remote.control(DeviceControl(precise=mapping.precise(request, here)), code)
    session.motions.placed(code)
    return Done()


async def home(session: GbSession, request: commands.PtzChannelRequest) -> Done:
    """Go to the preset that is home; only the edition of 2022 tells which one that is."""
    code = session.code_of(request.channel)
    answer = await session.remote.ask(HomePositionQuery(), HomePositionAnswer, code)
    preset = None if answer.home is None else answer.home.preset
    if not preset:
        raise Unsupported("the camera has no home position; set one with ptz.home.set", reason="no-home")
    await session.motions.place(code, ptz.preset(ptz.PRESET_CALL, preset))
    return Done()


async def home_set(session: GbSession, request: commands.PtzHomeSetRequest) -> Done:
    """Say which preset is home, and when the camera returns to it."""
    if request.enabled and request.preset is None:
        raise BadRequest("preset: wanted the preset that is home; keep the view as one first")
    control = home_position(enabled=request.enabled, reset_s=request.delay_s, preset=request.preset)
    await session.remote.control(control, session.code_of(request.channel))
    return Done()


# --- presets ------------------------------------------------------------------------------------------------


async def preset_list(session: GbSession, request: commands.PtzChannelRequest) -> commands.PtzPresetListReply:
    """List the presets."""
    answer = await session.remote.presets(session.code_of(request.channel))
    return commands.PtzPresetListReply(presets=mapping.presets_of(answer))


async def preset_set(session: GbSession, request: commands.PtzPresetSetRequest) -> Done:
    """Keep where the camera looks now as a preset; it can have a name since 2022."""
    names = None if request.name is None else PtzParameters(preset_name=request.name)
    command = ptz.preset(ptz.PRESET_SET, request.preset)
    await session.motions.send(session.code_of(request.channel), command, names)
    return Done()


async def preset_goto(session: GbSession, request: commands.PtzPresetRequest) -> Done:
    """Go to a preset."""
    command = ptz.preset(ptz.PRESET_CALL, request.preset)
    await session.motions.place(session.code_of(request.channel), command)
    return Done()


async def preset_clear(session: GbSession, request: commands.PtzPresetRequest) -> Done:
    """Delete a preset."""
    command = ptz.preset(ptz.PRESET_DELETE, request.preset)
    await session.motions.send(session.code_of(request.channel), command)
    return Done()


# --- tours: the protocol calls them cruises ------------------------------------------------------------------


async def tour_list(session: GbSession, request: commands.PtzChannelRequest) -> commands.PtzTourListReply:
    """List the tours, with the stops of the first `MAX_TOURS` (2022)."""
    code, tours = session.code_of(request.channel), list[commands.PtzTour]()
    found = await session.remote.ask(CruiseListQuery(), CruiseList, code)
    for cruise in found.cruises:
        if cruise.number is None or not 0 <= cruise.number <= 255:
            continue
        if len(tours) < MAX_TOURS:
            answer = await session.remote.ask(CruiseQuery(cruise.number), CruiseAnswer, code)
            tours.append(mapping.tour_of(cruise.number, answer, cruise.name))
        else:
            tours.append(commands.PtzTour(tour=cruise.number, name=text(cruise.name, 100)))
    return commands.PtzTourListReply(tours=sorted(tours, key=lambda tour: tour.tour))


async def tour_set(session: GbSession, request: commands.PtzTourSetRequest) -> Done:
    """Write a whole tour. It has one speed, and stays equally long everywhere."""
    code, first = session.code_of(request.channel), request.points[0]
    if any((point.dwell_s, point.speed) != (first.dwell_s, first.speed) for point in request.points):
        raise BadRequest(
            "points: wanted the same dwell_s and speed for every stop; the protocol has one of each for a tour",
            reason="one-dwell-time",
        )
    names = None if request.name is None else PtzParameters(cruise_name=request.name)
    if names is not None and not session.remote.version.is_2022:
        raise Unsupported("names of tours are of the edition of 2022", reason="unsupported-version")
    first_stop, *others = (ptz.cruise_point(request.tour, point.preset) for point in request.points)
    await session.motions.send(code, ptz.cruise_point(request.tour, 0, delete=True))
    await session.motions.send(code, first_stop, names)
    for command in (*others, *_settings(request.tour, first)):
        await session.motions.send(code, command)
    return Done()


async def tour_add(session: GbSession, request: commands.PtzTourAddRequest) -> Done:
    """Append a stop to a tour; its speed and stay are those of the whole tour from then on."""
    code = session.code_of(request.channel)
    for command in (
        ptz.cruise_point(request.tour, request.point.preset),
        *_settings(request.tour, request.point),
    ):
        await session.motions.send(code, command)
    return Done()


def _settings(tour: int, point: commands.PtzTourPoint) -> list[PtzCommand]:
    """How long a tour stays, and how fast it goes if that is said."""
    found = [ptz.cruise_setting(ptz.CRUISE_STAY, tour, point.dwell_s)]
    if point.speed is not None:
        found.append(ptz.cruise_setting(ptz.CRUISE_SPEED, tour, mapping.number_of(point.speed)))
    return found


async def tour_remove(session: GbSession, request: commands.PtzTourRemoveRequest) -> Done:
    """Take a stop out of a tour."""
    command = ptz.cruise_point(request.tour, request.preset, delete=True)
    await session.motions.send(session.code_of(request.channel), command)
    return Done()


async def tour_clear(session: GbSession, request: commands.PtzTourRequest) -> Done:
    """Delete a tour."""
    command = ptz.cruise_point(request.tour, 0, delete=True)
    await session.motions.send(session.code_of(request.channel), command)
    return Done()


async def tour_start(session: GbSession, request: commands.PtzTourRequest) -> Done:
    """Start a tour."""
    await session.motions.place(session.code_of(request.channel), ptz.cruise_start(request.tour))
    return Done()


async def tour_stop(session: GbSession, request: commands.PtzTourRequest) -> Done:
    """Stop a tour; the protocol has one stop for all that a head does."""
    await session.motions.stop(session.code_of(request.channel), HEAD)
    return Done()


# --- scans --------------------------------------------------------------------------------------------------


async def scan_start(session: GbSession, request: commands.PtzScanStartRequest) -> Done:
    """Turn to and fro between the limits."""
    code = session.code_of(request.channel)
    if request.speed is not None:
        speed = ptz.cruise_setting(ptz.SCAN_SPEED, request.scan, mapping.number_of(request.speed))
        await session.motions.send(code, speed)
    await session.motions.place(code, ptz.scan(request.scan, 0))
    return Done()


async def scan_stop(session: GbSession, request: commands.PtzScanStopRequest) -> Done:
    """End turning to and fro."""
    await session.motions.stop(session.code_of(request.channel), HEAD)
    return Done()


async def scan_limit(session: GbSession, request: commands.PtzScanLimitRequest) -> Done:
    """Make where the camera looks now a limit."""
    command = ptz.scan(request.scan, 1 if request.side == "left" else 2)
    await session.motions.send(session.code_of(request.channel), command)
    return Done()
