"""Events: device -> JetStream -> alarm-router -> webhook, against bare awaited publishes into the same JetStream.

The router is a process of its own, and so is the receiver of its webhooks. Every alarm has a beginning and an
end, on a thousand devices; none may be missing. The rate is that of some thousand alarms published at once, from
the first publish to the last webhook; the latency, from before the publish to the arrival of the webhook, at a
steady 200 alarms a second.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil

from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.client.errors import AssetNotFound
from cambus.client.kv import KeyValue
from cambus.schemas import assets, keys
from cambus.schemas.codec import MSGPACK, encode
from cambus.schemas.commands import alarm_router as commands
from cambus.schemas.events import alarm
from cambus.schemas.ids import new_ulid
from cambus.schemas.state.alarm_rule import AlarmRule

HERE = Path(__file__).resolve().parent
CORES = sorted(os.sched_getaffinity(0))
UNDER_TEST, ELSEWHERE = {CORES[0]}, set(CORES[1:]) or {CORES[0]}
RUNS = 3
DEVICES = 1000
PUBLISHERS = 64
STEADY_PER_S = 200
BARE_S = 2.0


def alarms(count):
    """Beginnings on one device after the other, then their ends, and so on."""
    for number in range(count):
        lap, device = divmod(number, DEVICES)
        spec, model = (
            (alarm.RAISED, alarm.AlarmRaised) if lap % 2 == 0 else (alarm.CLEARED, alarm.AlarmCleared)
        )
        at, name = datetime.now(UTC), f"gate-{device}"
        facts = {"type": "motion", "severity": "info", "key": "motion:0", "channel": 0, "at": at}
        event = model(id=new_ulid(), device=name, protocol="bench", **facts)
        yield event.id, spec.subject(name), encode(event, MSGPACK)


async def publish(bus, message):
    event, subject, body = message
    await bus.jetstream.publish(subject, body, headers={"Nats-Msg-Id": event, "Content-Type": MSGPACK})


async def bare_rate(bus):
    """Awaited publishes a second, one after the other, of the same messages."""
    started, count = time.monotonic(), 0
    source = alarms(1 << 30)
    while time.monotonic() - started < BARE_S:
        await bus.js.publish("bench.bare", next(source)[2])
        count += 1
    return count / (time.monotonic() - started)


@asynccontextmanager
async def receiver():
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(HERE / "receiver.py"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 28,
    )
    port = int(await process.stdout.readline())

    async def finish():
        process.stdin.close()
        return dict(reversed(json.loads(await process.stdout.readline())))  # the first arrival counts

    try:
        yield port, finish
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def router(url):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cambus.alarm_router",
        env={**os.environ, "CAMBUS_NATS_URL": url, "CAMBUS_LOG_LEVEL": "error"},
        preexec_fn=lambda: os.sched_setaffinity(0, UNDER_TEST),
    )
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        await process.wait()


async def done(bus):
    """Wait until the router has ended every event."""
    async with asyncio.timeout(120):
        while True:
            with suppress(AssetNotFound):  # the router is not there yet
                info = await bus.jetstream.call(f"CONSUMER.INFO.{assets.STREAM_EVENTS}.{commands.SERVICE}")
                if info["num_pending"] + info["num_ack_pending"] == 0:
                    return
            await asyncio.sleep(0.05)


async def flood(bus, count, process):
    """Publish as fast as JetStream takes it; returns ids, the start in monotonic ns, and CPU seconds used."""
    source, ids, started = alarms(count), [], time.monotonic_ns()
    used = sum(process.cpu_times()[:2])

    async def worker():
        for message in source:
            ids.append(message[0])
            await publish(bus, message)

    await asyncio.gather(*(worker() for _ in range(PUBLISHERS)))
    await done(bus)
    return ids, started, sum(process.cpu_times()[:2]) - used


async def steady(bus, count):
    """Publish at a steady pace; returns when each was published, in monotonic ns."""
    started, published, under_way = time.monotonic(), {}, set()
    for number, message in enumerate(alarms(count)):
        await asyncio.sleep(max(0.0, started + number / STEADY_PER_S - time.monotonic()))
        published[message[0]] = time.monotonic_ns()
        task = asyncio.create_task(publish(bus, message))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    await asyncio.gather(*under_way)
    await done(bus)
    return published


async def run_once(sync_interval, count):
    with NatsServer(sync_interval=sync_interval) as server:
        settings = BusSettings(nats_url=server.url, instance="bench")
        async with await Bus.connect(settings, name="bench") as bus:
            await ensure_assets(bus)
            await bus.js.add_stream(name="bare", subjects=["bench.*"])
            bare = await bare_rate(bus)
            async with receiver() as (port, finish):
                sink = {"kind": "webhook", "url": f"http://127.0.0.1:{port}/hook"}
                rule = AlarmRule(id="all", sinks=[sink])
                await KeyValue(bus, assets.KV_POLICIES, AlarmRule).put(keys.alarm_rule("all"), rule)
                async with router(server.url) as process:
                    await done(bus)
                    ids, started, used = await flood(bus, count, process)
                    published = await steady(bus, STEADY_PER_S * 5)
                arrived = await finish()
    rate = len(ids) * 1e9 / (max(arrived[event] for event in ids if event in arrived) - started)
    waits = sorted(arrived[event] - sent for event, sent in published.items() if event in arrived)
    return {
        "bare": bare,
        "rate": rate,
        "p50_ms": waits[len(waits) // 2] / 1e6,
        "p99_ms": waits[len(waits) * 99 // 100] / 1e6,
        "lost": len(ids) + len(published) - len(arrived),
        "cpu_ms": used / len(ids) * 1e3,
    }


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--alarms", type=int, default=6000)
    count = parser.parse_args().alarms
    os.sched_setaffinity(0, ELSEWHERE)
    for sync_interval in ("always", "2m"):
        runs = [await run_once(sync_interval, count) for _ in range(RUNS)]

        def median(key, runs=runs):
            return statistics.median(run[key] for run in runs)

        row = {
            "row": f"events: device -> JetStream (sync {sync_interval}) -> alarm-router -> webhook",
            "runs": RUNS,
            "ratio": {
                "alarms_s / 1000": round(median("rate") / 1000, 2),
                "100 ms / p99": round(100 / median("p99_ms"), 2),
            },
            "limit": {"alarms_s / 1000": 1.0, "100 ms / p99": 1.0},
            "at_least": True,
            "alarms_per_s": round(median("rate")),
            "bare_publishes_per_s": round(median("bare")),
            "of_bare": round(statistics.median(run["rate"] / run["bare"] for run in runs), 2),
            "p50_ms": round(median("p50_ms"), 1),
            "p99_ms": round(median("p99_ms"), 1),
            "router_cpu_ms_per_alarm": round(median("cpu_ms"), 2),
            "lost": sum(run["lost"] for run in runs),
        }
        print(json.dumps(row))


if __name__ == "__main__":
    asyncio.run(main())
