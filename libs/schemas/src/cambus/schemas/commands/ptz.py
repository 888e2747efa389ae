"""Moving cameras.

Speeds are -1 to 1: positive is right, up and in (closer), seen on the picture. Whatever a caller starts ends
after `duration_s`, or after 30 s if nobody asks again, so that no camera turns for ever.
"""

from typing import Annotated, Literal

from pydantic import Field

from cambus.schemas.ids import ChannelNo
from cambus.schemas.model import Done, JsonObject, Message, Vocabulary, example
from cambus.schemas.spec import CommandSpec

Speed = Annotated[float, Field(ge=-1, le=1)]
"""A signed speed: -1 is full speed the other way, 0 is standing still."""

PresetNo = Annotated[int, Field(ge=1, le=65535)]
"""The number of a preset; most devices have 1 to 255."""

MAX_MOVE_S = 30.0
"""A movement nobody renews ends after this many seconds."""

_CHANNEL = "The channel, counted from 0."
_DURATION = "Seconds after which it stops by itself; None for at most 30 s, or until `ptz.stop`."


class PtzMoveRequest(Message):
    """Move with these speeds from now on."""

    model_config = example(channel=0, pan=0.5, tilt=0.0, zoom=0.0, duration_s=2.0)

    channel: ChannelNo = Field(description=_CHANNEL)
    pan: Speed = Field(default=0.0, description="Right is positive.")
    tilt: Speed = Field(default=0.0, description="Up is positive.")
    zoom: Speed = Field(default=0.0, description="In is positive.")
    duration_s: float | None = Field(default=None, gt=0, le=MAX_MOVE_S, description=_DURATION)


class PtzChannelRequest(Message):
    """Names the channel and nothing else."""

    model_config = example(channel=0)

    channel: ChannelNo = Field(description=_CHANNEL)


class PtzPositionReply(Message):
    """Where the camera looks; None is what it does not tell."""

    model_config = example(pan_deg=181.5, tilt_deg=-12.0, zoom=4.0, moving=False, native={"azimuth": 1815})

    pan_deg: float | None = Field(
        default=None, description="Degrees to the right of the camera's zero, 0 to 360."
    )
    tilt_deg: float | None = Field(default=None, description="Degrees above the horizon; below is negative.")
    zoom: float | None = Field(default=None, gt=0, description="Optical magnification, 1 is the widest.")
    moving: bool | None = Field(default=None, description="Whether it moves now.")
    horizontal_view_deg: float | None = Field(
        default=None, gt=0, description="Width of the picture in degrees."
    )
    vertical_view_deg: float | None = Field(
        default=None, gt=0, description="Height of the picture in degrees."
    )
    native: JsonObject = Field(default_factory=dict, description="The position in the words of the protocol.")


class PtzPositionSetRequest(Message):
    """Look at a position; None leaves an axis as it is."""

    model_config = example(channel=0, pan_deg=90.0, tilt_deg=-10.0, zoom=2.0, relative=False)

    channel: ChannelNo = Field(description=_CHANNEL)
    pan_deg: float | None = Field(default=None, ge=-360, le=360, description="Degrees to the right.")
    tilt_deg: float | None = Field(
        default=None, ge=-180, le=180, description="Degrees up; below the horizon is negative."
    )
    zoom: float | None = Field(
        default=None,
        ge=-1000,
        le=1000,
        description="Magnification, 1 is the widest; with `relative` the change of it.",
    )
    relative: bool = Field(default=False, description="True for a change from where it looks now.")


class PtzHomeSetRequest(Message):
    """Say what home is, and whether the camera returns to it by itself."""

    model_config = example(channel=0, enabled=True, preset=1, delay_s=120)

    channel: ChannelNo = Field(description=_CHANNEL)
    enabled: bool = Field(default=True, description="Whether it returns home by itself.")
    preset: PresetNo | None = Field(
        default=None, description="The preset that is home; None for where it looks now."
    )
    delay_s: int | None = Field(
        default=None, ge=0, description="Seconds without a command before it returns."
    )


