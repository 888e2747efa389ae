"""The upper platform moves cameras and has devices do things, as far as it may (GB-243)."""

import asyncio
import logging

import pytest
from cascade_rig import OURS, refuse

from cambus.gb28181 import ptz as wire
from cambus.gb28181.errors import Refused, Unconfirmed
from cambus.gb28181.manscdp.config import ConfigResult
from cambus.gb28181.manscdp.control import Area, DeviceControl, PrecisePosition, home_position
from cambus.gb28181.manscdp.envelope import Root, compose
from cambus.gb28181.ptz import Lens, Move
from cambus.gb28181.xml import Element
from cambus.schemas.commands import alarm, device, live, ptz, recording, storage
from cambus.schemas.commands.ptz import PtzPresetListReply, PtzTour, PtzTourListReply, PtzTourPoint
from cambus.schemas.commands.storage import StorageFormatReply

EVERYTHING = (
    ptz.MOVE, ptz.STOP, ptz.FOCUS, ptz.IRIS, ptz.PRESET_SET, ptz.PRESET_GOTO, ptz.PRESET_CLEAR, ptz.TOUR_ADD,
    ptz.TOUR_REMOVE, ptz.TOUR_CLEAR, ptz.TOUR_SET, ptz.TOUR_START, ptz.TOUR_STOP, ptz.SCAN_START, ptz.SCAN_STOP,
    ptz.SCAN_LIMIT, ptz.AUX, ptz.ZOOM_AREA, ptz.HOME_SET, ptz.POSITION_SET, device.REBOOT, recording.MANUAL,
    alarm.ARM, alarm.DISARM, alarm.RESET, live.KEYFRAME,
)  # fmt: skip


@pytest.fixture
async def made(rig):
    """Makes a link whose device answers everything."""

    async def make(**fields):
        upper = await rig.upper()
        camera = await rig.device("cam")
        for spec in EVERYTHING:
            camera.on(spec)
        camera.on(storage.FORMAT, StorageFormatReply(done=True))
        tours = [PtzTour(tour=2, points=[PtzTourPoint(preset=1, dwell_s=5)])]
        camera.on(ptz.TOUR_LIST, PtzTourListReply(tours=tours))
        await rig.enter(camera)
        link = await rig.linked(upper, **fields)
        return upper, camera, await rig.code_of(link, camera.device)

    return make


def told(camera):
    return [(name, request.model_dump(exclude_defaults=True)) for name, request in camera.told]


MOVES = [
    (wire.move(Move.RIGHT | Move.UP, pan_speed=255, tilt_speed=51), ["ptz.move"], {"pan": 1.0, "tilt": 0.2}),
    (
        wire.move(Move.LEFT | Move.ZOOM_OUT, pan_speed=51, zoom_speed=15),
        ["ptz.move"],
        {"pan": -0.2, "zoom": -1.0},
    ),
    (wire.STOP, ["ptz.stop"], {}),
    (wire.lens(Lens.FOCUS_NEAR, focus_speed=255), ["ptz.focus"], {"speed": -1.0}),
    (wire.lens(Lens.IRIS_OPEN, iris_speed=51), ["ptz.iris"], {"speed": 0.2}),
    (wire.LENS_STOP, ["ptz.stop"], {}),
    (wire.preset(wire.PRESET_SET, 9), ["ptz.preset.set"], {"preset": 9}),
    (wire.preset(wire.PRESET_CALL, 9), ["ptz.preset.goto"], {"preset": 9}),
    (wire.preset(wire.PRESET_DELETE, 9), ["ptz.preset.clear"], {"preset": 9}),
    (wire.cruise_point(3, 7), ["ptz.tour.add"], {"tour": 3, "point": {"preset": 7}}),
    (wire.cruise_point(3, 7, delete=True), ["ptz.tour.remove"], {"tour": 3, "preset": 7}),
    (wire.cruise_point(3, 0, delete=True), ["ptz.tour.clear"], {"tour": 3}),
    (wire.cruise_start(3), ["ptz.tour.start"], {"tour": 3}),
    (
        wire.cruise_setting(wire.CRUISE_STAY, 2, 300),
        ["ptz.tour.list", "ptz.tour.set"],
        {"tour": 2, "points": [{"preset": 1, "dwell_s": 300}]},
    ),
    (wire.scan(1, 0), ["ptz.scan.start"], {"scan": 1}),
    (wire.scan(1, 2), ["ptz.scan.limit"], {"scan": 1, "side": "right"}),
    (wire.aux(wire.WIPER, on=True), ["ptz.aux"], {"function": ptz.AuxFunction.WIPER, "on": True}),
    (wire.aux(5, on=False), ["ptz.aux"], {"number": 5, "on": False}),
]


