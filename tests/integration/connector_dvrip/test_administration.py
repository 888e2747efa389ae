"""What administers a recorder over the bus: clock, disks, log, defaults, imports, network inputs, another address."""

import asyncio
import io
import json
import zipfile

import pytest
from ports import free_port

from cambus.client.objects import ObjectStore
from cambus.schemas.assets import OBJECTS_FILES
from cambus.schemas.commands import alarm, config, logs, native, users, video
from cambus.schemas.commands import device as device_commands
from cambus.schemas.errors import BadRequest, CambusError, DeviceRefused
from cambus.schemas.model import Empty
from cambus.schemas.objects import ObjectRef
from cambus.simulators.dvrip import DvripSimulator

USER, PASSWORD = "admin", "c4nary-passw0rd"


@pytest.fixture
async def call(bench, simulator, device):
    await bench.online(device, simulator)

    async def send(spec, request):
        return await bench.client.call(spec, request, device=device)

    return send


# --- the clock of devices that have none --------------------------------------------------------------------


@pytest.mark.parametrize("wanted", [False, True])
async def test_the_time_is_given_after_each_login_only_if_asked_for(bench, simulator, device, wanted):
    await bench.online(device, simulator, options={"sync_time_after_login": wanted})
    assert simulator.device.time_syncs == int(wanted)
    heard = await bench.heard(device)
    simulator.drop()
    await heard.until("device.offline")
    await heard.until("device.online")
    assert simulator.device.time_syncs == 2 * int(wanted)


# --- disks --------------------------------------------------------------------------------------------------


async def test_a_disk_that_fails_and_recovers_is_told_once_each_over_all_sessions(bench, simulator, device):
    heard = await bench.heard(device)
    await bench.online(device, simulator, options={"storage_check_s": 0.05})
    watch = bench.session(device)._watch
    await watch.look_at_disks()
    partition = simulator.device.disks.disks[0].partitions[0]
    partition.status = 3
    failed = await heard.until("exception.reported", lambda event: event.code == "disk-changed")
    assert (failed.severity, failed.text) == ("major", "disk 0 partition 0: low-level write error")
    simulator.drop()
    await heard.until("device.offline")
    await heard.until("device.online")
    for _ in range(3):
        await bench.session(device)._watch.look_at_disks()
    partition.status = 0
    again = await heard.until("exception.reported", lambda event: event.code == "disk-changed")
    assert (again.severity, again.text) == ("info", "disk 0 partition 0: ok")


# --- the log ------------------------------------------------------------------------------------------------


async def test_the_log_is_emptied_and_switched(call, simulator):
    await call(logs.SWITCH, logs.LogsSwitchRequest(enabled=False, confirm=True))
    await call(logs.CLEAR, logs.LogsClearRequest(confirm=True))
    simulator.device.note("EventStart", "MotionDetect,0")
    assert simulator.device.log.tail(9) == []
    await call(logs.SWITCH, logs.LogsSwitchRequest(enabled=True, confirm=True))
    simulator.device.note("EventStart", "MotionDetect,0")
    assert len(simulator.device.log.tail(9)) == 1


# --- power and defaults -------------------------------------------------------------------------------------


async def test_a_device_that_is_switched_off_goes_offline_and_stays_there(bench, call, simulator, device):
    heard = await bench.heard(device)
    await call(device_commands.SHUTDOWN, device_commands.DeviceShutdownRequest(confirm=True))
    assert (await heard.until("device.offline")).reason in ("rebooting", "connection-lost")
    assert simulator.state()["down"]


@pytest.mark.parametrize("sections", [["all"], ["general"], ["General.General"], ["Factory"]])
async def test_defaults_are_restored_by_group_by_name_or_all(call, simulator, sections):
    simulator.device.config.set("General.General.MachineName", "edited")
    reply = await call(config.RESET, config.ConfigResetRequest(sections=sections, confirm=True))
    assert reply.restart_needed is False
    assert simulator.device.config.get("General.General.MachineName") != "edited"


@pytest.mark.parametrize(("code", "reason"), [(521, "defaults-failed"), (523, "defaults-invalid")])
async def test_defaults_that_are_refused_say_why(call, simulator, code, reason):
    simulator.quirks.defaults_code = code
    with pytest.raises(DeviceRefused) as refused:
        await call(config.RESET, config.ConfigResetRequest(sections=["Encode"], confirm=True))
    assert (refused.value.reason, refused.value.device_code) == (reason, str(code))


