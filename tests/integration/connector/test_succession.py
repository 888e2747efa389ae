"""Alarms of a device whose replica died wait for those that the dead one has on its disk."""

import pytest
from connector_bench import Heard

from cambus.client.errors import BusUnavailable
from cambus.client.kv import KeyValue
from cambus.connector.device_events import DeviceEvents
from cambus.schemas.alarms import Severity
from cambus.schemas.assets import KV_LEASES
from cambus.schemas.events import alarm as alarm_events
from cambus.schemas.state.leases import OpenOutbox

FOR_EVER_S = 3600.0


async def tells(connector, device, *keys):
    """A device tells its replica that alarms have begun; returns once it may be told that they were heard."""
    events = DeviceEvents(device, connector.service.driver.protocol, connector.service.around.publish)
    for key in keys:
        await events.publish(
            alarm_events.RAISED, type="motion", severity=Severity.MINOR, key=key, native={"code": "x"}
        )


async def arrived(bench, device, count):
    """The keys of the first alarms of a device in the stream."""
    async with Heard(bench.bus, device) as heard:
        return [(await heard.until("alarm.raised")).key for _ in range(count)]


def shows(connector, line):
    return line in connector.service.runtime.bus.metrics.render()


@pytest.fixture
def successor(bench, device, eventually):
    """Start another replica, and return it once it has the device."""

    async def start(**settings):
        second = await bench.connector("replica-2", lease_ttl_s=2, **settings)
        await eventually(lambda: second.service.fleet.unit(device) is not None)
        return second

    return start


@pytest.fixture
async def orphan(bench, own_nats, device, eventually):
    """A device whose replica has heard an alarm while NATS was away, and was killed; NATS is back."""
    first = await bench.connector("replica-1", lease_ttl_s=2)
    await bench.add(device)
    await bench.shown(device)
    own_nats.kill()
    await eventually(lambda: not first.service.runtime.bus.connected)
    await tells(first, device, "oldest", "older")
    await first.crash()
    await own_nats.restart()
    return first


async def test_the_next_owner_waits_until_the_former_has_told_what_it_had(
    bench, device, orphan, successor, eventually
):
    second = await successor(alarm_order_wait_s=FOR_EVER_S)
    await tells(second, device, "young", "younger")
    assert second.service.events.held_back[device].letters == 2
    await bench.connector("replica-1", lease_ttl_s=2)
    await eventually(lambda: not second.service.events.held_back)
    assert await arrived(bench, device, 4) == ["oldest", "older", "young", "younger"]
    assert shows(second, b'cambus_successions_total{end="settled"} 1.0')


async def test_it_goes_on_waiting_after_it_was_killed_itself(bench, device, orphan, successor, eventually):
    second = await successor(alarm_order_wait_s=FOR_EVER_S)
    await tells(second, device, "young")
    await second.crash()
    again = await bench.connector("replica-2", lease_ttl_s=2, alarm_order_wait_s=FOR_EVER_S)
    await tells(again, device, "younger")
    assert again.service.events.held_back[device].letters == 2
    await bench.connector("replica-1", lease_ttl_s=2)
    await eventually(lambda: not again.service.events.held_back)
    assert await arrived(bench, device, 4) == ["oldest", "older", "young", "younger"]


async def test_it_does_not_wait_for_ever(bench, device, orphan, successor, caplog):
    second = await successor(alarm_order_wait_s=1.0)
    await tells(second, device, "young")
    assert await arrived(bench, device, 1) == ["young"]
    assert shows(second, b'cambus_successions_total{end="given-up"} 1.0')
    assert "alarms of a former replica may come late: it has not sent them in time" in caplog.messages
    await bench.connector("replica-1", lease_ttl_s=2)
    assert await arrived(bench, device, 3) == ["young", "oldest", "older"]


async def test_it_need_not_wait_at_all(bench, device, orphan, successor):
    second = await successor(alarm_order_wait_s=0)
    await tells(second, device, "young")
    assert await arrived(bench, device, 1) == ["young"]


async def test_one_that_stops_keeps_nothing_from_others(bench, device, orphan, successor):
    second = await successor(alarm_order_wait_s=FOR_EVER_S)
    await tells(second, device, "young")
    await second.stop()
    assert await arrived(bench, device, 1) == ["young"]


async def test_for_one_that_has_stopped_nobody_waits(bench, device, successor):
    outboxes = KeyValue(bench.bus, KV_LEASES, OpenOutbox)
    first = await bench.connector("replica-1", lease_ttl_s=2)
    await bench.add(device)
    await bench.shown(device)
    key = f"outbox.connector-{bench.protocol}.replica-1"
    assert (await outboxes.get(key)).value.replica == "replica-1"
    await first.stop()
    assert await outboxes.get(key) is None
    second = await successor(alarm_order_wait_s=FOR_EVER_S)
    assert not second.service.events.held_back


async def test_a_replica_that_starts_while_nats_is_away_starts_when_it_is_back(
    bench, own_nats, device, monkeypatch
):
    refused = []
    put = KeyValue.put

    async def unwell(bucket, key, value, **options):
        if isinstance(value, OpenOutbox) and not refused:
            refused.append(key)
            raise BusUnavailable("no leader")
        return await put(bucket, key, value, **options)

    monkeypatch.setattr(KeyValue, "put", unwell)
    monkeypatch.setattr("cambus.connector.succession.RETRY_S", 0.01)
    await bench.connector("replica-1")
    await bench.add(device)
    await bench.shown(device)
    assert refused
