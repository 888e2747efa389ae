"""A connector as the process it is in production."""

import asyncio
import contextlib
import json
import os
import signal
import sys


class Process:
    """One connector process and what it wrote."""

    def __init__(self, process):
        self.process = process
        self.lines = []
        self._reading = asyncio.create_task(self._read())

    async def _read(self):
        async for line in self.process.stderr:
            self.lines.append(line.decode())

    def events(self):
        return [json.loads(line)["event"] for line in self.lines if line.startswith("{")]

    async def end(self, how):
        self.process.send_signal(how)
        code = await self.process.wait()
        await self._reading
        return code


@contextlib.asynccontextmanager
async def launcher(module, bench, folder):
    """Starts connector processes; what still runs at the end is killed."""
    running = []

    async def launch(instance, **variables):
        environment = {
            **os.environ,
            "CAMBUS_NATS_URL": bench.nats.url,
            "CAMBUS_INSTANCE": instance,
            "CAMBUS_DATA_DIR": str(folder / instance),
            "CAMBUS_CREDENTIALS_KEY_FILE": str(folder / "credentials.key"),
            "CAMBUS_RECONNECT_FIRST_S": "0.1",
            "CAMBUS_LEASE_TTL_S": "4",
            "CAMBUS_LEASE_MARGIN_S": "1",
            **variables,
        }
        made = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, env=environment, stderr=asyncio.subprocess.PIPE
        )
        running.append(Process(made))
        return running[-1]

    try:
        yield launch
    finally:
        for each in running:
            if each.process.returncode is None:
                await each.end(signal.SIGKILL)