class PtzFocusRequest(Message):
    """Move the focus, or let the camera find it."""

    model_config = example(channel=0, speed=-0.4, auto=False, duration_s=1.0)

    channel: ChannelNo = Field(description=_CHANNEL)
    speed: Speed = Field(default=0.0, description="Far is positive, near negative, 0 stops.")
    auto: bool = Field(
        default=False, description="True to let the camera focus once by itself; `speed` is ignored."
    )
    duration_s: float | None = Field(default=None, gt=0, le=MAX_MOVE_S, description=_DURATION)


class PtzIrisRequest(Message):
    """Move the iris."""

    model_config = example(channel=0, speed=0.5, duration_s=1.0)

    channel: ChannelNo = Field(description=_CHANNEL)
    speed: Speed = Field(default=0.0, description="Opening is positive, closing negative, 0 stops.")
    duration_s: float | None = Field(default=None, gt=0, le=MAX_MOVE_S, description=_DURATION)


class AuxFunction(Vocabulary):
    """What an auxiliary switch of a camera does."""

    LIGHT = "light"
    WIPER = "wiper"
    WASHER = "washer"
    FAN = "fan"
    HEATER = "heater"
    INFRARED = "infrared"
    AUX = "aux"


class PtzAuxRequest(Message):
    """Switch an auxiliary function."""

    model_config = example(channel=0, function="wiper", number=None, on=True)

    channel: ChannelNo = Field(description=_CHANNEL)
    function: AuxFunction = Field(
        default=AuxFunction.AUX, description="What it does; `aux` for a switch by its number."
    )
    number: int | None = Field(
        default=None, ge=0, le=255, description="The number of the switch; needed for `aux`."
    )
    on: bool = Field(description="True to switch it on.")


class PtzZoomAreaRequest(Message):
    """Bring an area of the picture to fill it, or the other way round."""

    model_config = example(channel=0, x=0.25, y=0.25, width=0.5, height=0.5, out=False)

    channel: ChannelNo = Field(description=_CHANNEL)
    x: float = Field(ge=0, le=1, description="Left edge, as a part of the picture's width.")
    y: float = Field(ge=0, le=1, description="Upper edge, as a part of the picture's height.")
    width: float = Field(
        ge=0, le=1, description="Width, as a part of the picture's; 0 only centres on the point."
    )
    height: float = Field(
        ge=0, le=1, description="Height, as a part of the picture's; 0 only centres on the point."
    )
    out: bool = Field(
        default=False, description="True to zoom out so that the present picture fills the area."
    )


class PtzPreset(Message):
    """One preset."""

    model_config = example(preset=1, name="Barrier", special=False)

    preset: PresetNo = Field(description="Its number.")
    name: str = Field(default="", description="Its name on the device; untrusted text.")
    special: bool = Field(
        default=False, description="True if going there is a command of the camera, not a place."
    )


class PtzPresetListReply(Message):
    """The presets that are set."""

    model_config = example(presets=[{"preset": 1, "name": "Barrier"}])

    presets: list[PtzPreset] = Field(description="The presets, by number.")


class PtzPresetSetRequest(Message):
    """Keep where the camera looks now as a preset."""

    model_config = example(channel=0, preset=1, name="Barrier")

    channel: ChannelNo = Field(description=_CHANNEL)
    preset: PresetNo = Field(description="Its number.")
    name: str | None = Field(
        default=None, max_length=100, description="Its name; None leaves or generates one."
    )


class PtzPresetRequest(Message):
    """Names a preset."""

    model_config = example(channel=0, preset=1)

    channel: ChannelNo = Field(description=_CHANNEL)
    preset: PresetNo = Field(description="Its number.")


class PtzTourPoint(Message):
    """One stop of a tour."""

    model_config = example(preset=1, dwell_s=10, speed=0.5)

    preset: PresetNo = Field(description="The preset it stops at.")
    dwell_s: int = Field(default=10, ge=0, le=4095, description="Seconds it stays there.")
    speed: float | None = Field(
        default=None, ge=0, le=1, description="Speed on the way there, 1 is the fastest."
    )


