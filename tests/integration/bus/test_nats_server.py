"""The server for tests, benchmarks and `cambusctl`."""

import os
import subprocess
import sys

import psutil
import pytest

from cambus.bus.connection import Bus
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer, ServerFailedError

ORPHAN = """
import sys, time
from cambus.bus.testing import NatsServer
server = NatsServer().start_blocking()
print(server.pid, flush=True)
time.sleep(600)
"""


async def test_it_keeps_port_and_store_over_a_kill():
    async with NatsServer() as server:
        url, pid = server.url, server.pid
        async with await Bus.connect(BusSettings(nats_url=url)) as bus:
            await bus.jetstream.call("STREAM.CREATE.S", {"name": "S", "subjects": ["s"]})
            await bus.jetstream.publish("s", b"x")
        server.kill()
        assert not server.running
        await server.restart()
        assert (server.url, server.pid != pid) == (url, True)
        async with await Bus.connect(BusSettings(nats_url=url)) as bus:
            assert (await bus.jetstream.call("STREAM.INFO.S"))["state"]["messages"] == 1


async def test_it_leaves_nothing_behind():
    async with NatsServer() as server:
        folder, pid = server.store.parent, server.pid
    assert not folder.exists()
    assert not psutil.pid_exists(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="the parent's death is signalled on Linux only")
async def test_it_dies_with_a_process_that_is_killed(eventually):
    parent = subprocess.Popen(  # noqa: ASYNC220 - it must be killed, not awaited
        [sys.executable, "-c", ORPHAN], stdout=subprocess.PIPE, env=os.environ
    )
    with parent:
        pid = int(parent.stdout.readline())
        assert psutil.pid_exists(pid)
        parent.kill()
    await eventually(lambda: not psutil.pid_exists(pid))


async def test_a_configuration_it_refuses_is_reported_with_its_log():
    with pytest.raises(ServerFailedError, match="nats-server ended at start"):
        await NatsServer(config={"authorization": 5}).start()


def test_it_starts_without_an_event_loop():
    with NatsServer(sync_interval="2m", max_payload=4096) as server:
        assert server.running
        assert server.port > 0
        server.stop()
        assert not server.running


def test_a_second_start_is_refused():
    with NatsServer() as server, pytest.raises(ServerFailedError, match="already"):
        server.start_blocking()
