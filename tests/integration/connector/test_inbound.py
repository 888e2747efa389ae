"""Devices that dial in: which replica has them, what the bus is told, and what becomes of them through faults."""

import asyncio
import contextlib
import random

import pytest

from cambus.client.kv import KeyValue
from cambus.client.ordered import ALL, OrderedReader
from cambus.connector.errors import CredentialsRefused, EndReason
from cambus.connector.holds import Holds
from cambus.schemas import keys, subjects
from cambus.schemas.assets import KV_LEASES, STREAM_EVENTS
from cambus.schemas.catalog import EVENTS
from cambus.schemas.codec import decode
from cambus.schemas.commands import ptz
from cambus.schemas.errors import Offline
from cambus.schemas.ids import ulid_time
from cambus.schemas.state.inbound import InboundHold
from cambus.schemas.state.presence import DeviceState

LONG_TTL_S = 60
MOVE = ptz.PtzMoveRequest(channel=0)


@pytest.fixture
async def heard(bench, device):
    """Read the events of the device one by one."""
    async with contextlib.AsyncExitStack() as stack:
        reader = OrderedReader(bench.bus, STREAM_EVENTS, [subjects.events(device)], start=ALL)
        await reader.open()
        stack.push_async_callback(reader.close)

        async def until(name, condition=lambda event: True):
            while True:
                stored = await anext(reader)
                subject = subjects.parse_event(stored.subject)
                if f"{subject.noun}.{subject.past}" == name:
                    event = decode(EVENTS[name].model, stored.data)
                    if condition(event):
                        return event

        yield until


@pytest.fixture
def told(bench, device):
    """Everything of one kind that was told of the device until now."""

    async def read(name):
        noun, past = name.split(".")
        found = []
        subject = subjects.event_subject(device, noun, past)
        async with OrderedReader(bench.bus, STREAM_EVENTS, [subject], start=ALL) as reader:
            while reader.initial_pending and (not found or found[-1].pending):
                found.append(await anext(reader))
        return [decode(EVENTS[name].model, stored.data) for stored in found]

    return read


async def awaited(bench, device):
    return await bench.shown(device, lambda p: p.state is DeviceState.AWAITED)


async def test_a_device_without_an_address_is_awaited(bench, device):
    await bench.connector(lease_ttl_s=LONG_TTL_S)
    await bench.await_device(device)
    shown = await awaited(bench, device)
    assert (shown.online, shown.connection, shown.seen_at, shown.retry_at) == (
        False,
        "registered",
        None,
        None,
    )
    with pytest.raises(Offline):
        await bench.client.call(ptz.MOVE, MOVE, device=device)


async def test_a_device_that_dials_in_is_like_any_other(bench, device, heard):
    await bench.connector(lease_ttl_s=LONG_TTL_S)
    world = await bench.await_device(device)
    await awaited(bench, device)
    link = bench.dial(device)
    shown = await bench.shown(device)
    assert (shown.connection, shown.address, shown.replica) == ("registered", link.address, "replica-1")
    await bench.client.call(ptz.MOVE, MOVE, device=device)
    assert world.moves == [MOVE]
    online = await heard("device.online")
    assert (online.connection, online.epoch, online.address) == ("registered", shown.epoch, link.address)


async def test_the_hold_is_the_epoch_and_goes_with_the_session(bench, device, heard, eventually):
    await bench.connector(lease_ttl_s=LONG_TTL_S)
    await bench.await_device(device)
    await awaited(bench, device)
    link = bench.dial(device)
    shown = await bench.shown(device)
    holds = KeyValue(bench.bus, KV_LEASES, InboundHold)
    hold = await holds.get(keys.inbound_hold(bench.protocol, device))
    assert (hold.revision, hold.value.holder) == (shown.epoch, "replica-1")
    link.session.end(EndReason.KEEPALIVE_LOST)
    gone = await bench.shown(device, lambda p: not p.online)
    assert (gone.state, gone.last_error.reason) == (DeviceState.AWAITED, "keepalive-lost")
    assert gone.seen_at is not None
    assert (await heard("device.offline")).reason == "keepalive-lost"
    await eventually(lambda: link.ended is not None)
    key = keys.inbound_hold(bench.protocol, device)

    async def given_back():
        return await holds.get(key) is None

    await eventually(given_back)