class PtzTour(Message):
    """One tour over presets."""

    model_config = example(tour=1, name="Perimeter", running=False, points=[{"preset": 1, "dwell_s": 10}])

    tour: int = Field(ge=0, le=255, description="Its number.")
    name: str = Field(default="", description="Its name on the device; untrusted text.")
    running: bool | None = Field(default=None, description="Whether it runs now.")
    points: list[PtzTourPoint] | None = Field(
        default=None, description="Its stops; None if the device does not tell."
    )


class PtzTourListReply(Message):
    """The tours of a camera."""

    model_config = example(tours=[{"tour": 1, "name": "Perimeter", "points": [{"preset": 1, "dwell_s": 10}]}])

    tours: list[PtzTour] = Field(description="The tours, by number.")


class PtzTourRequest(Message):
    """Names a tour."""

    model_config = example(channel=0, tour=1)

    channel: ChannelNo = Field(description=_CHANNEL)
    tour: int = Field(ge=0, le=255, description="Its number.")


class PtzTourSetRequest(PtzTourRequest):
    """Write a whole tour."""

    model_config = example(
        channel=0,
        tour=1,
        name="Perimeter",
        points=[{"preset": 1, "dwell_s": 10, "speed": 0.5}, {"preset": 2, "dwell_s": 20}],
    )

    name: str | None = Field(default=None, max_length=100, description="Its name; None leaves it.")
    points: list[PtzTourPoint] = Field(min_length=1, max_length=256, description="Its stops, in order.")


class PtzTourAddRequest(PtzTourRequest):
    """Append a stop to a tour."""

    model_config = example(channel=0, tour=1, point={"preset": 3, "dwell_s": 15})

    point: PtzTourPoint = Field(description="The stop.")


class PtzTourRemoveRequest(PtzTourRequest):
    """Take a stop out of a tour."""

    model_config = example(channel=0, tour=1, preset=3)

    preset: PresetNo = Field(description="The preset of that stop.")


class PtzPatternRequest(Message):
    """Names a pattern: a recorded movement."""

    model_config = example(channel=0, pattern=1)

    channel: ChannelNo = Field(description=_CHANNEL)
    pattern: int = Field(default=1, ge=0, le=255, description="Its number; many cameras have only one.")


class PtzScanStartRequest(Message):
    """Turn to and fro between two limits, or all the way round."""

    model_config = example(channel=0, scan=0, speed=0.3)

    channel: ChannelNo = Field(description=_CHANNEL)
    scan: int = Field(default=0, ge=0, le=255, description="Its number; many cameras have only one.")
    speed: float | None = Field(
        default=None, gt=0, le=1, description="Speed, 1 is the fastest; None as it was."
    )


class PtzScanStopRequest(Message):
    """End a scan."""

    model_config = example(channel=0, scan=0)

    channel: ChannelNo = Field(description=_CHANNEL)
    scan: int = Field(default=0, ge=0, le=255, description="Its number.")


class PtzScanLimitRequest(Message):
    """Make where the camera looks now a limit of a scan."""

    model_config = example(channel=0, scan=0, side="left")

    channel: ChannelNo = Field(description=_CHANNEL)
    scan: int = Field(default=0, ge=0, le=255, description="Its number.")
    side: Literal["left", "right"] = Field(description="Which limit.")


class PtzMenuRequest(Message):
    """Press a key of the camera's own menu."""

    model_config = example(channel=0, key="open")

    channel: ChannelNo = Field(description=_CHANNEL)
    key: Literal["open", "close", "enter", "back", "up", "down", "left", "right"] = Field(
        description="The key."
    )


