"""`cambusctl up` with the real services and a simulated recorder; afterwards nothing is left of it."""

import asyncio
import json
import os
import signal
import socket
import sys

import psutil
import pytest

from cambus.cli.stack.options import SERVICES
from cambus.cli.stack.stack import Change, Stack, StackFailedError, StackOptions
from cambus.simulators.dvrip.media_plan import MediaPlan
from cambus.simulators.dvrip.simulator import DvripSimulator
from cambus.simulators.video_loop import VideoSpec

CTL = (sys.executable, "-c", "from cambus.cli.main import main; main()")
PASSWORD = "canary-Passw0rd"
SMALL = MediaPlan(main=VideoSpec(width=160, height=128, bitrate=100_000))
QUICK = {"CAMBUS_SYNC_INTERVAL_S": "0.5", "CAMBUS_DISK_RESERVE_MIB": "0"}


@pytest.fixture
async def recorder():
    """A simulated recorder with two cameras."""
    async with DvripSimulator(user="admin", password=PASSWORD, channels=2, media=SMALL) as simulator:
        await simulator.prepare(1)
        yield simulator


@pytest.fixture
def devices_file(recorder, tmp_path):
    path = tmp_path / "devices.yaml"
    (tmp_path / "password").write_text(PASSWORD)
    path.write_text(
        f"devices:\n  - {{id: gate, protocol: dvrip, address: '127.0.0.1:{recorder.port}',"
        " credentials: {username: admin, password_file: password}}\n"
    )
    return path


class Up:
    """`cambusctl up` as a process, and what it says line by line."""

    def __init__(self, process):
        self.process = process
        self.said = []

    async def says(self, **wanted):
        """Wait for a line of JSON with these facts."""
        async with asyncio.timeout(90):
            while True:
                line = await self.process.stdout.readline()
                assert line, (self.said, (await self.process.stderr.read()).decode())
                self.said.append(json.loads(line))
                if wanted.items() <= self.said[-1].items():
                    return self.said[-1]

    def children(self):
        """Every process it started, by the words of its command line."""
        return psutil.Process(self.process.pid).children(recursive=True)

    async def stop(self):
        """Ctrl-C; returns the exit code."""
        self.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(30):
            await self.process.communicate()
        return self.process.returncode


