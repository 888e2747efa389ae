"""Commands that move cameras, as the recorder hears them."""

import asyncio

import pytest

from cambus.schemas.commands import alarm, ptz
from cambus.schemas.commands import device as device_commands
from cambus.schemas.errors import BadRequest, DeviceRefused, NotFound, Unsupported
from cambus.schemas.model import Empty


def heard(simulator, channel=0):
    """The commands a head has heard: name, preset and step of each."""
    return [
        (each.command, each.parameter["Preset"], each.parameter["Step"])
        for each in simulator.head(channel).history
    ]


@pytest.fixture
async def call(bench, simulator, device):
    await bench.online(device, simulator)

    async def send(spec, request):
        return await bench.client.call(spec, request, device=device)

    return send


async def test_a_movement_starts_and_a_stop_ends_it(call, simulator):
    await call(ptz.MOVE, ptz.PtzMoveRequest(channel=0, pan=0.5))
    assert heard(simulator) == [("DirectionRight", 65535, 4)]
    await call(ptz.STOP, ptz.PtzChannelRequest(channel=0))
    assert heard(simulator)[-1] == ("DirectionRight", -1, 4)


async def test_the_camera_really_moves(call, simulator):
    await call(ptz.MOVE, ptz.PtzMoveRequest(channel=1, pan=-1, tilt=1))
    await simulator.wait_for(lambda: simulator.ptz(1).pan < -1 and simulator.ptz(1).tilt > 1)
    await call(ptz.STOP, ptz.PtzChannelRequest(channel=1))
    assert simulator.ptz(0).pan == 0


@pytest.mark.parametrize(
    ("speeds", "commands"),
    [
        ({"tilt": 1.0}, ["DirectionUp"]),
        ({"tilt": -0.1}, ["DirectionDown"]),
        ({"pan": -0.3, "tilt": 0.3}, ["DirectionLeftUp"]),
        ({"pan": 0.3, "tilt": -0.3}, ["DirectionRightDown"]),
        ({"zoom": 0.5}, ["ZoomTile"]),
        ({"zoom": -0.5}, ["ZoomWide"]),
        ({"pan": 0.5, "zoom": 0.5}, ["DirectionRight", "ZoomTile"]),
    ],
)
async def test_each_direction_has_its_command(call, simulator, speeds, commands):
    await call(ptz.MOVE, ptz.PtzMoveRequest(channel=0, **speeds))
    assert [name for name, _, _ in heard(simulator)] == commands


async def test_a_movement_ends_by_itself_after_its_duration(call, simulator):
    await call(ptz.MOVE, ptz.PtzMoveRequest(channel=0, pan=1.0, duration_s=0.2))
    await simulator.wait_for(lambda: heard(simulator)[-1:] == [("DirectionRight", -1, 8)])


async def test_another_direction_stops_the_first(call, simulator):
    await call(ptz.MOVE, ptz.PtzMoveRequest(channel=0, pan=1.0))
    await call(ptz.MOVE, ptz.PtzMoveRequest(channel=0, tilt=1.0))
    assert [(name, preset) for name, preset, _ in heard(simulator)] == [
        ("DirectionRight", 65535),
        ("DirectionRight", -1),
        ("DirectionUp", 65535),
    ]


async def test_no_speed_at_all_is_a_stop(call, simulator):
    await call(ptz.MOVE, ptz.PtzMoveRequest(channel=0, pan=1.0))
    await call(ptz.MOVE, ptz.PtzMoveRequest(channel=0))
    assert heard(simulator)[-1][:2] == ("DirectionRight", -1)


async def test_a_movement_ends_with_the_connector(bench, call, simulator):
    await call(ptz.MOVE, ptz.PtzMoveRequest(channel=0, pan=1.0))
    await bench.connectors["replica-1"].stop()
    assert heard(simulator)[-1][:2] == ("DirectionRight", -1)


async def test_focus_and_iris_move_and_stop(call, simulator):
    await call(ptz.FOCUS, ptz.PtzFocusRequest(channel=0, speed=-0.5))
    await call(ptz.FOCUS, ptz.PtzFocusRequest(channel=0))
    await call(ptz.IRIS, ptz.PtzIrisRequest(channel=0, speed=1.0))
    await call(ptz.IRIS, ptz.PtzIrisRequest(channel=0))
    assert [(name, preset) for name, preset, _ in heard(simulator)] == [
        ("FocusNear", 65535),
        ("FocusNear", -1),
        ("IrisLarge", 65535),
        ("IrisLarge", -1),
    ]


