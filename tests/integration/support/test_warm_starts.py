"""A program that was forked warm is what the executed one is."""

import asyncio
import os
import signal
import subprocess
import sys

import psutil
import pytest
from warm_server import Order
from warm_starts import SCRIPTS, STARTS

CAMBUSCTL = str(SCRIPTS / "cambusctl")
RECORDER = (sys.executable, "-m", "cambus.recorder")


@pytest.fixture
def starts(request):
    found = request.config.stash.get(STARTS, None)
    if found is None:
        pytest.skip("every program is executed here")
    return found


def ran(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def is_warm(pid):
    return any(part.endswith("warm_server.py") for part in psutil.Process(pid).cmdline())


@pytest.mark.parametrize(
    "command",
    [
        (CAMBUSCTL, "ptz", "mvoe"),
        (sys.executable, "-c", "from cambus.cli.main import main; main()", "--version"),
        (*RECORDER, "--check-config"),
    ],
)
def test_what_it_prints_and_how_it_ends_is_the_same(starts, command, tmp_path):
    environment = {**os.environ, "CAMBUS_DATA_DIR": str(tmp_path), "CAMBUS_INSTANCE": "one", "COLUMNS": "80"}
    warm = ran(*command, env=environment, cwd=tmp_path)
    starts.wanted = False
    cold = ran(*command, env=environment, cwd=tmp_path)
    assert (warm.returncode, warm.stdout, warm.stderr) == (cold.returncode, cold.stdout, cold.stderr)
    assert warm.stdout or warm.stderr


async def test_it_is_a_process_of_its_own_with_nothing_of_ours_and_can_be_killed(
    starts, nats_server, tmp_path
):
    ours = os.open(tmp_path / "ours", os.O_CREAT | os.O_RDWR)
    try:
        os.set_inheritable(ours, True)
        process = await begun(nats_server, tmp_path)
        try:
            assert is_warm(process.pid)
            assert psutil.Process(process.pid).ppid() == os.getpid()
            assert os.getsid(process.pid) == process.pid
            seen = psutil.Process(process.pid)
            assert seen.cwd() == str(tmp_path)
            assert str(tmp_path / "ours") not in [each.path for each in seen.open_files()]
        finally:
            process.kill()
            await process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert not psutil.pid_exists(process.pid)
    finally:
        os.close(ours)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_it_takes_signals(starts, nats_server, tmp_path, how):
    process = await begun(nats_server, tmp_path)
    assert is_warm(process.pid)
    process.send_signal(how)
    _, log = await process.communicate()
    assert (process.returncode, b'"stopped"' in log) == (0, True)


def test_chance_is_different_in_each(starts, tmp_path):
    code = "import random; print(random.random())"
    heard = tmp_path / "heard"
    with heard.open("wb") as out:
        for _ in range(2):
            order = Order("-c", code, (), dict(os.environ), "/", session=False, first=None)
            os.waitpid(starts.begin(order, [0, out.fileno(), 2]), 0)
    first, second = heard.read_text().split()
    assert first != second


def test_a_server_that_is_gone_is_done_without(starts):
    gone = type(starts)()
    gone.end()
    order = Order("-c", "0", (), dict(os.environ), "/", session=False, first=None)
    assert gone.begin(order, [0, 1, 2]) == 0


@pytest.mark.cold_start
def test_a_marked_test_has_its_programs_executed():
    with subprocess.Popen([CAMBUSCTL, "events", "--follow"], stdin=subprocess.DEVNULL) as process:
        try:
            assert not is_warm(process.pid)
        finally:
            process.kill()


async def begun(nats_server, folder):
    """A recorder that has started."""
    environment = {
        **os.environ,
        "CAMBUS_NATS_URL": nats_server.url,
        "CAMBUS_DATA_DIR": str(folder),
        "CAMBUS_DISK_RESERVE_MIB": "0",
        "CAMBUS_LOG_FORMAT": "json",
    }
    process = await asyncio.create_subprocess_exec(
        *RECORDER, env=environment, cwd=folder, stderr=asyncio.subprocess.PIPE, start_new_session=True
    )
    async for line in process.stderr:
        if b'"started"' in line:
            return process
    raise AssertionError("it did not start")
