"""Cameras moved over the bus, seen from the camera: every byte it is sent, and that nothing turns for ever."""

import asyncio

import pytest
from gb28181_bodies import controls, elements, ptz_codes, ptz_hex, text_of

from cambus.gb28181.manscdp.control import DeviceControl
from cambus.schemas.commands import ptz
from cambus.schemas.errors import BadRequest, DeadlineExceeded, NotFound, Unsupported
from cambus.simulators.gb28181.head import Cruise
from cambus.simulators.gb28181.quirks import Quirks

NVR = {"profile": "hik_nvr", "channels": 2}
PTZ_TYPE_3 = {"profile": "dahua_ipc"}
NEW = {"profile": "std_2022"}


@pytest.fixture
async def call(bench):
    """Calls a command of the device."""

    async def command(spec, request=None, **fields):
        return await bench.client.call(spec, request or spec.request(channel=0, **fields), device="gate")

    return command


async def test_a_movement_is_one_command_with_a_speed_for_each_axis(bench, call):
    simulator = await bench.online(**PTZ_TYPE_3)
    await bench.listed()
    await call(ptz.MOVE, pan=1.0, tilt=-0.5, zoom=0.01)
    await call(ptz.STOP)
    assert ptz_hex(simulator) == ["A50F0015FF801058", "A50F0000000000B4"]
    envelope = controls(simulator)[0]
    assert envelope.code == simulator.channels[0]
    assert DeviceControl.parse(envelope).info is None
    request = simulator.heard("DeviceControl")[0]
    assert f"sip:{simulator.code}@" in request.uri  # a MESSAGE goes to the device, whatever it concerns
    assert elements(text_of(request)) == ["Control", "CmdType", "SN", "DeviceID", "PTZCmd"]


async def test_no_speed_stops_and_an_unknown_channel_is_none(bench, call):
    simulator = await bench.online(**NVR)
    await bench.listed(2)
    await call(ptz.MOVE, ptz.PtzMoveRequest(channel=1, pan=1.0))
    await call(ptz.MOVE, ptz.PtzMoveRequest(channel=1))
    assert ptz_codes(simulator) == [1, 0]
    assert {each.code for each in controls(simulator)} == {simulator.channels[1]}
    with pytest.raises(NotFound):
        await call(ptz.MOVE, ptz.PtzMoveRequest(channel=7, pan=1.0))
    assert len(controls(simulator)) == 2


async def test_what_nobody_renews_is_stopped_and_what_is_renewed_goes_on(bench, call):
    simulator = await bench.online(**PTZ_TYPE_3)
    await bench.listed()
    await call(ptz.MOVE, pan=0.5, duration_s=30.0)
    await call(ptz.MOVE, pan=0.5, duration_s=0.1)
    await simulator.wait_for(lambda: ptz_codes(simulator) == [1, 1, 0])
    assert not simulator.head().moving
    await simulator.wait_for(lambda: not bench.session("gate").motions.running)


async def test_a_stop_that_is_not_heard_is_sent_again(bench, call, monkeypatch):
    monkeypatch.setattr("cambus.connector.dead_man.AGAIN_S", 0.05)
    simulator = await bench.online(**PTZ_TYPE_3)
    await bench.listed()
    await call(ptz.MOVE, pan=0.5)
    simulator.quirks.ignore = {"DeviceControl"}
    with pytest.raises(DeadlineExceeded):
        await bench.client.call(ptz.STOP, ptz.PtzChannelRequest(channel=0), device="gate", timeout_s=0.3)
    simulator.quirks.ignore = set()
    await simulator.wait_for(lambda: not simulator.head().moving)
    assert ptz_codes(simulator)[0] == 1
    assert ptz_codes(simulator)[-1] == 0


async def test_stopping_the_connector_stops_what_moves(bench, call):
    simulator = await bench.online(**PTZ_TYPE_3)
    await bench.listed()
    await call(ptz.MOVE, pan=0.5)
    await bench.connectors["replica-1"].stop()
    assert ptz_codes(simulator) == [1, 0]


