"""A storm of 2,000 devices at one GB/T 28181 connector: registered, looked into and shown on the bus; then idle.

NATS, the connector and the devices are processes of their own. Keepalives come every 60 s, so that is
how long it is watched: those who came together also keep alive together.
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

import psutil
from bench_catalog import CAMERA, PASSWORD, SERVER, percentiles, start

from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.sealing import KeyRing
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.client.kv import KeyValue
from cambus.schemas import assets
from cambus.schemas.state.credentials import Credentials, SealedCredentials
from cambus.schemas.state.devices import CredentialsRef, DeviceRecord
from cambus.schemas.state.presence import Presence
from cambus.simulators.gb28181.storm import numbered

ONE = "bench-0"
"""Keeps alive all the time, so that the answers can be timed; the others are the crowd."""
CROWDS = 2
SETTLE_S, KEEPALIVE_S, COMING_S = 40.0, 60.0, 500.0
CORE_PER_DEVICE = 0.10 / 10_000


class Connector:
    """The connector's process, and what it costs."""

    def __init__(self, url: str, folder: Path, port: int) -> None:
        self._environment = {
            **os.environ,
            "CAMBUS_NATS_URL": url,
            "CAMBUS_DATA_DIR": str(folder / "connector"),
            "CAMBUS_INSTANCE": "connector-bench",
            "CAMBUS_CREDENTIALS_KEY_FILE": str(folder / "key"),
            "CAMBUS_LOG_LEVEL": "error",
            "CAMBUS_GB28181_PORT": str(port),
        }

    async def __aenter__(self):
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cambus.connector_gb28181", env=self._environment
        )
        self._seen = psutil.Process(self._process.pid)
        return self

    async def __aexit__(self, *_):
        await self.stop()

    async def stop(self) -> tuple[float, int]:
        """How long it takes to end, in seconds, and its exit code."""
        begun = time.monotonic()
        if self._process.returncode is None:
            self._process.terminate()
        code = await self._process.wait()
        return time.monotonic() - begun, code

    def cpu_s(self) -> float:
        return sum(self._seen.cpu_times()[:2])

    def rss_kib(self) -> float:
        return self._seen.memory_info().rss / 1024


class Crowd:
    """Devices in a process of their own."""

    def __init__(self, port: int, first: int, count: int, host: str) -> None:
        self._command = [
            *(Path(sys.executable).with_name("cambus-sim"), "gb28181", "--server", f"127.0.0.1:{port}"),
            *("--server-code", SERVER, "--code", numbered(CAMERA, first), "--count", count),
            *("--password", PASSWORD, "--host", host),
        ]

    async def __aenter__(self):
        self._process = await asyncio.create_subprocess_exec(
            *map(str, self._command), stdout=subprocess.DEVNULL
        )

    async def __aexit__(self, *_):
        self._process.kill()
        await self._process.wait()


def free_port() -> int:
    """One that is free for UDP now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def tell(bus: Bus, key: KeyRing, codes: dict[str, str]) -> None:
    """Write the records of devices, by name."""
    sealed = KeyValue(bus, assets.KV_CREDENTIALS, SealedCredentials)
    records = KeyValue(bus, assets.KV_DEVICES, DeviceRecord)
    await sealed.put("bench", key.seal(Credentials(username="", password=PASSWORD), "bench"))
    for name, code in codes.items():
        reference = CredentialsRef(name="bench")
        record = DeviceRecord(id=name, protocol="gb28181", credentials=reference, options={"code": code})
        await records.put(name, record)


def codes_of(count: int) -> dict[str, str]:
    """The one and so many others, by name."""
    return {f"bench-{number}": numbered(CAMERA, number) for number in range(count + 1)}


async def shown(bus: Bus, names: set[str], condition) -> None:
    """Wait until the presence of all is as wanted."""
    missing = set(names)
    async for name, entry in KeyValue(bus, assets.KV_PRESENCE, Presence).watch():
        if entry is not None and condition(entry.value):
            missing.discard(name)
        if not missing:
            return


async def main() -> None:
    """Measure, and print the row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=2000)
    count = parser.parse_args().devices
    share, port = count // CROWDS, free_port()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(NatsServer(sync_interval="2m"))
        key = KeyRing.load_or_create(folder / "key")
        bus = await stack.enter_async_context(
            await Bus.connect(BusSettings(nats_url=server.url, instance="bench"), name="bench")
        )
        await ensure_assets(bus)
        connector = await stack.enter_async_context(Connector(server.url, folder, port))
        codes = codes_of(count)
        await tell(bus, key, codes)
        crowd = set(codes) - {ONE}
        async with asyncio.timeout(COMING_S):
            await shown(bus, set(codes), lambda presence: True)
            empty, before, begun = connector.rss_kib(), connector.cpu_s(), time.monotonic()
            for number in range(CROWDS):
                await stack.enter_async_context(
                    Crowd(port, 1 + number * share, share, f"127.0.0.{number + 2}")
                )
            await shown(bus, crowd, lambda presence: presence.online)
            online_s = time.monotonic() - begun
            await shown(bus, crowd, lambda presence: presence.online and presence.channels)
            known_s, storm = time.monotonic() - begun, connector.cpu_s() - before
        await asyncio.sleep(SETTLE_S)
        memory, before = (connector.rss_kib() - empty) / count, connector.cpu_s()
        await asyncio.sleep(KEEPALIVE_S)
        used = (connector.cpu_s() - before) / KEEPALIVE_S
        one = await start("camera", port)
        await asyncio.sleep(KEEPALIVE_S)
        answers, _ = await one.communicate(b"\n")
        stopped_s, code = await connector.stop()
    row = {
        "row": f"{count} GB28181 devices at a connector, idle: share of a core / {CORE_PER_DEVICE * count:.3g}",
        "ratio": round(used / (CORE_PER_DEVICE * count), 2),
        "limit": 1,
        "core_used": round(used, 4),
        "kib_per_device": round(memory, 1),
        "keepalive ms": percentiles([length for _, length in json.loads(answers)]),
        "all online s": round(online_s, 1),
        "all known s": round(known_s, 1),
        "core s of the storm": round(storm, 1),
        "stopped s": round(stopped_s, 1),
        "exit code": code,
    }
    print(json.dumps(row))


if __name__ == "__main__":
    asyncio.run(main())
