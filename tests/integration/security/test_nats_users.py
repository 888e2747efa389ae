"""Each user of NATS may do what its service does and nothing of what others do: asked of a real server."""

import asyncio

import pytest

from cambus.bus.connection import Bus
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.bus.users import ADMIN, DURABLES, OPERATOR, USERS, VIEWER
from cambus.cli.nats_users import UserFolder
from cambus.schemas import keys

SERVICES = sorted(set(USERS) - {ADMIN, OPERATOR, VIEWER})
CONNECTORS = [name for name in SERVICES if name.startswith("connector-")]
EVENT, COMMAND, SERVICE = "cambus.v1.evt.d1", "cambus.v1.cmd.d1", "cambus.v1.svc"

PUBLISH = {
    "connector-dvrip": [
        f"{EVENT}.alarm.raised",
        "cambus.v1.media.d1.0.main",
        "$KV.cambus-leases.shard.dvrip.7",
    ],
    "connector-gb28181": [
        f"{COMMAND}.ptz.move",
        "$KV.cambus-registrations.bound.gb28181.x",
        f"$KV.cambus-leases.{keys.ssrc_lease('3402000000', 15)}",
        "$JS.API.CONSUMER.CREATE.CAMBUS_EVENTS.cascade-upper",
        "$JS.ACK.CAMBUS_EVENTS.cascade-upper.1.2.3.4.5",
        "cambus.v1.dead.cascade-upper",
    ],
    "connector-rtsp": [f"{EVENT}.device.online", "$KV.cambus-presence.d1", "$O.cambus-pictures.C.x"],
    "media-relay": [
        f"{COMMAND}.live.start",
        f"{COMMAND}.ptz.move",
        "$KV.cambus-tokens.x",
        "$KV.cambus-page-sessions.x",
    ],
    "recorder": [f"{COMMAND}.live.touch", f"{EVENT}.recording.closed", "$KV.cambus-leases.stream.d1.0.main"],
    "alarm-router": [
        "$KV.cambus-policies.alarm.x",
        "$JS.ACK.CAMBUS_EVENTS.alarm-router.1.2.3.4.5",
        "alarms.x",
    ],
    "upgrade-manager": [
        f"{COMMAND}.upgrade.start",
        "$KV.cambus-upgrades.campaign.x",
        "cambus.v1.evt.upgrade-manager.upgrade.campaign-changed",
    ],
    OPERATOR: [f"{COMMAND}.ptz.move", f"{SERVICE}.recorder.policy.set", "$KV.cambus-devices.d1"],
    VIEWER: [f"{COMMAND}.live.start", "$SRV.PING"],
}
NOBODY = [
    "$JS.API.STREAM.DELETE.CAMBUS_EVENTS",
    "$JS.API.STREAM.UPDATE.CAMBUS_EVENTS",
    "$JS.API.STREAM.PURGE.CAMBUS_EVENTS",
    "$JS.API.STREAM.CREATE.OTHER",
    "$SYS.REQ.SERVER.PING",
    f"{EVENT}.something.invented",
    "cambus.v1.else",
]
FORBIDDEN = {
    "connector-dvrip": [
        "$KV.cambus-leases.shard.gb28181.7",
        "$KV.cambus-policies.alarm.x",
        "$KV.cambus-tokens.x",
        "$KV.cambus-page-sessions.x",
    ],
    "connector-gb28181": [
        "$KV.cambus-leases.inbound.dvrip.d1",
        "$KV.cambus-leases.service.alarm-router",
        "$KV.cambus-policies.recording.x",
    ],
    "connector-rtsp": [f"{COMMAND}.device.reboot", "$KV.cambus-devices.d1", "$KV.cambus-upgrades.campaign.x"],
    "media-relay": [f"{COMMAND}.device.reboot", f"{EVENT}.alarm.raised", "$KV.cambus-devices.d1"],
    "recorder": [f"{COMMAND}.upgrade.start", f"{COMMAND}.ptz.move", "$KV.cambus-policies.alarm.x"],
    "alarm-router": [
        "$KV.cambus-devices.d1",
        f"{EVENT}.alarm.raised",
        "$JS.ACK.CAMBUS_EVENTS.upgrade-manager.1.2.3",
    ],
    "upgrade-manager": [
        f"{COMMAND}.ptz.move",
        f"{COMMAND}.native.call",
        "$KV.cambus-credentials.x",
        "$O.cambus-firmware.M.x",
    ],
    OPERATOR: [f"{EVENT}.alarm.raised", "$KV.cambus-leases.shard.dvrip.7", "$KV.cambus-presence.d1"],
    VIEWER: [f"{COMMAND}.ptz.move", f"{SERVICE}.recorder.policy.set", "$KV.cambus-devices.d1"],
}
READ_CREDENTIALS = {*CONNECTORS, "alarm-router", OPERATOR, ADMIN}
LISTEN = {name: [f"cambus.v1.svc.{name}.a.b", f"_INBOX.{name}.x", "$SRV.PING"] for name in SERVICES}
DEAF = [f"{COMMAND}.ptz.move", "$KV.cambus-credentials.x", "cambus.v1.>", ">", "_INBOX.>", "$JS.>"]


