"""Fan-out: CPU per delivered gigabit against the minimal loop, and how late a picture is at a viewer.

One stream, N viewers (500), HTTP-FLV, RTSP over TCP, over UDP; five interleaved runs. `--viewers 100 --runs 2` for a
quick look.
"""

import argparse
import asyncio
import json
import statistics
import sys

import psutil
import rig

WINDOW_S = 3.0
SETTLE_S = 0.5
SETTLE_PER_VIEWER_S = 0.004  # the groups of pictures all of them were sent at the start have to drain first
RUNS = 5
OPENING_S = 150.0  # of all viewers, on a machine that does other things as well
LATEST_MS = 50
# What leaves in packets has no fair reference in a stream of bytes.
LIMITS = {"http-flv": 1.25, "rtsp": 1.25, "rtsp-udp": None}


class Viewers:
    """The process of N viewers."""

    def __init__(self, process):
        self._process = process

    @classmethod
    async def of(cls, output, port, count):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(rig.HERE / "viewers.py"), output, str(port), str(count)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 24,
        )
        viewers = cls(process)
        async with asyncio.timeout(OPENING_S):
            if await process.stdout.readline() != b"ready\n":
                raise RuntimeError("the viewers did not get a picture")
        return viewers

    async def report(self):
        self._process.stdin.write(b"\n")
        return json.loads(await self._process.stdout.readline())

    async def close(self):
        self._process.stdin.close()
        await self._process.wait()


async def measure(viewers, count, cpu_s):
    """CPU seconds per delivered gigabit within the window, the latencies, and how much was delivered."""
    await asyncio.sleep(SETTLE_S + count * SETTLE_PER_VIEWER_S)
    before, used = await viewers.report(), cpu_s()
    await asyncio.sleep(WINDOW_S)
    after, used = await viewers.report(), cpu_s() - used
    gigabits = (after["bytes"] - before["bytes"]) * 8 / 1e9
    return used / gigabits, after["latencies_ms"], gigabits / WINDOW_S, used / WINDOW_S


async def run_minimal(count):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(rig.HERE / "minimal.py"), str(count)), stdout=asyncio.subprocess.PIPE
    )
    viewers = await Viewers.of("minimal", int(await process.stdout.readline()), count)
    ours = psutil.Process(process.pid)
    try:
        return await measure(viewers, count, lambda: sum(ours.cpu_times()[:2]))
    finally:
        process.kill()
        await viewers.close()
        await process.wait()


async def run_relay(relay, output, count):
    viewers = await Viewers.of(output, relay.ports[output], count)
    try:
        return await measure(viewers, count, relay.cpu_s)
    finally:
        await viewers.close()


def latency_row(what, latencies_ms):
    """How late a picture is at a viewer, from the camera's publishing on, against what it may be."""
    ordered = sorted(latencies_ms)
    p99 = ordered[int(len(ordered) * 0.99)]
    return {
        "row": f"relay ingest to viewer, {what}: p99",
        "ratio": round(p99 / LATEST_MS, 3),
        "limit": 1.0,
        "p50_ms": round(ordered[len(ordered) // 2], 1),
        "p99_ms": round(p99, 1),
        "limit_ms": LATEST_MS,
        "pictures": len(ordered),
    }


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--viewers", type=int, default=500)
    parser.add_argument("--runs", type=int, default=RUNS)
    options = parser.parse_args()
    count = options.viewers
    results = {"minimal": [], **{output: [] for output in LIMITS}}
    async with rig.running_relay() as relay:
        # One viewer of a third output all the time: camera, bus and relay are as busy beside the reference as else.
        background = await Viewers.of("http-fmp4", relay.ports["http-fmp4"], 1)
        for _ in range(options.runs):
            results["minimal"].append(await run_minimal(count))
            for output in LIMITS:
                results[output].append(await run_relay(relay, output, count))
        await background.close()
    for output, limit in LIMITS.items():
        ratios = [
            ours[0] / reference[0]
            for ours, reference in zip(results[output], results["minimal"], strict=True)
        ]
        latencies = [each for run in results[output] for each in run[1]]
        row = {
            "row": f"relay fan-out {output}, {count} viewers: CPU per delivered gigabit",
            "ratio": round(statistics.median(ratios), 3),
            **({"limit": limit} if limit is not None else {}),
            "runs": [round(ratio, 3) for ratio in ratios],
            "cpu_s_per_gigabit": round(statistics.median(run[0] for run in results[output]), 4),
            "reference_cpu_s_per_gigabit": round(statistics.median(run[0] for run in results["minimal"]), 4),
            "gigabit_per_s": round(statistics.median(run[2] for run in results[output]), 2),
            "core_used": round(statistics.median(run[3] for run in results[output]), 2),
        }
        print(json.dumps(row))
        print(json.dumps(latency_row(f"{output}, {count} viewers", latencies)))


if __name__ == "__main__":
    asyncio.run(main())
