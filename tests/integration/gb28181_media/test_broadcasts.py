"""Our sound in the loudspeakers of devices, and conversations with them."""

import asyncio
import itertools

import pytest
from gb28181_rig import SERVER

from cambus.gb28181.broadcast import PACKET_SAMPLES, Broadcasts, target_of
from cambus.gb28181.errors import DeviceOffline, Refused, Unconfirmed
from cambus.gb28181.sdp import Description
from cambus.gb28181.talk import Talk
from cambus.media.frame import Codec
from cambus.simulators.gb28181.quirks import Quirks
from cambus.simulators.gb28181.source import tone
from cambus.simulators.tone import channel_tone

SPOKEN = b"".join(tone(3, Codec.PCMA))


@pytest.fixture
async def broadcasts(rig):
    made = Broadcasts(rig.platform, rig.sessions.settings, rig.sessions.ssrcs)
    yield made
    await made.close()


async def said(sim, speech, samples=SPOKEN):
    speech.send(samples)
    await sim.wait_for(lambda: all(len(each.heard) == len(samples) for each in sim.listenings))


def nothing_is_left(rig, broadcasts):
    assert not broadcasts.open_speeches
    assert rig.sessions.ssrcs.in_use == 0
    assert not rig.platform._dialogs
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "gb28181 broadcast"]


@pytest.mark.parametrize("y", [True, False])
@pytest.mark.parametrize("ps", [False, True])
@pytest.mark.parametrize("transport", ["udp", "tcp_active", "tcp_passive"])
async def test_what_is_said_is_heard_in_packets_of_20_ms(rig, broadcasts, transport, ps, y):
    quirks = Quirks(broadcast_transport=transport, broadcast_ps=ps, broadcast_y=y)
    sim = await rig.device(quirks=quirks)
    speech = await broadcasts.open(sim.code, sim.device.loudspeaker)
    await said(sim, speech)
    (heard,) = sim.listenings
    assert bytes(heard.heard) == SPOKEN
    packets, answer = heard.packets, heard.answer
    assert {each.payload_type for each in packets} == {96 if ps else 8}
    assert {each.ssrc for each in packets} == {answer.ssrc}
    offer = Description.parse(sim.said("INVITE")[0].body)
    assert (offer.ssrc is not None) is y
    assert answer.ssrc == (offer.ssrc if y else speech.ssrc)
    assert [each.sequence - packets[0].sequence & 0xFFFF for each in packets] == list(range(len(packets)))
    steps = {b.timestamp - a.timestamp & 0xFFFFFFFF for a, b in itertools.pairwise(packets)}
    assert steps == {1800 if ps else PACKET_SAMPLES}
    if not ps:
        assert {len(each.payload) for each in packets} == {PACKET_SAMPLES}
    assert (answer.media, answer.direction, answer.tcp) == ("audio", "sendonly", transport != "udp")
    wanted = {"udp": None, "tcp_active": "passive", "tcp_passive": "active"}[transport]
    assert answer.setup == wanted
    assert [each.number for each in answer.formats] == [96 if ps else 8]
    assert answer.wanted == "v/////a/1/8/1"
    await speech.close()
    await sim.wait_for(heard.over.is_set)
    nothing_is_left(rig, broadcasts)


async def test_who_speaks_and_who_hears_is_named(rig, broadcasts):
    sim = await rig.device()
    speech = await broadcasts.open(sim.code, sim.device.loudspeaker)
    order = sim.heard("Broadcast")[0]
    assert f"<SourceID>{SERVER}</SourceID>".encode() in order.body
    assert f"<TargetID>{sim.device.loudspeaker}</TargetID>".encode() in order.body
    await speech.close()


@pytest.mark.parametrize(
    ("channel", "outputs", "target"),
    [
        ("camera", {"out-1": "device", "out-2": "camera"}, "out-2"),
        ("camera", {"out-1": "device"}, "out-1"),
        ("camera", {"out-1": "another"}, "camera"),
        ("camera", {}, "camera"),
        (None, {"out-1": "device"}, "out-1"),
        (None, {"out-1": None}, "device"),
        (None, {}, "device"),
    ],
)
def test_an_output_comes_before_the_channel_and_that_before_the_device(channel, outputs, target):
    assert target_of("device", channel, outputs) == target


async def test_a_host_may_fetch_it_for_each_of_its_loudspeakers(rig, broadcasts):
    sim = await rig.device(quirks=Quirks(loudspeakers=3))
    speech = await broadcasts.open(sim.code, sim.code)
    await rig.until(lambda: speech.loudspeakers == 3)
    await sim.wait_for(lambda: all(each.answer is not None for each in sim.listenings))
    await said(sim, speech)
    assert len({each.answer.port for each in sim.listenings}) == 3
    await sim.listenings[0].hang_up()
    await rig.until(lambda: speech.loudspeakers == 2)
    assert not speech.ended.is_set()
    await speech.close()
    await sim.wait_for(lambda: all(each.over.is_set() for each in sim.listenings))
    nothing_is_left(rig, broadcasts)


async def test_the_device_hangs_up(rig, broadcasts):
    sim = await rig.device()
    speech = await broadcasts.open(sim.code, sim.channels[0])
    await sim.wait_for(lambda: sim.listenings[0].answer is not None)
    await sim.listenings[0].hang_up()
    await rig.until(speech.ended.is_set)
    await speech.close()
    await speech.close()
    nothing_is_left(rig, broadcasts)


async def test_a_second_voice_is_refused_while_one_speaks(rig, broadcasts):
    sim = await rig.device()
    speech = await broadcasts.open(sim.code, sim.channels[0])
    with pytest.raises(Refused) as caught:
        await broadcasts.open(sim.code, sim.channels[0])
    assert caught.value.status == 486
    await speech.close()
    again = await broadcasts.open(sim.code, sim.channels[0])
    await again.close()


