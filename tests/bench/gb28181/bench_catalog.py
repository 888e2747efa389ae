"""How much longer keepalives take while a catalog of 10,000 cameras comes in over TCP, whole and in parts (GB-262).

The platform, the recorder and the device that keeps alive are three processes.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time

from cambus.gb28181.accounts import Account
from cambus.gb28181.manscdp.presence import Keepalive
from cambus.gb28181.platform import Gb28181Platform
from cambus.gb28181.platform_settings import PlatformSettings
from cambus.gb28181.registrar import Online, RegistrarSettings
from cambus.simulators.gb28181.quirks import Quirks
from cambus.simulators.gb28181.simulator import Gb28181Simulator

SERVER, DOMAIN, PASSWORD = "34020000002000000001", "3402000000", "a password"
CAMERA, RECORDER = "34020000001320000001", "34020000001180000002"
CAMERAS = 10_000
QUIET_S = 5.0
GAP_S = 0.005
LIMIT_MS = 100.0
RUNS = 3


async def recorder(port: int, part_items: int) -> None:
    """A recorder with many cameras, until it is ended."""
    async with Gb28181Simulator(
        server=("127.0.0.1", port),
        server_code=SERVER,
        code=RECORDER,
        password=PASSWORD,
        channels=CAMERAS,
        tcp=True,
        quirks=Quirks(part_items=part_items),
    ):
        await asyncio.Event().wait()


async def camera(port: int) -> None:
    """A camera that keeps alive all the time; every keepalive's end and length are printed when it is told to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), stop.set)
    taken = []
    async with Gb28181Simulator(
        server=("127.0.0.1", port), server_code=SERVER, code=CAMERA, password=PASSWORD
    ) as sim:
        await sim.wait_for(lambda: sim.registered)
        while not stop.is_set():
            body = sim.body(Keepalive(ok=True))
            begun = time.monotonic()
            await sim.agent.send(body)
            taken.append((time.monotonic(), time.monotonic() - begun))
            await asyncio.sleep(GAP_S)
    print(json.dumps(taken))


class AnyAccount:
    """Every device has the same password."""

    def account(self, code):
        return Account(code, PASSWORD)


def percentiles(values: list[float]) -> dict[str, float]:
    """Milliseconds."""
    ordered = sorted(1000 * each for each in values)
    return {
        "p50": round(statistics.median(ordered), 2),
        "p99": round(ordered[int(len(ordered) * 0.99)], 2),
        "max": round(ordered[-1], 2),
    }


async def start(*arguments: object) -> asyncio.subprocess.Process:
    """One of the processes of this script."""
    return await asyncio.create_subprocess_exec(
        sys.executable, __file__, *map(str, arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


async def measure(part_items: int) -> dict[str, object]:
    """A row."""
    online: set[str] = set()
    there = asyncio.Event()

    def happened(event: object) -> None:
        if isinstance(event, Online):
            online.add(event.binding.code)
            there.set()

    settings = PlatformSettings(RegistrarSettings(DOMAIN, SERVER), DOMAIN)
    spans = []
    async with Gb28181Platform(settings, AnyAccount(), happened) as platform:
        processes = [
            await start("recorder", platform.port, part_items),
            await start("camera", platform.port),
        ]
        try:
            while online != {CAMERA, RECORDER}:
                there.clear()
                await asyncio.wait_for(there.wait(), 60)
            quiet = time.monotonic()
            await asyncio.sleep(QUIET_S)
            for _ in range(RUNS):
                begun = time.monotonic()
                result = await platform.device(RECORDER).catalog(now=asyncio.get_running_loop().time)
                spans.append((begun, time.monotonic()))
                assert len(result.items) >= CAMERAS, len(result.items)
            out, _ = await processes[1].communicate(b"\n")
        finally:
            for each in processes:
                if each.returncode is None:
                    each.kill()
                await each.wait()
    taken = json.loads(out)
    alone = [length for end, length in taken if quiet <= end < quiet + QUIET_S]
    during = [length for end, length in taken if any(begun <= end <= over for begun, over in spans)]
    added = percentiles(during)["p99"] - percentiles(alone)["p99"]
    how = "in one message" if part_items >= CAMERAS else f"{part_items} a message"
    return {
        "row": f"GB28181 keepalives during a catalog of 10,000, {how}: ms added to p99 / 100",
        "runs": RUNS,
        "ratio": round(max(added, 0.0) / LIMIT_MS, 2),
        "limit": 1,
        "alone ms": percentiles(alone),
        "during ms": percentiles(during),
        "catalog s": round(statistics.median(over - begun for begun, over in spans), 2),
        "keepalives": len(during),
    }


async def main() -> None:
    """Measure both ways."""
    for part_items in (CAMERAS + 100, 4):
        print(json.dumps(await measure(part_items)), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("role", nargs="?", choices=["recorder", "camera"])
    parser.add_argument("numbers", nargs="*", type=int)
    asked = parser.parse_args()
    asyncio.run({"recorder": recorder, "camera": camera, None: main}[asked.role](*asked.numbers))
