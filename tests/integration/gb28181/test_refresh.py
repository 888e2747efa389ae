"""A session that a device refreshes goes on (RFC 4028, GB-028)."""

import pytest
from gb28181_rig import Rig


@pytest.fixture
async def rig():
    async with Rig() as made:
        yield made


@pytest.mark.parametrize("timer", [[("Session-Expires", "90;refresher=uas"), ("Supported", "timer")], []])
async def test_an_invitation_within_a_session_is_accepted_and_changes_nothing(rig, timer):
    sim = await rig.device()
    session, units = await rig.watch(sim)
    await units.until(lambda: len(units.pictures) > 2)
    (playing,) = sim.sessions
    refresh = playing.dialog.request("INVITE", headers=[("Contact", f"<sip:{sim.code}@127.0.0.1>"), *timer])
    done = await sim.agent.endpoint.invite(refresh, sim.agent.peer)
    sim.agent.endpoint.acknowledge(done)
    assert done.response.status == 200
    seen = len(units.pictures)
    await units.until(lambda: len(units.pictures) > seen + 3)
    assert sim.sessions == [playing]
    await session.close()