@pytest.mark.parametrize(
    ("how", "error"), [("error", Refused), ("silent", Unconfirmed), ("no_invite", Unconfirmed)]
)
async def test_what_comes_to_nothing_leaves_nothing(hasty, how, error):
    broadcasts = Broadcasts(hasty.platform, hasty.sessions.settings, hasty.sessions.ssrcs)
    sim = await hasty.device(quirks=Quirks(broadcast=how))
    with pytest.raises(error):
        await broadcasts.open(sim.code, sim.channels[0])
    nothing_is_left(hasty, broadcasts)


async def test_a_device_that_never_connects_is_hung_up(hasty, monkeypatch):
    broadcasts = Broadcasts(hasty.platform, hasty.sessions.settings, hasty.sessions.ssrcs)
    sim = await hasty.device(quirks=Quirks(broadcast_transport="tcp_active"))

    async def nowhere(*_, **__):
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", nowhere, raising=False)
    with pytest.raises(Unconfirmed):
        await broadcasts.open(sim.code, sim.channels[0])
    await sim.wait_for(lambda: sim.heard("BYE"))
    nothing_is_left(hasty, broadcasts)


async def test_a_device_nobody_listens_at_is_hung_up(hasty, monkeypatch):
    """We are to connect, and cannot: after the last try it is over."""
    broadcasts = Broadcasts(hasty.platform, hasty.sessions.settings, hasty.sessions.ssrcs)
    sim = await hasty.device(quirks=Quirks(broadcast_transport="tcp_passive"))
    tries = []

    async def nowhere(*_, **__):
        tries.append(1)
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", nowhere, raising=False)
    with pytest.raises(Unconfirmed):
        await broadcasts.open(sim.code, sim.channels[0])
    assert len(tries) == 4
    await sim.wait_for(lambda: sim.heard("BYE"))
    nothing_is_left(hasty, broadcasts)


async def test_a_device_that_goes_ends_it(rig, broadcasts):
    sim = await rig.device(quirks=Quirks(broadcast="no_invite"))
    opening = asyncio.create_task(broadcasts.open(sim.code, sim.channels[0]))
    await sim.wait_for(lambda: sim.heard("200 MESSAGE"))
    broadcasts.offline(sim.code)
    with pytest.raises(DeviceOffline):
        await opening
    nothing_is_left(rig, broadcasts)


async def test_a_device_that_was_not_told_to_is_refused(rig, broadcasts):
    sim = await rig.device()
    other = await rig.device(code="34020000001320000009")
    speech = await broadcasts.open(sim.code, sim.channels[0])
    request = other.agent.compose("INVITE", source=other.code)
    answer = await other.agent.endpoint.request(request, other.agent.peer, timeout_s=4.0)
    assert answer.status == 403
    await speech.close()
    late = sim.agent.compose("INVITE", source=sim.code)
    answer = await sim.agent.endpoint.request(late, sim.agent.peer, timeout_s=4.0)
    assert answer.status == 403


async def test_whoever_names_the_device_from_elsewhere_is_refused(rig, broadcasts):
    """From says the right device, and the packet comes from another port."""
    sim = await rig.device(quirks=Quirks(broadcast="no_invite"))
    other = await rig.device(code="34020000001320000009")
    opening = asyncio.create_task(broadcasts.open(sim.code, sim.channels[0]))
    await sim.wait_for(lambda: sim.heard("200 MESSAGE"))
    request = other.agent.compose("INVITE", source=sim.code)
    answer = await other.agent.endpoint.request(request, other.agent.peer, timeout_s=2.0)
    assert answer.status == 403
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    nothing_is_left(rig, broadcasts)


# --- both ways ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["udp", "tcp-passive"])
async def test_in_a_conversation_both_are_heard(rig, transport):
    sim = await rig.device(quirks=Quirks(pace=4.0))
    heard = []
    talk = await Talk.open(rig.sessions, sim.code, sim.channels[0], heard.extend, transport=transport)
    await rig.until(lambda: len(heard) >= 20)
    talk.send(SPOKEN)
    conversation = sim.streams.conversations[0]
    await sim.wait_for(lambda: len(conversation.heard) == len(SPOKEN))
    assert bytes(conversation.heard) == SPOKEN
    assert {(each.payload_type, each.ssrc) for each in conversation.packets} == {(8, talk.session.ssrc)}
    assert talk.unsent == 0
    theirs = b"".join(each.payload for each in heard)
    assert theirs[:1600] == b"".join(channel_tone(1))[:1600]
    offer = Description.parse(sim.heard("INVITE")[0].body)
    assert (offer.purpose.value, offer.media, offer.direction) == ("Talk", "audio", "sendrecv")
    assert [each.number for each in offer.formats] == [8]
    assert offer.setup == ("passive" if transport == "tcp-passive" else None)
    await talk.close()
    await sim.wait_for(conversation.over.is_set)
    assert not rig.sessions.open_sessions


async def test_others_are_watched_and_spoken_to_at_the_same_time(rig, broadcasts):
    sim = await rig.device(quirks=Quirks(pace=4.0))
    session, units = await rig.watch(sim)
    speech = await broadcasts.open(sim.code, sim.device.loudspeaker)
    await said(sim, speech)
    await units.until(lambda: len(units.sound) >= 10)
    assert session.ssrc != sim.listenings[0].answer.ssrc
    await speech.close()
    seen = len(units.pictures)
    await units.until(lambda: len(units.pictures) > seen)
