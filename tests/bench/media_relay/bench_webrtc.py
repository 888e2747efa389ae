"""WebRTC: CPU of one viewer, against a viewer by HTTP-FLV of the same stream (4 Mbit/s), and of a core.

Each viewer is encrypted for by himself, so the ratio is large; `--viewers 20` at a time, three interleaved runs.
"""

import argparse
import asyncio
import json
import statistics
import sys

import rig
from bench_fan_out import Viewers, measure

RUNS = 3


async def webrtc_viewers(port, count):
    """As `Viewers.of`, with clients that speak WebRTC."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(rig.HERE / "webrtc_viewers.py"), str(port), str(count)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 24,
    )
    async with asyncio.timeout(60):
        if await process.stdout.readline() != b"ready\n":
            raise RuntimeError("the viewers did not get a picture")
    return Viewers(process)


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--viewers", type=int, default=20)
    count = parser.parse_args().viewers
    costs = {"http-flv": [], "webrtc": []}
    async with rig.running_relay() as relay:
        background = await Viewers.of("http-fmp4", relay.ports["http-fmp4"], 1)
        await asyncio.sleep(1.0)
        used = relay.cpu_s()
        await asyncio.sleep(3.0)
        idle = (relay.cpu_s() - used) / 3.0  # one stream and one viewer of another output
        for _ in range(RUNS):
            flv = await Viewers.of("http-flv", relay.ports["http-flv"], count)
            costs["http-flv"].append(await measure(flv, count, relay.cpu_s))
            await flv.close()
            rtc = await webrtc_viewers(relay.ports["http-flv"], count)
            costs["webrtc"].append(await measure(rtc, count, relay.cpu_s))
            await rtc.close()
        await background.close()
    each = {name: statistics.median((run[3] - idle) / count for run in runs) for name, runs in costs.items()}
    row = {
        "row": f"relay WebRTC, {count} viewers of 4 Mbit/s: CPU per viewer, against HTTP-FLV",
        "ratio": round(each["webrtc"] / each["http-flv"], 2),
        "core_used_per_viewer": round(each["webrtc"], 5),
        "gigabit_per_s": round(statistics.median(run[2] for run in costs["webrtc"]), 3),
        "viewers_per_core": int(1 / each["webrtc"]),
    }
    print(json.dumps(row))


if __name__ == "__main__":
    asyncio.run(main())
