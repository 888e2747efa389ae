"""Questions of the upper platform about devices of any protocol (GB-242)."""

import asyncio
from datetime import UTC, datetime

import pytest
from cascade_rig import OURS, refuse

from cambus.gb28181.errors import Refused, Unconfirmed
from cambus.gb28181.manscdp.config import ConfigQuery, ConfigResult
from cambus.gb28181.manscdp.presence import DeviceInfo, DeviceInfoQuery, DeviceStatus, DeviceStatusQuery
from cambus.gb28181.manscdp.ptz_state import PresetList, PresetQuery
from cambus.gb28181.manscdp.records import RecordPart, RecordQuery
from cambus.gb28181.values import write_time
from cambus.schemas.commands import device as devices
from cambus.schemas.commands import ptz, recording
from cambus.schemas.commands.device import ChannelStatus, DeviceStatusReply
from cambus.schemas.commands.ptz import PtzPreset, PtzPresetListReply
from cambus.schemas.commands.recording import DeviceRecording, RecordingFindReply

UNSHARED = "34020000001320009999"
START = datetime(2026, 2, 1, 2, 0, tzinfo=UTC)


def recorded(number):
    return DeviceRecording(
        id=f"/a & b/{number}",
        channel=0,
        start=START.replace(minute=number),
        end=START.replace(minute=number + 1),
        bytes=1000 + number,
        event="motion" if number % 2 else "continuous",
    )


@pytest.fixture
async def asked(rig):
    """A device with answers, the platform's view of us, and the code of its camera."""
    upper = await rig.upper()
    device = await rig.device("cam", channels=1)
    device.on(ptz.PRESET_LIST, PtzPresetListReply(presets=[PtzPreset(preset=3, name="Tor & Hof")]))
    device.on(devices.STATUS, DeviceStatusReply(channels=[ChannelStatus(channel=0, recording=True)]))
    device.on(recording.FIND, pages)
    await rig.enter(device)
    link = await rig.linked(upper)
    return upper.remote(OURS), device, await rig.code_of(link, device.device), link, upper


def pages(request):
    """Seven recordings, in two pages."""
    if request.cursor is None:
        return RecordingFindReply(recordings=[recorded(n) for n in range(5)], cursor="more")
    return RecordingFindReply(recordings=[recorded(n) for n in range(5, 7)])


async def test_what_we_are_and_what_a_device_is(asked):
    remote, _, code, _, _ = asked
    ours, camera = await remote.info(), await remote.ask(DeviceInfoQuery(), DeviceInfo, code)
    assert (ours.name, ours.ok, ours.channels) == ("Lower", True, 1)
    assert (camera.name, camera.manufacturer, camera.model) == ("Camera 0", "Acme", "Model 7")
    assert camera.firmware == "1.2.3"


async def test_how_a_device_is(asked):
    remote, device, code, _, _ = asked
    status = await remote.status(code)
    assert (status.online, status.status, status.recording) == ("ONLINE", "OK", True)
    assert len(device.orders("device.status")) == 1


async def test_how_a_device_is_that_is_not_there(rig, asked):
    remote, device, code, link, _ = asked
    await device.go_offline()
    await rig.until(lambda: not rig.held(link).context.shared.node(code).online)
    status = await remote.status(code)
    assert (status.ok, status.online, status.status, status.encoding) == (True, "OFFLINE", "ERROR", False)
    assert status.recording is None
    assert device.told == []


async def test_presets(asked):
    remote, device, code, _, _ = asked
    found = await remote.presets(code)
    assert [(each.number, each.name) for each in found.presets] == [("3", "Tor & Hof")]
    assert [each.channel for each in device.orders("ptz.preset.list")] == [0]


@pytest.mark.parametrize(("version", "announced"), [("2.0", None), ("3.0", 1)])
async def test_how_many_presets_there_are_is_said_to_platforms_of_2022(rig, version, announced):
    upper = await rig.upper()
    device = await rig.device("cam", channels=1)
    device.on(ptz.PRESET_LIST, PtzPresetListReply(presets=[PtzPreset(preset=3, name="Tor")]))
    await rig.enter(device)
    link = await rig.linked(upper, version=version)
    found = await upper.remote(OURS).presets(await rig.code_of(link, device.device))
    assert (found.announced, len(found.presets)) == (announced, 1)


async def test_recordings_of_several_pages_in_several_parts(asked):
    remote, device, code, _, _ = asked
    query = RecordQuery(write_time(START), write_time(START.replace(hour=3)), type="all", secrecy=0)
    now = asyncio.get_running_loop().time
    found = await remote.records(query, code, now=now)
    assert len(found.records) == 7
    first = found.records[0]
    assert (first.code, first.file_path, first.start, first.type) == (
        code,
        "/a & b/0",
        write_time(START),
        "time",
    )
    assert first.size_bytes == 1000
    asked_for = device.orders("recording.find")[0]
    assert (asked_for.start, asked_for.end) == (START, START.replace(hour=3))
    assert not asked_for.everywhere
    alarms = await remote.records(
        RecordQuery(write_time(START), write_time(START.replace(hour=3)), type="alarm"), code, now=now
    )
    assert len(alarms.records) == 3


async def test_recordings_of_every_storage_with_where_they_are(asked):  # GB-132
    remote, device, code, _, _ = asked
    located = recorded(0).model_copy(update={"native": {"RecordLocation": UNSHARED}})
    device.on(recording.FIND, RecordingFindReply(recordings=[located]))
    query = RecordQuery(write_time(START), write_time(START.replace(hour=3)), indistinct=1)
    (found,) = (await remote.records(query, code, now=asyncio.get_running_loop().time)).records
    assert found.location == UNSHARED
    assert device.orders("recording.find")[-1].everywhere


async def test_settings(asked):
    remote, _, code, link, _ = asked
    answers = await remote.config(["BasicParam", "VideoParamOpt", "SVACEncodeConfig"], code)
    blocks = {each.block: each for each in answers}
    assert blocks["BasicParam"].values()["HeartBeatInterval"] == f"{int(link.keepalive_s)}"
    assert blocks["VideoParamOpt"].ok
    assert [each.ok for each in answers] == [True, True, False]  # what the device has no answer to


QUESTIONS = [
    (DeviceInfoQuery(), DeviceInfo),
    (DeviceStatusQuery(), DeviceStatus),
    (PresetQuery(), PresetList),
    (RecordQuery("2026-02-01T00:00:00", "2026-02-02T00:00:00"), RecordPart),
    (ConfigQuery("BasicParam"), ConfigResult),
]


@pytest.mark.parametrize(("question", "answer"), QUESTIONS, ids=lambda each: getattr(each, "COMMAND", ""))
async def test_what_is_not_shared_is_not_there(asked, question, answer):
    remote, device, _, _, _ = asked
    with pytest.raises(Refused) as refusal:
        await remote.ask(question, answer, UNSHARED)
    assert refusal.value.status == 404
    assert device.told == []


async def test_a_device_that_does_not_answer_is_no_empty_answer(rig, asked):
    remote, device, code, _, _ = asked
    device.on(recording.FIND, refuse("no disk"))
    query = RecordQuery(write_time(START), write_time(START.replace(hour=3)))
    with pytest.raises(Unconfirmed):
        await remote.records(query, code, now=asyncio.get_running_loop().time)
