"""Memory of one more live stream of 4 Mbit/s with a viewer, beyond one group of pictures; by HTTP-FLV and by HLS.

Ten streams more than the one that is there before. HLS has to hold eight target durations (RFC 8216 §6.2.2): in files,
for which temporary files have to be on a disk.
"""

import argparse
import asyncio
import json

import aiohttp
import rig

MIB = 1 << 20
WARM_UP_S = 6.0
RELOAD_S = 2.0
SETTLE_S = {"http-flv": 3 * rig.GOP_S, "hls": 10 * rig.GOP_S}
LIMIT_BYTES = 2 * MIB


async def watch(http, relay, output, device):
    """Watch until cancelled."""
    base = f"http://127.0.0.1:{relay.ports['http-flv']}"
    if output == "http-flv":
        async with http.get(f"{base}/live/{device}/0/main.flv") as answer:
            async for _ in answer.content.iter_any():
                pass
    async with http.get(f"{base}/hls/{device}/0/main/index.m3u8") as answer:
        session = (await answer.text()).split()[-1]
    while True:
        async with http.get(f"{base}/hls/{device}/0/main/{session}") as answer:
            answer.raise_for_status()
        await asyncio.sleep(RELOAD_S)


async def held(http, relay, output, devices):
    """What the relay holds while all these streams are watched, bytes."""
    watching = [asyncio.create_task(watch(http, relay, output, device)) for device in devices]
    await asyncio.sleep(WARM_UP_S + SETTLE_S[output])
    for each in watching:
        if each.done():
            each.result()
    size = relay.memory_bytes()
    for each in watching:
        each.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    return size


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", type=int, default=10)
    devices = [f"{rig.DEVICE}-{number}" for number in range(1 + parser.parse_args().streams)]
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with (
        rig.running_relay(devices) as relay,
        aiohttp.ClientSession(connector=connector, timeout=timeout) as http,
    ):
        for output in SETTLE_S:
            first = asyncio.create_task(watch(http, relay, output, devices[0]))
            try:
                before = await held(http, relay, output, [])
                size = await held(http, relay, output, devices[1:])
            finally:
                first.cancel()
                await asyncio.gather(first, return_exceptions=True)
            each = (size - before) / (len(devices) - 1)
            row = {
                "row": f"relay memory of a stream of 4 Mbit/s beyond one group of pictures, {output}",
                "ratio": round((each - rig.GOP_BYTES) / LIMIT_BYTES, 3),
                "limit": 1.0,
                "mib_per_stream": round(each / MIB, 2),
                "group_mib": round(rig.GOP_BYTES / MIB, 2),
                "limit_mib": round(LIMIT_BYTES / MIB, 2),
            }
            print(json.dumps(row))


if __name__ == "__main__":
    asyncio.run(main())
