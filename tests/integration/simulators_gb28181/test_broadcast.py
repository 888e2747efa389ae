"""Our sound in the loudspeakers of devices, sample for sample."""

import pytest

from cambus.gb28181.broadcast import PACKET_SAMPLES, Broadcasts
from cambus.gb28181.errors import Refused, Unconfirmed
from cambus.media.frame import Codec
from cambus.simulators.gb28181.quirks import Quirks
from cambus.simulators.gb28181.source import tone

SPOKEN = b"".join(tone(3, Codec.PCMA))


@pytest.fixture
def broadcasts(rig):
    return Broadcasts(rig.platform, rig.sessions.settings)


@pytest.mark.parametrize("ps", [False, True])
@pytest.mark.parametrize("transport", ["udp", "tcp_active", "tcp_passive"])
async def test_what_is_said_is_heard(rig, broadcasts, transport, ps):
    sim = await rig.device(quirks=Quirks(broadcast_transport=transport, broadcast_ps=ps))
    speech = await broadcasts.open(sim.code, sim.device.loudspeaker)
    for at in range(0, len(SPOKEN), PACKET_SAMPLES):
        speech.send(SPOKEN[at : at + PACKET_SAMPLES])
    listening = sim.listenings[0]
    await sim.wait_for(lambda: len(listening.heard) == len(SPOKEN))
    assert bytes(listening.heard) == SPOKEN
    assert {each.payload_type for each in listening.packets} == {96 if ps else 8}
    assert {each.ssrc for each in listening.packets} == {listening.answer.ssrc}
    await speech.close()
    await sim.wait_for(listening.over.is_set)


async def test_a_device_hangs_up(rig, broadcasts):
    sim = await rig.device()
    speech = await broadcasts.open(sim.code, sim.channels[0])
    await sim.wait_for(lambda: sim.said("ACK"))
    await sim.listenings[0].hang_up()
    await rig.until(speech.ended.is_set)
    await speech.close()


@pytest.mark.parametrize(
    ("how", "error"), [("error", Refused), ("silent", Unconfirmed), ("no_invite", Unconfirmed)]
)
async def test_a_broadcast_that_comes_to_nothing(rig, broadcasts, how, error):
    sim = await rig.device(quirks=Quirks(broadcast=how))
    with pytest.raises(error):
        await broadcasts.open(sim.code, sim.channels[0])
    assert sim.listenings == []


async def test_a_loudspeaker_nobody_has_is_refused(rig, broadcasts):
    sim = await rig.device(profile="dahua_ipc")
    with pytest.raises(Refused):
        await broadcasts.open(sim.code, "34020000001379999999")
