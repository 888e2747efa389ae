"""1,500 viewers of one stream of 4 Mbit/s, on one core in real time: 6 Gbit/s.

By HTTP-FLV, then by RTSP over TCP; `--viewers 300` for a quick look. `real time` is what is delivered against what the
stream has, `headroom` how many such crowds the core would carry.
"""

import argparse
import asyncio
import json

import rig
from bench_fan_out import Viewers, latency_row, measure

OUTPUTS = ("http-flv", "rtsp")


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--viewers", type=int, default=1500)
    count = parser.parse_args().viewers
    async with rig.running_relay() as relay:
        for output in OUTPUTS:
            viewers = await Viewers.of(output, relay.ports[output], count)
            try:
                cost, latencies, gigabit_per_s, core = await measure(viewers, count, relay.cpu_s)
            finally:
                await viewers.close()
            wanted = count * rig.STREAM_BYTES_S * 8 / 1e9
            row = {
                "row": f"relay {output}, {count} viewers on one core",
                "ratio": {"real time": round(gigabit_per_s / wanted, 3), "headroom": round(1 / core, 2)},
                "limit": {"real time": 0.98, "headroom": 1.0},
                "at_least": True,
                "gigabit_per_s": round(gigabit_per_s, 2),
                "wanted_gigabit_per_s": round(wanted, 2),
                "core_used": round(core, 2),
                "cpu_s_per_gigabit": round(cost, 4),
            }
            print(json.dumps(row))
            print(json.dumps(latency_row(f"{output}, {count} viewers", latencies)))


if __name__ == "__main__":
    asyncio.run(main())
