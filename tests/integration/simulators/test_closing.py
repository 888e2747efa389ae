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