async def test_a_cruise_is_not_ended_by_the_movement_before_it(bench, call):
    simulator = await bench.online(**PTZ_TYPE_3)
    await bench.listed()
    await call(ptz.MOVE, pan=0.5)
    await call(ptz.TOUR_START, tour=3)
    assert bench.session("gate").motions.running == frozenset()
    assert simulator.head().running == "cruise 3"


async def test_focus_and_iris_have_their_speed_in_their_own_byte_and_a_stop_of_their_own(bench, call):
    simulator = await bench.online(**PTZ_TYPE_3)
    await bench.listed()
    await call(ptz.FOCUS, speed=100 / 255)
    await call(ptz.FOCUS, speed=-100 / 255)
    await call(ptz.IRIS, speed=100 / 255)
    await call(ptz.IRIS, speed=-100 / 255)
    await call(ptz.IRIS, speed=0)
    assert ptz_hex(simulator) == [
        "A50F004164000059",
        "A50F00426400005A",
        "A50F00440064005C",
        "A50F004800640060",
        "A50F0040000000F4",
    ]
    await call(ptz.FOCUS, speed=1.0)
    await call(ptz.STOP)
    assert ptz_codes(simulator)[-3:] == [0x41, 0x00, 0x40]
    with pytest.raises(Unsupported):
        await call(ptz.FOCUS, auto=True)


async def test_firmware_that_reads_the_wrong_byte_and_stops_otherwise_is_served_by_its_options(bench, call):
    options = {"fi_speed_both_bytes": True, "fi_stop_with_ptz_stop": True, "control_priority": 5}
    simulator = await bench.online(record={"options": options}, **PTZ_TYPE_3)
    await bench.listed()
    await call(ptz.FOCUS, speed=100 / 255)
    await call(ptz.FOCUS, speed=0)
    assert ptz_hex(simulator)[0].startswith("A50F00416464")
    assert ptz_codes(simulator) == [0x41, 0x00]
    assert DeviceControl.parse(controls(simulator)[0]).info.priority == 5
    assert elements(text_of(simulator.heard("DeviceControl")[0]))[-3:] == [
        "PTZCmd",
        "Info",
        "ControlPriority",
    ]


async def test_presets_are_set_called_deleted_and_listed(bench, call):
    simulator = await bench.online(**PTZ_TYPE_3)
    await bench.listed()
    assert (await call(ptz.PRESET_LIST)).presets == []
    await call(ptz.PRESET_SET, preset=1)
    await call(ptz.PRESET_SET, preset=255)
    await call(ptz.PRESET_GOTO, preset=1)
    listed = (await call(ptz.PRESET_LIST)).presets
    assert [(each.preset, each.name) for each in listed] == [(1, "Preset 1"), (255, "Preset 255")]
    await call(ptz.PRESET_CLEAR, preset=1)
    assert ptz_hex(simulator)[::2] == ["A50F008100010036", "A50F008200010037"]
    assert ptz_hex(simulator)[-1] == "A50F008300010038"
    with pytest.raises(BadRequest) as refused:
        await call(ptz.PRESET_GOTO, preset=256)
    assert refused.value.reason == "out-of-range"
    assert len(ptz_hex(simulator)) == 4


async def test_names_are_of_2022_and_nothing_is_set_on_an_older_device(bench, call):
    simulator = await bench.online(**PTZ_TYPE_3)
    await bench.listed()
    for spec, fields in (
        (ptz.PRESET_SET, {"preset": 1, "name": "门"}),
        (ptz.TOUR_SET, {"tour": 1, "name": "R", "points": [{"preset": 1}]}),
    ):
        with pytest.raises(Unsupported) as refused:
            await call(spec, **fields)
        assert refused.value.reason == "unsupported-version"
    assert ptz_hex(simulator) == []


