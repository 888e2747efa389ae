"""The spine: a device on the bus, commands to it, answers and pictures from it."""

import io
from datetime import UTC, datetime

import av
import pytest
import pytest_asyncio
from suite import PASSWORD, USER, recorder_device, running_suite

from cambus.client.objects import ObjectStore
from cambus.schemas.commands import config, device, native, ptz, snapshot
from cambus.schemas.errors import BadRequest, Unsupported
from cambus.schemas.events import device as device_events
from cambus.schemas.events import picture as picture_events
from cambus.schemas.model import Empty
from cambus.schemas.state.presence import DeviceState

pytestmark = pytest.mark.asyncio(loop_scope="module")

NVR = "spine-nvr"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nvr():
    async with recorder_device(name="Spine") as simulator:
        yield simulator


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(folder, nvr):
    async with running_suite(folder, "connector-dvrip") as running:
        await running.add(NVR, nvr.port, name="North recorder", tags=["site:north"])
        await running.online(NVR)
        yield running


async def test_a_device_comes_online_with_presence_and_event(suite, nvr):
    presence = await suite.online(NVR)
    assert presence.protocol == "dvrip"
    assert presence.state is DeviceState.ONLINE
    assert presence.replica == "connector-dvrip-0"
    assert presence.epoch > 0
    assert presence.serial == nvr.device.identity.serial
    assert presence.software_version == nvr.firmware
    assert [channel.channel for channel in presence.channels] == [0, 1]
    event = await suite.events.find(device_events.ONLINE, NVR)
    assert (event.serial, event.channels_total) == (presence.serial, 2)
    assert event.epoch == presence.epoch
    assert [session.user for session in nvr.sessions] == [USER]


async def test_a_camera_has_moved_by_the_time_the_answer_is_there(suite, nvr):
    sent = len(nvr.head(0).history)
    await suite.client.call(ptz.MOVE, ptz.PtzMoveRequest(channel=0, pan=1.0), device=NVR)
    assert nvr.head(0).moving
    assert nvr.ptz(0).pan > 0
    assert nvr.ptz(1).pan == 0  # the other camera stands still
    assert len(nvr.head(0).history) - sent == 1  # one message to the device for one command
    await suite.client.call(ptz.STOP, ptz.PtzChannelRequest(channel=0), device=NVR)
    assert not nvr.head(0).moving
    stopped_at = nvr.ptz(0)
    await suite.client.call(device.TIME_GET, Empty(), device=NVR)  # time passes
    assert nvr.ptz(0) == stopped_at


async def test_a_move_ends_by_itself_after_its_duration(suite, nvr):
    request = ptz.PtzMoveRequest(channel=1, tilt=0.5, zoom=0.5, duration_s=0.2)
    await suite.client.call(ptz.MOVE, request, device=NVR)
    await nvr.wait_for(lambda: not nvr.head(1).moving)
    assert nvr.ptz(1).tilt > 0 or nvr.ptz(1).zoom > 1


async def test_a_camera_returns_to_its_preset(suite, nvr):
    async def call(spec, **fields):
        return await suite.client.call(spec, spec.request(channel=0, **fields), device=NVR)

    await call(ptz.PRESET_SET, preset=7)
    kept = nvr.ptz(0)
    await call(ptz.MOVE, pan=-1.0)
    await call(ptz.STOP)
    assert nvr.ptz(0) != kept
    await call(ptz.PRESET_GOTO, preset=7)
    assert nvr.ptz(0) == kept
    await call(ptz.PRESET_CLEAR, preset=7)
    assert 7 not in nvr.head(0).presets


async def test_the_device_says_what_it_is_and_how_it_is(suite, nvr):
    info = await suite.client.call(device.INFO, Empty(), device=NVR)
    identity = nvr.device.identity
    assert (info.serial, info.model) == (identity.serial, identity.hardware)
    assert (info.software_version, info.build_time) == (nvr.firmware, identity.build_time.replace(tzinfo=UTC))
    assert (info.channels_total, info.alarm_inputs, info.alarm_outputs) == (2, 4, 2)
    status = await suite.client.call(device.STATUS, Empty(), device=NVR)
    assert status.disks
    assert status.uptime_s is not None
    assert status.armed is True
    abilities = await suite.client.call(device.CAPABILITIES, Empty(), device=NVR)
    assert {"ptz.move", "live.start", "snapshot.take", "upgrade.start"} <= set(abilities.commands)


