"""How JetStream is, as metrics."""

import pytest

from cambus.bus.assets import configurations, ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.jetstream_watch import CONSUMERS, STREAMS, JetStreamWatch, backlogs, copies
from cambus.bus.permissions import watches_jetstream
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.schemas import subjects


def value(bus: Bus, series: str) -> float | None:
    """What a series says; None: it is not there."""
    lines = bus.metrics.render().decode().splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{series} ")), None)


async def consumer(bus: Bus, durable: str | None) -> None:
    wanted = {"durable_name": durable} if durable else {"name": "looks-on"}
    config = {**wanted, "ack_policy": "explicit", "filter_subject": subjects.EVENTS}
    name = durable or "looks-on"
    await bus.jetstream.call(
        f"CONSUMER.CREATE.CAMBUS_EVENTS.{name}", {"stream_name": "CAMBUS_EVENTS", "config": config}
    )


async def test_what_streams_hold_and_consumers_have_before_them():
    with NatsServer() as server:
        async with await Bus.connect(BusSettings(nats_url=server.url, instance="a"), name="watch") as bus:
            watch = JetStreamWatch(bus)
            await watch.look()
            assert value(bus, "cambus_jetstream_up") == 1
            assert value(bus, 'cambus_jetstream_stream_up{stream="CAMBUS_EVENTS"}') == 0  # not made yet

            await ensure_assets(bus)
            for name in (*CONSUMERS, "cascade-a", "cascade-b", None):
                await consumer(bus, name)
            for number in range(3):
                await bus.jetstream.publish(
                    f"{subjects.PREFIX}.evt.gate-1.alarm.raised", b"x" * 100 + b"%d" % number
                )
            await watch.look()

            assert {value(bus, f'cambus_jetstream_stream_up{{stream="{name}"}}') for name in STREAMS} == {1}
            assert value(bus, 'cambus_jetstream_stream_messages{stream="CAMBUS_EVENTS"}') == 3
            assert value(bus, 'cambus_jetstream_stream_bytes{stream="CAMBUS_EVENTS"}') > 300
            assert value(bus, 'cambus_jetstream_stream_limit_bytes{stream="CAMBUS_EVENTS"}') == 1 << 30
            assert value(bus, "cambus_jetstream_storage_bytes") > 300
            assert value(bus, 'cambus_jetstream_consumer_pending_events{consumer="alarm-router"}') == 3
            assert value(bus, 'cambus_jetstream_consumer_pending_events{consumer="cascade"}') == 6
            assert value(bus, 'cambus_jetstream_consumer_pending_events{consumer="other"}') is None
            assert value(bus, 'cambus_jetstream_consumer_unfinished_events{consumer="alarm-router"}') == 0


async def test_no_answer_shows():
    with NatsServer() as server:
        async with await Bus.connect(BusSettings(nats_url=server.url, instance="a"), name="watch") as bus:
            watch = JetStreamWatch(bus)
            await watch.look()
            server.kill()
            await watch.look()
            assert value(bus, "cambus_jetstream_up") == 0


def test_copies_are_told_apart():
    told = {"replicas": [{"current": True}, {"current": False}, {"current": True, "offline": True}]}
    assert copies({"cluster": told}) == {"current": 1, "behind": 1, "away": 1}
    assert copies({}) == {"current": 0, "behind": 0, "away": 0}


def test_a_consumer_that_is_no_more_has_nothing_before_it():
    assert backlogs([]) == dict.fromkeys(CONSUMERS, (0, 0))


@pytest.mark.parametrize("name", STREAMS)
def test_who_watches_may_ask_for_every_stream(name):
    assert f"$JS.API.STREAM.INFO.{name}" in watches_jetstream().publish
    assert len(STREAMS) == len(configurations(1))
