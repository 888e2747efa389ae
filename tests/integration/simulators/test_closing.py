"""A simulated device that is closed while clients dial it leaves no socket behind."""

import asyncio
import contextlib
import gc

import pytest

from cambus.simulators.dvrip import DvripSimulator


@pytest.mark.parametrize("turns", range(8))
async def test_whoever_dials_while_it_closes_is_hung_up_on(turns):
    sim = DvripSimulator(user="admin", password="admin", channels=1)
    await sim.start()
    loop = asyncio.get_running_loop()
    dialling = [
        loop.create_task(loop.create_connection(asyncio.Protocol, "127.0.0.1", sim.port)) for _ in range(8)
    ]
    for _ in range(turns):  # the closing begins at every stage of the connections
        await asyncio.sleep(0)
    await sim._server.close()
    assert sim.connection_count == 0
    for each in dialling:
        with contextlib.suppress(OSError):
            transport, _ = await each
            transport.abort()
    await sim.close()
    del sim, dialling
    gc.collect()  # a socket that was left open fails the test


@pytest.mark.parametrize("turns", range(16))
async def test_it_ends_while_it_reports_alarms(turns):
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    sim = DvripSimulator(user="admin", password="admin", channels=1)
    sim.update_quirks({"centre_style": "joined"})
    await sim.start()
    sim.report_to("127.0.0.1", server.sockets[0].getsockname()[1])
    sim.raise_alarm("motion", 0)
    for _ in range(turns):  # the second comes, and the end, at every stage of the first
        await asyncio.sleep(0)
    sim.raise_alarm("motion", 0, "Stop")
    async with asyncio.timeout(60):
        await sim.close()
    server.close()
    await server.wait_closed()