async def test_every_movement_reaches_the_device_as_a_command_of_the_bus(made):
    upper, camera, code = await made()
    for command, names, fields in MOVES:
        camera.told.clear()
        await upper.control(OURS, code, DeviceControl(ptz=command.hex()))
        await camera.until(lambda names=names: len(camera.told) >= len(names))
        assert [name for name, _ in camera.told] == names
        shown = told(camera)[-1][1]
        shown.pop("channel", None)
        assert shown == pytest.approx(fields) if "pan" in fields else shown == fields


async def test_the_stop_of_everything_stops_the_tour_and_the_scan_that_were_started(made):
    upper, camera, code = await made()
    for command in (wire.cruise_start(4), wire.scan(1, 0), wire.STOP):
        await upper.control(OURS, code, DeviceControl(ptz=command.hex()))
    await camera.until(lambda: len(camera.told) == 5)
    assert [name for name, _ in camera.told] == [
        "ptz.tour.start", "ptz.scan.start", "ptz.tour.stop", "ptz.scan.stop", "ptz.stop",
    ]  # fmt: skip


CONTROLS = [
    (DeviceControl(record="Record"), "recording.manual", {"on": True}),
    (DeviceControl(record="StopRecord"), "recording.manual", {"on": False}),
    (DeviceControl(guard="SetGuard"), "alarm.arm", {}),
    (DeviceControl(guard="ResetGuard"), "alarm.disarm", {}),
    (DeviceControl(alarm="ResetAlarm"), "alarm.reset", {}),
    (DeviceControl(iframe="Send"), "live.keyframe", {}),
    (DeviceControl(iframe_2016="Send"), "live.keyframe", {}),
    (home_position(enabled=True, reset_s=20, preset=2), "ptz.home.set", {"preset": 2, "delay_s": 20}),
    (
        DeviceControl(precise=PrecisePosition(90.0, 10.0, 2.0)),
        "ptz.position.set",
        {"pan_deg": 90.0, "tilt_deg": -10.0, "zoom": 2.0},
    ),
    (
        DeviceControl(drag_in=Area(400, 200, 200, 50, 100, 50)),
        "ptz.zoom_area",
        {"x": 0.375, "y": 0.125, "width": 0.25, "height": 0.25},
    ),
    (
        DeviceControl(drag_out=Area(400, 200, 200, 50, 100, 50)),
        "ptz.zoom_area",
        {"x": 0.375, "y": 0.125, "width": 0.25, "height": 0.25, "out": True},
    ),
]


async def test_everything_else_is_carried_out_and_answered(made):
    upper, camera, code = await made()
    for control, name, fields in CONTROLS:
        camera.told.clear()
        await upper.control(OURS, code, control)  # raises where the Result says no
        await camera.until(lambda: camera.told)
        shown = told(camera)[0][1]
        shown.pop("channel", None)
        assert (camera.told[0][0], shown) == (name, fields)


async def test_what_a_device_refuses_is_answered_with_error(rig, made):
    upper, camera, code = await made()
    camera.on(alarm.ARM, refuse())
    with pytest.raises(Refused):
        await upper.control(OURS, code, DeviceControl(guard="SetGuard"))


async def test_by_default_nobody_restarts_formats_or_configures(made, caplog):
    caplog.set_level(logging.INFO, "cambus.audit")
    upper, camera, code = await made()
    remote = upper.remote(OURS)
    for control in (DeviceControl(boot="Boot"), DeviceControl(format_card=0)):
        with pytest.raises(Refused) as refusal:
            await upper.control(OURS, code, control)
        assert refusal.value.status == 403
    upgrade = Element("DeviceUpgrade").add("Firmware", "9").add("FileURL", "http://192.0.2.1/x")
    sn_body = compose(Root.CONTROL, "DeviceControl", 4711, code, [upgrade])
    answer = await remote.exchange("DeviceControl", lambda sn: sn_body.replace(b"4711", b"%d" % sn), 5.0)
    assert answer.result is False
    block = Element("BasicParam").add("Name", "mine now")
    answer = await remote.exchange(
        ConfigResult.COMMAND,
        lambda sn: compose(Root.CONTROL, "DeviceConfig", sn, code, [block]),
        5.0,
    )
    assert answer.result is False
    assert camera.told == []
    lines = [record for record in caplog.records if record.name == "cambus.audit"]
    assert [(line.command, line.outcome) for line in lines] == [
        ("boot", "denied"), ("format_card", "denied"), ("upgrade", "denied"), ("config", "denied"),
    ]  # fmt: skip
    assert {line.device for line in lines} == {camera.device}
    assert {line.platform for line in lines} == {upper.platform.settings.code}


