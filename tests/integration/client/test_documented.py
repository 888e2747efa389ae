"""The examples of the README and of `examples/` do what they say."""

import asyncio
import json
import os
import re
import shutil
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bus_camera import JPEG, PICTURE, BusCamera
from documented import ROOT

from cambus.bus.calls import CallContext
from cambus.bus.endpoints import Endpoints
from cambus.bus.testing import NatsServer
from cambus.client import Cambus
from cambus.schemas.catalog import DEVICE_COMMANDS
from cambus.schemas.commands.recorder import RECORDING_SEARCH, RecordingSearchReply, RecordingSearchRequest

README = ROOT / "libs/client/README.md"
GUIDE = ROOT / "docs/how-to/python-client.md"
SHELL = ROOT / "examples/shell/gate.sh"
NATS = ROOT / "tests/support/nats_stand_in.py"
MODULES = ROOT / "var/examples-javascript"
"""Where the packages of the JavaScript example are installed, by `npm install --prefix`."""


def blocks(page: Path = README) -> list[str]:
    return [part.partition("```")[0] for part in page.read_text().split("```python\n")[1:]]


async def test_the_program_at_the_head_of_the_readme_runs(gate, nats_server: NatsServer):
    code = blocks()[0].replace("nats://127.0.0.1:4222", nats_server.url).replace('"gate"', repr(gate.name))
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert (process.returncode, out) == (0, b"the gate moves\n")


@pytest.mark.parametrize("number", range(1, len(blocks())))
async def test_the_pieces_of_the_readme_run(number, cambus, gate, unique, capsys):
    code = blocks()[number].replace('"gate"', repr(gate.name)).replace("my-siren", unique)
    await run_piece(code, cambus, gate)
    said = capsys.readouterr().out
    assert "JPEG" not in code or f"{len(JPEG)} bytes, JPEG: True" in said
    assert "Kind" not in code or f"H264, {len(PICTURE)} bytes at " in said
    async with asyncio.timeout(30):
        while gate.claims:  # given back by the loop, behind the piece  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def run_piece(code: str, cambus: Cambus, gate: BusCamera, **names: object) -> None:
    """Run statements while alarms are raised and pictures sent: a piece that follows begins with the next."""
    exec(f"async def piece(cambus, gate):\n{textwrap.indent(code, '    ')}", names)
    piece = names["piece"](cambus, cambus.device(gate.name))  # type: ignore[operator]  # what was just made
    running = asyncio.ensure_future(piece)
    while not running.done():
        await asyncio.gather(gate.raise_alarm(), gate.send_picture())
        await asyncio.wait({running}, timeout=0.1)
    await running


async def test_the_pieces_of_the_guide_run_one_after_the_other(cambus, gate, bus, nats_server, capsys):
    recorder = Endpoints(bus, "recorder")

    async def search(context: CallContext, request: RecordingSearchRequest) -> RecordingSearchReply:
        return RecordingSearchReply(spans=[], gaps=[], answered=[], silent=[])

    recorder.add(RECORDING_SEARCH, search)
    await recorder.start()
    end = datetime.now(UTC)
    here = {
        '"tls://nats:4222", nkey_file="operator.nk", ca_file="ca.crt"': repr(nats_server.url),
        '"gate"': repr(gate.name),
        "len(frame.payload))": "len(frame.payload))\n        break",
    }
    try:
        for block in blocks(GUIDE):
            code = block
            for written, meant in here.items():
                code = code.replace(written, meant)
            await run_piece(code, cambus, gate, Cambus=Cambus, start=end - timedelta(hours=1), end=end)
    finally:
        await recorder.drain(timeout_s=5.0)
    refused, picture = capsys.readouterr().out.splitlines()
    assert refused.startswith("501 ")
    assert picture.startswith("H264 True ")
    assert [move.duration_s for move in gate.moves] == [1.0]


async def look(folder: Path, nats_server: NatsServer, gate, *command: str) -> list[str]:
    """Run an example until it waits for an alarm, raise alarms, and return what it printed; all print the same."""
    process = await asyncio.create_subprocess_exec(
        *command,
        gate.name,
        cwd=folder,
        env=os.environ | {"NATS_URL": nats_server.url},
        stdout=asyncio.subprocess.PIPE,
    )
    ended = asyncio.ensure_future(process.communicate())
    while not ended.done():
        await gate.raise_alarm()
        await asyncio.wait({ended}, timeout=0.2)
    out, _ = await ended
    assert process.returncode == 0
    assert (folder / f"{gate.name}.jpg").read_bytes() == JPEG
    assert gate.moves[0].pan == 0.5
    return out.decode().splitlines()


async def test_the_example_in_python_runs(gate, nats_server, tmp_path):
    lines = await look(tmp_path, nats_server, gate, sys.executable, str(ROOT / "examples/python/gate.py"))
    assert lines[:2] == [f"{gate.name}: Cambus Stand-in", "it moves"]
    assert lines[-1].startswith("alarm: motion on channel 0")


@pytest.mark.slow
async def test_the_example_in_javascript_runs(gate, nats_server, tmp_path):
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not installed")
    wanted = json.loads((ROOT / "examples/javascript/package.json").read_text())["dependencies"]
    packages = [f"{name}@{version}" for name, version in wanted.items()]
    options = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]
    installing = await asyncio.create_subprocess_exec(
        npm, "install", "--prefix", str(MODULES), *options, *packages
    )
    if await installing.wait() != 0:
        pytest.skip("the packages of nats.js cannot be installed here")
    shutil.copy(ROOT / "examples/javascript/gate.mjs", MODULES)  # node looks for packages beside the program
    lines = await look(tmp_path, nats_server, gate, node, str(MODULES / "gate.mjs"))
    assert lines[:2] == [f"{gate.name}: Cambus Stand-in", "it moves"]
    assert lines[-1] == f"alarm: cambus.v1.evt.{gate.name}.alarm.raised"


def test_what_the_example_in_shell_asks_is_what_there_is():
    asked = re.findall(r"^[^#\n]*\bask ([a-z.]+) '([^']*)'", SHELL.read_text(), re.MULTILINE)
    assert [name for name, _ in asked] == ["device.info", "ptz.move", "snapshot.take"]
    for name, body in asked:
        request = DEVICE_COMMANDS[name].request.model_validate_json(body)
        assert set(json.loads(body)) <= type(request).model_fields.keys(), name


@pytest.mark.slow
async def test_the_example_in_shell_runs(gate, nats_server, tmp_path, monkeypatch):
    """By natscli where it is installed, else by a stand-in that takes the options the example gives it."""
    if shutil.which("jq") is None:
        pytest.skip("not installed: jq")
    if shutil.which("nats") is None:
        stand_in = tmp_path / "bin" / "nats"
        stand_in.parent.mkdir()
        stand_in.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{NATS}" "$@"\n')
        stand_in.chmod(0o755)
        monkeypatch.setenv("PATH", f"{stand_in.parent}{os.pathsep}{os.environ['PATH']}")
    lines = await look(tmp_path, nats_server, gate, str(SHELL))
    assert lines[:3] == ["Cambus Stand-in", "it moves", f"picture: {gate.name}.jpg"]
    assert f"cambus.v1.evt.{gate.name}.alarm.raised" in lines[-1]