async def test_defaults_may_need_a_restart(call, simulator):
    simulator.quirks.defaults_code = 522
    reply = await call(config.RESET, config.ConfigResetRequest(sections=["Encode"], confirm=True))
    assert reply.restart_needed


@pytest.mark.parametrize(
    ("spec", "request_"),
    [
        (logs.CLEAR, b"{}"),
        (logs.SWITCH, b'{"enabled":false}'),
        (device_commands.SHUTDOWN, b"{}"),
        (config.RESET, b'{"sections":["all"]}'),
        (config.IMPORT, b"{}"),
        (users.DELETE, b'{"name":"admin"}'),
    ],
)
async def test_what_destroys_something_sends_nothing_without_a_confirm(
    bench, call, simulator, device, spec, request_
):
    seen = []
    handle = simulator.role._handle
    simulator.role._handle = lambda request: (seen.append(request.message_id), handle(request))
    reply = await bench.bus.request(spec.subject(device), request_, timeout_s=5)
    assert reply.headers["Nats-Service-Error-Code"] == "400"
    assert set(seen) <= {1006}


# --- settings -----------------------------------------------------------------------------------------------


async def test_settings_out_of_range_are_refused_by_name_unless_they_are_meant(call, simulator):
    request = config.ConfigSetRequest(name="Detect.MotionDetect", channel=0, value={"Level": 9})
    with pytest.raises(BadRequest, match=r"Detect\.MotionDetect\.\[0\]\.Level: 9, wanted 1 to 6"):
        await call(config.SET, request)
    with pytest.raises(BadRequest, match=r"MainFormat\.Video\.FPS"):
        await call(video.SET, video.VideoSetRequest(channel=0, fps=120.0))
    written = await call(config.SET, request.model_copy(update={"unchecked": True}))
    assert written.value["Level"] == 9


@pytest.mark.parametrize("fragment_bytes", [0, 4096])
async def test_a_root_of_64_channels_comes_whole_over_the_bus(bench, device, fragment_bytes):
    async with DvripSimulator(user=USER, password=PASSWORD, channels=64, seed=1) as simulator:
        await bench.online(device, simulator)
        simulator.quirks.fragment_bytes = fragment_bytes
        reply = await bench.client.call(config.GET, config.ConfigGetRequest(name="Detect"), device=device)
    assert len(json.dumps(reply.value)) > 200_000
    assert reply.value == simulator.device.config.get("Detect")


# --- imports ------------------------------------------------------------------------------------------------