async def test_a_newer_connection_replaces_the_older(bench, device, heard, eventually):
    await bench.connector(lease_ttl_s=LONG_TTL_S)
    world = await bench.await_device(device)
    await awaited(bench, device)
    older = bench.dial(device)
    before = await bench.shown(device)
    newer = bench.dial(device)
    after = await bench.shown(device, lambda p: p.online and p.epoch > before.epoch)
    assert after.replica == "replica-1"
    assert (older.ended is not None, newer.ended) == (True, None)
    assert (await heard("device.offline")).reason == "replaced"
    assert [session.replica for session in world.sessions] == ["replica-1"]
    await bench.client.call(ptz.MOVE, MOVE, device=device)


@pytest.mark.parametrize("replicas", [["replica-1"], ["replica-1", "replica-2"]])
async def test_flapping_raises_one_alert(bench, device, heard, told, eventually, replicas):
    """Wherever the connections go; two replicas that see it within a minute give it one id."""
    for replica in replicas:
        await bench.connector(replica, lease_ttl_s=LONG_TTL_S)
    await bench.await_device(device)
    await awaited(bench, device)
    await eventually(lambda: all(c.service.inbound.record(device) for c in bench.connectors.values()))
    epoch = 0
    for number in range(16):
        link = bench.dial(device, replicas[number % len(replicas)])
        epoch = (await bench.shown(device, lambda p, least=epoch: p.online and p.epoch > least)).epoch
    link.session.end(EndReason.FORCED_LOGOUT)
    while (await heard("device.offline")).reason != "forced-logout":
        continue
    alerts = {event.id for event in await told("exception.reported")}
    crossed_a_minute = len({ulid_time(alert) for alert in alerts}) == 2
    assert len(alerts) == 1 or crossed_a_minute


async def test_another_replica_takes_the_device_over(bench, device, eventually):
    await bench.connector("replica-1", lease_ttl_s=LONG_TTL_S)
    await bench.connector("replica-2", lease_ttl_s=LONG_TTL_S)
    world = await bench.await_device(device)
    await awaited(bench, device)
    await eventually(lambda: all(c.service.inbound.record(device) for c in bench.connectors.values()))
    older = bench.dial(device, "replica-1")
    before = await bench.shown(device)
    newer = bench.dial(device, "replica-2")
    after = await bench.shown(device, lambda p: p.online and p.replica == "replica-2")
    assert after.epoch > before.epoch
    await eventually(lambda: older.ended is not None)  # long before any lease runs out
    assert newer.ended is None
    await eventually(lambda: [session.replica for session in world.sessions] == ["replica-2"])
    for _ in range(5):
        await bench.client.call(ptz.MOVE, MOVE, device=device)
    assert (await bench.presence.get(device)).value == after  # what the first had to say hides nothing


async def test_a_device_taken_over_is_not_reported_offline(bench, device, heard, eventually):
    await bench.connector("replica-1", lease_ttl_s=LONG_TTL_S)
    await bench.connector("replica-2", lease_ttl_s=LONG_TTL_S)
    await bench.await_device(device)
    await awaited(bench, device)
    await eventually(lambda: all(c.service.inbound.record(device) for c in bench.connectors.values()))
    bench.dial(device, "replica-1")
    await bench.shown(device)
    link = bench.dial(device, "replica-2")
    await bench.shown(device, lambda p: p.online and p.replica == "replica-2")
    link.session.end(EndReason.FORCED_LOGOUT)
    assert (await heard("device.offline")).reason == "forced-logout"


@pytest.mark.parametrize("minder", ["replica-1", "replica-2"])
async def test_the_device_of_a_replica_that_died_goes_offline_and_comes_back(
    bench, device, heard, eventually, minder
):
    other = "replica-2" if minder == "replica-1" else "replica-1"
    await bench.connector(minder)
    await bench.await_device(device)
    await awaited(bench, device)  # whoever minds it
    await bench.connector(other)
    await eventually(lambda: bench.connectors[other].service.inbound.record(device) is not None)
    bench.dial(device, "replica-1")
    before = await bench.shown(device)
    await bench.connectors["replica-1"].crash()
    gone = await bench.shown(device, lambda p: not p.online)
    assert (gone.replica, gone.last_error.reason) == ("replica-2", "ownership-lost")
    assert gone.epoch > before.epoch
    assert (await heard("device.offline")).reason == "ownership-lost"
    bench.dial(device, "replica-2")
    back = await bench.shown(device, lambda p: p.online)
    assert (back.replica, back.epoch > gone.epoch) == ("replica-2", True)
    await bench.client.call(ptz.MOVE, MOVE, device=device)


