"""The device as a whole: what it tells of itself, and what it can not do."""

import asyncio

import pytest
from gb28181_bodies import controls, elements, text_of

from cambus.connector_gb28181.handlers import all_handlers
from cambus.connector_gb28181.handlers.device import CONNECTOR_COMMANDS, ONLY_2022
from cambus.gb28181.times import Times
from cambus.schemas.catalog import DEVICE_COMMANDS
from cambus.schemas.commands import config, device, native, ptz, storage, users, video
from cambus.schemas.errors import CambusError, Conflict, DeadlineExceeded, NotFound, Offline, Unsupported
from cambus.schemas.model import Empty
from cambus.simulators.gb28181.quirks import Quirks


async def test_status_is_that_of_the_device_of_its_channels_and_of_its_alarm_inputs(bench, call):
    simulator = await bench.online(profile="hik_nvr", channels=2)
    await bench.listed(2)
    second = simulator.device.cameras[simulator.channels[1]]
    second.on, second.recording = False, True
    status = await call(device.STATUS)
    assert [(each.channel, each.online, each.recording) for each in status.channels] == [
        (0, True, False),
        (1, False, True),
    ]
    assert status.armed is False
    assert status.alarms.inputs == []
    assert status.disks == []
    simulator.device.guarded = simulator.device.alarmed = True
    status = await call(device.STATUS)
    assert status.armed is True
    assert status.alarms.inputs == [0]
    assert status.native["Status"] == "OK"


async def test_status_of_a_device_of_2022_has_its_cards(bench, call):
    await bench.online(profile="std_2022")
    await bench.listed()
    (disk,) = (await call(device.STATUS)).disks
    assert (disk.disk, disk.kind, disk.state.value) == (0, "sd", "ok")


async def test_a_channel_that_does_not_answer_is_left_open(bench, call, monkeypatch):
    monkeypatch.setattr("cambus.connector_gb28181.handlers.device.CHANNELS_S", 3.0)
    simulator = await bench.online(profile="hik_nvr", channels=2)
    await bench.listed(2)
    status = bench.session("gate").remote.status
    silent = simulator.channels[1]

    async def answer(code=None):
        return await (asyncio.Event().wait() if code == silent else status(code))

    monkeypatch.setattr(bench.session("gate").remote, "status", answer)
    first, second = (await call(device.STATUS)).channels
    assert first.recording is False
    assert second.recording is None
    assert second.online is True


async def test_the_clock_is_read_and_its_drift_shown(bench, call):
    await bench.online(profile="hik_nvr")
    reply = await call(device.TIME_GET)
    assert abs(reply.drift_s) < 30
    assert reply.utc_offset_s == 8 * 3600
    presence = await bench.shown("gate", lambda presence: presence.drift_s is not None)
    assert abs(presence.drift_s) < 30


async def test_the_zone_of_a_clock_is_an_option(bench, call):
    await bench.online(profile="hik_nvr", record={"options": {"time_zone": "UTC"}})
    reply = await call(device.TIME_GET)
    assert reply.utc_offset_s == 0
    assert 7.9 * 3600 < reply.drift_s < 8.1 * 3600


async def test_the_clock_is_set_by_registering_alone(bench, call):
    await bench.online(profile="hik_nvr")
    with pytest.raises(Unsupported, match="when they register"):
        await call(device.TIME_SET)


async def test_a_reboot_is_sent_and_the_device_comes_back(bench, call):
    simulator = await bench.online(profile="hik_nvr")
    await call(device.REBOOT, confirm=True)
    (control,) = controls(simulator)
    assert control.code == simulator.code
    assert elements(text_of(simulator.heard("DeviceControl")[0]))[-1] == "TeleBoot"
    assert control.element.get("TeleBoot") == "Boot"
    await simulator.wait_for(lambda: simulator.device.boots == 2 and simulator.registered)


@pytest.mark.parametrize(("profile", "new"), [("hik_nvr", False), ("std_2022", True)])
async def test_capabilities_are_what_the_edition_of_the_device_can_do(bench, call, profile, new):
    await bench.online(profile=profile)
    await bench.listed()
    reply = await call(device.CAPABILITIES)
    answered = {*all_handlers().names, *CONNECTOR_COMMANDS}
    assert set(reply.commands) == (answered if new else answered - ONLY_2022)
    assert reply.talk_codecs == (["pcma"] if new else [])
    assert reply.presets == 255
    assert reply.native["version"] == ("3.0" if new else "2.0")


async def test_what_the_protocol_can_not_do_is_refused_with_a_reason(bench, call):
    await bench.online(profile="hik_nvr")
    for spec, text in all_handlers().refused:
        with pytest.raises(Unsupported) as refused:
            await call(
                spec, request=spec.request(**spec.request.model_config["json_schema_extra"]["examples"][0])
            )
        assert refused.value.text == text
    with pytest.raises(Unsupported, match="accounts"):
        await call(users.LIST, Empty())


