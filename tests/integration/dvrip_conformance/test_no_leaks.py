"""Sessions by the thousand come and go on either side and leave nothing behind: no task, no socket, no session."""

import asyncio
import gc
from contextlib import nullcontext
from pathlib import Path

import pytest

from cambus.dvrip.client import DvripClient
from cambus.dvrip.connection import Connection
from cambus.dvrip.errors import AuthError
from cambus.dvrip.profile import Credentials, Profile, Topology

#: How often, by how a session ends.
CYCLES = {"logout": 1000, "refused": 200, "cut": 200}


def sockets() -> int:
    """Open descriptors of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))


def objects() -> int:
    """Clients and connections that are still referred to by something."""
    gc.collect()
    return sum(isinstance(thing, DvripClient | Connection) for thing in gc.get_objects())


class Balance:
    """What there is before and after."""

    def __init__(self, recorder) -> None:
        self.recorder = recorder
        self.before = self.count()

    def count(self):
        return asyncio.all_tasks(), sockets(), objects()

    async def is_even(self):
        role = self.recorder.role
        await self.recorder.wait_for(lambda: not role.connections and not self.recorder.sessions)
        await asyncio.sleep(0)  # the callbacks of the last socket
        assert self.count() == self.before
        assert list(role.media.claims()) == []


@pytest.mark.parametrize("how", CYCLES)
async def test_a_thousand_sessions_leave_nothing_behind(recorder, how):
    password = "wrong" if how == "refused" else "admin"
    balance = Balance(recorder)
    for _ in range(CYCLES[how]):
        client = DvripClient("127.0.0.1", recorder.port, credentials=Credentials("admin", password))
        with pytest.raises(AuthError) if how == "refused" else nullcontext():
            await client.connect()
        if how == "cut":
            recorder.drop()
        await client.close()
    del client
    await balance.is_even()


@pytest.mark.parametrize("topology", [Topology.TWO_SOCKETS, Topology.OWN_SESSION])
async def test_a_hundred_streams_leave_nothing_behind(recorder, dial, topology):
    client = await dial(recorder, Profile(topology=topology))
    live = await client.open_live(0, "Extra1")
    await anext(live)
    await live.stop()
    tasks, descriptors = asyncio.all_tasks(), sockets()
    for _ in range(100):
        live = await client.open_live(0, "Extra1")
        await anext(live)
        await live.stop()
    await recorder.wait_for(lambda: recorder.connection_count == 1 and not recorder.streams)
    assert (asyncio.all_tasks(), sockets()) == (tasks, descriptors)
    assert client.budget.used == 1