async def stored(bench, device, simulator):
    """An export of the simulated recorder in the object store."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("Config.json", json.dumps({"config": simulator.device.config.export()}))
    data = buffer.getvalue()
    info = await ObjectStore(bench.bus, OBJECTS_FILES).put(f"{device}/import.zip", data)
    return ObjectRef(bucket=OBJECTS_FILES, object=f"{device}/import.zip", sha256=info.sha256, bytes=len(data))


@pytest.mark.parametrize("in_parts", [False, True])
async def test_an_exported_configuration_is_imported(bench, simulator, device, in_parts):
    await bench.online(device, simulator, options={"import_in_parts": in_parts})
    file = await stored(bench, device, simulator)
    simulator.device.config.set("General.General.MachineName", "changed since")
    request = config.ConfigImportRequest(file=file, confirm=True)
    await bench.client.call(config.IMPORT, request, device=device)
    assert simulator.device.config.get("General.General.MachineName") != "changed since"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (601, "import-failed"),
        (604, "write-failed"),
        (605, "unsupported"),
        (606, "verification-failed"),
        (607, "unsupported"),
        (608, "unreadable"),
    ],
)
async def test_an_import_that_is_refused_says_why(bench, call, simulator, device, code, reason):
    file = await stored(bench, device, simulator)
    simulator.quirks.import_code = code
    with pytest.raises(CambusError) as refused:
        await call(config.IMPORT, config.ConfigImportRequest(file=file, confirm=True))
    assert (refused.value.reason, refused.value.device_code) == (reason, str(code))


# --- network alarm inputs -----------------------------------------------------------------------------------


async def test_network_alarm_inputs_are_switched_and_raise_alarms_until_disarmed(bench, call, device):
    heard = await bench.heard(device)
    await call(alarm.INPUTS_SET, alarm.AlarmInputsSetRequest(active=[0, 2]))
    raised = [await heard.until("alarm.raised") for _ in range(2)]
    assert [(event.type, event.input.kind, event.input.number) for event in raised] == [
        ("io", "network", 0),
        ("io", "network", 2),
    ]
    await call(alarm.INPUTS_SET, alarm.AlarmInputsSetRequest(active=[2]))
    assert (await heard.until("alarm.cleared")).raised == raised[0].id
    await call(alarm.DISARM, alarm.AlarmArmRequest())
    await call(alarm.INPUTS_SET, alarm.AlarmInputsSetRequest(active=[1]))
    await call(alarm.ARM, alarm.AlarmArmRequest())
    await call(alarm.INPUTS_SET, alarm.AlarmInputsSetRequest(active=[1, 3]))
    event = await heard.until("alarm.raised")
    assert event.input.number == 3  # the one raised in between was told to nobody


# --- a device that forgets the session ----------------------------------------------------------------------


async def test_a_forgotten_session_is_renewed_without_going_offline(bench, call, simulator, device):
    since = (await bench.presence.get(device)).value.since
    for session in simulator.sessions:
        simulator.role.sessions._sessions.pop(session.session_id)
    assert (await call(device_commands.INFO, Empty())).serial
    assert len(simulator.sessions) == 1
    assert (await bench.presence.get(device)).value.since == since
    heard = await bench.heard(device)
    simulator.raise_alarm("motion", 1)
    assert (await heard.until("alarm.raised")).channel == 1


# --- our own password ---------------------------------------------------------------------------------------


async def test_a_change_the_device_made_and_never_confirmed_is_found_out(bench, simulator, device):
    await bench.connector(dvrip_request_timeout_s=1.0)
    await bench.add(device, simulator)
    await bench.shown(device)
    heard = await bench.heard(device)
    await heard.until("device.online")
    simulator.quirks.silent_ids = {1488}
    request = users.UsersPasswordRequest(name=USER, new="an0ther-secret", confirm=True)
    with pytest.raises(CambusError):
        await bench.client.call(users.PASSWORD, request, device=device)
    await heard.until("device.online")
    entry = await bench.sealed.get(f"c-{device}")
    assert bench.keys.open(entry.value, f"c-{device}").password.get_secret_value() == "an0ther-secret"


async def test_a_change_the_device_refuses_leaves_everything_as_it_was(
    bench, call, simulator, device, monkeypatch
):
    monkeypatch.setattr(simulator.device.accounts, "change_password", lambda *_: 214)
    with pytest.raises(DeviceRefused) as refused:
        await call(users.PASSWORD, users.UsersPasswordRequest(name=USER, new="x", confirm=True))
    assert refused.value.reason == "bad-password-format"
    entry = await bench.sealed.get(f"c-{device}")
    account = bench.keys.open(entry.value, f"c-{device}")
    assert (account.password.get_secret_value(), account.previous_password) == (PASSWORD, None)


# --- another address ----------------------------------------------------------------------------------------


def hang_up_soon(simulator):
    """After the answer, as a device does that begins to use another address."""
    role = simulator.role
    role.timers.at(role.now + 0.05, lambda _: simulator.drop())


async def has_address(bench, device, address):
    async for key, entry in bench.devices.watch():
        if key == device and entry is not None and entry.value.address == address:
            return
    raise AssertionError("a watch never ends")


@pytest.mark.parametrize("way", ["port", "host", "root", "native"])
async def test_a_device_that_was_given_another_address_is_followed(bench, device, way):
    async with DvripSimulator(user=USER, password=PASSWORD, channels=1, seed=1) as simulator:
        await bench.online(device, simulator)
        heard = await bench.heard(device)
        await heard.until("device.online")
        host = "127.0.0.2" if way == "host" else "127.0.0.1"
        port = simulator.port if way == "host" else free_port()
        if way == "native":
            body = {"Name": "NetWork.NetCommon.TCPPort", "NetWork.NetCommon.TCPPort": port}
            message = {"id": 1040, "body": body}
            request = native.NativeCallRequest(protocol="dvrip", message=message, confirm=True)
            await bench.client.call(native.CALL, request, device=device)
        else:
            value = {"HostIP": "0x0200007F"} if way == "host" else {"TCPPort": port}
            name = "NetWork.NetCommon"
            if way == "root":
                name, value = "NetWork", {"NetCommon": value}
            request = config.ConfigSetRequest(name=name, value=value)
            await bench.client.call(config.SET, request, device=device)
        moved = await heard.until("exception.reported", lambda event: event.code == "address-changed")
        assert moved.detail["address"] == f"{host}:{port}"
        await has_address(bench, device, f"{host}:{port}")
        presence = await bench.shown(device, lambda p: p.online and p.address == f"{host}:{port}")
        assert presence.serial == simulator.device.identity.serial
        assert (simulator.host, simulator.port) == (host, port)


async def test_a_device_that_does_not_move_after_all_stays_where_it_was(bench, simulator, device):
    await bench.online(device, simulator)
    heard = await bench.heard(device)
    await heard.until("device.online")
    simulator.device.on_moved = lambda host, port: hang_up_soon(simulator)
    request = config.ConfigSetRequest(name="NetWork.NetCommon", value={"TCPPort": free_port()})
    await bench.client.call(config.SET, request, device=device)
    await heard.until("device.online")
    assert (await bench.devices.get(device)).value.address == f"127.0.0.1:{simulator.port}"


@pytest.mark.parametrize("password", [PASSWORD, "of somebody else"])
async def test_another_device_at_the_new_address_is_not_taken_for_it(bench, simulator, device, password):
    async with DvripSimulator(user=USER, password=password, channels=1, index=9) as other:
        await bench.online(device, simulator)
        heard = await bench.heard(device)
        await heard.until("device.online")
        simulator.device.on_moved = lambda host, port: hang_up_soon(simulator)
        request = config.ConfigSetRequest(name="NetWork.NetCommon", value={"TCPPort": other.port})
        await bench.client.call(config.SET, request, device=device)
        assert (await heard.until("device.online")).serial == simulator.device.identity.serial
        assert (await bench.devices.get(device)).value.address == f"127.0.0.1:{simulator.port}"
        assert bench.session(device).device._addresses() == [("127.0.0.1", simulator.port)]  # never again


async def test_a_change_that_needs_a_restart_is_followed_after_it(bench, device):
    async with DvripSimulator(user=USER, password=PASSWORD, channels=1, seed=1) as simulator:
        simulator.quirks.config_set_code, simulator.quirks.reboot_s = 603, 0.1
        moving = []
        simulator.device.on_moved = lambda host, port: moving.append((host, port))
        await bench.online(device, simulator)
        heard = await bench.heard(device)
        await heard.until("device.online")
        port = free_port()
        request = config.ConfigSetRequest(name="NetWork.NetCommon", value={"TCPPort": port})
        reply = await bench.client.call(config.SET, request, device=device)
        assert (reply.restart_needed, reply.value["TCPPort"]) == (True, port)
        simulator.drop()
        await heard.until("device.online")  # where it was: it has not restarted
        await simulator._move(*moving[0])
        assert (await heard.until("exception.reported", lambda e: e.code == "address-changed")).detail[
            "address"
        ] == f"127.0.0.1:{port}"
        await asyncio.wait_for(has_address(bench, device, f"127.0.0.1:{port}"), 30)


async def test_a_device_that_is_gone_before_it_answers_is_followed_too(bench, device):
    async with DvripSimulator(user=USER, password=PASSWORD, channels=1, seed=1) as simulator:
        await bench.online(device, simulator)
        moving = asyncio.get_running_loop().create_future()

        def go(host, port):
            simulator.drop()
            moving.set_result((host, port))

        simulator.device.on_moved = go
        port = free_port()
        request = config.ConfigSetRequest(name="NetWork.NetCommon", value={"TCPPort": port})
        with pytest.raises(CambusError):
            await bench.client.call(config.SET, request, device=device)
        await simulator._move(*await moving)
        await has_address(bench, device, f"127.0.0.1:{port}")
        await bench.shown(device, lambda p: p.online and p.address == f"127.0.0.1:{port}")


async def test_an_address_that_is_refused_is_not_looked_for(bench, simulator, device):
    simulator.quirks.config_set_code = 107
    await bench.online(device, simulator)
    request = config.ConfigSetRequest(name="NetWork.NetCommon", value={"TCPPort": free_port()})
    with pytest.raises(CambusError):
        await bench.client.call(config.SET, request, device=device)
    assert bench.session(device).device._addresses() == [("127.0.0.1", simulator.port)]