@pytest.fixture
async def up(tmp_path):
    """Starts `cambusctl up` on free ports in a folder of its own."""
    running = []

    async def start(*arguments, **ports):
        given = {
            "--nats-port": 0,
            "--http-port": 0,
            "--rtsp-port": 0,
            "--sip-port": 0,
            "--webrtc-port": 0,
            **ports,
        }
        words = [str(word) for pair in given.items() for word in pair]
        process = await asyncio.create_subprocess_exec(
            *CTL,
            *("up", "--json", "--data", str(tmp_path / "var"), *words, *arguments),
            env={**os.environ, **QUICK},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        running.append(process)
        return Up(process)

    yield start
    for process in running:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def ctl(nats, *arguments):
    """Run another command against it; returns the JSON it prints."""
    process = await asyncio.create_subprocess_exec(
        *CTL,
        *arguments,
        "--json",
        "--nats",
        nats,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, (out, errors)
    return json.loads(out)


def port_of(url):
    return int(url.rpartition(":")[2])


def alive(process):
    """Whether a process runs; one that only waits to be buried does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_it_runs_everything_and_leaves_nothing(up, devices_file, recorder, eventually, tmp_path):
    stack = await up("-f", str(devices_file))
    running = await stack.says(event="running")
    ready = {each["name"] for each in stack.said if each["event"] == "ready"}
    assert ready == {
        "nats-server",
        "connector-dvrip",
        "connector-gb28181",
        "connector-rtsp",
        "media-relay",
        "recorder",
        "alarm-router",
        "upgrade-manager",
    }
    nats = running["nats"]

    async def online():
        return (await ctl(nats, "devices"))[0]["state"] == "online"

    await eventually(online, within_s=60)
    await ctl(nats, "ptz", "move", "gate", "0", "--pan", "0.5", "--duration", "1")
    assert len(recorder.head(0).history) > 0

    async def recorded():
        return len((await ctl(nats, "recordings", "find", "gate"))["recorded"]) == 2

    await eventually(recorded, within_s=60)
    urls = await ctl(nats, "live", "open", "gate", "0")
    assert urls["page"].startswith(running["viewers"])
    assert (await ctl(nats, "doctor"))["problems"] == 0

    (victim,) = [each for each in stack.children() if each.cmdline()[-1] == "cambus.recorder"]
    victim.kill()
    ended = await stack.says(event="ended", name="recorder")
    assert ended["detail"] == "killed by signal 9"
    await stack.says(event="back", name="recorder")
    (relay,) = [each for each in stack.children() if each.cmdline()[-1] == "cambus.media_relay"]
    relay.kill()
    await stack.says(event="back", name="media-relay")
    assert (await ctl(nats, "live", "open", "gate", "0"))["page"] == urls["page"]  # on the same port

    children = stack.children()
    assert len(children) == 1 + len(SERVICES)  # NATS and the services
    assert await stack.stop() == 0
    assert [each for each in children if alive(each)] == []
    logs = "".join(path.read_text() for path in (tmp_path / "var" / "logs").iterdir())
    assert PASSWORD not in logs
    assert PASSWORD not in json.dumps(stack.said)
    assert (tmp_path / "var" / "credentials.key").stat().st_mode & 0o077 == 0


async def test_taken_ports_are_replaced_and_a_killed_parent_leaves_nothing(
    up, eventually, tmp_path, monkeypatch
):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        stack = await up(**{"--http-port": port})
        running = await stack.says(event="running")
    assert port_of(running["viewers"]) != port
    children = stack.children()
    stack.process.kill()
    await stack.process.communicate()
    await eventually(lambda: not any(alive(each) for each in children))
    assert list(temporary.iterdir()) == []  # everything is in the data folder


async def test_a_devices_file_with_a_mistake_is_told_before_anything_starts(up, tmp_path):
    (tmp_path / "devices.yaml").write_text("devices: [{id: gate}]")
    stack = await up("-f", str(tmp_path / "devices.yaml"))
    out, _ = await stack.process.communicate()
    assert (stack.process.returncode, json.loads(out)["error"]["reason"]) == (2, "usage")
    assert not (tmp_path / "var").exists()


async def test_a_second_stack_in_the_same_folder_is_refused(up, tmp_path):
    async with Stack(StackOptions(tmp_path / "var", 0, 0, 0, 0, 0, services=())):
        second = await up()
        out, _ = await second.process.communicate()
    assert second.process.returncode == 1
    assert (
        "runs in" in json.loads(out.splitlines()[-1] if out.startswith(b'{"event"') else out)["error"]["text"]
    )


async def test_a_stack_inside_a_program(tmp_path):
    """As end-to-end tests use it: some services, on free ports."""
    changes = []
    options = StackOptions(
        tmp_path, 0, 0, 0, 0, 0, services=("recorder",), environment={"CAMBUS_DISK_RESERVE_MIB": "0"}
    )
    async with Stack(options, on_change=lambda *change: changes.append(change)) as stack:
        assert (await stack.http_url("recorder")).startswith("http://127.0.0.1:")
        pid = stack.process("recorder").pid
        assert pid is not None
        nats = stack.nats.pid
    assert [(name, change) for name, change, _ in changes] == [
        ("nats-server", Change.READY),
        ("recorder", Change.READY),
    ]
    assert not psutil.pid_exists(pid)
    assert not psutil.pid_exists(nats)


async def test_settings_a_service_does_not_take_are_told_at_once(tmp_path):
    options = StackOptions(
        tmp_path, 0, 0, 0, 0, 0, services=("recorder",), environment={"CAMBUS_WRITER_THREADS": "0"}
    )
    with pytest.raises(StackFailedError, match="CAMBUS_WRITER_THREADS"):
        async with Stack(options):
            pass
