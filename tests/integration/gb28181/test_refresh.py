"""A session that a device refreshes goes on (RFC 4028, GB-028)."""

import pytest
from gb28181_rig import SERVER, Rig

from cambus.gb28181.broadcast import Broadcasts
from cambus.gb28181.sdp import Description
from cambus.media.frame import Codec
from cambus.simulators.gb28181.source import tone


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
    assert done.response.body == playing.offer.serialize()  # what was agreed, word for word
    assert done.response.content_type == "application/sdp"
    assert SERVER in done.response.headers.get("Contact")
    seen = len(units.pictures)
    await units.until(lambda: len(units.pictures) > seen + 3)
    assert sim.sessions == [playing]
    await session.close()


async def test_a_loudspeaker_that_refreshes_its_session_is_told_the_same_and_hears_on(rig):
    sim = await rig.device()
    broadcasts = Broadcasts(rig.platform, rig.sessions.settings, rig.sessions.ssrcs)
    speech = await broadcasts.open(sim.code, sim.device.loudspeaker)
    (listening,) = sim.listenings
    await sim.wait_for(lambda: listening.answer)
    refresh = listening._dialog.request("INVITE", headers=[("Contact", f"<sip:{sim.code}@127.0.0.1>")])
    done = await sim.agent.endpoint.invite(refresh, sim.agent.peer)
    sim.agent.endpoint.acknowledge(done)
    assert done.response.status == 200
    assert Description.parse(done.response.body) == listening.answer
    said = b"".join(tone(3, Codec.PCMA))
    speech.send(said)
    await sim.wait_for(lambda: len(listening.heard) == len(said))
    await broadcasts.close()
