"""Many sessions, one after the other: nothing is left of any."""

import asyncio
import gc

import psutil
import pytest
from gb28181_rig import Rig

from cambus.gb28181.datagram_poll import DatagramPoll
from cambus.simulators.gb28181.quirks import Quirks

AT_ONCE = 8


def held(rig, sim):
    """What an open session holds, on both sides."""
    return {
        "files": psutil.Process().num_fds(),
        "sessions": len(rig.sessions.open_sessions) + len(sim.sessions),
        "numbers": rig.sessions.ssrcs.in_use,
        "dialogs": len(rig.platform._dialogs),
        "tasks": len(asyncio.all_tasks()),
        "sockets": DatagramPoll.of(asyncio.get_running_loop())._selector is not None,
    }


async def one(rig, sim, number):
    transport = ("udp", "tcp-passive", "tcp-active")[number % 3]
    session, _ = await rig.watch(sim, transport)
    await session.close()


async def cycles(rig, sim, count):
    numbers = iter(range(count))

    async def some():
        for number in numbers:
            await one(rig, sim, number)

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    await sim.wait_for(lambda: not sim.sessions)


async def check(count):
    async with Rig() as rig:
        sim = await rig.device(quirks=Quirks(media="never"))
        await cycles(rig, sim, AT_ONCE)  # what is made once is made
        await asyncio.sleep(0)
        gc.collect()
        before = held(rig, sim)
        await cycles(rig, sim, count)
        gc.collect()
        await rig.until(lambda: held(rig, sim) == before)
        assert before["sessions"] == before["numbers"] == before["dialogs"] == before["sockets"] == 0


async def test_fifty_sessions_leave_nothing():
    await check(50)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_ten_thousand_sessions_leave_nothing():
    await check(10_000)
