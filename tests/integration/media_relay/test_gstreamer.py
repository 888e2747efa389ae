"""GStreamer as a player of the relay's RTSP: another implementation of the protocol than FFmpeg's."""

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

PYTHON = "/usr/bin/python3"
PLAYER = Path(__file__).parents[2] / "support/gst_rtsp_player.py"
TOKEN = "a-token-of-sufficient-length"
NEEDED = (
    "import gi; gi.require_version('Gst', '1.0'); from gi.repository import Gst; Gst.init(None); "
    "assert all(Gst.ElementFactory.find(name) for name in "
    "('rtspsrc', 'rtph264depay', 'udpsrc', 'h264parse', 'openh264dec', 'libde265dec', 'alawdec'))"
)


def has_player():
    try:
        ran = subprocess.run([PYTHON, "-c", NEEDED], capture_output=True, check=False, timeout=30)
    except OSError:
        return False
    return ran.returncode == 0


pytestmark = pytest.mark.skipif(not has_player(), reason="GStreamer's RTSP player is not installed")


async def play(url, protocol, *, user="", password="", pictures=30):
    process = await asyncio.create_subprocess_exec(
        *(PYTHON, str(PLAYER), url, protocol, user, password, str(pictures)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(90):
            said, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, errors.decode()
    return json.loads(said)


@pytest.mark.parametrize("protocol", ["tcp", "udp", "http"])
@pytest.mark.parametrize("codec", ["h264", "h265"])
async def test_it_decodes_picture_and_sound(codec, protocol, relay, make_camera, specs, device):
    await make_camera(specs[codec], pace=1.0)
    played = await play(f"{relay.rtsp}/{device}/0/main", protocol)
    assert played["end"] == "enough"
    assert "width=(int)320" in played["caps"]["video"]
    assert "rate=(int)8000" in played["caps"]["audio"]


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
async def test_it_logs_in_where_both_algorithms_are_offered(
    protocol, relay_settings, run_relay, make_camera, device, tmp_path
):
    await make_camera(pace=1.0)
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN)
    async with run_relay(relay_settings(relay_access="shared-token", relay_token_file=token_file)) as relay:
        url = f"{relay.rtsp}/{device}/0/main"
        assert (await play(url, protocol, user="viewer", password=TOKEN, pictures=10))["end"] == "enough"
        refused = await play(url, protocol, user="viewer", password="not-the-token", pictures=10)
        assert refused["video"] == 0
        assert "authorized" in refused["end"].lower()
