"""A service as a process: arguments, start, signals, failures, exit codes."""

import asyncio
import json
import os
import signal
import socket
import sys

import aiohttp
import pytest

from cambus.bus.testing import NatsServer
from cambus.schemas.errors import Offline
from cambus.schemas.model import Done, Empty
from cambus.schemas.spec import CommandSpec

PROGRAM = """
import asyncio, sys
from cambus.bus.runner import run_service
from pathlib import Path

from cambus.bus.outbox import OutboxFailed
from cambus.bus.service import CannotRun, Service
from cambus.bus.settings import BusSettings
from cambus.schemas.model import Done, Empty
from cambus.schemas.spec import CommandSpec

NAME = {name!r}

def spec(verb):
    return CommandSpec("test", verb, Empty, Done, verb, service=NAME, timeout_s=20)

class Settings(BusSettings):
    fail: str = ""

class Demo(Service[Settings]):
    name = NAME
    summary = "A service for tests."

    async def start(self):
        if self.runtime.settings.fail == "start":
            raise RuntimeError("nats://user:canary@host cannot start")
        self.proceed = asyncio.Event()
        for verb in ("quick", "slow", "crash", "blunder"):
            self.runtime.endpoints.add(spec(verb), getattr(self, verb))
        await self.runtime.endpoints.hold("device-" + NAME)
        self.crashing = asyncio.Event()
        self.runtime.spawn(self.crash_later(), name="crash")
        self.runtime.spawn(self.listen_hard(), name="hard of hearing")
        if self.runtime.settings.fail == "folder":
            (Path(__file__) / "recordings").mkdir()
        if self.runtime.settings.fail == "unfit":
            raise CannotRun("another one runs here; CAMBUS_DATA_DIR says where to keep things")
        if self.runtime.settings.fail == "outbox":
            raise OutboxFailed("/full/x.outbox: database or disk is full")

    async def quick(self, context, request):
        return Done()

    async def slow(self, context, request):
        print("slow begins", flush=True)
        await self.proceed.wait()
        return Done()

    async def blunder(self, context, request):
        # The server answers nonsense with an error that nats-py takes as final.
        await self.runtime.bus.nc._send_command(b"NONSENSE\\r\\n")
        return Done()

    async def crash(self, context, request):
        self.crashing.set()
        return Done()

    async def crash_later(self):
        await self.crashing.wait()
        raise RuntimeError("a task failed")

    async def listen_hard(self):
        # As nats-py where its buffer is full: being cancelled once is not noticed.
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()

    async def release(self):
        print("released", flush=True)
        self.runtime.spawn(self.let_go())
        if self.runtime.settings.fail == "release":
            await asyncio.Event().wait()

    async def let_go(self):
        self.proceed.set()

    async def stop(self):
        print("stopped in flight", self.runtime.endpoints.in_flight, flush=True)

sys.exit(run_service(Demo, Settings))
"""


def spec(name, verb):
    return CommandSpec("test", verb, Empty, Done, verb, service=name, timeout_s=20)


class Process:
    """A running service and what it said."""

    def __init__(self, process, name):
        self.process = process
        self.name = name
        self.http_port = 0
        self.log = []

    async def logged(self, event):
        """Wait for a log line; returns its fields."""
        while True:
            line = await self.process.stderr.readline()
            assert line, f"ended without {event!r}: {self.log}"
            self.log.append(json.loads(line))
            if self.log[-1]["event"] == event:
                return self.log[-1]

    async def said(self, text):
        while True:
            line = await self.process.stdout.readline()
            assert line, f"ended without saying {text!r}"
            if line.decode().startswith(text):
                return line.decode()

    async def ended(self):
        """Wait for the end; returns exit code and the remaining log."""
        async with asyncio.timeout(30):
            rest = (await self.process.stderr.read()).decode()
            return await self.process.wait(), rest

    async def get(self, path):
        url = f"http://127.0.0.1:{self.http_port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status, await response.text()


@pytest.fixture
async def launch(tmp_path, nats_server, unique):
    """Starts the service; kills what is left at the end."""
    running = []
    script = tmp_path / "service.py"
    script.write_text(PROGRAM.format(name=unique))

    async def start(*arguments, nats_url=None, **settings):
        clean = {key: value for key, value in os.environ.items() if not key.startswith("CAMBUS_")}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(script),
            *arguments,
            env=clean
            | {"CAMBUS_NATS_URL": nats_url or nats_server.url}
            | {f"CAMBUS_{key.upper()}": str(value) for key, value in settings.items()},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        running.append(process)
        return Process(process, unique)

    yield start
    for process in running:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.fixture
async def started(launch):
    async def start(**options):
        service = await launch(**options)
        service.http_port = (await service.logged("starting"))["http_port"]
        await service.logged("started")
        return service

    return start


