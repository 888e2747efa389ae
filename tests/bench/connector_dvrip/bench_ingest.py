"""Media ingest: 4 Mbit/s 1080p25 streams from recorders onto the bus, against only counting the bytes.

The reference logs in, claims and starts the same streams from the same recorders, and then reads and counts.
The latency is that from the connector's hands to a subscriber, who shares a core with the recorders and the bus; runs
in which that core did not manage to send all streams say nothing about it.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psutil
import rig

from cambus.client.calling import BusClient
from cambus.media.errors import MediaError
from cambus.media.frame import FrameAssembler, Kind
from cambus.schemas import subjects
from cambus.schemas.commands import live

RUNS = 3
WINDOW_S = 8.0
SETTLE_S = 4.0
BITRATE = 4_000_000
OPTIONS = ("--channels", "4", "--main-size", "1920x1080", "--main-bitrate", "4000", "--codec", "h264")


class Counter:
    """What arrives on the bus."""

    def __init__(self):
        self.bytes = 0
        self.pictures = 0
        self.latencies_us = []
        self._assemblers = {}

    def take(self, message):
        assembler = self._assemblers.setdefault(message.subject, FrameAssembler())
        try:
            frame = assembler.push(message.data)
        except MediaError:
            return
        if frame is not None:
            self.bytes += len(frame.payload)
            self.latencies_us.append(time.time_ns() // 1000 - frame.wall_us)
            self.pictures += frame.kind is Kind.VIDEO


async def measured(process, counter=None):
    """Cores used and streams carried, over the window."""
    await asyncio.sleep(SETTLE_S)
    started = sum(psutil.Process(process.pid).cpu_times()[:2])
    pictures = counter.pictures if counter else 0
    if counter:
        counter.latencies_us.clear()
    await asyncio.sleep(WINDOW_S)
    used = (sum(psutil.Process(process.pid).cpu_times()[:2]) - started) / WINDOW_S
    carried = ((counter.pictures if counter else 0) - pictures) / WINDOW_S / 25
    return used, carried


async def ours(running, streams):
    """The connector with claims on so many streams."""
    client, counter = BusClient(running.bus), Counter()
    subscription = await running.bus.subscribe(f"{subjects.PREFIX}.media.>", counter.take)
    for device, channel in streams:
        request = live.LiveStartRequest(channel=channel, claimant="bench", ttl_s=300)
        await client.call(live.START, request, device=device)
    result = await measured(running.connector, counter)
    for device, channel in streams:
        request = live.LiveStopRequest(channel=channel, claimant="bench")
        await client.call(live.STOP, request, device=device)
    await subscription.close()
    return (*result, statistics.quantiles(counter.latencies_us, n=100)[98] / 1000)


async def counting(ports, streams_per_port):
    """The reference process."""
    script = str(Path(__file__).with_name("count_bytes.py"))
    command = (sys.executable, script, str(streams_per_port), *map(str, ports))
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    rig.pin(process.pid, rig.LAST_CORE)
    await process.stdout.readline()
    try:
        return (await measured(process))[0]
    finally:
        process.kill()
        await process.wait()


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=25)
    count = parser.parse_args().devices
    used, carried, reference, p99_ms = [], [], [], []
    async with rig.running() as running, rig.simulators(count, *OPTIONS) as ports:
        await running.start_connector()
        async with asyncio.timeout(120):
            await running.register(ports)
        streams = [(f"bench-{number}", channel) for number in range(count) for channel in range(4)]
        for _ in range(RUNS):
            reference.append(await counting(ports, 4))
            share, streams_carried, latency_ms = await ours(running, streams)
            used.append(share)
            carried.append(streams_carried)
            p99_ms.append(latency_ms)
            await asyncio.sleep(12)  # the linger of the claims
    per_core = statistics.median(b / a for a, b in zip(used, carried, strict=True))
    whole = [ms for ms, each in zip(p99_ms, carried, strict=True) if each >= 0.98 * len(streams)]
    row = {
        "row": f"DVRIP ingest, {len(streams)} streams of 4 Mbit/s 1080p25",
        "runs": RUNS,
        "ratio": {
            "streams per core / 250": round(per_core / 250, 2),
            "20 ms / p99": round(20 / statistics.median(whole or p99_ms), 2),
        },
        "limit": {"streams per core / 250": 1.0, "20 ms / p99": 1.0},
        "at_least": True,
        "streams_per_core": round(per_core),
        "p99_ms": [round(each, 1) for each in p99_ms],
        "streams_carried": [round(each, 1) for each in carried],
        "cpu_against_counting_bytes": round(
            statistics.median(a / b for a, b in zip(used, reference, strict=True) if b > 0), 2
        ),
    }
    print(json.dumps(row))


if __name__ == "__main__":
    asyncio.run(main())