async def test_a_name_travels_with_its_preset(bench, call):
    simulator = await bench.online(**NEW)
    await bench.listed()
    await call(ptz.PRESET_SET, preset=1, name="北门 \u8433")
    assert (await call(ptz.PRESET_LIST)).presets == [ptz.PtzPreset(preset=1, name="北门 \u8433")]
    assert elements(text_of(simulator.heard("DeviceControl")[0]))[-3:] == [
        "PTZCmd",
        "PTZCmdParams",
        "PresetName",
    ]


async def test_tours_are_written_run_and_deleted(bench, call):
    simulator = await bench.online(**PTZ_TYPE_3)
    await bench.listed()
    points = [{"preset": 1, "dwell_s": 300, "speed": 1.0}, {"preset": 2, "dwell_s": 300, "speed": 1.0}]
    await call(ptz.TOUR_SET, tour=1, points=points)
    await call(ptz.TOUR_ADD, tour=1, point={"preset": 3, "dwell_s": 10})
    await call(ptz.TOUR_REMOVE, tour=1, preset=2)
    assert simulator.head().cruises[1] == Cruise([1, 3], speed=4095, stay_s=10)
    assert ptz_hex(simulator)[:5] == [
        "A50F00850100003A",
        "A50F00840101003A",
        "A50F00840102003B",
        "A50F0087012C1078",
        "A50F008601FFF02A",
    ]
    await call(ptz.TOUR_START, tour=1)
    assert simulator.head().running == "cruise 1"
    await call(ptz.TOUR_STOP, tour=1)
    assert simulator.head().running == ""
    await call(ptz.TOUR_CLEAR, tour=1)
    assert simulator.head().cruises == {}
    sent = len(ptz_hex(simulator))
    with pytest.raises(BadRequest):
        await call(ptz.TOUR_SET, tour=1, points=[{"preset": 1, "dwell_s": 1}, {"preset": 2, "dwell_s": 2}])
    assert len(ptz_hex(simulator)) == sent


async def test_tours_are_listed_with_their_stops(bench, call):
    await bench.online(**NEW)
    await bench.listed()
    point = {"preset": 4, "dwell_s": 20, "speed": None}
    await call(ptz.TOUR_SET, tour=0, name="外围", points=[point])
    (tour,) = (await call(ptz.TOUR_LIST)).tours
    assert (tour.tour, tour.name, tour.points[0].preset, tour.points[0].dwell_s) == (0, "外围", 4, 20)


async def test_scans_have_edges_and_a_speed(bench, call):
    simulator = await bench.online(**PTZ_TYPE_3)
    await bench.listed()
    await call(ptz.SCAN_LIMIT, scan=0, side="left")
    await call(ptz.SCAN_LIMIT, scan=0, side="right")
    await call(ptz.SCAN_START, scan=1, speed=100 / 4095)
    assert simulator.head().running == "scan 1"
    await call(ptz.SCAN_STOP, scan=1)
    assert simulator.head().running == ""
    assert ptz_hex(simulator) == [
        "A50F00890001003E",
        "A50F00890002003F",
        "A50F008A016400A3",
        "A50F00890100003E",
        "A50F0000000000B4",
    ]


async def test_switches_have_numbers_and_the_wiper_is_the_first(bench, call):
    simulator = await bench.online(**PTZ_TYPE_3)
    await bench.listed()
    await call(ptz.AUX, function="wiper", on=True)
    await call(ptz.AUX, function="wiper", on=False)
    await call(ptz.AUX, number=7, on=True)
    assert ptz_hex(simulator)[:2] == ["A50F008C01000041", "A50F008D01000042"]
    assert simulator.head().aux == {1: False, 7: True}
    with pytest.raises(BadRequest):
        await call(ptz.AUX, function="light", on=True)