MOVE = CommandSpec("ptz", "move", PtzMoveRequest, Done, "Move with given speeds.", timeout_s=5.0)
STOP = CommandSpec(
    "ptz", "stop", PtzChannelRequest, Done, "Stop every movement.", timeout_s=5.0, idempotent=True
)
POSITION_GET = CommandSpec(
    "ptz",
    "position.get",
    PtzChannelRequest,
    PtzPositionReply,
    "Read where the camera looks.",
    idempotent=True,
)
POSITION_SET = CommandSpec("ptz", "position.set", PtzPositionSetRequest, Done, "Look at a position.")
HOME = CommandSpec("ptz", "home", PtzChannelRequest, Done, "Go to the home position.", idempotent=True)
HOME_SET = CommandSpec("ptz", "home.set", PtzHomeSetRequest, Done, "Say what home is.", idempotent=True)
FOCUS = CommandSpec("ptz", "focus", PtzFocusRequest, Done, "Move the focus.", timeout_s=5.0)
IRIS = CommandSpec("ptz", "iris", PtzIrisRequest, Done, "Move the iris.", timeout_s=5.0)
AUX = CommandSpec("ptz", "aux", PtzAuxRequest, Done, "Switch light, wiper and the like.", idempotent=True)
ZOOM_AREA = CommandSpec("ptz", "zoom_area", PtzZoomAreaRequest, Done, "Zoom to an area of the picture.")
PRESET_LIST = CommandSpec(
    "ptz", "preset.list", PtzChannelRequest, PtzPresetListReply, "List the presets.", idempotent=True
)
PRESET_SET = CommandSpec(
    "ptz", "preset.set", PtzPresetSetRequest, Done, "Keep the view as a preset.", idempotent=True
)
PRESET_GOTO = CommandSpec("ptz", "preset.goto", PtzPresetRequest, Done, "Go to a preset.", idempotent=True)
PRESET_CLEAR = CommandSpec("ptz", "preset.clear", PtzPresetRequest, Done, "Delete a preset.", idempotent=True)
TOUR_LIST = CommandSpec(
    "ptz", "tour.list", PtzChannelRequest, PtzTourListReply, "List the tours.", idempotent=True
)
TOUR_SET = CommandSpec("ptz", "tour.set", PtzTourSetRequest, Done, "Write a whole tour.", idempotent=True)
TOUR_ADD = CommandSpec("ptz", "tour.add", PtzTourAddRequest, Done, "Append a stop to a tour.")
TOUR_REMOVE = CommandSpec("ptz", "tour.remove", PtzTourRemoveRequest, Done, "Take a stop out of a tour.")
TOUR_CLEAR = CommandSpec("ptz", "tour.clear", PtzTourRequest, Done, "Delete a tour.", idempotent=True)
TOUR_START = CommandSpec("ptz", "tour.start", PtzTourRequest, Done, "Start a tour.", idempotent=True)
TOUR_STOP = CommandSpec("ptz", "tour.stop", PtzTourRequest, Done, "Stop a tour.", idempotent=True)
PATTERN_RECORD = CommandSpec("ptz", "pattern.record", PtzPatternRequest, Done, "Begin to record a movement.")
PATTERN_FINISH = CommandSpec(
    "ptz", "pattern.finish", PtzPatternRequest, Done, "End the recording of a movement."
)
PATTERN_START = CommandSpec(
    "ptz", "pattern.start", PtzPatternRequest, Done, "Repeat a movement.", idempotent=True
)
PATTERN_STOP = CommandSpec("ptz", "pattern.stop", PtzPatternRequest, Done, "Stop repeating.", idempotent=True)
PATTERN_CLEAR = CommandSpec(
    "ptz", "pattern.clear", PtzPatternRequest, Done, "Delete a movement.", idempotent=True
)
SCAN_START = CommandSpec("ptz", "scan.start", PtzScanStartRequest, Done, "Turn to and fro.", idempotent=True)
SCAN_STOP = CommandSpec(
    "ptz", "scan.stop", PtzScanStopRequest, Done, "End turning to and fro.", idempotent=True
)
SCAN_LIMIT = CommandSpec(
    "ptz", "scan.limit", PtzScanLimitRequest, Done, "Set a limit of a scan.", idempotent=True
)
MENU = CommandSpec("ptz", "menu", PtzMenuRequest, Done, "Press a key of the camera's menu.")
