"""What a device is told to do, it does; and what it is asked about that, it knows."""

import pytest

from cambus.gb28181 import ptz
from cambus.gb28181.errors import Refused, Unconfirmed, Unsupported
from cambus.gb28181.manscdp import config as configs
from cambus.gb28181.manscdp.control import (
    Area,
    DeviceControl,
    PrecisePosition,
    PtzParameters,
    home_position,
    keyframe,
)
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
from cambus.gb28181.manscdp.storage import CardList, CardQuery
from cambus.gb28181.ptz import Lens, Move, PtzCommand
from cambus.gb28181.xml import Element
from cambus.simulators.gb28181.quirks import Quirks


async def tell(rig, sim, *commands, **parameters):
    for each in commands:
        control = DeviceControl(ptz=each.hex(), **parameters)
        await rig.remote(sim).control(control, sim.channels[0])


async def order(rig, sim, **control):
    await rig.remote(sim).control(DeviceControl(**control), sim.channels[0])


async def test_a_head_moves_until_it_is_stopped(rig):
    sim = await rig.device(profile="dahua_ipc")
    head = sim.head()
    await tell(rig, sim, ptz.move(Move.RIGHT | Move.UP, pan_speed=200, tilt_speed=200))
    assert head.moving
    await sim.wait_for(lambda: head.position.pan > 0.5 and head.position.tilt < -0.5)
    await tell(rig, sim, ptz.STOP)
    assert not head.moving
    await tell(rig, sim, ptz.move(Move.ZOOM_IN, zoom_speed=15))
    await sim.wait_for(lambda: head.position.zoom > 1.1)
    await tell(
        rig, sim, ptz.STOP, ptz.lens(Lens.FOCUS_FAR | Lens.IRIS_CLOSE, focus_speed=255, iris_speed=255)
    )
    await sim.wait_for(lambda: head.position.focus > 0.51 and head.position.iris < 0.49)
    await tell(rig, sim, ptz.LENS_STOP)
    assert not head.moving


async def test_presets_are_set_called_listed_and_deleted(rig):
    sim = await rig.device()
    channel = sim.channels[0]
    sim.head().go(pan=90.0)
    await tell(rig, sim, ptz.preset(ptz.PRESET_SET, 3), ptz_parameters=PtzParameters(preset_name="门"))
    listed = await rig.remote(sim).presets(channel)
    assert [(each.number, each.name) for each in listed.presets] == [("3", "门")]
    assert listed.announced == 1
    sim.head().go(pan=10.0)
    await tell(rig, sim, ptz.preset(ptz.PRESET_CALL, 3))
    assert sim.head().position.pan == 90.0
    await tell(rig, sim, ptz.preset(ptz.PRESET_DELETE, 3))
    assert (await rig.remote(sim).presets(channel)).presets == ()
    older = await rig.device(code="34020000001320000007", profile="dahua_ipc")
    assert (await rig.remote(older).presets(older.channels[0])).announced is None


async def test_cruises_scans_and_switches(rig):
    sim = await rig.device()
    await tell(
        rig,
        sim,
        ptz.cruise_point(1, 4),
        ptz.cruise_point(1, 5),
        ptz.cruise_setting(ptz.CRUISE_SPEED, 1, 300),
        ptz.cruise_setting(ptz.CRUISE_STAY, 1, 20),
        ptz.cruise_start(1),
        ptz.scan(2, 1),
        ptz.cruise_setting(ptz.SCAN_SPEED, 2, 4095),
        ptz.aux(ptz.WIPER, on=True),
    )
    head = sim.head()
    assert (head.cruises[1].points, head.cruises[1].speed, head.cruises[1].stay_s) == ([4, 5], 300, 20)
    assert (head.running, head.scans, head.aux) == ("cruise 1", {2: 4095}, {1: True})
    remote, channel = rig.remote(sim), sim.channels[0]
    listed = await remote.ask(CruiseListQuery(), CruiseList, channel)
    assert [each.number for each in listed.cruises] == [1]
    points = (await remote.ask(CruiseQuery(1), CruiseAnswer, channel)).points
    assert [(each.preset, each.stay_s) for each in points] == [(4, 20), (5, 20)]
    await tell(rig, sim, ptz.scan(2, 0))
    assert head.running == "scan 2"
    await tell(rig, sim, ptz.STOP, ptz.cruise_point(1, 0, delete=True), ptz.aux(1, on=False))
    assert (head.running, head.cruises, head.aux) == ("", {}, {1: False})


async def test_eight_bytes_with_a_wrong_sum_move_nothing(rig):
    sim = await rig.device()
    await order(rig, sim, ptz="A50F000164000018")
    assert (sim.head().refused, sim.head().moving) == (1, False)
    await order(rig, sim, ptz=PtzCommand(1, 100, address=0xFFF).hex().lower())
    assert sim.head().moving


