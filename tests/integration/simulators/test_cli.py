"""``cambus-sim`` as a process."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator

import aiohttp
import pytest


@pytest.fixture
async def run() -> AsyncIterator:
    """Starts ``cambus-sim dvrip`` with arguments."""
    processes = []

    async def start(*arguments):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "from cambus.simulators.cli import main; main()",
            "dvrip",
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def lines_until_ready(process):
    lines = []
    async with asyncio.timeout(60):
        while not lines or lines[-1] != "ready":
            line = await process.stdout.readline()
            assert line, (await process.stderr.read()).decode()
            lines.append(line.decode().strip())
    return lines


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_devices_run_until_the_signal(run, clients, tmp_path, how):
    secret = tmp_path / "password"
    secret.write_text("admin\n")
    process = await run(
        "--port=0", "--devices=3", "--channels=2", "--user=admin", f"--password-file={secret}", "--control-port=0",
        "--quirk=tail=crlf", "--quirk=version=5", "--alarm-every=0.2",
    )  # fmt: skip
    lines = await lines_until_ready(process)
    ports = [int(line.rsplit(":", 1)[1]) for line in lines if line.startswith("dvrip device")]
    assert len(set(ports)) == 3
    for port in ports:
        client = await clients(port, login=True)
        await client.ask(1500, {})
        packet = await client.read_id(1504)
        assert (packet.version, packet.payload[-2:]) == (5, b"\r\n")
    control = next(line.split()[-1] for line in lines if line.startswith("control"))
    async with aiohttp.ClientSession() as session, session.get(f"{control}/state") as response:
        assert len((await response.json())["devices"]) == 3
    process.send_signal(how)
    async with asyncio.timeout(30):
        _, errors = await process.communicate()
    assert process.returncode == 0
    assert errors == b""


async def test_a_password_must_be_given(run):
    process = await run("--port=0", "--user=admin")
    async with asyncio.timeout(60):
        _, errors = await process.communicate()
    assert process.returncode == 2
    assert b"no default" in errors


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("--quirk=nonsense=1", b"no quirk"),
        ("--quirk=tail", b"name=value"),
        ("--quirk=tail=x", b"lfnul"),
        ("--main-size=100x100", b"multiples of 8"),
        ("--codec=theora", b"alternate"),
        ("--alarm-centre=x", b"HOST:PORT"),
    ],
)
async def test_wrong_arguments_say_what_is_right(run, argument, reason):
    process = await run("--port=0", "--user=admin", "--password=x", argument)
    async with asyncio.timeout(60):
        _, errors = await process.communicate()
    assert process.returncode == 2
    assert reason in errors


async def test_a_port_that_is_taken_ends_with_one_line(run, sim):
    process = await run(f"--port={sim.port}", "--user=admin", "--password=x")
    async with asyncio.timeout(60):
        _, errors = await process.communicate()
    assert process.returncode == 1
    assert errors.startswith(b"cambus-sim: cannot bind")
    assert errors.count(b"\n") == 1


async def test_devices_of_two_processes_can_be_told_apart(run):
    serials = []
    for first in (0, 1):
        process = await run(
            "--port=0", "--channels=1", "--user=admin", "--password=x", f"--first={first}", "--control-port=0"
        )
        lines = await lines_until_ready(process)
        control = next(line.split()[-1] for line in lines if line.startswith("control"))
        async with aiohttp.ClientSession() as session, session.get(f"{control}/state?device=0") as response:
            serials.append((await response.json())["serial"])
    assert len(set(serials)) == 2