async def test_presets_are_set_visited_and_cleared(call, simulator):
    for spec, request in (
        (ptz.PRESET_SET, ptz.PtzPresetSetRequest(channel=0, preset=7)),
        (ptz.PRESET_GOTO, ptz.PtzPresetRequest(channel=0, preset=7)),
        (ptz.PRESET_CLEAR, ptz.PtzPresetRequest(channel=0, preset=7)),
    ):
        await call(spec, request)
    assert [(name, preset) for name, preset, _ in heard(simulator)] == [
        ("SetPreset", 7),
        ("GotoPreset", 7),
        ("ClearPreset", 7),
    ]


async def test_a_preset_the_protocol_can_not_say_is_refused_before_it_is_sent(call, simulator):
    with pytest.raises(BadRequest, match="preset"):
        await call(ptz.PRESET_GOTO, ptz.PtzPresetRequest(channel=0, preset=256))
    assert heard(simulator) == []


async def test_tours_are_written_run_and_cleared(call, simulator):
    point = ptz.PtzTourPoint(preset=3, dwell_s=9)
    for spec, request in (
        (
            ptz.TOUR_SET,
            ptz.PtzTourSetRequest(channel=0, tour=2, points=[ptz.PtzTourPoint(preset=1, dwell_s=4)]),
        ),
        (ptz.TOUR_ADD, ptz.PtzTourAddRequest(channel=0, tour=2, point=point)),
        (ptz.TOUR_REMOVE, ptz.PtzTourRemoveRequest(channel=0, tour=2, preset=3)),
        (ptz.TOUR_START, ptz.PtzTourRequest(channel=0, tour=2)),
        (ptz.TOUR_STOP, ptz.PtzTourRequest(channel=0, tour=2)),
        (ptz.TOUR_CLEAR, ptz.PtzTourRequest(channel=0, tour=2)),
    ):
        await call(spec, request)
    assert [name for name, _, _ in heard(simulator)] == [
        "ClearTour",
        "AddTour",
        "AddTour",
        "DeleteTour",
        "StartTour",
        "StopTour",
        "ClearTour",
    ]
    assert heard(simulator)[2] == ("AddTour", 3, 9)


async def test_a_camera_without_a_ptz_protocol_says_so(call, simulator):
    simulator.quirks.ptz_code = 118
    with pytest.raises(DeviceRefused) as refused:
        await call(ptz.MOVE, ptz.PtzMoveRequest(channel=0, pan=1.0))
    assert (refused.value.reason, refused.value.device_code) == ("no-ptz-protocol", "118")


async def test_a_mirrored_camera_hears_the_other_direction(bench, simulator, device):
    await bench.online(device, simulator, options={"ptz_flip_h": True})
    await bench.client.call(ptz.MOVE, ptz.PtzMoveRequest(channel=0, pan=1.0), device=device)
    assert heard(simulator)[0][0] == "DirectionLeft"


async def test_what_these_cameras_can_not_is_501_and_a_camera_that_is_not_there_404(call):
    with pytest.raises(Unsupported):
        await call(ptz.POSITION_GET, ptz.PtzChannelRequest(channel=0))
    with pytest.raises(NotFound):
        await call(ptz.MOVE, ptz.PtzMoveRequest(channel=2, pan=1.0))


async def test_many_callers_at_once_are_served_in_turn(call, simulator):
    presets = range(1, 21)
    await asyncio.gather(*(call(ptz.PRESET_GOTO, ptz.PtzPresetRequest(channel=0, preset=n)) for n in presets))
    assert sorted(preset for _, preset, _ in heard(simulator)) == list(presets)


async def test_home_is_the_preset_the_record_names(bench, simulator, device):
    await bench.online(device, simulator, options={"ptz_home_preset": 7})
    await bench.client.call(ptz.HOME, ptz.PtzChannelRequest(channel=1), device=device)
    assert [(name, preset) for name, preset, _ in heard(simulator, 1)] == [("GotoPreset", 7)]


async def test_a_camera_without_a_home_says_how_to_give_it_one(call, simulator):
    with pytest.raises(Unsupported, match="ptz_home_preset"):
        await call(ptz.HOME, ptz.PtzChannelRequest(channel=0))
    assert heard(simulator) == []


@pytest.mark.parametrize(
    ("spec", "request_", "text"),
    [
        (ptz.POSITION_GET, ptz.PtzChannelRequest(channel=0), "has no positions"),
        (ptz.POSITION_SET, ptz.PtzPositionSetRequest(channel=0, pan_deg=10), "has no positions"),
        (ptz.HOME_SET, ptz.PtzHomeSetRequest(channel=0), "ptz_home_preset"),
        (alarm.RESET, alarm.AlarmResetRequest(), "ends by itself"),
    ],
)
async def test_what_the_protocol_lacks_is_refused_with_what_to_do_instead(
    call, simulator, spec, request_, text
):
    with pytest.raises(Unsupported, match=text):
        await call(spec, request_)
    can = await call(device_commands.CAPABILITIES, Empty())
    assert spec.name not in can.commands
    assert heard(simulator) == []