async def test_what_only_2022_has_is_refused_at_once_by_an_older_device(bench, call):
    simulator = await bench.online(profile="hik_nvr")
    await bench.listed()
    before = [name for name in (each.name for each in simulator.messages) if name != "Keepalive"]
    for name in sorted(ONLY_2022):
        spec = DEVICE_COMMANDS[name]
        request = spec.request(**spec.request.model_config["json_schema_extra"]["examples"][0])
        with pytest.raises(Unsupported) as refused:
            await call(spec, request=request)
        assert refused.value.reason == "unsupported-version", name
    after = [name for name in (each.name for each in simulator.messages) if name != "Keepalive"]
    assert after == before


def test_every_command_of_the_catalog_is_answered_refused_or_the_connectors():
    table = all_handlers()
    refused = {spec.name for spec, _ in table.refused}
    assert {*table.names, *refused, *CONNECTOR_COMMANDS} <= set(DEVICE_COMMANDS)
    assert set(table.names) >= ONLY_2022 - {"upgrade.start"}


async def test_a_device_that_answers_nothing_is_unreachable_and_one_without_a_result_unconfirmed(
    bench, call, monkeypatch
):
    simulator = await bench.online(profile="hik_nvr")
    await bench.listed()
    platform = bench.connectors["replica-1"].service.signalling.platform
    remote = platform.device(simulator.code)
    monkeypatch.setattr(remote, "_times", Times(query_s=0.3))
    simulator.quirks.drop = {"DeviceStatus"}
    with pytest.raises(DeadlineExceeded) as error:
        await call(device.STATUS)
    assert (error.value.reason, error.value.retryable) == ("unconfirmed", False)
    monkeypatch.setattr(remote, "_times", Times(request_s=0.5))
    simulator.quirks.ignore = {"DeviceStatus"}
    with pytest.raises(DeadlineExceeded) as error:
        await call(device.STATUS)
    assert error.value.reason == "unreachable"


async def test_what_a_device_says_no_to_is_told_with_its_code(bench, call):
    simulator = await bench.online(profile="hik_nvr")
    await bench.listed()
    simulator.device.cameras.clear()  # it answers 404 for channels that are gone
    with pytest.raises(NotFound) as error:
        await call(ptz.STOP, channel=0)
    assert (error.value.reason, error.value.device_code) == ("no-such-channel", "404")


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (403, 422, "forbidden"),
        (480, 503, "device-offline"),
        (486, 429, "busy"),
        (488, 422, "media-not-acceptable"),
        (500, 422, "refused"),
        (501, 501, "not-implemented"),
        (503, 422, "refused"),
        (600, 422, "refused"),
    ],
)
async def test_errors_of_a_device_are_told_by_kind(bench, call, monkeypatch, status, code, reason):
    simulator = await bench.online(profile="hik_nvr")
    await bench.listed()
    monkeypatch.setattr(simulator, "message", lambda *_: status)
    with pytest.raises(CambusError) as error:
        await call(ptz.STOP, channel=0)
    assert (int(error.value.code), error.value.reason) == (code, reason)
    if code in {422, 501}:
        assert error.value.device_code == str(status)


async def test_a_device_that_goes_ends_what_waits_for_it(bench, call):
    simulator = await bench.online(profile="hik_nvr", quirks=Quirks(drop={"PresetQuery"}))
    await bench.listed()
    waiting = asyncio.create_task(call(ptz.PRESET_LIST, channel=0))
    await simulator.wait_for(lambda: bool(simulator.heard("PresetQuery")))
    await simulator.agent.close(unregister=True)
    with pytest.raises(Offline):
        await waiting


async def test_nothing_is_changed_while_firmware_is_under_way(bench, call, monkeypatch):
    simulator = await bench.online(profile="std_2022")
    await bench.listed()
    upgrades = bench.session("gate").device.upgrades
    monkeypatch.setattr(type(upgrades), "busy", property(lambda _: True))
    message = "<Query><CmdType>DeviceInfo</CmdType></Query>"
    for spec, fields in (
        (device.REBOOT, {"confirm": True}),
        (config.SET, {"name": "BasicParam", "value": {"Name": "x"}}),
        (video.SET, {"channel": 0, "fps": 10}),
        (storage.FORMAT, {"confirm": True}),
        (native.CALL, {"protocol": "gb28181", "message": message}),
    ):
        with pytest.raises(Conflict) as refused:
            await call(spec, **fields)
        assert refused.value.reason == "upgrade-under-way"
    assert not controls(simulator)
    await call(ptz.STOP, channel=0)