@pytest.fixture(scope="module")
def users(tmp_path_factory):
    """A server with all users, and where their seeds are."""
    folder = UserFolder(tmp_path_factory.mktemp("users"))
    folder.ensure(USERS)
    with NatsServer(config={"authorization": folder.authorization(USERS)}) as server:
        yield server, folder


@pytest.fixture
def log_in(users):
    """Connect as a user; what it was forbidden since is counted."""
    server, folder = users

    async def connect(name):
        settings = BusSettings(nats_url=server.url, nats_nkey_file=folder.seed_file(name))
        bus = Bus(settings, name=name if name in SERVICES else "cambusctl")
        await bus.open()
        return bus

    return connect


def refusals(bus):
    """How often the server said no."""
    lines = bus.metrics.render().decode().splitlines()
    counted = (line for line in lines if line.startswith("cambus_nats_permission_errors_total{"))
    return sum(float(line.rpartition(" ")[2]) for line in counted)


async def refused(bus, act, subject):
    """Whether the server says no to this; it answers in the order it was asked."""
    before = refusals(bus)
    await act(subject)
    await bus.flush()
    return refusals(bus) > before


@pytest.mark.parametrize("name", [*SERVICES, OPERATOR, VIEWER])
async def test_what_a_user_publishes(log_in, name):
    async with await log_in(name) as bus:
        wrong = {subject: await refused(bus, bus.publish, subject) for subject in PUBLISH[name]}
        assert wrong == dict.fromkeys(PUBLISH[name], False)
        wrong = {subject: await refused(bus, bus.publish, subject) for subject in [*FORBIDDEN[name], *NOBODY]}
        assert wrong == dict.fromkeys([*FORBIDDEN[name], *NOBODY], True)


@pytest.mark.parametrize("name", SERVICES)
async def test_what_a_service_listens_to(log_in, name):
    async def listen(subject):
        await bus.subscribe(subject, lambda message: None)

    async with await log_in(name) as bus:
        for subject in LISTEN[name]:
            assert not await refused(bus, listen, subject), subject
        others = [f"_INBOX.{other}.x" for other in SERVICES if other != name]
        commands = [f"{SERVICE}.{other}.a.b" for other in SERVICES if other != name]
        holds = name in CONNECTORS
        for subject in [*(DEAF[1:] if holds else DEAF), *others, *commands]:
            assert await refused(bus, listen, subject), subject


@pytest.mark.parametrize("name", sorted(set(USERS) - {ADMIN}))
async def test_the_place_of_a_service_in_the_events_is_its_own(log_in, name):
    """Else a viewer could have the alarms of all sent to himself, or have them start anew."""
    async with await log_in(name) as bus:
        for durable in DURABLES:
            place = f"CAMBUS_EVENTS.{durable}"
            subjects = [f"$JS.API.CONSUMER.{what}.{place}" for what in ("CREATE", "DELETE", "MSG.NEXT")]
            for subject in [*subjects, f"$JS.ACK.{place}.1.2.3.4.5", f"cambus.v1.dead.{durable}"]:
                assert await refused(bus, bus.publish, subject) is (name != durable), subject


def test_every_service_that_takes_events_under_its_name_has_its_place_to_itself():
    start = "$JS.ACK.CAMBUS_EVENTS."
    named = {
        subject.removeprefix(start).partition(".")[0]
        for user in USERS.values()
        for subject in user.publish
        if subject.startswith(start)
    }
    assert named - {"*"} == set(DURABLES)


@pytest.mark.parametrize("name", sorted(USERS))
async def test_who_may_read_sealed_credentials(log_in, name):
    async with await log_in(name) as bus:
        said_no = await refused(bus, bus.publish, "$JS.API.STREAM.MSG.GET.KV_cambus-credentials")
        assert said_no is (name not in READ_CREDENTIALS)


@pytest.mark.parametrize("name", sorted(USERS))
def test_what_is_left_open_is_a_whole_token(name):
    allowed = USERS[name].publish | USERS[name].subscribe
    assert [each for each in allowed for token in each.split(".") if token != "*" and "*" in token] == []


async def test_who_shows_a_seed_is_that_user_where_strangers_are_let_in_too(tmp_path):
    folder = UserFolder(tmp_path)
    folder.ensure(USERS)
    config = {"authorization": folder.authorization(USERS), "no_auth_user": folder.public_key(ADMIN)}
    with NatsServer(config=config) as server:
        for name, is_himself in ((VIEWER, True), (None, False)):
            seed = folder.seed_file(name) if name is not None else None
            async with await Bus.connect(
                BusSettings(nats_url=server.url, nats_nkey_file=seed), name="cambusctl"
            ) as bus:
                assert await refused(bus, bus.publish, "$KV.cambus-devices.d1") is is_himself


@pytest.mark.parametrize("known", [False, True], ids=["anonymous", "stranger"])
async def test_without_a_seed_of_the_server_s_nobody_gets_in(users, tmp_path, eventually, known):
    server, _ = users
    folder = UserFolder(tmp_path)
    folder.ensure(["stranger"])
    bus = Bus(
        BusSettings(nats_url=server.url, nats_nkey_file=folder.seed_file("stranger") if known else None)
    )
    opening = asyncio.ensure_future(bus.open())
    await eventually(lambda: "Authorization Violation" in str(bus.health.report()))
    opening.cancel()
    await asyncio.wait({opening})
    await bus.close()
