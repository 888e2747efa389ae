"""Fan-out: CPU per delivered gigabit against the minimal loop, and how late a picture is at a viewer.

One stream, N viewers (500), HTTP-FLV, RTSP over TCP, over UDP; five interleaved runs, each beside one of its own
reference. `--viewers 100 --runs 2` for a quick look, `--outputs rtsp` for one of them.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys

import psutil
import rig

WINDOW_S = 2 * rig.GOP_S  # whole groups of pictures: a keyframe more or less would be a fortieth
SETTLE_S = 0.5
SETTLE_PER_VIEWER_S = 0.004  # the groups of pictures all of them were sent at the start have to drain first
RUNS = 5
OPENING_S = 150.0  # of all viewers, on a machine that does other things as well
LATEST_MS = 50
LIMITS = {"http-flv": 1.25, "rtsp": 1.25, "rtsp-udp": 2.0}
REFERENCES = {"http-flv": "minimal", "rtsp": "minimal", "rtsp-udp": "minimal-udp"}


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


async def run_minimal(relay, reference, count):
    """The reference, while the relay has a viewer of its own: camera, bus and relay are as busy as else."""
    background = await Viewers.of("http-fmp4", relay.ports["http-fmp4"], 1)
    datagrams = ("datagrams",) if reference == "minimal-udp" else ()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(rig.HERE / "minimal.py"), str(count), *datagrams),
        stdout=asyncio.subprocess.PIPE,
    )
    viewers = await Viewers.of(reference, int(await process.stdout.readline()), count)
    ours = psutil.Process(process.pid)
    try:
        return await measure(viewers, count, lambda: sum(ours.cpu_times()[:2]))
    finally:
        await viewers.close()
        process.kill()
        await process.wait()
        await background.close()


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


def ratio_row(output, runs, references, count):
    """The cost of a delivered gigabit against the reference of the same minute; its median over the runs."""
    ratios = [ours[0] / reference[0] for ours, reference in zip(runs, references, strict=True)]
    return {
        "row": f"relay fan-out {output}, {count} viewers: CPU per delivered gigabit",
        "ratio": round(statistics.median(ratios), 3),
        "limit": LIMITS[output],
        "runs": [round(ratio, 3) for ratio in ratios],
        "cpu_s_per_gigabit": round(statistics.median(run[0] for run in runs), 4),
        "reference_cpu_s_per_gigabit": round(statistics.median(run[0] for run in references), 4),
        "gigabit_per_s": round(statistics.median(run[2] for run in runs), 2),
        "core_used": round(statistics.median(run[3] for run in runs), 2),
        "load": round(os.getloadavg()[0], 1),
    }


def tell(output, ours, reference):
    """One run of one output, for whoever waits."""
    load = os.getloadavg()[0]
    print(f"{output}: {ours[0] / reference[0]:.3f} of {reference[0]:.4f} s, load {load:.1f}", file=sys.stderr)


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--viewers", type=int, default=500)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--outputs", nargs="+", choices=LIMITS, default=list(LIMITS))
    options = parser.parse_args()
    count = options.viewers
    results = {output: [] for output in options.outputs}
    references = {REFERENCES[output]: [] for output in options.outputs}
    async with rig.running_relay() as relay:
        for _ in range(options.runs):
            for reference, measured in references.items():
                measured.append(await run_minimal(relay, reference, count))
                for output, runs in results.items():
                    if REFERENCES[output] == reference:
                        runs.append(await run_relay(relay, output, count))
                        tell(output, runs[-1], measured[-1])
    for output, runs in results.items():
        print(json.dumps(ratio_row(output, runs, references[REFERENCES[output]], count)))
        latencies = [each for run in runs for each in run[1]]
        print(json.dumps(latency_row(f"{output}, {count} viewers", latencies)))


if __name__ == "__main__":
    asyncio.run(main())
