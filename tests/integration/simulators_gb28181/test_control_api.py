"""The HTTP control of simulated devices, and the command line."""

import asyncio
import sys

import aiohttp
import pytest
from gb28181_rig import DEVICE, PASSWORD, SERVER
from typer.testing import CliRunner

from cambus.simulators.cli import app
from cambus.simulators.gb28181.control import ACTIONS, ControlServer


@pytest.fixture
async def control(rig):
    sim = await rig.device(channels=2)
    server = ControlServer([sim])
    await server.start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client:
        yield sim, client
    await server.close()


async def call(client, path, **body):
    async with client.post(path, json=body) as response:
        return response.status, await response.json()


async def test_a_device_can_be_looked_at(control):
    sim, client = control
    async with client.get("/state") as response:
        state = await response.json()
    assert (state["count"], state["registered"]) == (1, 1)
    assert state["devices"][0]["code"] == sim.code
    assert PASSWORD not in str(state)
    async with client.get("/quirks") as response:
        assert "drop" in (await response.json())["quirks"]
    async with client.get("/messages") as response:
        assert {"direction": "out", "name": "REGISTER"} in (await response.json())["messages"]


async def test_a_device_can_be_made_to_do_things(rig, control):
    sim, client = control
    assert await call(client, "/alarm", method=5, type=2, channel=1) == (200, {"told": True})
    await rig.until(lambda: rig.told("Alarm"))
    assert rig.told("Alarm")[0].envelope.code == sim.channels[1]
    await call(client, "/position", longitude=1.5, latitude=2.5)
    await rig.until(lambda: rig.told("MobilePosition"))
    await call(client, "/watch")
    await rig.until(lambda: rig.told("VideoUploadNotify"))
    assert (await call(client, "/channel", channel=0, event="OFF"))[1] == {"subscribers": 0}
    assert not sim.device.cameras[sim.channels[0]].on
    await call(client, "/keepalive")
    await sim.wait_for(lambda: sim.said("Keepalive"))
    await call(client, "/register")
    await sim.wait_for(lambda: len(sim.heard("200 REGISTER")) == 2)
    assert (await call(client, "/drop"))[0] == 200
    await call(client, "/reboot", seconds=0.05)
    await sim.wait_for(lambda: sim.device.boots == 2 and sim.registered)


async def test_quirks_are_switched_and_what_makes_no_sense_is_refused(control):
    sim, client = control
    assert (await call(client, "/quirks", drop=["Catalog"], pace=2))[0] == 200
    assert (sim.quirks.drop, sim.quirks.pace) == ({"Catalog"}, 2.0)
    assert (await call(client, "/quirks", reset=True))[1]["quirks"]["drop"] == []
    for path, body in (
        ("/quirks", {"nothing": 1}),
        ("/alarm", {"method": "x"}),
        ("/alarm", {"channel": "nobody"}),
        ("/channel", {"event": "?"}),
        ("/position", {}),
        ("/alarm", {"device": 7}),
    ):
        status, answer = await call(client, path, **body)
        assert (status, "error" in answer) == (400, True), path
    assert "alarm" in ACTIONS


async def test_devices_from_the_command_line(rig, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD + "\n")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from cambus.simulators.cli import main; main()",
        "gb28181",
        *("--server", f"127.0.0.1:{rig.platform.port}", "--server-code", SERVER, "--code", DEVICE),
        *("--password-file", str(secret), "--count", "2", "--profile", "hik_nvr", "--control-port", "0"),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        await rig.until(lambda: rig.online(DEVICE) and rig.online(DEVICE[:-1] + "2"))
        lines = [(await process.stdout.readline()).decode() for _ in range(4)]
        assert lines[0].startswith("control on http://127.0.0.1:")
        assert lines[3] == "ready\n"
        assert (await rig.platform.device(DEVICE).info()).manufacturer == "Hikvision"
    finally:
        process.terminate()
        await process.communicate()
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"--code": "12"}, "20 digits"),
        ({"--server": "nowhere"}, "HOST:PORT"),
        ({"--profile": "axis"}, "dahua_ipc"),
        ({"--codec": "vp9"}, "h265"),
        ({"--quirk": "nothing=1"}, "no quirk"),
        ({"--quirk": "drop"}, "name=value"),
        ({"--password": ""}, "--password-file"),
    ],
)
def test_a_wrong_command_line_is_explained(change, said):
    options = {
        "--server": "127.0.0.1:1",
        "--server-code": SERVER,
        "--code": DEVICE,
        "--password": "x",
    } | change
    arguments = [part for pair in options.items() for part in pair]
    result = CliRunner().invoke(app, ["gb28181", *arguments], env={"COLUMNS": "300"})
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
