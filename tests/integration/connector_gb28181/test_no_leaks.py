"""Devices that come and go leave nothing of their sessions behind."""

import asyncio
import gc
import weakref

from cambus.simulators.gb28181.quirks import Quirks

VISITS = 3


def left_of(sessions):
    """How many of them something still refers to."""
    gc.collect()
    return sum(session() is not None for session in sessions)


async def test_a_session_that_is_over_is_held_by_nothing(bench, gate):
    """Not by the questions either that it asked: parts of their answers may still come."""
    simulator = await bench.online(gate, quirks=Quirks(reboot_s=0.05))
    heard = await bench.heard(gate)
    await heard.until("device.online")
    sessions = []
    for _ in range(VISITS):
        sessions.append(weakref.ref(bench.session(gate)))
        await sessions[-1]().survey.asked.wait()
        await simulator.restart(unregister=True)
        await heard.until("device.online")
    sessions.append(weakref.ref(bench.session(gate)))
    await sessions[-1]().survey.asked.wait()
    await simulator.close()
    await heard.until("device.offline")
    while left_of(sessions):  # noqa: ASYNC110 - nobody sets an event; the last may still be about to close
        await asyncio.sleep(0.05)
