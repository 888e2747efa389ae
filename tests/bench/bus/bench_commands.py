"""Command round trip: `ptz.move` to a handler that answers at once, against bare NATS request/reply.

Two processes beside the server, on different cores: one answers, one calls, one call at a time. The
reference is nats-py's own `request` and a subscription that responds. Interleaved runs; each ratio is the
median of those of the runs.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time

import uvloop

from cambus.bus.connection import Bus
from cambus.bus.endpoints import Endpoints
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.client.calling import BusClient
from cambus.client.errors import BusError
from cambus.schemas.catalog import DEVICE_COMMANDS

MOVE = DEVICE_COMMANDS["ptz.move"]
RUNS = 5
CALLS = 1500
WARM_UP = 200
DEVICES = 1000
BARE, READY = "bench.bare", "bench.ready"


def pin(core):
    """Stay on one core, where the platform can say so."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[core % len(cores)]})


async def answer(url):
    """The answering process: bare, with one device, and with a thousand."""
    bus = await Bus.connect(BusSettings(nats_url=url, instance="answers"))

    async def move(context, request):
        return MOVE.reply()

    async def respond(message):
        await message.respond(message.data)

    few, many = Endpoints(bus, "bench-few"), Endpoints(bus, "bench-many")
    few.add(MOVE, move)
    many.add(MOVE, move)
    await few.hold("only")
    await asyncio.gather(*(many.hold(f"gate-{number}") for number in range(DEVICES)))
    await bus.nc.subscribe(BARE, cb=respond)
    await bus.nc.subscribe(READY, cb=respond)
    await bus.flush()
    await asyncio.Event().wait()


async def timed(call, count):
    """Durations of `count` calls, one after the other, in seconds."""
    durations = []
    for number in range(count):
        started = time.perf_counter()
        await call(number)
        durations.append(time.perf_counter() - started)
    return durations


def percentile(durations, share):
    return sorted(durations)[int(len(durations) * share)]


async def measure(url):
    bus = await Bus.connect(BusSettings(nats_url=url, instance="calls"))
    client = BusClient(bus)
    request = MOVE.request(channel=0, pan=0.5, tilt=0.0, zoom=0.0)
    body = b"x" * 32

    async def bare(number):
        await bus.nc.request(BARE, body, timeout=5)

    async def one(number):
        await client.call(MOVE, request, device="only")

    async def thousand(number):
        await client.call(MOVE, request, device=f"gate-{number % DEVICES}")

    for _ in range(200):
        try:
            await bus.request(READY, timeout_s=0.5)
            break
        except BusError:  # the other process is not there yet
            await asyncio.sleep(0.05)
    calls = {"bare": bare, "one": one, "thousand": thousand}
    runs = {name: [] for name in calls}
    for call in calls.values():
        await timed(call, WARM_UP)
    for _ in range(RUNS):
        for name, call in calls.items():
            runs[name].append(await timed(call, CALLS))
    await bus.close()

    def of(name, share):
        return [percentile(durations, share) for durations in runs[name]]

    def ratio(name, reference, share):
        return round(
            statistics.median(a / b for a, b in zip(of(name, share), of(reference, share), strict=True)), 2
        )

    def microseconds(name, share):
        return round(statistics.median(of(name, share)) * 1e6)

    rows = [
        {
            "row": "command round trip / bare NATS request",
            "runs": RUNS,
            "ratio": {"p50": ratio("one", "bare", 0.5), "p99": ratio("one", "bare", 0.99)},
            "limit": {"p50": 3.0, "p99": 4.0},
            "p50_us": microseconds("one", 0.5),
            "p99_us": microseconds("one", 0.99),
            "bare_p50_us": microseconds("bare", 0.5),
        },
        {
            "row": "command round trip, 1,000 devices held / one",
            "runs": RUNS,
            "ratio": {"p50": ratio("thousand", "one", 0.5)},
            "limit": {"p50": 1.2},
            "p50_us": microseconds("thousand", 0.5),
        },
    ]
    for row in rows:
        print(json.dumps(row))


def main():
    if len(sys.argv) > 1:
        pin(1)
        uvloop.run(answer(sys.argv[1]))
        return
    with NatsServer() as server:
        answering = subprocess.Popen([sys.executable, __file__, server.url])
        pin(0)
        try:
            uvloop.run(measure(server.url))
        finally:
            answering.kill()
            answering.wait()


if __name__ == "__main__":
    main()