@pytest.mark.parametrize("minder", ["replica-1", "replica-2"])
async def test_a_replica_restarted_under_its_name_does_not_have_what_it_had(
    bench, device, eventually, minder
):
    await bench.connector(minder, lease_ttl_s=LONG_TTL_S)
    await bench.await_device(device)
    await awaited(bench, device)
    if minder != "replica-1":
        await bench.connector("replica-1", lease_ttl_s=LONG_TTL_S)
        await eventually(lambda: bench.connectors["replica-1"].service.inbound.record(device) is not None)
    bench.dial(device)
    before = await bench.shown(device)
    await bench.connectors["replica-1"].crash()
    await bench.connector("replica-1", lease_ttl_s=LONG_TTL_S)
    gone = await bench.shown(device, lambda p: not p.online)  # long before a lease runs out
    assert gone.epoch > before.epoch
    bench.dial(device)
    assert (await bench.shown(device)).epoch > gone.epoch


async def test_a_device_back_before_it_was_missed_was_offline_all_the_same(
    bench, device, heard, eventually, monkeypatch
):
    await bench.connector("replica-1", lease_ttl_s=LONG_TTL_S)
    await bench.await_device(device)
    await awaited(bench, device)
    bench.dial(device)
    before = await bench.shown(device)
    await bench.connectors["replica-1"].crash()

    async def nobody_looks(holds, device):
        return None

    monkeypatch.setattr(Holds, "free", nobody_looks)
    connector = await bench.connector("replica-1", lease_ttl_s=LONG_TTL_S)
    await eventually(lambda: connector.service.inbound.record(device) is not None)
    bench.dial(device)
    after = await bench.shown(device, lambda p: p.online and p.epoch > before.epoch)
    gone = await heard("device.offline", lambda event: "replica-1" in event.text)
    assert gone.reason == "ownership-lost"
    back = await heard("device.online")
    assert (back.epoch, gone.at <= back.at) == (after.epoch, True)


async def test_a_stop_hangs_up_and_the_device_dials_another(bench, device, heard, eventually):
    await bench.connector("replica-1", lease_ttl_s=LONG_TTL_S)
    await bench.connector("replica-2", lease_ttl_s=LONG_TTL_S)
    await bench.await_device(device)
    await awaited(bench, device)
    await eventually(lambda: all(c.service.inbound.record(device) for c in bench.connectors.values()))
    link = bench.dial(device, "replica-1")
    await bench.shown(device)
    await bench.connectors["replica-1"].stop()
    assert link.ended is not None
    assert (await heard("device.offline")).reason == "handed-over"
    await bench.shown(device, lambda p: not p.online)
    bench.dial(device, "replica-2")
    assert (await bench.shown(device)).replica == "replica-2"


async def test_an_outage_of_nats_ends_no_session(bench, own_nats, device, eventually):
    """While the bus is away commands are refused; the device stays, and answers when it is back."""
    connector = await bench.connector(lease_ttl_s=2)
    world = await bench.await_device(device)
    await awaited(bench, device)
    link = bench.dial(device)
    await bench.shown(device)
    unit = connector.service.fleet.unit(device)
    own_nats.kill()
    await eventually(lambda: not unit.owned())
    await own_nats.restart()
    await eventually(unit.owned)
    assert (link.ended, len(world.sessions)) == (None, 1)
    await bench.shown(device)
    await bench.client.call(ptz.MOVE, MOVE, device=device)
    assert world.moves == [MOVE]


