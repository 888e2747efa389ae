"""The simulated upper platform is run from the command line and controlled over HTTP (GB-281)."""

import re
import signal
import subprocess
import sys

import aiohttp
import pytest
from camera import H264, Camera
from cascade_rig import OURS, PASSWORD, UPPER

from cambus.simulators.gb28181.upper_control import UpperControl


@pytest.fixture
async def http(rig):
    """Calls of the control API of a platform at which a link is registered."""
    upper = await rig.upper()
    control = UpperControl(upper)
    await control.start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{control.port}") as session:

        async def call(path, **body):
            kind = session.post(path, json=body) if path not in {"/state", "/told"} else session.get(path)
            async with kind as response:
                return response.status, await response.json()

        call.upper = upper
        yield call
    await control.close()


async def test_a_person_sees_asks_watches_and_moves(rig, unique, http):
    camera = await rig.enter(Camera(rig.bus, f"cam-{unique}", H264))
    link = await rig.linked(http.upper)
    code = await rig.code_of(link, camera.device)
    assert (await http("/state"))[1]["registered"] == [OURS]
    items = (await http("/catalog"))[1]["items"]
    assert [item["code"] for item in items] == [OURS, code]
    assert await http("/play", channel=code, transport="udp") == (200, {"session": 0})
    await http.upper.watchings[0].wait_for(lambda: http.upper.watchings[0].pictures > 20)
    status, session = await http("/session", session=0)
    assert (status, session["codecs"], session["decoded"]) == (200, ["h264", "pcma"], [[320, 240]])
    assert await http("/control", channel=code, ptz="A50F000164000019") == (200, {"done": True})
    await camera.until(lambda: camera.moves)
    assert await http("/subscribe", topic="catalog") == (200, {"subscribed": True})
    await http.upper.wait_for(lambda: http.upper.heard("Catalog"))
    assert [each["command"] for each in (await http("/told"))[1]["told"]] == ["Catalog"]
    assert (await http("/state"))[1]["subscriptions"] == [f"{OURS} catalog"]
    assert await http("/unsubscribe", topic="catalog") == (200, {"unsubscribed": True})
    assert await http("/stop", session=0) == (200, {"stopped": True})
    await camera.until(lambda: not camera.claims)


async def test_mistakes_are_told(rig, http):
    assert (await http("/catalog"))[0] == 400  # nobody is registered
    await rig.linked(http.upper)
    for path, body in (
        ("/play", {"channel": "34020000001319999999"}),
        ("/play", {}),
        ("/session", {"session": 9}),
        ("/subscribe", {"topic": "weather"}),
        ("/control", {"channel": OURS, "ptz": "A5"}),
        ("/catalog", {"code": "nobody"}),
    ):
        status, answer = await http(path, **body)
        assert status == 400, path
        assert answer["error"], path


def test_the_command_runs_until_it_is_told_to_stop(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD)
    command = [
        sys.executable, "-c", "from cambus.simulators.cli import main; main()", "gb28181-upper", "--id", UPPER,
        "--user", OURS, "--password-file", str(secret), "--port", "0", "--control-port", "0",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        lines = [process.stdout.readline() for _ in range(3)]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert re.match(r"control on http://127\.0\.0\.1:\d+", lines[0])
    assert re.match(rf"gb28181 platform {UPPER} on 127\.0\.0\.1:\d+", lines[1])
    assert lines[2] == "ready\n"
    assert PASSWORD not in "".join(lines)


@pytest.mark.parametrize("wrong", [["--id", "12"], ["--user", "x"]])
def test_what_is_no_code_is_refused(wrong):
    arguments = ["--id", UPPER, "--user", OURS, "--password", "x", *wrong]
    done = subprocess.run(
        [sys.executable, "-c", "from cambus.simulators.cli import main; main()", "gb28181-upper", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "want 20 digits" in done.stderr