async def test_it_answers_and_ends_in_order_at_sigterm(started, client, client_bus):
    service = await started()
    assert (await service.get("/readyz"))[0] == 200
    assert (await service.get("/livez"))[0] == 200
    assert "cambus_build_info" in (await service.get("/metrics"))[1]
    await client.call(spec(service.name, "quick"), Empty())
    slow = asyncio.ensure_future(client.call(spec(service.name, "slow"), Empty()))
    await service.said("slow begins")
    service.process.send_signal(signal.SIGTERM)
    await service.said("released")  # first of all leases are given up
    assert await slow == Done()  # then what is under way is finished
    assert await service.said("stopped in flight") == "stopped in flight 0\n"
    code, _ = await service.ended()
    assert code == 0
    with pytest.raises(Offline):
        await client.call(spec(service.name, "quick"), Empty())


async def test_discovery_tells_where_its_http_port_is(started, client_bus):
    service = await started(http_port=0)
    for verb in ("PING", "INFO", "STATS"):
        answer = json.loads((await client_bus.request(f"$SRV.{verb}.{service.name}")).data)
        assert answer["metadata"] == {"http": f"http://127.0.0.1:{service.http_port}"}


async def test_sigint_ends_it_in_order_too(started):
    service = await started()
    service.process.send_signal(signal.SIGINT)
    assert (await service.ended())[0] == 0


async def test_a_stop_that_takes_too_long_is_cut_short_and_is_a_failure(started):
    service = await started(fail="release", drain_timeout_s=0.2)
    service.process.send_signal(signal.SIGTERM)
    code, log = await service.ended()
    assert code == 1
    assert "DrainCutShort" in log


async def test_a_second_signal_ends_it_at_once(started):
    service = await started(fail="release", drain_timeout_s=500)
    service.process.send_signal(signal.SIGTERM)
    await service.said("released")
    service.process.send_signal(signal.SIGTERM)
    assert (await service.ended())[0] == 1


async def test_a_task_that_fails_ends_the_process_with_an_error(started, client):
    service = await started()
    await client.call(spec(service.name, "crash"), Empty())
    code, log = await service.ended()
    assert code == 1
    assert "a task failed" in log
    assert "released" in (await service.process.stdout.read()).decode()  # others can take over at once


async def test_a_start_that_fails_ends_the_process_without_leaking(launch):
    service = await launch(fail="start")
    code, log = await service.ended()
    assert code == 1
    assert "cannot start" in log
    assert "canary" not in log


async def test_a_port_that_is_taken_is_said_without_a_traceback(launch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        service = await launch(http_port=taken.getsockname()[1])
        code, log = await service.ended()
    assert code == 1
    assert "already in use; the settings ending in _PORT" in log
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("fail", "told"),
    [("folder", "Not a directory"), ("outbox", "disk is full"), ("unfit", "another one runs here")],
)
async def test_a_place_that_can_not_be_written_is_said_without_a_traceback(launch, fail, told):
    service = await launch(fail=fail)
    failed = await service.logged("the service failed")
    assert (await service.ended())[0] == 1
    assert told in failed["reason"]
    assert "CAMBUS_DATA_DIR says where to keep things" in failed["reason"]
    assert "error" not in failed


async def test_it_is_alive_but_not_ready_while_nats_is_away(launch, eventually):
    server = NatsServer().start_blocking()
    server.kill()
    service = await launch(nats_url=server.url)
    service.http_port = (await service.logged("starting"))["http_port"]
    assert (await service.get("/livez"))[0] == 200
    status, text = await service.get("/readyz")
    assert (status, json.loads(text)["conditions"]["nats"]["ok"]) == (503, False)
    await server.start()
    await service.logged("started")
    assert (await service.get("/readyz"))[0] == 200
    service.process.send_signal(signal.SIGTERM)
    assert (await service.ended())[0] == 0
    server.close()


async def test_it_can_be_stopped_while_it_waits_for_nats(launch):
    with NatsServer() as server:
        url = server.url
    service = await launch(nats_url=url)
    await service.logged("starting")
    service.process.send_signal(signal.SIGTERM)
    assert (await service.ended())[0] == 0


async def test_a_connection_closed_for_good_ends_the_process_with_an_error(started, client_bus):
    service = await started()
    await client_bus.publish(spec(service.name, "blunder").subject(), b"{}")
    code, log = await service.ended()
    assert code == 1
    assert "closed the connection" in log


async def test_version_and_help(launch, unique):
    for argument, expected in (("--version", unique), ("--help", "CAMBUS_NATS_URL")):
        service = await launch(argument)
        out, _ = await service.process.communicate()
        assert (service.process.returncode, expected in out.decode()) == (0, True)


async def test_check_config_prints_what_is_in_force(launch):
    service = await launch("--check-config", http_port=8123)
    out, _ = await service.process.communicate()
    assert service.process.returncode == 0
    assert "CAMBUS_HTTP_PORT=8123\n" in out.decode()


async def test_a_wrong_setting_is_named_and_is_exit_code_2(launch, tmp_path):
    service = await launch("--check-config", http_port="canary")
    _, error = await service.process.communicate()
    assert (service.process.returncode, b"CAMBUS_HTTP_PORT" in error, b"canary" in error) == (2, True, False)
    service = await launch(nats_ca_file=tmp_path / "missing.pem")
    _, error = await service.process.communicate()
    assert (service.process.returncode, b"nats_ca_file" in error) == (2, True)
