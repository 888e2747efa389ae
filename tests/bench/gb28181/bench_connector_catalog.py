"""How much longer keepalives at a connector take while a recorder of 10,000 cameras and 1,000 devices come (GB-262).

NATS, the connector, the recorder, the crowd and the device that keeps alive are processes of their own.
"""

import asyncio
import json
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from bench_catalog import CAMERAS, LIMIT_MS, QUIET_S, RECORDER, percentiles, start
from bench_connector import ONE, Connector, Crowd, codes_of, free_port, shown, tell

from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.sealing import KeyRing
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer

CROWD = 1000
PART_ITEMS = 100
COMING_S = 200.0


async def main() -> None:
    """Measure, and print the row."""
    port = free_port()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(NatsServer(sync_interval="2m"))
        key = KeyRing.load_or_create(folder / "key")
        bus = await stack.enter_async_context(
            await Bus.connect(BusSettings(nats_url=server.url, instance="bench"), name="bench")
        )
        await ensure_assets(bus)
        await stack.enter_async_context(Connector(server.url, folder, port))
        codes = {**codes_of(CROWD), "recorder": RECORDER}
        await tell(bus, key, codes)
        crowd = set(codes) - {ONE, "recorder"}
        async with asyncio.timeout(COMING_S):
            await shown(bus, set(codes), lambda presence: True)
            camera = await start("camera", port)
            stack.callback(kill, camera)
            await shown(bus, {ONE}, lambda presence: presence.online)
            quiet = time.monotonic()
            await asyncio.sleep(QUIET_S)
            begun = time.monotonic()
            recorder = await start("recorder", port, PART_ITEMS)
            stack.callback(kill, recorder)
            await stack.enter_async_context(Crowd(port, 1, CROWD, "127.0.0.2"))
            await shown(
                bus, {"recorder"}, lambda presence: presence.online and presence.channels_total >= CAMERAS
            )
            await shown(bus, crowd, lambda presence: presence.online)
            over = time.monotonic()
            out, _ = await camera.communicate(b"\n")
    taken = json.loads(out)
    alone = [length for end, length in taken if quiet <= end < quiet + QUIET_S]
    during = [length for end, length in taken if begun <= end <= over]
    added = percentiles(during)["p99"] - percentiles(alone)["p99"]
    row = {
        "row": f"keepalives at a connector while {CAMERAS} cameras and {CROWD} devices come: ms added to p99 / 100",
        "ratio": round(max(added, 0.0) / LIMIT_MS, 2),
        "limit": 1,
        "alone ms": percentiles(alone),
        "during ms": percentiles(during),
        "all there s": round(over - begun, 1),
        "keepalives": len(during),
    }
    print(json.dumps(row))


def kill(process: asyncio.subprocess.Process) -> None:
    """End it, if it has not ended."""
    if process.returncode is None:
        process.kill()


if __name__ == "__main__":
    asyncio.run(main())
