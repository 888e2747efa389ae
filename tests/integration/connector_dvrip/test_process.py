"""The connector as the process it is in production."""

import signal

import pytest
from connector_process import launcher

from cambus.schemas.commands import ptz
from cambus.simulators.dvrip import DvripSimulator

USER, PASSWORD = "admin", "c4nary-passw0rd"


@pytest.fixture
async def start(bench, tmp_path):
    """Starts connector processes; what still runs at the end is killed."""
    async with launcher("cambus.connector_dvrip", bench, tmp_path) as launch:
        yield launch


async def test_a_process_takes_devices_and_hands_them_over_when_told_to_stop(bench, simulator, device, start):
    first = await start("process-1")
    await bench.add(device, simulator)
    await bench.shown(device, lambda p: p.online and p.replica == "process-1")
    await bench.client.call(ptz.MOVE, ptz.PtzMoveRequest(channel=0, pan=0.5), device=device)
    second = await start("process-2")
    assert await first.end(signal.SIGTERM) == 0
    assert first.events()[-1] == "stopped"
    await bench.shown(device, lambda p: p.online and p.replica == "process-2")
    assert simulator.head(0).history[1].parameter["Preset"] == -1  # the movement was not left running
    assert await second.end(signal.SIGTERM) == 0
    assert len(simulator.sessions) == 0


async def test_a_killed_process_is_replaced_by_one_of_its_name_and_loses_no_alarm(
    bench, simulator, device, start
):
    first = await start("process-1")
    await bench.add(device, simulator)
    before = await bench.shown(device)
    await first.end(signal.SIGKILL)
    await start("process-1")
    after = await bench.shown(device, lambda p: p.online and p.epoch > before.epoch)
    assert after.replica == "process-1"
    heard = await bench.heard(device)
    simulator.raise_alarm("motion", 0)
    await heard.until("alarm.raised")


async def test_a_dead_replica_is_taken_over_by_another(bench, device, start):
    async with DvripSimulator(user=USER, password=PASSWORD, channels=1) as simulator:
        first = await start("process-1")
        await bench.add(device, simulator)
        await bench.shown(device, lambda p: p.replica == "process-1")
        await first.end(signal.SIGKILL)
        await start("process-2")
        await bench.shown(device, lambda p: p.online and p.replica == "process-2")


async def test_no_line_of_the_log_holds_the_password(bench, simulator, device, start):
    process = await start("process-1", CAMBUS_LOG_LEVEL="debug")
    await bench.add(device, simulator)
    await bench.shown(device)
    simulator.drop()
    await bench.shown(device, lambda p: p.online and p.last_error is not None)
    await process.end(signal.SIGTERM)
    assert "device online" in process.events()
    assert PASSWORD not in "".join(process.lines)


async def test_a_key_file_that_is_none_is_said_at_once(bench, start, tmp_path):
    bad = tmp_path / "bad.key"
    bad.write_bytes(b"password")
    process = await start("process-1", CAMBUS_CREDENTIALS_KEY_FILE=str(bad))
    assert await process.process.wait() == 1
    await process._reading
    assert "bad.key" in "".join(process.lines)
