"""The bus goes away and comes back: what devices tell meanwhile is kept on disk and arrives in order."""

import asyncio

import pytest

from cambus.bus.testing import NatsServer

ALARMS = [
    (event, channel, status)
    for _ in range(10)
    for status in ("Start", "Stop")
    for event in ("motion", "tamper")
    for channel in (0, 1)
]


@pytest.fixture
def dvrip_nats():
    """A server that can be killed: it serves this test alone."""
    with NatsServer() as server:
        yield server


def told(events):
    """Alarms as what was raised: type, channel, whether it began."""
    return [
        (str(event.type), event.channel, "Start" if name == "alarm.raised" else "Stop")
        for name, event in events
        if name.startswith("alarm.")
    ]


async def alarms_of(heard, count):
    events = []
    while len(told(events)) < count:
        events.append(await heard.next())
    return told(events)


async def outage(bench, simulator, device, alarms, *, lasts_s):
    """Raise alarms while there is no bus; it is back after so many seconds, or as soon as all are on disk."""
    await bench.online(device, simulator)
    before = list(simulator.sessions)
    bench.nats.kill()
    ended = asyncio.get_running_loop().time() + lasts_s
    acknowledged = simulator.role.counters["alarms_acknowledged"]
    for number, (event, channel, status) in enumerate(alarms, start=1):
        simulator.raise_alarm(event, channel, status=status)
        wanted = acknowledged + number
        # told that it was heard only once it is on disk, and one by one: the device tells of changes only
        await simulator.wait_for(
            lambda wanted=wanted: simulator.role.counters["alarms_acknowledged"] >= wanted, 30
        )
    await asyncio.sleep(max(0.0, ended - asyncio.get_running_loop().time()))
    await bench.nats.start()
    await bench.bus.wait_connected(60)
    return before


async def test_alarms_of_an_outage_arrive_all_and_in_order(bench, simulator, device):
    sessions = await outage(bench, simulator, device, ALARMS, lasts_s=0.0)
    heard = await bench.heard(device)
    assert await alarms_of(heard, len(ALARMS)) == ALARMS
    assert list(simulator.sessions) == sessions  # the device has noticed nothing


@pytest.mark.slow  # the full minute
async def test_alarms_of_a_minute_without_a_bus_arrive_all_and_in_order(bench, simulator, device):
    async with asyncio.timeout(240):
        sessions = await outage(bench, simulator, device, ALARMS, lasts_s=60.0)
        heard = await bench.heard(device)
        assert await alarms_of(heard, len(ALARMS)) == ALARMS
        assert list(simulator.sessions) == sessions


async def test_what_does_not_fit_the_buffer_is_counted_and_the_first_of_it_arrives(
    bench, simulator, device, eventually
):
    connector = await bench.connector(outbox_max_events=100)
    await bench.online(device, simulator)
    counters = simulator.role.counters
    assert await connector.service.events.flush(30)
    bench.nats.kill()
    await eventually(lambda: not connector.service.runtime.bus.connected)
    many = ALARMS * 2
    for event, channel, status in many:
        simulator.raise_alarm(event, channel, status=status)
    await eventually(lambda: counters["alarms_acknowledged"] + overflows(connector) == len(many))
    assert counters["alarms_acknowledged"] == 100  # the device is told of no other that it was heard
    await bench.nats.start()
    await bench.bus.wait_connected(60)
    heard = await bench.heard(device)
    assert await alarms_of(heard, 100) == many[:100]


def overflows(connector):
    rendered = connector.service.runtime.metrics.render().decode()
    (line,) = [line for line in rendered.splitlines() if line.startswith("cambus_events_overflow_total ")]
    return int(float(line.split()[1]))
