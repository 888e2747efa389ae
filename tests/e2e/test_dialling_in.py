"""A recorder that dials the connector: commands, pictures and alarms over its own connection; two replicas; a crash."""

import asyncio
import signal
from dataclasses import replace
from itertools import islice
from urllib.parse import urlsplit

import av
import pytest
import pytest_asyncio
from suite import PASSWORD, USER, recorder_device, running_suite, until

from cambus.client.discovery import ping
from cambus.schemas import headers as header
from cambus.schemas.commands import device as device_commands
from cambus.schemas.commands import media_relay, ptz
from cambus.schemas.events import alarm as alarm_events
from cambus.schemas.events import device as device_events
from cambus.schemas.model import Empty
from cambus.schemas.state.presence import DeviceState

pytestmark = pytest.mark.asyncio(loop_scope="module")

VAN = "van"
FIRST, SECOND = "connector-dvrip-0", "connector-dvrip-1"
CONNECTOR = "connector-dvrip"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def van():
    async with recorder_device(name="Van", index=7) as simulator:
        yield simulator


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(folder, van):
    listening = {"CAMBUS_DVRIP_REGISTRATION_PORT": "0"}
    async with running_suite(folder, CONNECTOR, "media-relay", settings=listening) as running:
        yield running


async def port_of(suite, replica):
    """Where a replica is dialled; it says so on the bus."""
    while True:
        for instance in await ping(suite.bus, CONNECTOR):
            if instance.id == replica and "registration" in instance.metadata:
                return urlsplit(instance.metadata["registration"]).port


async def dial(suite, van, replica):
    van.register_with("127.0.0.1", await port_of(suite, replica), user=USER, password=PASSWORD, device_id=VAN)


async def answered_by(suite):
    """The replica that answers a command, and under which epoch."""
    subject = device_commands.TIME_GET.subject(VAN)
    reply = await suite.bus.nc.request(subject, b"{}", timeout=10)
    return reply.headers.get(header.OWNER), int(reply.headers[header.EPOCH])


async def test_a_stranger_is_listed_and_becomes_a_device_by_its_record(suite, van):
    await dial(suite, van, FIRST)
    await van.wait_for(lambda: van.registration.last_code == 205, 30.0)

    async def listed():
        ran = await suite.cambusctl("devices", "--pending", "--json")
        return [(each["identity"], each["outcome"]) for each in ran.json] == [(VAN, "refused")]

    await until(listed, what="the stranger listed")
    (suite.folder / "van.password").write_text(PASSWORD)
    (suite.folder / "devices.yaml").write_text(
        f"""devices:
  - id: {VAN}
    protocol: dvrip
    credentials: {{username: {USER}, password_file: van.password}}
"""
    )
    ran = await suite.cambusctl("apply", "-f", "devices.yaml")
    assert ran.code == 0, ran.err
    presence = await suite.online(VAN, 60.0)
    assert (presence.connection, presence.replica) == ("registered", FIRST)
    assert presence.serial == van.device.identity.serial
    event = await suite.events.find(device_events.ONLINE, VAN)
    assert (event.connection, event.epoch) == ("registered", presence.epoch)


async def test_a_command_moves_its_camera(suite, van):
    await suite.client.call(ptz.MOVE, ptz.PtzMoveRequest(channel=0, pan=1.0), device=VAN)
    assert van.head(0).moving
    await suite.client.call(ptz.STOP, ptz.PtzChannelRequest(channel=0), device=VAN)
    assert not van.head(0).moving
    assert [session.registered for session in van.sessions] == [True]


async def pictures(suite):
    """The sizes of the pictures FFmpeg finds in what the relay serves."""
    request = media_relay.LiveOpenRequest(device=VAN, channel=0)
    urls = await suite.client.call(media_relay.LIVE_OPEN, request)

    def decode():
        with av.open(urls.flv, timeout=30.0) as opened:
            frames = islice(opened.decode(video=0), 20)
            return {(frame.width, frame.height) for frame in frames}

    return await asyncio.to_thread(decode)


async def test_its_pictures_decode_through_the_relay(suite):
    assert await pictures(suite) == {(320, 240)}


async def test_its_alarms_arrive(suite, van):
    van.raise_alarm("motion", 1)
    raised = await suite.events.find(alarm_events.RAISED, VAN)
    assert (raised.type, raised.channel) == ("motion", 1)


async def test_it_moves_to_the_replica_it_dials(suite, van):
    process = suite.stack.process(CONNECTOR)
    environment = {
        **process.spec.env,
        "CAMBUS_INSTANCE": SECOND,
        "CAMBUS_DATA_DIR": str(suite.folder / SECOND),
        "CAMBUS_DVRIP_REGISTRATION_PORT": "0",
    }
    log = suite.stack.options.log(SECOND)
    suite.stack.run(replace(process.spec, name=SECOND, env=environment, log=log))
    before = await suite.online(VAN)
    owner, epoch = await answered_by(suite)
    assert (owner, epoch) == (FIRST, before.epoch)
    await dial(suite, van, SECOND)
    after = await suite.presence_like(VAN, lambda p: p.online and p.replica == SECOND, 60.0)
    assert after.epoch > before.epoch
    assert await answered_by(suite) == (SECOND, after.epoch)
    await suite.client.call(ptz.MOVE, ptz.PtzMoveRequest(channel=0, pan=-1.0), device=VAN)
    assert van.head(0).moving
    await suite.client.call(ptz.STOP, ptz.PtzChannelRequest(channel=0), device=VAN)
    assert await pictures(suite) == {(320, 240)}


async def test_a_replica_killed_leaves_it_offline_until_it_dials_again(suite, van):
    before = await suite.online(VAN)
    assert before.replica == SECOND
    process = suite.stack.process(SECOND)
    port = await port_of(suite, SECOND)  # where it is dialled again
    process.spec = replace(
        process.spec, env={**process.spec.env, "CAMBUS_DVRIP_REGISTRATION_PORT": str(port)}
    )
    logins = van.registration.logins
    suite.kill(SECOND)
    gone = await suite.events.find(
        device_events.OFFLINE, VAN, lambda event: event.reason == "ownership-lost", 60.0
    )
    assert SECOND in gone.text
    after = await suite.presence_like(VAN, lambda p: p.online and p.epoch > before.epoch, 60.0)
    assert after.state is DeviceState.ONLINE
    assert van.registration.logins > logins
    assert (await answered_by(suite))[1] == after.epoch
    await suite.client.call(device_commands.INFO, Empty(), device=VAN)


async def test_a_stop_hangs_up_and_it_is_back_where_it_dials(suite, van):
    before = await suite.online(VAN)
    suite.kill(SECOND, signal.SIGTERM)
    await suite.events.find(device_events.OFFLINE, VAN, lambda event: event.reason == "handed-over", 60.0)
    await dial(suite, van, FIRST)
    after = await suite.presence_like(VAN, lambda p: p.online and p.replica == FIRST, 60.0)
    assert after.epoch > before.epoch
    assert await answered_by(suite) == (FIRST, after.epoch)
