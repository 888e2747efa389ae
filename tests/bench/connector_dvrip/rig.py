"""Simulated recorders, a connector and a bus, each in a process of its own, for the benchmarks of the connector."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil

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

USER, PASSWORD = "bench", "bench-0nly-here"
LAST_CORE = (os.cpu_count() or 1) - 1


def pin(pid, core):
    """Keep a process on one core, where the platform can say so."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(pid, {core})


@dataclass
class Rig:
    """What runs, and what it costs."""

    bus: Bus
    server: NatsServer
    url: str
    folder: Path
    key: KeyRing
    connector: asyncio.subprocess.Process | None = None

    async def start_connector(self):
        environment = {
            **os.environ,
            "CAMBUS_NATS_URL": self.url,
            "CAMBUS_DATA_DIR": str(self.folder / "connector"),
            "CAMBUS_INSTANCE": "connector-bench",
            "CAMBUS_CREDENTIALS_KEY_FILE": str(self.folder / "key"),
            "CAMBUS_LOG_LEVEL": "error",
        }
        command = (sys.executable, "-m", "cambus.connector_dvrip")
        self.connector = await asyncio.create_subprocess_exec(*command, env=environment)
        pin(self.connector.pid, LAST_CORE)

    async def register(self, ports):
        """Tell the bus of devices on these ports; returns once all are online."""
        sealed = KeyValue(self.bus, assets.KV_CREDENTIALS, SealedCredentials)
        records = KeyValue(self.bus, assets.KV_DEVICES, DeviceRecord)
        login = self.key.seal(Credentials(username=USER, password=PASSWORD), "bench")
        await sealed.put("bench", login)
        wanted = set()
        for number, port in enumerate(ports):
            name = f"bench-{number}"
            reference = CredentialsRef(name="bench")
            record = DeviceRecord(
                id=name, protocol="dvrip", address=f"127.0.0.1:{port}", credentials=reference
            )
            await records.put(name, record)
            wanted.add(name)
        async for name, entry in KeyValue(self.bus, assets.KV_PRESENCE, Presence).watch():
            if entry is not None and entry.value.online:
                wanted.discard(name)
            if not wanted:
                return

    def cpu_s(self):
        return sum(psutil.Process(self.connector.pid).cpu_times()[:2])

    def rss_bytes(self):
        return psutil.Process(self.connector.pid).memory_info().rss


@contextlib.asynccontextmanager
async def running(sync_interval="2m"):
    """NATS and an empty rig; the connector is started by the benchmark, and ended here."""
    with tempfile.TemporaryDirectory() as folder, NatsServer(sync_interval=sync_interval) as server:
        key = KeyRing.load_or_create(Path(folder) / "key")
        async with await Bus.connect(BusSettings(nats_url=server.url, instance="bench"), name="bench") as bus:
            await ensure_assets(bus)
            rig = Rig(bus, server, server.url, Path(folder), key)
            try:
                yield rig
            finally:
                if rig.connector is not None:
                    rig.connector.terminate()
                    await rig.connector.wait()


@contextlib.asynccontextmanager
async def simulators(count, *options):
    """A process of simulated recorders; gives their ports."""
    base = free_ports(count)
    command = [*(str(Path(sys.executable).with_name("cambus-sim")), "dvrip", "--user", USER)]
    command += ["--password", PASSWORD, "--port", str(base), "--devices", str(count), *options]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    pin(process.pid, 0)
    try:
        yield range(base, base + count)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            await asyncio.wait_for(process.wait(), 20)
        except TimeoutError:
            process.kill()
            await process.wait()


def free_ports(count):
    """The first of so many consecutive ports nobody listens on now."""
    taken = {each.laddr.port for each in psutil.net_connections("tcp") if each.laddr}
    base = 20000  # below the ports the kernel hands out by itself
    while any(port in taken for port in range(base, base + count)):
        base += 1
    return base
