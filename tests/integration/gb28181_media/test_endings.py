"""How sessions end, who is told, and that nothing is left of them."""

import asyncio
from dataclasses import replace

import pytest
from gb28181_rig import EPOCH, TIMES, Rig

from cambus.gb28181.datagram_poll import DatagramPoll
from cambus.gb28181.errors import Busy, DeviceOffline, MediaError, Unreachable
from cambus.gb28181.sdp import Purpose
from cambus.gb28181.times import Times
from cambus.simulators.gb28181.archive import ArchivePlan
from cambus.simulators.gb28181.quirks import Quirks

PLAY = {"purpose": Purpose.PLAYBACK, "start": EPOCH, "end": EPOCH + 9}


def nothing_is_left(rig):
    assert not rig.sessions.open_sessions
    assert rig.sessions.ssrcs.in_use == 0
    assert not rig.platform._dialogs
    assert DatagramPoll.of(asyncio.get_running_loop())._selector is None


async def ended(session):
    with pytest.raises(MediaError) as caught:
        await session.run()
    await session.close()
    return caught.value.reason


@pytest.mark.parametrize("transport", ["udp", "tcp-passive", "tcp-active"])
@pytest.mark.parametrize(
    ("quirks", "reason", "says_bye"),
    [
        (Quirks(media="never"), "no-media", True),
        (Quirks(media="stops", stop_at_s=0.2), "media-lost", True),
        (Quirks(hang_up=True, stop_at_s=0.2), "bye", False),
        (Quirks(payload="dhav"), "unsupported-payload", True),
    ],
    ids=["never", "stops", "bye", "private"],
)
async def test_a_session_ends_with_one_reason_and_a_bye(hasty, quirks, reason, says_bye, transport):
    sim = await hasty.device(quirks=quirks)
    session, _ = await hasty.watch(sim, transport)
    assert await ended(session) == reason
    await session.close()
    assert len(sim.heard("BYE")) == says_bye
    nothing_is_left(hasty)


@pytest.mark.parametrize("media", ["never", "stops"])
async def test_media_is_waited_for_as_long_as_was_set(hasty, media):
    sim = await hasty.device(quirks=Quirks(media=media, stop_at_s=0.2))
    loop, times = asyncio.get_running_loop(), hasty.platform.settings.times
    session, _ = await hasty.watch(sim, "udp")
    opened = loop.time()
    await ended(session)
    since, patience = (opened, times.first_media_s) if media == "never" else (None, times.media_loss_s)
    assert loop.time() - (since or session.media.last_at) >= patience


async def test_an_answer_is_waited_for_as_long_as_was_set(hasty):
    sim = await hasty.device(quirks=Quirks(invite="never"))
    loop, began = asyncio.get_running_loop(), asyncio.get_running_loop().time()
    with pytest.raises(Unreachable):
        await hasty.watch(sim, "udp")
    assert loop.time() - began >= hasty.platform.settings.times.invite_s
    nothing_is_left(hasty)


def test_the_usual_patience_is_that_of_the_standard():
    times = Times()
    assert (times.invite_s, times.first_media_s, times.media_loss_s) == (15.0, 10.0, 10.0)


async def test_a_device_that_goes_offline_ends_its_sessions(hasty):
    sim = await hasty.device()
    session, _ = await hasty.watch(sim)
    other = await hasty.device(code="34020000001320000009")
    kept, units = await hasty.watch(other)
    running = asyncio.create_task(session.run())
    await sim.agent.close(unregister=True)
    with pytest.raises(MediaError) as caught:
        await running
    assert caught.value.reason == "device-offline"
    await session.close()
    seen = len(units.pictures)
    await units.until(lambda: len(units.pictures) > seen)
    await kept.close()
    nothing_is_left(hasty)


async def test_an_invitation_ends_when_its_device_goes():
    async with Rig(replace(TIMES, invite_s=60.0)) as rig:
        sim = await rig.device(quirks=Quirks(invite="never"))
        opening = asyncio.create_task(rig.watch(sim))
        await sim.wait_for(lambda: sim.heard("INVITE"))
        await sim.agent.close(unregister=True)
        with pytest.raises(DeviceOffline):
            await opening
        nothing_is_left(rig)


async def test_an_invitation_that_is_not_answered_is_cancelled(hasty):
    sim = await hasty.device(quirks=Quirks(invite="late"))
    with pytest.raises(Unreachable):
        await hasty.watch(sim)
    nothing_is_left(hasty)
    await sim.wait_for(lambda: sim.heard("BYE"))
    assert sim.heard("CANCEL")
    assert sim.heard("ACK")


