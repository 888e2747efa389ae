"""A device never has more than four of our requests to answer, whatever they are about (§2.4, GB-025)."""

import asyncio
from collections import Counter

import pytest
from gb28181_rig import EPOCH, NVR, Rig

from cambus.gb28181.sdp import Purpose
from cambus.gb28181.subscriptions import Subscription, Topic, Wanted
from cambus.sip.message import Request

CHANNELS = 8


class Gate:
    """Stands between a platform and its devices: counts what is open, and lets nothing through while it is shut."""

    def __init__(self, endpoint, monkeypatch):
        self.open = Counter()
        self.most = 0
        self.seen = set()
        self.through = asyncio.Event()
        for name in ("request", "invite"):
            monkeypatch.setattr(endpoint, name, self._watched(getattr(endpoint, name)))

    def _watched(self, send):
        async def watched(request: Request, *args, **options):
            method = request.method
            self.seen.add(method)
            self.open[method] += 1
            self.most = max(self.most, self.open.total())
            try:
                await self.through.wait()
                return await send(request, *args, **options)
            finally:
                self.open[method] -= 1

        return watched


@pytest.fixture
async def rig():
    async with Rig() as made:
        yield made


async def test_four_requests_are_open_of_all_kinds_together_and_invitations_leave_room_for_a_command(
    rig, monkeypatch
):
    sim = await rig.device(code=NVR, profile="hik_nvr", channels=CHANNELS)
    remote, gate = rig.remote(sim), Gate(rig.platform.endpoint, monkeypatch)
    opening = [
        asyncio.create_task(
            rig.watch(sim, channel=each, purpose=Purpose.PLAYBACK, start=EPOCH, end=EPOCH + 9)
        )
        for each in sim.channels
    ]
    await rig.until(lambda: gate.open["INVITE"] == 3)
    asking = [asyncio.create_task(remote.info()) for _ in range(3)]
    await rig.until(lambda: gate.open["MESSAGE"] == 1)
    assert gate.open == Counter(INVITE=3, MESSAGE=1)
    gate.through.set()
    sessions = [session for session, _ in await asyncio.gather(*opening)]
    await asyncio.gather(*asking)

    def heard(event):
        rig.platform.notified(event, sim.code)

    subscriptions = [Subscription(rig.platform, sim.code, Wanted(topic), heard) for topic in Topic]
    keeping = [asyncio.create_task(each.run()) for each in subscriptions]
    await asyncio.gather(*(each.pause() for each in sessions), *(remote.info() for _ in range(CHANNELS)))
    await asyncio.gather(*(each.close() for each in sessions), *(remote.info() for _ in range(CHANNELS)))
    await rig.until(lambda: all(each.active for each in subscriptions))
    for task in keeping:
        task.cancel()
    await asyncio.gather(*keeping, return_exceptions=True)
    assert gate.seen >= {"INVITE", "MESSAGE", "INFO", "SUBSCRIBE", "BYE"}
    assert gate.most == 4
