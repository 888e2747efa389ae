"""Events through the durable outbox into JetStream, against bare awaited `js.publish`.

Every event is synced to our disk, then to the server's (`sync_interval: always`), and only then removed.
Reference: nats-py's `publish` awaited one after the other with the same bodies on the same server. The rate
counts until the last event is acknowledged by JetStream. Interleaved runs.
"""

import asyncio
import json
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.events import EventPublisher
from cambus.bus.outbox import Outbox
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.client.consumer import EventConsumer
from cambus.schemas.catalog import EVENTS
from cambus.schemas.codec import encode
from cambus.schemas.ids import new_ulid

OFFLINE = EVENTS["device.offline"]
RUNS = 3
EVENTS_A_RUN = 3000
BARE_A_RUN = 1500
CALLERS = 64
MUST_REACH = 1000


def event(number):
    return OFFLINE.model(
        id=new_ulid(),
        device=f"gate-{number % 200}",
        protocol="dvrip",
        at=datetime.now(UTC),
        reason="lost",
        text=f"number {number}",
    )


async def bare(bus):
    """Events a second with nats-py alone."""
    js = bus.js
    messages = [event(number) for number in range(BARE_A_RUN)]
    started = time.perf_counter()
    for message in messages:
        await js.publish(
            OFFLINE.subject(message.device), encode(message), headers={"Nats-Msg-Id": message.id}
        )
    return BARE_A_RUN / (time.perf_counter() - started)


async def durable(bus, path):
    """Events a second through the outbox, put by several callers at once."""
    async with EventPublisher(bus, Outbox(path)) as publisher:
        waiting = iter([event(number) for number in range(EVENTS_A_RUN)])

        async def put():
            for message in waiting:
                await publisher.publish(OFFLINE, message)

        started = time.perf_counter()
        await asyncio.gather(*(put() for _ in range(CALLERS)))
        put_s = time.perf_counter() - started
        if not await publisher.flush(60):
            raise RuntimeError("not everything arrived")
        return EVENTS_A_RUN / put_s, EVENTS_A_RUN / (time.perf_counter() - started)


async def consumed(bus, count):
    """Events a second a durable consumer hands to a handler that does nothing, acknowledgements included."""
    handled, done = 0, asyncio.Event()

    async def handle(received):
        nonlocal handled
        handled += 1
        if handled == count:
            done.set()

    consumer = EventConsumer(bus, "bench", ["cambus.v1.evt.>"], handle)
    started = time.perf_counter()
    running = asyncio.ensure_future(consumer.run())
    await done.wait()
    consumer.stop()
    await running
    return count / (time.perf_counter() - started)


async def measure(url, folder):
    bus = await Bus.connect(BusSettings(nats_url=url))
    await ensure_assets(bus)
    rates = [(await bare(bus), *await durable(bus, folder / f"outbox-{number}.db")) for number in range(RUNS)]
    handled_rate = await consumed(bus, RUNS * (BARE_A_RUN + EVENTS_A_RUN))
    await bus.close()
    bare_rate, put_rate, stored_rate = (statistics.median(column) for column in zip(*rates, strict=True))
    print(
        json.dumps(
            {
                "row": "events through the outbox / bare js.publish awaited",
                "runs": RUNS,
                "ratio": {"rate": round(statistics.median(c / a for a, _, c in rates), 2)},
                "events_per_s": round(stored_rate),
                "durable_per_s": round(put_rate),
                "bare_per_s": round(bare_rate),
            }
        )
    )
    print(
        json.dumps(
            {
                "row": "events through the outbox / 1,000 a second",
                "runs": RUNS,
                "ratio": {"rate": round(stored_rate / MUST_REACH, 2)},
                "limit": {"rate": 1.0},
                "at_least": True,
            }
        )
    )
    print(
        json.dumps(
            {
                "row": "events handled by one durable consumer / 1,000 a second",
                "runs": 1,
                "ratio": {"rate": round(handled_rate / MUST_REACH, 2)},
                "limit": {"rate": 1.0},
                "at_least": True,
            }
        )
    )


def main():
    with NatsServer() as server, tempfile.TemporaryDirectory() as folder:
        uvloop.run(measure(server.url, Path(folder)))


if __name__ == "__main__":
    main()
