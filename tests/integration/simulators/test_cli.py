"""``cambus-sim`` as a process."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator

import aiohttp
import pytest
from typer.testing import CliRunner

from cambus.dvrip.client import DvripClient
from cambus.dvrip.frames import VideoFrame
from cambus.dvrip.messages.search import FileQuery
from cambus.dvrip.profile import Credentials
from cambus.media.frame import Codec
from cambus.simulators.cli import app
from cambus.simulators.video_loop import LoopStore, VideoSpec


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
            env={**os.environ, "COLUMNS": "500"},  # so that no path is broken into lines
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


def refused(*arguments: str) -> str:
    """What is said of arguments that can not be; no process is needed for that."""
    result = CliRunner().invoke(
        app, ["dvrip", "--port=0", "--user=admin", *arguments], env={"COLUMNS": "500"}
    )
    assert result.exit_code == 2
    return result.stderr


def test_a_password_must_be_given():
    assert "no default" in refused()


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("--quirk=nonsense=1", "no quirk"),
        ("--quirk=tail", "name=value"),
        ("--quirk=tail=x", "lfnul"),
        ("--main-size=100x100", "multiples of 8"),
        ("--codec=theora", "alternate"),
        ("--alarm-centre=x", "HOST:PORT"),
    ],
)
def test_wrong_arguments_say_what_is_right(argument, reason):
    assert reason in refused("--password=x", argument)


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


async def watched(stream, count):
    """So many pictures."""
    pictures = []
    async with asyncio.timeout(60):
        async for frame in stream:
            if isinstance(frame, VideoFrame):
                pictures.append(frame)
            if len(pictures) == count:
                return pictures
    return pictures


async def test_devices_show_the_files_they_are_given(run, tmp_path):
    specs = [VideoSpec(codec, 352, 288, fps=20, bitrate=100_000) for codec in (Codec.H264, Codec.H265)]
    loops = [LoopStore.shared.get(spec) for spec in specs]
    paths = [tmp_path / "first.h264", tmp_path / "second.h265"]
    for path, loop in zip(paths, loops, strict=True):
        path.write_bytes(b"".join(unit.data for unit in loop.units))
    process = await run(
        "--port=0", "--channels=2", "--user=admin", "--password=admin", "--quirk=mid_gop_start=true",
        "--quirk=service_blocks=true", "--recordings=1", "--recording-seconds=2",
        *(f"--video={path}" for path in paths),
    )  # fmt: skip
    port = int((await lines_until_ready(process))[0].rsplit(":", 1)[1])
    client = DvripClient("127.0.0.1", port, credentials=Credentials("admin", "admin"))
    await client.connect()
    try:
        streams = [await client.open_live(channel) for channel in range(2)]
        both = await asyncio.gather(*(watched(stream, 2 * specs[0].frames) for stream in streams))
        for stream, pictures, spec, loop in zip(streams, both, specs, loops, strict=True):
            assert not stream.began_with_key
            assert {(p.codec, p.width, p.height, p.fps) for p in pictures} == {(spec.codec, 352, 288, 20)}
            assert [p.payload for p in pictures] == [
                loop.unit(index).data for index in range(2 * spec.frames)
            ]
            assert stream.counters["service_blocks"] >= 1
            assert stream.counters["resyncs"] == 0
        day = await client.machine.time()
        span = day.replace(year=day.year - 1), day.replace(year=day.year + 1)
        recording = (await client.files.find(FileQuery(1, *span)))[0]
        playback = await client.open_playback(1, recording.name, download=True)
        assert [p.payload for p in await watched(playback, 1000)] == [unit.data for unit in loops[1].units]
    finally:
        await client.close()


async def test_a_file_that_cannot_be_shown_is_refused(run, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("nothing to see")
    process = await run("--port=0", "--user=admin", "--password=admin", f"--video={path}")
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert b"notes.txt" in errors.replace(b"\n", b"")
