"""GStreamer publishes by RTMP: another implementation than FFmpeg's."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from cambus.media.frame import Codec, Kind

PYTHON = "/usr/bin/python3"
SCRIPT = Path(__file__).parents[2] / "support/gst_publisher.py"
KEY = "s7ream-k3y"


def is_there():
    try:
        return subprocess.run([PYTHON, SCRIPT], capture_output=True, check=False, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


pytestmark = pytest.mark.skipif(
    not is_there(), reason="GStreamer with its RTMP and H.264 plugins is not installed"
)


async def test_what_gstreamer_publishes_is_on_the_bus(bench):
    publishing = await bench.publisher("stage", password=KEY)
    url = f"rtmp://127.0.0.1:{publishing.port('rtmp')}/live/stage/{KEY}"
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(PYTHON, SCRIPT, url, stdin=pipe, stdout=pipe)
    try:
        await bench.shown("stage")
        watched = await bench.view("stage")
        frames = await watched.until(
            lambda frames: (
                sum(frame.kind is Kind.VIDEO for frame in frames) >= 20
                and sum(frame.kind is Kind.AUDIO for frame in frames) >= 10
            )
        )
        assert {frame.codec for frame in frames if frame.kind in {Kind.VIDEO, Kind.AUDIO}} == {
            Codec.H264,
            Codec.AAC,
        }
        process.stdin.close()
        gone = await bench.shown("stage", lambda presence: not presence.online)
        assert gone.last_error.reason in {"forced-logout", "connection-lost"}
        assert await process.stdout.read() == b""
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
