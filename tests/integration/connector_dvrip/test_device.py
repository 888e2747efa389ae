"""A recorder from its record to its presence, and the questions one can ask it."""

from datetime import UTC, datetime, timedelta

import pytest

from cambus.schemas.commands import config, native, storage, users, video
from cambus.schemas.commands import device as device_commands
from cambus.schemas.errors import BadRequest, DeviceRefused, NotFound, Unsupported
from cambus.schemas.model import Empty
from cambus.simulators.dvrip import DvripSimulator

USER, PASSWORD = "admin", "c4nary-passw0rd"


@pytest.fixture
async def call(bench, simulator, device):
    await bench.online(device, simulator)

    async def send(spec, request):
        return await bench.client.call(spec, request, device=device)

    return send


async def test_a_recorder_comes_online_and_says_what_it_is(bench, simulator, device):
    presence = await bench.online(device, simulator)
    assert (presence.vendor, presence.serial) == ("Xiongmai", simulator.device.identity.serial)
    assert presence.software_version == simulator.firmware
    assert [channel.channel for channel in presence.channels] == [0, 1]
    assert presence.channels[0].streams == ["main", "sub"]
    assert (presence.connection, presence.encrypted) == ("dialled", False)
    presence = await bench.shown(device, lambda p: p.drift_s is not None)
    assert abs(presence.drift_s) < 3


@pytest.mark.parametrize(
    "quirks",
    [
        {"tail": "crlf", "sequence": "own", "version": 0},
        {"tail": "none", "sequence": "zero", "sid_format": "lower"},
        {"fragment_bytes": 150},
        {"keys": "modern", "sequence": "echo_plus_1", "text_encoding": "gbk"},
        {"device_type_space": False, "alive_interval": -1, "sid_format": "none"},
        {"absent_abilities": "SystemFunction", "config_607": "NetWork.NetCommon"},
    ],
)
async def test_recorders_with_ways_of_their_own_come_online_all_the_same(bench, simulator, device, quirks):
    simulator.update_quirks(quirks)
    presence = await bench.online(device, simulator)
    assert presence.channels_total == 2


async def test_info_names_everything(call, simulator):
    reply = await call(device_commands.INFO, Empty())
    assert reply.serial == simulator.device.identity.serial
    assert reply.mac == simulator.device.identity.mac
    assert (reply.channels_total, len(reply.channels)) == (2, 2)
    assert reply.native["SerialNo"] == reply.serial


async def test_status_tells_disks_channels_and_alarms(call, simulator):
    simulator.raise_alarm("motion", 1)
    reply = await call(device_commands.STATUS, Empty())
    assert reply.alarms.motion == [1]
    assert [channel.channel for channel in reply.channels] == [0, 1]
    assert reply.disks[0].total_bytes > 0
    assert reply.armed


async def test_capabilities_list_what_is_answered(call):
    reply = await call(device_commands.CAPABILITIES, Empty())
    assert {"ptz.move", "live.start", "snapshot.take", "native.call"} <= set(reply.commands)
    assert "alarm.reset" not in reply.commands


async def test_storage_is_listed(call):
    reply = await call(storage.LIST, Empty())
    assert reply.disks[0].partitions[0].role == "read-write"


# --- the clock ----------------------------------------------------------------------------------------------


async def test_the_clock_is_read_and_set(call, simulator):
    reply = await call(device_commands.TIME_SET, device_commands.DeviceTimeSetRequest())
    assert abs(reply.drift_s) < 3
    wanted = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    reply = await call(device_commands.TIME_SET, device_commands.DeviceTimeSetRequest(time=wanted))
    assert abs((reply.device_time - wanted).total_seconds()) < 3


async def test_a_clock_that_is_wrong_is_reported_once_and_shown(bench, simulator, device):
    simulator.device.clock.set_offset(-93)
    heard = await bench.heard(device)
    await bench.online(device, simulator)
    drift = await heard.until("exception.reported", lambda event: event.code == "clock-drift")
    assert -96 < drift.detail["drift_s"] < -90
    for _ in range(3):
        await bench.session(device)._watch.look_at_clock()  # still wrong, which is no news
    await bench.client.call(device_commands.TIME_GET, Empty(), device=device)
    presence = await bench.shown(device, lambda p: p.drift_s is not None)
    assert -96 < presence.drift_s < -90
    await bench.client.call(device_commands.TIME_SET, device_commands.DeviceTimeSetRequest(), device=device)
    reported = []
    simulator.drop()
    while True:  # everything up to the next time it comes online
        name, event = await heard.next()
        if name == "exception.reported":
            reported.append(event.code)
        if name == "device.online":
            break
    assert reported == []


async def test_a_clock_can_be_set_right_by_itself(bench, simulator, device):
    simulator.device.clock.set_offset(-93)
    await bench.online(device, simulator, options={"clock_correct": True})
    await simulator.wait_for(lambda: abs(simulator.device.clock.offset) < timedelta(seconds=3))