async def test_an_area_is_told_in_pixels_of_a_window(bench, call):
    simulator = await bench.online(**PTZ_TYPE_3)
    await bench.listed()
    await call(ptz.ZOOM_AREA, x=0.25, y=0.25, width=0.5, height=0.5)
    await call(ptz.ZOOM_AREA, x=0.0, y=0.5, width=0.1, height=0.5, out=True)
    first, second = (DeviceControl.parse(each) for each in controls(simulator))
    area = first.drag_in
    assert (area.length, area.width, area.middle_x, area.middle_y) == (1920, 1080, 960, 540)
    assert (area.length_x, area.length_y) == (960, 540)
    assert (second.drag_out.middle_x, second.drag_out.middle_y) == (96, 810)
    names = ["Length", "Width", "MidPointX", "MidPointY", "LengthX", "LengthY"]
    assert elements(text_of(simulator.heard("DeviceControl")[0]))[-7:] == ["DragZoomIn", *names]


async def test_home_is_a_preset_and_tells_its_result(bench, call):
    simulator = await bench.online(**NEW)
    await bench.listed()
    await call(ptz.HOME_SET, enabled=True, preset=9, delay_s=120)
    assert (simulator.head().home.preset, simulator.head().home.reset_s) == (9, 120)
    await call(ptz.HOME)
    assert ptz_hex(simulator) == ["A50F00820009003F"]
    with pytest.raises(BadRequest):
        await call(ptz.HOME_SET, enabled=True)


async def test_positions_are_degrees_and_up_is_positive(bench, call):
    simulator = await bench.online(**NEW)
    await bench.listed()
    await call(ptz.POSITION_SET, pan_deg=-90.0, tilt_deg=20.0, zoom=2.0)
    at = simulator.head().position
    assert (at.pan, at.tilt, at.zoom) == (270.0, -20.0, 2.0)
    position = await call(ptz.POSITION_GET)
    assert (position.pan_deg, position.tilt_deg, position.zoom) == (270.0, 20.0, 2.0)
    assert position.horizontal_view_deg == 60.0
    await call(ptz.POSITION_SET, pan_deg=100.0, tilt_deg=-30.0, relative=True)
    at = simulator.head().position
    assert (at.pan, at.tilt, at.zoom) == (10.0, 10.0, 2.0)
    for fields in ({"tilt_deg": 45.0}, {"zoom": -1.0}, {}):
        with pytest.raises(BadRequest):
            await call(ptz.POSITION_SET, **fields)


@pytest.mark.parametrize(
    ("spec", "fields"),
    [
        (ptz.POSITION_GET, {}),
        (ptz.POSITION_SET, {"pan_deg": 1.0}),
        (ptz.TOUR_LIST, {}),
        (ptz.HOME, {}),
    ],
)
async def test_what_2022_has_brought_is_not_sent_to_an_older_device(bench, call, spec, fields):
    simulator = await bench.online(**PTZ_TYPE_3)
    await bench.listed()
    before = len(simulator.messages)
    with pytest.raises(Unsupported) as refused:
        await call(spec, **fields)
    assert refused.value.reason == "unsupported-version"
    assert not [each for each in simulator.messages[before:] if each.direction == "in" and each.name != "200"]


async def test_movements_wait_for_no_result_and_not_for_a_question(bench, call):
    quirks = Quirks(drop={"PresetQuery"})
    simulator = await bench.online(quirks=quirks, **PTZ_TYPE_3)
    await bench.listed()
    asking = bench.client.call(
        ptz.PRESET_LIST, ptz.PtzChannelRequest(channel=0), device="gate", timeout_s=30.0
    )
    waiting = asyncio.create_task(asking)
    try:
        await simulator.wait_for(lambda: bool(simulator.heard("PresetQuery")))
        await call(ptz.MOVE, pan=1.0)
        await call(ptz.STOP)
        assert not waiting.done()
        assert ptz_codes(simulator) == [1, 0]
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
