"""Recorders that dial the connector: on the bus they are like any other (DVRIP §11)."""

import hashlib
from datetime import UTC, datetime, timedelta

import av
import pytest

from cambus.client.kv import KeyValue
from cambus.client.objects import ObjectStore
from cambus.media.frame import Codec, Kind
from cambus.schemas import keys, subjects
from cambus.schemas.assets import KV_LEASES, OBJECTS_FIRMWARE
from cambus.schemas.commands import config, live, ptz, recording, snapshot, upgrade
from cambus.schemas.commands import device as device_commands
from cambus.schemas.errors import Offline
from cambus.schemas.model import Empty
from cambus.schemas.state.inbound import Knock
from cambus.schemas.state.presence import DeviceState
from cambus.simulators.dvrip import DvripSimulator

IDENTITY = "123456"
USER, PASSWORD = "admin", "c4nary-passw0rd"


@pytest.fixture
async def call(bench, simulator, device):
    """A recorder that has dialled in, and a way to command it."""
    await bench.registered(device, simulator)

    async def send(spec, request):
        return await bench.client.call(spec, request, device=device)

    return send


async def knock(bench, identity):
    """Wait until a device nobody knows is shown."""
    key = keys.knock("dvrip", identity)
    async for _, entry in KeyValue(bench.bus, KV_LEASES, Knock).watch(key):
        if entry is not None:
            return entry.value
    raise AssertionError("a watch never ends")


# --- like any other -----------------------------------------------------------------------------------------


async def test_a_recorder_that_dials_in_is_online(bench, simulator, device):
    shown = await bench.registered(device, simulator)
    assert (shown.connection, shown.address, shown.state) == ("registered", "127.0.0.1", "online")
    assert (shown.serial, shown.channels_total) == (simulator.device.identity.serial, 2)
    assert [each.registered for each in simulator.sessions] == [True]


async def test_commands_reach_it_over_its_own_connection(call, simulator):
    await call(ptz.MOVE, ptz.PtzMoveRequest(channel=1, pan=1))
    assert simulator.head(1).history[-1].command == "DirectionRight"
    info = await call(device_commands.INFO, Empty())
    assert info.serial == simulator.device.identity.serial
    reply = await call(config.GET, config.ConfigGetRequest(name="NetWork.NetCommon"))
    assert reply.value["TCPPort"] == simulator.port
    assert [each.registered for each in simulator.sessions] == [True]  # nobody has dialled it


@pytest.mark.parametrize(("channel", "codec"), [(0, "h264"), (1, "hevc")])
async def test_its_pictures_decode(bench, call, device, channel, codec):
    watched = await bench.view(device, channel)

    def pictures(frames):
        return [frame for frame in frames if frame.kind is Kind.VIDEO]

    frames = pictures(await watched.until(lambda frames: len(pictures(frames)) >= 30))
    assert frames[0].keyframe
    assert frames[0].codec is (Codec.H264 if codec == "h264" else Codec.H265)
    decoder = av.CodecContext.create(codec, "r")
    found = [picture for frame in frames for picture in decoder.decode(av.Packet(frame.payload))]
    assert len(found + decoder.decode(None)) == len(frames)


async def test_after_the_last_viewer_its_second_connection_is_closed(bench, call, simulator, device):
    watched = await bench.view(device)
    await watched.until(lambda frames: len(frames) > 5)
    assert simulator.connection_count == 2
    stop = live.LiveStopRequest(channel=0, stream="main", claimant="viewer")
    await call(live.STOP, stop)
    await simulator.wait_for(lambda: simulator.connection_count == 1, 30.0)
    assert not simulator.streams


async def test_its_alarms_are_published(bench, call, simulator, device):
    heard = await bench.heard(device)
    simulator.raise_alarm("motion", 1)
    raised = await heard.until("alarm.raised")
    assert (raised.type, raised.channel, raised.via) == ("motion", 1, "session")


@pytest.mark.parametrize("how", ["one", "silence"])
async def test_it_gives_pictures(bench, call, simulator, how):
    simulator.quirks.snapshot = how
    reference = await call(snapshot.TAKE, snapshot.SnapshotTakeRequest(channel=0))
    assert (reference.content_type, reference.width) == ("image/jpeg", 640)