async def test_times_are_those_of_the_devices_zone(bench, device):
    async with DvripSimulator(user=USER, password=PASSWORD, channels=1, utc_offset_minutes=480) as simulator:
        await bench.online(device, simulator)
        reply = await bench.client.call(device_commands.TIME_GET, Empty(), device=device)
        assert abs((reply.device_time - datetime.now(UTC)).total_seconds()) < 5
        assert reply.local_time[:13] == (datetime.now(UTC) + timedelta(hours=8)).isoformat()[:13]


# --- power --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answered", [True, False])
async def test_a_restart_succeeds_with_and_without_an_answer_and_the_return_is_seen(
    bench, simulator, device, answered
):
    simulator.quirks.reboot_reply, simulator.quirks.reboot_s = answered, 0.3
    await bench.online(device, simulator)
    heard = await bench.heard(device)
    await heard.until("device.online")
    request = device_commands.DeviceRebootRequest(confirm=True)
    await bench.client.call(device_commands.REBOOT, request, device=device)
    assert (await heard.until("device.offline")).reason in ("rebooting", "connection-lost")
    await heard.until("device.online")
    assert simulator.device.boots == 2


async def test_a_restart_without_confirm_sends_nothing(bench, simulator, device):
    await bench.online(device, simulator)
    reply = await bench.bus.request(device_commands.REBOOT.subject(device), b"{}", timeout_s=5)
    assert reply.headers["Nats-Service-Error-Code"] == "400"
    assert simulator.device.boots == 1
    assert simulator.sessions


# --- settings -----------------------------------------------------------------------------------------------


async def test_settings_are_read_by_leaf_element_and_default(call):
    whole = await call(config.GET, config.ConfigGetRequest(name="Detect.MotionDetect"))
    assert len(whole.value) == 2
    one = await call(config.GET, config.ConfigGetRequest(name="Detect.MotionDetect", channel=1))
    assert one.value == whole.value[1]
    default = await call(config.GET, config.ConfigGetRequest(name="Detect.MotionDetect", default=True))
    assert len(default.value) == 2


async def test_writing_one_field_keeps_the_others(call, simulator):
    before = (await call(config.GET, config.ConfigGetRequest(name="Detect.MotionDetect", channel=0))).value
    level = 1 + before["Level"] % 6
    written = await call(
        config.SET, config.ConfigSetRequest(name="Detect.MotionDetect", channel=0, value={"Level": level})
    )
    assert written.value == {**before, "Level": level}


async def test_events_are_switched_to_us_or_the_alarm_centre_and_keep_what_else_they_do(
    bench, call, simulator, device
):
    simulator.quirks.config_merge = False  # what is not written is gone
    name = "Detect.MotionDetect"
    before = (await call(config.GET, config.ConfigGetRequest(name=name, channel=0))).value
    assert len(before["EventHandler"]) > 20
    ways = {"MsgtoNetEnable": False, "MessageEnable": True}
    assert {key: before["EventHandler"][key] for key in ways} != ways
    await call(config.SET, config.ConfigSetRequest(name=name, channel=0, value={"EventHandler": ways}))
    expected = {**before, "EventHandler": {**before["EventHandler"], **ways}}
    assert simulator.device.config.get(name)[0] == expected
    heard = await bench.heard(device)
    simulator.raise_alarm("motion", 0)
    simulator.raise_alarm("motion", 1)
    assert (await heard.until("alarm.raised")).channel == 1  # of channel 0 we are told no more
    back = {"MsgtoNetEnable": True}
    await call(config.SET, config.ConfigSetRequest(name=name, channel=0, value={"EventHandler": back}))
    simulator.raise_alarm("motion", 0)
    assert (await heard.until("alarm.raised")).channel == 0


@pytest.mark.parametrize(("code", "restart"), [(100, False), (150, True), (602, True), (603, True)])
async def test_a_needed_restart_is_told(call, simulator, code, restart):
    simulator.quirks.config_set_code = code
    written = await call(
        config.SET, config.ConfigSetRequest(name="Detect.MotionDetect", channel=0, value={"Level": 2})
    )
    assert written.restart_needed is restart


async def test_a_setting_the_device_has_not_is_501(call):
    with pytest.raises(Unsupported):
        await call(config.GET, config.ConfigGetRequest(name="No.Such"))


async def test_a_setting_that_is_only_in_its_root_is_found(call, simulator):
    simulator.quirks.config_607 = {"Detect.MotionDetect"}
    reply = await call(config.GET, config.ConfigGetRequest(name="Detect.MotionDetect"))
    assert len(reply.value) == 2


async def test_titles_are_read_written_and_shown(bench, call, simulator, device):
    before = (await call(config.GET, config.ConfigGetRequest(name="ChannelTitle"))).value
    assert before == simulator.device.titles()
    written = await call(
        config.SET, config.ConfigSetRequest(name="ChannelTitle", channel=1, value="North gate")
    )
    assert written.value == [before[0], "North gate"] == simulator.device.titles()
    presence = await bench.shown(device, lambda p: p.channels[1].name == "North gate")
    assert presence.online