async def test_record_guard_alarm_key_frame_and_areas(rig):
    sim = await rig.device(profile="dahua_ipc")
    await order(rig, sim, record="Record")
    assert sim.device.camera(sim.channels[0]).recording
    assert (await rig.remote(sim).status(sim.channels[0])).recording is True
    await order(rig, sim, record="StopRecord")
    await order(rig, sim, guard="SetGuard")
    assert (await rig.remote(sim).status()).alarms[0].duty == "ONDUTY"
    assert sim.raise_alarm(method=2)
    assert not sim.raise_alarm(method=2)  # not before it is reset
    assert (await rig.remote(sim).status()).alarms[0].duty == "ALARM"
    await order(rig, sim, alarm="ResetAlarm")
    assert sim.raise_alarm(method=2)
    await rig.remote(sim).control(keyframe(rig.remote(sim).version), sim.channels[0])
    assert sim.device.keyframes == 1
    await order(rig, sim, drag_in=Area(100, 200, 50, 60, 10, 20))
    assert sim.head().position.zoom == 2.0
    assert sim.device.areas[0][1]["MidPointX"] == "50"
    await order(rig, sim, drag_out=Area(100, 200, 50, 60, 10, 20))
    assert sim.head().position.zoom == 1.0


async def test_what_2022_has_brought(rig):
    sim = await rig.device()
    remote, channel = rig.remote(sim), sim.channels[0]
    await order(rig, sim, precise=PrecisePosition(123.0, 45.0, 3.0))
    at = await remote.ask(PtzPositionQuery(), PtzPosition, channel)
    assert (at.pan, at.tilt, at.zoom) == (123.0, 45.0, 3.0)
    await remote.control(home_position(enabled=True, reset_s=30, preset=2), channel)
    home = (await remote.ask(HomePositionQuery(), HomePositionAnswer, channel)).home
    assert (home.enabled, home.reset_s, home.preset) == (True, 30, 2)
    await order(rig, sim, track="Auto")
    assert sim.head().tracking == "Auto"
    await order(rig, sim, iframe="Send")
    assert sim.device.keyframes == 1
    older = await rig.device(code="34020000001320000007", profile="dahua_ipc")
    with pytest.raises(Unsupported):
        await rig.remote(older).control(DeviceControl(track="Auto"), older.channels[0])


async def test_a_card_is_formatted(rig):
    sim = await rig.device(quirks=Quirks(format_s=0.1))
    await order(rig, sim, format_card=0)
    assert sim.device.cards[0].status == "formatting"
    await sim.wait_for(lambda: sim.device.cards[0].status == "ok")
    cards = await rig.remote(sim).ask(CardQuery(), CardList, sim.code)
    assert (cards.cards[0].free_mb, cards.announced) == (32_000, 1)


async def test_settings_are_read_and_written(rig):
    sim = await rig.device()
    remote = rig.remote(sim)
    types = [each for each in configs.BLOCKS if each != "SnapShotConfig"]
    found = await remote.config(types)
    assert [each.block for each in found] == types
    assert found[0].values()["HeartBeatInterval"] == "60"
    await remote.configure(configs.element_of("BasicParam", {"Name": "门口", "HeartBeatInterval": "45"}))
    assert (await remote.config(["BasicParam"]))[0].values()["Name"] == "门口"
    assert sim.agent.settings.keepalive_s == 45.0
    await remote.configure(Element("FrameMirror", "2"))
    assert (await remote.config(["FrameMirror"]))[0].element.text == "2"
    with pytest.raises(Refused):
        await remote.configure(configs.element_of("VideoParamOpt", {"Resolution": "1"}))


async def test_settings_under_another_name_and_settings_that_never_come(rig):
    sim = await rig.device(quirks=Quirks(config_misnamed=True))
    found = await rig.remote(sim).config(["BasicParam"])
    assert (found[0].block, found[0].values()["HeartBeatCount"]) == ("OwnBasicParam", "3")
    sim.quirks.update({"config_misnamed": False, "config_missing": ["OSDConfig"]})
    found = await rig.remote(sim).config(["OSDConfig", "AlarmReport"])
    assert [each.block for each in found] == ["AlarmReport"]


async def test_a_device_that_fails_or_forgets_to_tell(rig):
    sim = await rig.device(quirks=Quirks(result="error"))
    with pytest.raises(Refused):
        await order(rig, sim, guard="SetGuard")
    sim.quirks.update({"result": "ok", "drop": ["DeviceControl"]})
    with pytest.raises(Unconfirmed):
        await order(rig, sim, guard="SetGuard")
    assert sim.device.guarded


async def test_a_code_nobody_has_is_refused(rig):
    sim = await rig.device()
    with pytest.raises(Refused) as caught:
        await rig.remote(sim).presets("34020000001319999999")
    assert caught.value.status == 404


async def test_a_device_restarts_when_told(rig):
    sim = await rig.device(quirks=Quirks(reboot_s=0.05))
    await order(rig, sim, boot="Boot")
    await sim.wait_for(lambda: sim.device.boots == 2 and sim.registered)
    assert (await rig.remote(sim).info()).ok