async def test_who_may_do_it_does_it_and_is_audited(made, caplog):
    caplog.set_level(logging.INFO, "cambus.audit")
    upper, camera, code = await made(permissions={"reboot": True, "format": True})
    await upper.control(OURS, code, DeviceControl(boot="Boot"))
    await upper.control(OURS, code, DeviceControl(format_card=2))
    await camera.until(lambda: len(camera.told) == 2)
    assert [name for name, _ in camera.told] == [device.REBOOT.name, storage.FORMAT.name]
    assert camera.told[1][1].disk == 1
    await upper.wait_for(lambda: len([r for r in caplog.records if r.name == "cambus.audit"]) == 2)
    line = next(record for record in caplog.records if record.name == "cambus.audit")
    assert (line.command, line.outcome, line.code, line.channel) == ("boot", "done", code, 0)


FORBIDDEN = [
    DeviceControl(ptz=wire.STOP.hex()),
    DeviceControl(drag_in=Area(400, 200, 200, 50, 100, 50)),
    DeviceControl(drag_out=Area(400, 200, 200, 50, 100, 50)),
    DeviceControl(precise=PrecisePosition(90.0, 10.0, 2.0)),
    DeviceControl(track="Auto"),
    home_position(enabled=True, reset_s=20, preset=2),
    DeviceControl(guard="SetGuard"),
    DeviceControl(record="StopRecord"),
    DeviceControl(alarm="ResetAlarm"),
]


async def test_without_permission_nothing_is_done_and_that_is_audited(made, caplog):
    caplog.set_level(logging.INFO, "cambus.audit")
    forbidden = dict.fromkeys(("ptz", "guard", "record", "alarm_reset"), False)
    upper, camera, code = await made(permissions=forbidden)
    for control in FORBIDDEN:
        with pytest.raises(Refused) as refusal:
            await upper.control(OURS, code, control)
        assert (refusal.value.status == 403) is not control.is_answered  # else a Result of its own
    assert camera.told == []
    lines = [record for record in caplog.records if record.name == "cambus.audit"]
    assert [(line.command, line.outcome) for line in lines] == [
        (control.command, "denied") for control in FORBIDDEN
    ]


async def test_a_device_is_told_one_thing_after_the_other(rig, made, monkeypatch):
    upper, camera, code = await made()
    begun, may_go_on, call = [], asyncio.Event(), rig.client.call

    async def slowly(spec, *given, **options):
        begun.append(spec.name)
        await may_go_on.wait()
        return await call(spec, *given, **options)

    monkeypatch.setattr(rig.client, "call", slowly)
    for command in (wire.move(Move.RIGHT, pan_speed=100), wire.STOP):
        await upper.control(OURS, code, DeviceControl(ptz=command.hex()))
    await rig.until(lambda: begun)
    assert begun == ["ptz.move"]  # the stop was taken, and waits
    may_go_on.set()
    await camera.until(lambda: len(camera.told) == 2)
    assert [name for name, _ in camera.told] == ["ptz.move", "ptz.stop"]


async def test_bytes_with_a_wrong_checksum_move_nothing(made):
    upper, camera, code = await made()
    with pytest.raises(Refused) as refusal:
        await upper.control(OURS, code, DeviceControl(ptz="A50F0101640000FF"))
    assert refusal.value.status == 400
    await upper.control(OURS, code, DeviceControl(ptz=wire.STOP.hex()))
    await camera.until(lambda: camera.told)
    assert [name for name, _ in camera.told] == ["ptz.stop"]


async def test_what_is_not_shared_is_not_moved(made):
    upper, camera, _ = await made()
    with pytest.raises(Refused) as refusal:
        await upper.control(OURS, "34020000001320009999", DeviceControl(ptz=wire.STOP.hex()))
    assert refusal.value.status == 404
    assert camera.told == []


async def test_a_recorder_as_a_whole_is_no_way_to_a_camera_that_is_not_shared(rig):
    upper = await rig.upper()
    recorder = await rig.device("nvr", channels=2)
    for spec in EVERYTHING:
        recorder.on(spec)
    recorder.on(ptz.PRESET_LIST, PtzPresetListReply(presets=[]))
    await rig.enter(recorder)
    link = await rig.linked(upper, shares=[{"devices": [recorder.device], "channels": [1]}])
    host = await rig.code_of(link, recorder.device, None)
    with pytest.raises(Refused):
        await upper.control(OURS, host, DeviceControl(ptz=wire.STOP.hex()))
    with pytest.raises(Refused):
        await upper.control(OURS, host, DeviceControl(record="StopRecord"))
    with pytest.raises(Unconfirmed):
        await upper.remote(OURS).presets(host)
    assert recorder.told == []
    await upper.control(OURS, host, DeviceControl(guard="SetGuard"))  # that is of the recorder
    assert recorder.orders("alarm.arm")[0].channel is None