async def test_its_recordings_are_found_and_played(bench, call, device):
    span = {"start": datetime(2000, 1, 2, tzinfo=UTC), "end": datetime.now(UTC) + timedelta(days=1)}
    found = await call(recording.FIND, recording.RecordingFindRequest(channel=0, limit=5, **span))
    first = found.recordings[0]
    request = recording.RecordingPlayRequest(
        channel=0, recording=first.id, start=first.start, end=first.end, claimant="viewer"
    )
    reply = await call(recording.PLAY, request)
    watched = await bench.watch(reply.subject)
    await call(recording.TOUCH, recording.RecordingSessionRequest(session=reply.session))
    frames = await watched.until(lambda frames: len(frames) >= 10)
    assert frames[0].payload
    await call(recording.STOP, recording.RecordingSessionRequest(session=reply.session))


async def test_it_is_upgraded_and_dials_in_anew(bench, call, simulator, device, unique):
    simulator.quirks.reboot_s = 0.1
    heard = await bench.heard(device)
    before, image = simulator.firmware, bytes(range(256)) * 200
    await ObjectStore(bench.bus, OBJECTS_FIRMWARE).put(f"{unique}.bin", image)
    digest = hashlib.sha256(image).hexdigest()
    order = upgrade.UpgradeStartRequest(
        job=f"job-{unique}",
        object=f"{unique}.bin",
        sha256=digest,
        size_bytes=len(image),
        confirm=True,
        force=True,
    )
    await call(upgrade.START, order)
    finished = await heard.until("upgrade.finished")
    assert (finished.state, finished.version_before) == ("succeeded", before)
    assert finished.version_after == simulator.firmware != before
    assert [each.sha256 for each in simulator.images] == [digest]
    await bench.shown(device)


async def test_a_recorder_we_dial_can_be_told_to_dial_us(bench, simulator, device):
    """The setting is written over the bus; the record that waits for it comes online (NetWork.DAS)."""
    await bench.connector(dvrip_registration_port=0)
    await bench.add(device, simulator)
    await bench.shown(device)
    await bench.add(f"{device}-in", "", address=None, options={"device_id": "van-7"})
    await bench.known("van-7")
    settings = {
        "Enable": True,
        "DeviceID": "van-7",
        "UserName": USER,
        "Password": PASSWORD,
        "ServerAddr": "127.0.0.1",
        "Port": bench.connectors["replica-1"].service.registration.port,
    }
    request = config.ConfigSetRequest(name="NetWork.DAS", value=settings, confirm=True)
    await bench.client.call(config.SET, request, device=device)
    shown = await bench.shown(f"{device}-in")
    assert (shown.connection, shown.serial) == ("registered", simulator.device.identity.serial)


# --- who is let in ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", ["md5", "none_plain", "none_hash"])
@pytest.mark.parametrize("form", ["number", "string", "devicid"])
async def test_however_it_says_who_it_is(bench, simulator, device, secret, form):
    simulator.quirks.das_secret = secret
    simulator.quirks.das_id_form = form
    await bench.registered(device, simulator)


@pytest.mark.parametrize("login_id", [999, 1000, 1008])
async def test_whatever_id_its_login_has(bench, simulator, device, login_id):
    simulator.quirks.das_login_id = login_id
    await bench.registered(device, simulator)


async def test_the_id_of_the_record_is_its_name_by_default(bench, simulator, device):
    await bench.connector(dvrip_registration_port=0)
    await bench.add(device, "", address=None)
    await bench.known(device)
    bench.dial(simulator, identity=device)
    await bench.shown(device)


@pytest.mark.parametrize(
    ("shown", "reason"),
    [({"password": "wrong"}, "wrong-password"), ({"user": "guest"}, "unknown-user")],
)
async def test_a_wrong_account_is_refused_told_and_shown(bench, simulator, device, shown, reason):
    await bench.connector(dvrip_registration_port=0)
    heard = await bench.heard(device)
    await bench.add(device, "", address=None, options={"device_id": IDENTITY})
    await bench.known(IDENTITY)
    bench.dial(simulator, **shown)
    failed = await heard.until("device.auth-failed")
    assert (failed.direction, failed.reason, failed.source) == ("from-device", reason, "127.0.0.1")
    state = await bench.shown(device, lambda p: p.last_error is not None)
    assert (state.online, state.last_error.reason) == (False, reason)
    with pytest.raises(Offline):
        await bench.client.call(device_commands.INFO, Empty(), device=device)