async def test_the_clock_of_the_device_is_read_and_set(suite, nvr):
    before = await suite.client.call(device.TIME_GET, Empty(), device=NVR)
    assert abs(before.drift_s) <= 2
    wanted = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
    await suite.client.call(device.TIME_SET, device.DeviceTimeSetRequest(time=wanted), device=NVR)
    assert abs((nvr.device.clock.local().replace(tzinfo=UTC) - wanted).total_seconds()) < 30
    after = await suite.client.call(device.TIME_SET, device.DeviceTimeSetRequest(), device=NVR)
    assert abs(after.drift_s) <= 2


async def test_a_setting_is_read_changed_and_keeps_its_other_fields(suite, nvr):
    name = "Detect.MotionDetect.[0]"
    before = (await suite.client.call(config.GET, config.ConfigGetRequest(name=name), device=NVR)).value
    level = 1 + before["Level"] % 6
    request = config.ConfigSetRequest(name=name, value={"Level": level})
    written = await suite.client.call(config.SET, request, device=NVR)
    assert written.value == {**before, "Level": level}
    assert nvr.device.config.get("Detect.MotionDetect")[0]["Level"] == level
    with pytest.raises(Unsupported) as absent:
        await suite.client.call(config.GET, config.ConfigGetRequest(name="No.Such"), device=NVR)
    assert absent.value.device_code == "607"


async def test_any_message_of_the_protocol_can_be_sent(suite, nvr):
    request = native.NativeCallRequest(protocol="dvrip", message={"id": 1020, "body": {"Name": "SystemInfo"}})
    reply = await suite.client.call(native.CALL, request, device=NVR)
    assert reply.code == "100"
    assert reply.native["SystemInfo"]["SerialNo"] == nvr.device.identity.serial
    boots = nvr.device.boots
    reboot = {"id": 1450, "body": {"Name": "OPMachine", "OPMachine": {"Action": "Reboot"}}}
    unconfirmed = native.NativeCallRequest(protocol="dvrip", message=reboot)
    with pytest.raises(BadRequest) as refused:
        await suite.client.call(native.CALL, unconfirmed, device=NVR)
    assert refused.value.reason == "confirm-required"
    assert nvr.device.boots == boots


@pytest.mark.parametrize(("channel", "width"), [(0, None), (1, 160)])
async def test_a_snapshot_is_a_picture_in_the_object_store(suite, channel, width):
    request = snapshot.SnapshotTakeRequest(channel=channel, width=width)
    picture = await suite.client.call(snapshot.TAKE, request, device=NVR)
    store = ObjectStore(suite.bus, picture.bucket)
    data = await store.get_bytes(picture.object, 10_000_000)
    assert len(data) == picture.bytes
    with av.open(io.BytesIO(data), format="jpeg_pipe") as opened:
        (frame,) = opened.decode(video=0)
    assert frame.width == (width or 320)
    assert (frame.width, frame.height) == (picture.width, picture.height)
    assert len(set(frame.to_ndarray(format="gray").ravel().tolist())) > 20  # it shows something
    await suite.events.find(picture_events.STORED, NVR, lambda event: event.picture == picture)


async def test_a_device_taken_off_the_bus_is_left_alone(suite, nvr):
    await suite.add("spine-second", nvr.port)
    await suite.online("spine-second")
    await nvr.wait_for(lambda: len(nvr.sessions) == 2)
    await suite.remove("spine-second")
    await nvr.wait_for(lambda: len(nvr.sessions) == 1)
    offline = await suite.events.find(device_events.OFFLINE, "spine-second")
    assert offline.online_s is not None
    assert PASSWORD not in suite.log("connector-dvrip")