async def test_secrets_in_settings_are_blanked_and_not_written_back(call):
    read = (await call(config.GET, config.ConfigGetRequest(name="NetWork.NetEmail"))).value
    assert read["MailServer"]["Password"] == "***"
    written = await call(config.SET, config.ConfigSetRequest(name="NetWork.NetEmail", value=read))
    assert written.value["MailServer"]["Password"] == "***"


@pytest.mark.parametrize("merges", [True, False])
async def test_encoder_settings_change_only_where_asked(call, simulator, merges):
    simulator.quirks.config_merge = merges
    before = (await call(video.GET, video.VideoGetRequest())).encoders
    assert {(each.channel, each.stream) for each in before} == {
        (0, "main"),
        (0, "sub"),
        (1, "main"),
        (1, "sub"),
    }
    assert (before[0].width, before[0].height, before[0].codec) == (640, 480, "h264")
    request = video.VideoSetRequest(channel=0, stream="main", bitrate_kbps=1500, fps=12.0)
    after = (await call(video.SET, request)).settings
    assert (after.bitrate_kbps, after.fps) == (1500, 12.0)
    again = (await call(video.GET, video.VideoGetRequest())).encoders
    assert again[1:] == before[1:]
    native_before = {**before[0].native["Video"], "BitRate": 1500, "FPS": 12}
    assert again[0].native["Video"] == native_before


async def test_an_encoder_that_is_not_there_or_a_size_without_a_name_is_refused(call):
    with pytest.raises(NotFound):
        await call(video.SET, video.VideoSetRequest(channel=0, stream="third", fps=5.0))
    with pytest.raises(BadRequest, match="width"):
        await call(video.SET, video.VideoSetRequest(channel=0, width=1001, height=77))


# --- accounts -----------------------------------------------------------------------------------------------


async def test_accounts_are_listed_without_their_passwords(call, simulator):
    reply = await call(users.LIST, Empty())
    assert USER in [user.name for user in reply.users]
    assert reply.authorities
    assert "assword" not in reply.model_dump_json()


async def test_our_own_password_is_changed_and_the_next_login_uses_it(bench, call, simulator, device):
    request = users.UsersPasswordRequest(name=USER, new="an0ther-secret", confirm=True)
    await call(users.PASSWORD, request)
    heard = await bench.heard(device)
    simulator.drop()
    await heard.until("device.offline")
    await bench.shown(device, lambda presence: presence.online and presence.since.timestamp() > 0)
    await heard.until("device.online")
    entry = None
    while entry is None or bench.keys.open(entry.value, f"c-{device}").previous_password is not None:
        entry = await bench.sealed.get(f"c-{device}")
    stored = bench.keys.open(entry.value, f"c-{device}")
    assert stored.password.get_secret_value() == "an0ther-secret"


async def test_a_change_that_was_cut_off_before_the_device_heard_it_still_lets_us_in(
    bench, simulator, device
):
    from cambus.schemas.state.credentials import Credentials

    await bench.connector()
    await bench.add(device, simulator, enabled=False)
    both = Credentials(username=USER, password="never-arrived", previous_password=PASSWORD)
    await bench.sealed.put(f"c-{device}", bench.keys.seal(both, f"c-{device}"))
    record = (await bench.devices.get(device)).value
    await bench.devices.put(device, record.model_copy(update={"enabled": True}))
    await bench.shown(device)
    entry = await bench.sealed.get(f"c-{device}")
    assert bench.keys.open(entry.value, f"c-{device}").password.get_secret_value() == PASSWORD


# --- any message --------------------------------------------------------------------------------------------


async def test_any_message_can_be_sent_by_its_id(call):
    request = native.NativeCallRequest(protocol="dvrip", message={"id": 1020, "body": {"Name": "WorkState"}})
    reply = await call(native.CALL, request)
    assert reply.code == "100"
    assert "WorkState" in reply.native


async def test_a_message_that_may_do_something_needs_a_confirm(call, simulator):
    message = {"id": 1450, "body": {"Name": "OPMachine", "OPMachine": {"Action": "Reboot"}}}
    with pytest.raises(BadRequest, match="confirm"):
        await call(native.CALL, native.NativeCallRequest(protocol="dvrip", message=message))
    assert simulator.device.boots == 1


async def test_the_sessions_own_messages_and_other_protocols_are_refused(call):
    with pytest.raises(BadRequest, match="session"):
        await call(
            native.CALL, native.NativeCallRequest(protocol="dvrip", message={"id": 1002}, confirm=True)
        )
    with pytest.raises(BadRequest, match="dvrip"):
        await call(native.CALL, native.NativeCallRequest(protocol="onvif", message={"id": 1020}))


async def test_what_the_device_says_no_to_has_its_code(call):
    request = native.NativeCallRequest(protocol="dvrip", message={"id": 1020, "body": {"Name": "Nothing"}})
    reply = await call(native.CALL, request)
    assert reply.code != "100"
    with pytest.raises((DeviceRefused, Unsupported, NotFound)) as refused:
        await call(users.DELETE, users.UsersDeleteRequest(name="nobody", confirm=True))
    assert refused.value.device_code is not None
