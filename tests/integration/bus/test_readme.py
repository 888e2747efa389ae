"""The service of the README works as printed."""

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

import pytest

from cambus.schemas.catalog import DEVICE_COMMANDS
from cambus.schemas.errors import Offline

README = Path(__file__).parents[3] / "libs" / "bus" / "README.md"
MOVE = DEVICE_COMMANDS["ptz.move"]


@pytest.fixture
def program(tmp_path):
    code = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)[1]
    assert len(code.splitlines()) <= 32
    path = tmp_path / "turntable.py"
    path.write_text(code)
    return path


async def test_the_service_of_the_readme_answers(program, nats_server, client, device, eventually):
    environment = os.environ | {"CAMBUS_NATS_URL": nats_server.url, "CAMBUS_DEVICE": device}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(program), env=environment, stdout=asyncio.subprocess.PIPE
    )

    async def answers():
        try:
            await client.call(MOVE, MOVE.request(channel=0, pan=0.5), device=device)
        except Offline:
            return False
        return True

    await eventually(answers)
    process.send_signal(signal.SIGTERM)
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert f"{device}: turn at 0.5" in out.decode()
