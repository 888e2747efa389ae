"""Streams that never begin, break off, or come damaged."""

import pytest

from cambus.gb28181.errors import MediaError
from cambus.simulators.gb28181.quirks import Quirks


async def ends(rig, sim, transport="udp"):
    session, units = await rig.watch(sim, transport)
    with pytest.raises(MediaError) as caught:
        await session.run()
    await session.close()
    assert not rig.sessions.open_sessions
    return caught.value.reason, units


async def test_a_stream_that_stops_is_noticed(rig):
    sim = await rig.device(quirks=Quirks(media="stops", stop_at_s=0.5))
    reason, units = await ends(rig, sim)
    assert reason == "media-lost"
    assert units.pictures


async def test_a_device_that_hangs_up_ends_the_session(rig):
    sim = await rig.device(quirks=Quirks(hang_up=True, stop_at_s=0.3))
    assert (await ends(rig, sim))[0] == "bye"
    await sim.wait_for(lambda: [each.ending for each in sim.streams.ended] == ["bye-sent"])


async def test_a_device_that_never_says_bye_is_noticed_all_the_same(rig):
    sim = await rig.device(quirks=Quirks(hang_up=True, never_bye=True, stop_at_s=0.3))
    assert (await ends(rig, sim))[0] == "media-lost"
    assert sim.said("BYE") == []


async def test_a_private_format_is_named(rig):
    sim = await rig.device(quirks=Quirks(payload="dhav"))
    assert (await ends(rig, sim))[0] == "unsupported-payload"


async def test_loss_damages_pictures_and_nothing_else(rig):
    sim = await rig.device(quirks=Quirks(loss_percent=5.0, pace=8.0))
    session, units = await rig.watch(sim)
    await units.until(lambda: len(units.pictures) >= 60)
    await session.close()
    sent = {each.data for each in (sim.sessions or sim.streams.ended)[-1].sent}
    assert all(each.payload in sent for each in units.pictures)  # a damaged one is not handed on
    assert any(each.discontinuity for each in units.pictures)


async def test_garbage_in_a_tcp_stream_is_skipped(rig):
    sim = await rig.device(quirks=Quirks(garbage_every=15, pace=8.0))
    session, units = await rig.watch(sim, "tcp-passive")
    await units.until(lambda: len(units.pictures) >= 60)
    assert session.media.counts["resync"] > 0


async def test_media_that_never_comes_is_told(hasty):
    sim = await hasty.device(quirks=Quirks(media="never"))
    assert (await ends(hasty, sim))[0] == "no-media"
