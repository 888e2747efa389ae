"""`cambusctl demo` says to people what runs, what to watch and what to paste, and shows its first alarms."""

import asyncio
import io
from dataclasses import replace

import pytest

from cambus.cli.output import Output
from cambus.cli.stack import demo
from cambus.cli.stack.options import StackOptions
from cambus.cli.stack.simulated import SimulatedRecorder


class Said(io.StringIO):
    """What the demonstration prints; `arrived` is set by every line."""

    def __init__(self):
        super().__init__()
        self.arrived = asyncio.Event()

    def write(self, text):
        self.arrived.set()
        return super().write(text)

    async def line(self, wanted):
        """Wait for a line that fits."""
        while True:
            self.arrived.clear()
            for line in self.getvalue().splitlines():
                if wanted(line):
                    return line
            await self.arrived.wait()


@pytest.fixture
async def said(tmp_path, monkeypatch):
    """What a demonstration says, with alarms every second."""
    small = (replace(device, channels=1, codec="h264") for device in demo.DEVICES)
    quick = tuple(
        replace(device, alarm_every_s=1.0) if isinstance(device, SimulatedRecorder) else device
        for device in small
    )
    monkeypatch.setattr(demo, "DEVICES", quick)
    text = Said()
    out = Output(as_json=False, stdout=text, stderr=io.StringIO())
    ports = dict.fromkeys(("CAMBUS_DVRIP_REGISTRATION_PORT", "CAMBUS_RTSP_PUBLISH_PORT"), "0")
    environment = {"CAMBUS_DISK_RESERVE_MIB": "0", **ports}
    options = StackOptions(tmp_path / "var", 0, 0, 0, 0, 0, environment=environment)
    task = asyncio.create_task(demo.Demo(out, options).run())
    yield text
    task.cancel()
    await asyncio.wait({task})


async def test_it_says_what_to_watch_and_what_to_paste(said, tmp_path):
    async with asyncio.timeout(90):
        await said.line(lambda line: line.startswith("Ctrl-C stops everything"))
        await said.line(lambda line: line.startswith("and so on"))
    shown = said.getvalue()
    assert shown.count("(posted to our webhook)") == demo.MOST_ALARMS
    assert "6 simulated devices are online" in shown
    assert "Watch:  http://127.0.0.1:" in shown
    assert " ptz move gate 0 --pan 0.5" in shown
    assert "--nats nats://127.0.0.1:" in shown
    password = (tmp_path / "var" / "demo" / "password").read_text().strip()
    assert len(password) >= 24
    assert password not in shown
    assert (tmp_path / "var" / "demo" / "password").stat().st_mode & 0o077 == 0