async def test_a_device_taken_for_dead_is_taken_back(bench, device, heard):
    """Somebody buried the hold of a replica that was only silent: it says that the device is there after all."""
    await bench.connector(lease_ttl_s=LONG_TTL_S)
    await bench.await_device(device)
    await awaited(bench, device)
    link = bench.dial(device)
    before = await bench.shown(device)
    await KeyValue(bench.bus, KV_LEASES, InboundHold).delete(keys.inbound_hold(bench.protocol, device))
    after = await bench.shown(device, lambda p: p.online and p.epoch > before.epoch)
    assert (after.since, link.ended) == (before.since, None)
    await bench.client.call(ptz.MOVE, MOVE, device=device)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"enabled": False}, "removed"),
        ({"options": {"speed": 2}}, "record-changed"),
        ({"address": "203.0.113.9"}, "record-changed"),
        (None, "removed"),
    ],
)
async def test_a_change_of_the_record_ends_the_session(bench, device, heard, eventually, change, reason):
    await bench.connector(lease_ttl_s=LONG_TTL_S)
    await bench.await_device(device)
    await awaited(bench, device)
    link = bench.dial(device)
    await bench.shown(device)
    if change is None:
        await bench.devices.delete(device)
    else:
        await bench.await_device(device, **change)
    assert (await heard("device.offline")).reason == reason
    await eventually(lambda: link.ended is not None)
    if change is None:
        await bench.forgotten(device)


async def test_a_disabled_device_is_shown_so(bench, device):
    await bench.connector(lease_ttl_s=LONG_TTL_S)
    await bench.await_device(device)
    await awaited(bench, device)
    bench.dial(device)
    await bench.shown(device)
    await bench.await_device(device, enabled=False)
    await bench.shown(device, lambda p: p.state is DeviceState.DISABLED and not p.online)
    assert bench.dial(device).ended == "not known"
    await bench.await_device(device)
    await awaited(bench, device)


async def test_a_device_may_be_dialled_from_now_on_and_back_again(bench, device, heard, told):
    await bench.connector(lease_ttl_s=LONG_TTL_S)
    await bench.await_device(device)
    await awaited(bench, device)
    bench.dial(device)
    await bench.shown(device)
    await bench.await_device(device, address=device)
    await bench.shown(device, lambda p: p.online and p.connection == "dialled")
    await bench.client.call(ptz.MOVE, MOVE, device=device)
    await bench.await_device(device)
    shown = await awaited(bench, device)
    assert shown.connection == "registered"
    ends = [event.reason for event in await told("device.offline")]
    assert ends == ["record-changed", "record-changed"]


async def test_a_hold_nobody_can_read_stops_nobody(bench, device):
    await bench.connector(lease_ttl_s=LONG_TTL_S)
    await bench.await_device(device)
    await awaited(bench, device)
    key = keys.inbound_hold(bench.protocol, device)
    await bench.bus.jetstream.publish(f"$KV.{KV_LEASES}.{key}", b"no hold")
    bench.dial(device)
    await bench.shown(device)


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
async def test_the_last_connection_counts_whatever_happens(bench, unique, eventually, seed):
    """Devices dial one of three replicas again and again while replicas die and come back; then it is quiet."""
    chance = random.Random(seed)
    replicas = [f"replica-{number}" for number in (1, 2, 3)]
    devices = [f"{unique}-{number}" for number in range(8)]
    for replica in replicas:
        await bench.connector(replica, lease_ttl_s=LONG_TTL_S)
    await asyncio.gather(*(bench.await_device(device) for device in devices))

    def known_everywhere():
        return all(
            connector.service.inbound.record(device)
            for connector in bench.connectors.values()
            for device in devices
        )

    await eventually(known_everywhere)
    last = {}
    for step in range(60):
        device, replica = chance.choice(devices), chance.choice(replicas)
        last[device] = (replica, bench.dial(device, replica))
        if step % 20 == 10:
            await bench.connectors[replica].crash()
            for where, link in last.values():
                if where == replica:
                    link.end("the process is gone")
            await bench.connector(replica, lease_ttl_s=LONG_TTL_S)
            await eventually(known_everywhere)
        await asyncio.sleep(0)

    def settled(device):
        replica, link = last.get(device, (replicas[0], None))
        if link is None or link.ended is not None:  # a device that was hung up on dials again
            last[device] = (replica, bench.dial(device, replica))
            return False
        return link.session is not None and bench.world[device].sessions == [link.session]

    for device in devices:
        await eventually(lambda device=device: settled(device))
        replica, _ = last[device]
        await bench.shown(device, lambda p, replica=replica: p.online and p.replica == replica)
        moves = len(bench.world[device].moves)
        await bench.client.call(ptz.MOVE, MOVE, device=device)
        assert len(bench.world[device].moves) == moves + 1
    holds = await KeyValue(bench.bus, KV_LEASES, InboundHold).items(
        keys.inbound_hold(bench.protocol, "x").removesuffix("x") + "*"
    )
    for key, hold in holds.items():
        await bench.shown(key.rpartition(".")[2], lambda p, epoch=hold.revision: p.epoch == epoch)
    assert len(holds) == len(devices)


