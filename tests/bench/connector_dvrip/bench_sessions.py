"""Idle sessions of one connector process: keepalive and presence of 2,000 devices."""

import argparse
import asyncio
import json

import rig

WINDOW_S = 45.0
SETTLE_S = 10.0


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=2000)
    count = parser.parse_args().sessions
    async with rig.running() as running, rig.simulators(count, "--channels", "1") as ports:
        await running.start_connector()
        async with asyncio.timeout(150):
            await running.register(ports[:1])
            empty = running.rss_bytes()
            await running.register(ports)
        await asyncio.sleep(SETTLE_S)
        memory = running.rss_bytes() - empty
        before = running.cpu_s()
        await asyncio.sleep(WINDOW_S)
        used = (running.cpu_s() - before) / WINDOW_S
    row = {
        "row": f"{count} idle DVRIP sessions: share of a core / 0.15, KiB per session / 60",
        "ratio": {
            "core": round(used / 0.15 * 2000 / count, 2),
            "memory": round(memory / 1024 / (count - 1) / 60, 2),
        },
        "limit": {"core": 1.0, "memory": 1.0},
        "core_used": round(used, 3),
        "kib_per_session": round(memory / 1024 / (count - 1), 1),
    }
    print(json.dumps(row))


if __name__ == "__main__":
    asyncio.run(main())