async def test_whoever_is_waited_for_may_be_given_up(rig):
    sim = await rig.device(quirks=Quirks(invite="late"))
    opening = asyncio.create_task(rig.watch(sim))
    await sim.wait_for(lambda: sim.heard("INVITE"))
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    nothing_is_left(rig)
    await sim.wait_for(lambda: sim.heard("CANCEL"))


async def test_a_paused_playback_is_not_taken_for_lost(hasty):
    sim = await hasty.device(archive=ArchivePlan(1, 60, EPOCH + 60))
    order = {**PLAY, "end": EPOCH + 60}
    session, units = await hasty.watch(sim, **order)
    await units.until(lambda: units.pictures)
    running = asyncio.create_task(session.run())
    await session.pause()
    times = hasty.platform.settings.times
    done, _ = await asyncio.wait({running}, timeout=times.media_loss_s * 2)
    assert not done
    await session.resume()
    seen = len(units.pictures)
    await units.until(lambda: len(units.pictures) > seen)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_playback_is_torn_down_and_its_port_and_number_are_free(rig):
    sim = await rig.device()
    session, _ = await rig.watch(sim, **PLAY)
    port = session._way.number
    await session.close()
    await sim.wait_for(lambda: not sim.sessions)
    assert sim.streams.ended[0].controls[-1].method == "TEARDOWN"
    methods = [each.method for each in (sim.heard("INFO") + sim.heard("BYE"))]
    assert methods == ["INFO", "BYE"]
    assert sim.heard("BYE")[0].cseq.number == sim.heard("INFO")[0].cseq.number + 1
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", port)
    server.close()
    nothing_is_left(rig)


async def test_a_recorder_that_is_busy_says_so(rig):
    sim = await rig.device()
    session, _ = await rig.watch(sim, **PLAY)
    sim.quirks.invite = "busy"
    with pytest.raises(Busy) as caught:
        await rig.watch(sim, **PLAY)
    assert caught.value.status == 486
    await session.pause()  # the first one is not affected


async def test_changes_are_told_to_whoever_keeps_them(rig):
    kept = []
    rig.sessions.on_change = lambda: kept.append(len(rig.sessions.to_json()))
    sim = await rig.device()
    first, _ = await rig.watch(sim)
    second, _ = await rig.watch(sim)
    await first.close()
    await second.close()
    assert kept == [1, 2, 1, 0]


# --- what another process left (GB-153) -----------------------------------------------------------------


@pytest.fixture
async def left(rig):
    """Sessions whose process is no more: a device, what was kept, and the platform that comes after."""
    sim = await rig.device(quirks=Quirks(pace=2.0))
    for order in ({}, PLAY):
        await rig.watch(sim, "udp", **order)
    await sim.wait_for(lambda: len(sim.heard("ACK")) == 2)
    kept = rig.sessions.to_json()
    for session in list(rig.sessions.open_sessions):  # as if the process had been killed
        session._way.close()
        rig.platform.in_dialog(session._dialog.key, None)
        rig.sessions.over(session)
    return sim, kept


async def test_what_was_left_open_is_ended(rig, left):
    sim, kept = left
    await rig.sessions.end_orphans(kept)
    await sim.wait_for(lambda: not sim.sessions)
    assert [each.ending for each in sim.streams.ended] == ["bye", "bye"]
    assert rig.sessions.to_json() == []


async def test_what_was_left_open_is_ended_before_the_next_invitation(rig, left):
    sim, kept = left
    await sim.agent.close(unregister=True)
    await rig.until(lambda: not rig.platform.registrar.online(sim.code))
    await rig.sessions.end_orphans(kept)
    assert len(rig.sessions.to_json()) == 2  # nobody is there to be told
    sim.agent = sim._new_agent()
    for session in sim.sessions:  # it has not forgotten them
        sim.agent.in_dialog(session.dialog.key, session.incoming)
    await sim.start()
    await rig.until(lambda: rig.platform.registrar.online(sim.code))
    before = len(sim.wire.messages)
    await rig.watch(sim, "udp")
    names = [each.name for each in list(sim.wire.messages)[before:] if each.direction == "in"]
    assert [each for each in names if each in {"BYE", "INVITE"}] == ["BYE", "BYE", "INVITE"]
    assert len(rig.sessions.to_json()) == 1


async def test_what_cannot_be_read_is_passed_over(rig, left):
    sim, kept = left
    broken = [{}, {"peer": 3}, {**kept[0], "peer": ["udp", "127.0.0.1"]}, {**kept[0], "sequence": "x"}]
    await rig.sessions.end_orphans([*broken, *kept])
    await sim.wait_for(lambda: not sim.sessions)