async def test_new_credentials_have_to_be_shown_anew(bench, device, heard, eventually):
    await bench.connector(lease_ttl_s=LONG_TTL_S)
    await bench.await_device(device)
    await awaited(bench, device)
    link = bench.dial(device)
    await bench.shown(device)
    await bench.credential(f"c-{device}", "another")
    assert (await heard("device.offline")).reason == "record-changed"
    await eventually(lambda: link.ended is not None)


async def test_the_same_credentials_written_again_end_nothing(bench, device, eventually):
    connector = await bench.connector(lease_ttl_s=LONG_TTL_S)
    world = await bench.await_device(device)
    await awaited(bench, device)
    link = bench.dial(device)
    shown = await bench.shown(device)
    name = f"c-{device}"
    written = connector.service.credentials.written(name)
    await bench.credential(name, "secret")
    await eventually(lambda: connector.service.credentials.written(name) > written)
    await bench.client.call(ptz.MOVE, MOVE, device=device)
    assert (link.ended, world.moves) == (None, [MOVE])
    assert (await bench.presence.get(device)).value == shown


async def test_two_records_with_one_identity_are_an_error_shown_on_both(bench, device):
    await bench.connector(lease_ttl_s=LONG_TTL_S)
    await bench.await_device(device, name="twin")
    await awaited(bench, device)
    await bench.await_device(f"{device}-2", name="twin")
    for name in (device, f"{device}-2"):
        shown = await bench.shown(name, lambda p: p.last_error is not None)
        assert shown.last_error.reason == "invalid-record"
    assert bench.dial("twin").ended == "not known"
    await bench.devices.delete(f"{device}-2")
    shown = await awaited(bench, device)
    assert shown.last_error is None


async def test_wrong_credentials_are_told_and_shown(bench, device, heard):
    connector = await bench.connector(lease_ttl_s=LONG_TTL_S)
    await bench.await_device(device)
    await awaited(bench, device)
    refusal = CredentialsRefused("wrong-password", "the device showed a wrong password")
    for _ in range(3):
        connector.service.inbound.refuse(device, refusal, "203.0.113.8")
    failed = await heard("device.auth-failed")
    assert (failed.direction, failed.source, failed.reason) == (
        "from-device",
        "203.0.113.8",
        "wrong-password",
    )
    shown = await bench.shown(device, lambda p: p.last_error is not None)
    assert (shown.state, shown.last_error.reason) == (DeviceState.CREDENTIALS_REJECTED, "wrong-password")
    bench.dial(device)
    await bench.shown(device)


async def test_an_impostor_does_not_touch_a_device_that_is_there(bench, device, heard):
    connector = await bench.connector(lease_ttl_s=LONG_TTL_S)
    await bench.await_device(device)
    await awaited(bench, device)
    link = bench.dial(device)
    before = await bench.shown(device)
    connector.service.inbound.refuse(device, CredentialsRefused("wrong-password", "no"), "203.0.113.8")
    await heard("device.auth-failed")
    assert (await bench.presence.get(device)).value == before
    assert link.ended is None


async def test_a_device_that_does_not_answer_is_shown_with_the_reason(bench, device):
    await bench.connector(lease_ttl_s=LONG_TTL_S)
    world = await bench.await_device(device)
    await awaited(bench, device)
    world.reachable = False
    link = bench.dial(device)
    shown = await bench.shown(device, lambda p: p.last_error is not None)
    assert (shown.state, shown.last_error.reason) == (DeviceState.AWAITED, "timeout")
    assert link.ended is not None