async def test_a_strict_record_takes_no_hash_for_a_password(bench, simulator, device):
    simulator.quirks.das_secret = "none_hash"
    await bench.connector(dvrip_registration_port=0)
    options = {"device_id": IDENTITY, "strict_registration": True}
    await bench.add(device, "", address=None, options=options)
    await bench.known(IDENTITY)
    bench.dial(simulator)
    state = await bench.shown(device, lambda p: p.last_error is not None)
    assert state.last_error.reason == "wrong-password"


async def test_the_password_before_still_opens(bench, simulator, device, eventually):
    """Our own change of the account's password does not reach what the device registers with."""
    await bench.registered(device, simulator)
    credentials = bench.keys.open((await bench.sealed.get(f"c-{device}")).value, f"c-{device}")
    changed = credentials.model_copy(
        update={"password": type(credentials.password)("new"), "previous_password": credentials.password}
    )
    await bench.sealed.put(f"c-{device}", bench.keys.seal(changed, f"c-{device}"))
    connector = bench.connectors["replica-1"]
    await eventually(lambda: connector.service.credentials.open(f"c-{device}") == changed)
    simulator.registration.drop_main()
    await bench.shown(device, lambda p: not p.online)
    await bench.shown(device)


async def test_a_stranger_is_refused_and_shown(bench, simulator, unique):
    await bench.connector(dvrip_registration_port=0)
    bench.dial(simulator, identity=unique)
    seen = await knock(bench, unique)
    assert (seen.outcome, seen.address, seen.kind, seen.channels) == ("refused", "127.0.0.1", "DVR", 2)
    await simulator.wait_for(lambda: simulator.registration.last_code == 205)


async def test_a_stranger_may_wait_for_its_record(bench, simulator, device, unique, eventually):
    await bench.connector(dvrip_registration_port=0, dvrip_registration_unknown="pending")
    bench.dial(simulator, identity=unique)
    assert (await knock(bench, unique)).outcome == "pending"
    await simulator.wait_for(lambda: simulator.registration.logins == 1)
    await bench.add(device, "", address=None, options={"device_id": unique})
    await bench.shown(device)
    assert simulator.registration.logins == 2  # it had to show its account

    async def forgotten():
        return await KeyValue(bench.bus, KV_LEASES, Knock).get(keys.knock("dvrip", unique)) is None

    await eventually(forgotten)


async def test_a_device_that_waits_is_not_commanded(bench, simulator, unique):
    await bench.connector(dvrip_registration_port=0, dvrip_registration_unknown="pending")
    bench.dial(simulator, identity=unique)
    await knock(bench, unique)
    await simulator.wait_for(lambda: simulator.registration.logins == 1)
    waiting = bench.connectors["replica-1"].service.registration.listener.devices[unique]
    assert waiting.is_pending
    assert waiting.control.bytes_sent == 0
    assert bench.connectors["replica-1"].service.fleet.unit(unique) is None


async def test_only_so_many_strangers_wait(bench, simulator, unique):
    await bench.connector(
        dvrip_registration_port=0, dvrip_registration_unknown="pending", dvrip_registration_pending=0
    )
    bench.dial(simulator, identity=unique)
    assert (await knock(bench, unique)).outcome == "refused"


async def test_a_disabled_device_is_refused_and_no_stranger(bench, simulator, unique):
    await bench.connector(dvrip_registration_port=0, dvrip_registration_unknown="pending")
    await bench.add(unique, "", address=None, enabled=False)
    await bench.shown(unique, lambda p: p.state is DeviceState.DISABLED)
    bench.dial(simulator, identity=unique)
    await simulator.wait_for(lambda: simulator.registration.last_code == 205)
    assert bench.connectors["replica-1"].service.knocks.identities == []


async def test_without_a_port_no_device_can_dial_in(bench, device):
    await bench.connector()
    await bench.add(device, "", address=None)
    shown = await bench.shown(device, lambda p: p.last_error is not None)
    assert shown.last_error.reason == "invalid-record"
    assert "CAMBUS_DVRIP_REGISTRATION_PORT" in shown.last_error.text


# --- coming and going ---------------------------------------------------------------------------------------


async def test_a_lost_connection_is_offline_and_a_new_one_online(bench, simulator, device):
    before = await bench.registered(device, simulator)
    heard = await bench.heard(device)
    simulator.registration.drop_main()
    assert (await heard.until("device.offline")).reason == "connection-lost"
    after = await bench.shown(device, lambda p: p.online and p.epoch > before.epoch)
    assert after.last_error.reason == "connection-lost"


