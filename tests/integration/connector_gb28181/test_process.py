"""The connector as the process it is in production."""

import signal

import pytest
from gb28181_bodies import ptz_codes
from gb28181_rig import SMALL

from cambus.schemas.commands import device, ptz
from cambus.schemas.model import Empty
from cambus.simulators.gb28181.simulator import Gb28181Simulator

SERVER = "34020000002000000001"
CAMERA = "34020000001320000001"
PASSWORD = "c4nary-passw0rd"


@pytest.fixture
async def simulator(bench, port):
    """A camera that tries to register at the port, whether somebody is there or not."""
    await bench.add("gate", CAMERA)
    return await bench.enter(
        Gb28181Simulator(
            server=("127.0.0.1", port),
            server_code=SERVER,
            code=CAMERA,
            password=PASSWORD,
            media=SMALL,
            retry_s=0.1,
        )
    )


async def test_a_process_stops_what_moves_and_the_next_goes_on_without_a_registration(
    bench, simulator, start, port
):
    first = await start("process-1", CAMBUS_GB28181_PORT=str(port))
    await bench.shown("gate", lambda p: p.online and len(p.channels) == 1)
    await bench.client.call(ptz.MOVE, ptz.PtzMoveRequest(channel=0, pan=0.5), device="gate")
    assert await first.end(signal.SIGTERM) == 0
    assert first.events()[-1] == "stopped"
    assert ptz_codes(simulator) == [1, 0]
    registered = len(simulator.said("REGISTER"))
    second = await start("process-1", CAMBUS_GB28181_PORT=str(port))
    await bench.shown("gate", lambda p: p.online)
    await bench.client.call(device.INFO, Empty(), device="gate")
    assert len(simulator.said("REGISTER")) == registered
    assert await second.end(signal.SIGTERM) == 0


async def test_no_line_of_the_log_holds_a_password_or_a_proof(bench, simulator, start, port):
    process = await start("process-1", CAMBUS_GB28181_PORT=str(port), CAMBUS_LOG_LEVEL="debug")
    await bench.shown("gate", lambda p: p.online and len(p.channels) == 1)
    await simulator.restart(unregister=True)
    await bench.shown("gate", lambda p: not p.online)
    await bench.shown("gate")
    await process.end(signal.SIGTERM)
    log = "".join(process.lines)
    assert "device online" in process.events()
    assert PASSWORD not in log
    proofs = [request.headers.get("Authorization") for request in simulator.said("REGISTER")]
    responses = [text.partition('response="')[2].partition('"')[0] for text in proofs if text]
    assert responses
    assert not [response for response in responses if response and response in log]


async def test_a_setting_that_can_not_work_is_said_at_once(start):
    process = await start("process-1", CAMBUS_GB28181_SERVER_CODE="3402")
    assert await process.process.wait() != 0
    await process._reading
    assert "CAMBUS_GB28181_SERVER_CODE" in "".join(process.lines)