async def test_a_second_recorder_of_the_same_name_replaces_the_first(bench, simulator, device):
    before = await bench.registered(device, simulator)
    heard = await bench.heard(device)
    async with DvripSimulator(user=USER, password=PASSWORD, channels=1, index=1) as second:
        bench.dial(second, identity=IDENTITY)
        assert (await heard.until("device.offline")).reason == "replaced"
        await bench.shown(
            device,
            lambda p: p.online and p.serial == second.device.identity.serial and p.epoch > before.epoch,
        )
        told = await heard.until("exception.reported", lambda event: event.code == "serial-changed")
        assert simulator.device.identity.serial in told.text
        assert second.device.identity.serial in told.text


async def test_two_recorders_of_one_name_are_reported(bench, simulator, device):
    """Each that is replaced dials again and replaces the other, for as long as both are there."""
    await bench.registered(device, simulator)
    heard = await bench.heard(device)
    async with DvripSimulator(user=USER, password=PASSWORD, channels=1, index=1) as second:
        bench.dial(second, identity=IDENTITY)
        alert = await heard.until("exception.reported", lambda event: event.code != "serial-changed")
        assert (alert.code, alert.severity) == ("registration-flapping", "major")


async def test_the_same_recorder_that_dials_again_is_no_other(bench, simulator, device):
    before = await bench.registered(device, simulator)
    heard = await bench.heard(device)
    simulator.registration.drop_main()
    await bench.shown(device, lambda p: p.online and p.epoch > before.epoch)
    simulator.raise_alarm("motion", 0)
    while (event := await heard.next())[0] != "alarm.raised":
        assert event[0] != "exception.reported"


async def test_a_stop_hangs_up_and_the_recorder_dials_another_replica(bench, simulator, device):
    await bench.registered(device, simulator)
    heard = await bench.heard(device)
    await bench.connector("replica-2", dvrip_registration_port=0)
    await bench.known(IDENTITY)
    await bench.connectors["replica-1"].stop()
    assert (await heard.until("device.offline")).reason == "handed-over"
    await simulator.wait_for(lambda: simulator.connection_count == 0)
    bench.dial(simulator, "replica-2")
    assert (await bench.shown(device, lambda p: p.online)).replica == "replica-2"


async def test_a_reboot_is_told_as_one(bench, call, simulator, device):
    simulator.quirks.reboot_s = 0.1
    heard = await bench.heard(device)
    await call(device_commands.REBOOT, device_commands.DeviceRebootRequest(confirm=True))
    assert (await heard.until("device.offline")).reason == "rebooting"
    await bench.shown(device, lambda p: p.state is DeviceState.ONLINE)


async def test_the_loss_of_its_main_connection_ends_its_pictures(bench, call, simulator, device):
    watched = await bench.view(device)
    await watched.until(lambda frames: len(frames) > 5)
    heard = await bench.heard(device)
    simulator.quirks.das_login_id = 1002  # it does not get in again
    simulator.registration.drop_main()
    assert (await heard.until("device.offline")).reason == "connection-lost"
    await simulator.wait_for(lambda: not simulator.streams)
    with pytest.raises(Offline):
        await bench.client.call(device_commands.INFO, Empty(), device=device)


@pytest.mark.parametrize("checked", [True, False])
async def test_where_pictures_may_come_from_is_a_setting(bench, checked):
    connector = await bench.connector(
        dvrip_registration_port=0,
        dvrip_registration_check_address=checked,
        dvrip_registration_guests=7,
        dvrip_registration_guests_per_address=3,
    )
    settings = connector.service.registration.listener.settings
    assert settings.check_address is checked
    assert (settings.limits.total, settings.limits.per_address) == (7, 3)


async def test_what_happens_on_the_port_is_counted(bench, simulator, device):
    connector = await bench.connector(dvrip_registration_port=0)
    bench.dial(simulator, password="wrong")
    await simulator.wait_for(lambda: simulator.registration.last_code is not None)
    connector.service.registration.count()
    text = connector.service.runtime.metrics.render().decode()
    assert 'cambus_dvrip_registration_total{what="logins_refused"} 1.0' in text
    assert 'cambus_connector_knocks_total{outcome="refused",protocol="dvrip"} 1.0' in text
    assert subjects.PREFIX not in text
