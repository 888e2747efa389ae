"""Recordings: found, played at their pace, controlled, downloaded to the last byte."""

import asyncio

import pytest
from gb28181_rig import EPOCH

from cambus.gb28181.errors import MediaError, Refused, Unconfirmed, Unreachable
from cambus.gb28181.manscdp.records import RecordQuery
from cambus.gb28181.sdp import Purpose
from cambus.simulators.gb28181.archive import ArchivePlan
from cambus.simulators.gb28181.quirks import Quirks

ALL = RecordQuery(start="2024-05-01T00:00:00", end="2024-05-09T00:00:00", type="all")
PLAY = {"purpose": Purpose.PLAYBACK, "start": EPOCH, "end": EPOCH + 9}
FETCH = {"purpose": Purpose.DOWNLOAD, "start": EPOCH, "end": EPOCH + 3, "download_speed": 4}


async def search(rig, sim, query=ALL):
    now = asyncio.get_running_loop().time
    return await rig.remote(sim).records(query, sim.channels[0], now=now)


@pytest.mark.parametrize("profile", ["dahua_ipc", "hik_nvr", "std_2022"])
async def test_recordings_are_found(rig, profile):
    sim = await rig.device(profile=profile, archive=ArchivePlan(20, 600, EPOCH))
    result = await search(rig, sim)
    assert (result.complete, len(result.records)) == (True, 20)
    assert result.records[-1].file_path == f"{EPOCH - 600}_{EPOCH}"
    alarms = await search(rig, sim, RecordQuery(start=ALL.start, end=ALL.end, type="alarm"))
    assert {each.type for each in alarms.records} == {"alarm"}
    nothing = await search(rig, sim, RecordQuery(start="2001-01-01T00:00:00", end="2001-01-02T00:00:00"))
    assert (nothing.complete, nothing.records) == (True, ())


@pytest.mark.parametrize(
    ("quirks", "complete", "count"),
    [
        (Quirks(lose_parts={2}), False, 12),
        (Quirks(sum_num="too_high"), False, 20),
        (Quirks(shuffle_parts=True), True, 20),
        (Quirks(part_items=1), True, 20),
        (Quirks(sn="own"), True, 20),
        (Quirks(duplicate={"RecordInfo"}), True, 20),
        (Quirks(reorder={"RecordInfo"}, duplicate={"RecordInfo"}, part_items=20), True, 20),
        (Quirks(delay_s={"200 MESSAGE": 0.3}), True, 20),
    ],
)
async def test_lists_of_recordings_survive_what_devices_do_to_them(rig, quirks, complete, count):
    sim = await rig.device(archive=ArchivePlan(20, 600, EPOCH), quirks=quirks)
    found = search(rig, sim)
    if quirks.reorder:
        task = asyncio.create_task(found)
        await sim.wait_for(lambda: sim.said("RecordInfo"))
        sim.beat()  # what was held back leaves with the next message
        found = task
    result = await found
    assert (result.complete, len(result.records)) == (complete, count)


async def test_a_search_that_is_never_answered_is_no_empty_list(rig):
    sim = await rig.device(quirks=Quirks(drop={"RecordInfo"}))
    with pytest.raises(Unconfirmed):
        await search(rig, sim)


@pytest.mark.parametrize("transport", ["udp", "tcp-passive", "tcp-active"])
@pytest.mark.parametrize("profile", ["hik_nvr", "std_2022"])
async def test_a_playback_runs_to_its_end(rig, profile, transport):
    sim = await rig.device(profile=profile, quirks=Quirks(pace=20.0))
    session, units = await rig.watch(sim, transport, **PLAY)
    await session.run()
    await units.until(lambda: len(units.pictures) == 90)
    sent = [each.data for each in sim.sessions[0].sent if each.codec is sim.sessions[0].packager.video]
    assert [each.payload for each in units.pictures] == sent
    await session.close()
    assert sim.heard("MediaStatus") == []
    assert len(sim.said("MediaStatus")) == 1
    assert sim.streams.ended[0].controls == []  # what has ended by itself is not torn down


@pytest.mark.parametrize("end", ["121", "outside", "foreign"])
async def test_the_end_is_understood_however_it_is_told(rig, end):
    sim = await rig.device(quirks=Quirks(pace=30.0, end=end))
    session, _ = await rig.watch(sim, **PLAY)
    await session.run()
    await session.close()


async def test_a_recording_that_came_whole_needs_no_end(rig):
    sim = await rig.device(quirks=Quirks(pace=30.0, end="never", never_bye=True))
    session, units = await rig.watch(sim, **PLAY)
    await session.run()
    assert len(units.pictures) == 90


async def test_a_device_that_hangs_up_in_mid_way_leaves_a_recording_incomplete(rig):
    sim = await rig.device(quirks=Quirks(hang_up=True, stop_at_s=2.0, pace=4.0))
    session, _ = await rig.watch(sim, **PLAY)
    with pytest.raises(MediaError) as caught:
        await session.run()
    assert caught.value.reason == "incomplete"


@pytest.mark.parametrize("legacy", [False, True])
async def test_a_playback_is_paused_sought_and_sped_up(rig, legacy):
    sim = await rig.device()
    session, units = await rig.watch(sim, legacy_control=legacy, **PLAY)
    await units.until(lambda: len(units.pictures) >= 2)
    playing = sim.sessions[0]
    await session.pause()
    assert playing.paused
    before = playing.position_s
    await session.resume()
    assert not playing.paused
    assert playing.position_s - before < 1.0  # it goes on from where it was
    await session.seek(6.0)
    await sim.wait_for(lambda: playing.position_s >= 6.0)
    base = units.pictures[0].pts
    await units.until(lambda: units.pictures[-1].pts - base >= 6 * 90_000)
    assert units.pictures[-1].pts - base < 9 * 90_000
    assert await session.set_speed(4.0) == 4.0
    assert playing.speed == 4.0
    await session.run()
    assert [each.method for each in playing.controls] == ["PAUSE", "PLAY", "PLAY", "PLAY"]
    assert [each.cseq for each in playing.controls] == sorted({each.cseq for each in playing.controls})
    if not legacy:
        assert playing.controls[3].start_s is None


async def test_a_playback_backwards_shows_earlier_key_frames(rig):
    sim = await rig.device(quirks=Quirks(pace=4.0))
    session, units = await rig.watch(sim, **PLAY)
    await units.until(lambda: len(units.pictures) >= 25)
    await session.set_speed(-1.0)
    await session.run()
    assert sim.sessions[0].sent[-1].at_s == 0.0


async def test_the_device_says_how_fast_it_can(rig):
    sim = await rig.device(quirks=Quirks(scale_limit=2.0))
    session, _ = await rig.watch(sim, **PLAY)
    assert await session.set_speed(8.0) == 2.0


@pytest.mark.parametrize(
    ("info", "error"),
    [("empty", None), ("rtsp_error", Refused), ("sip_error", Refused), ("never", Unreachable)],
)
async def test_a_command_that_fails_costs_only_itself(rig, info, error):
    sim = await rig.device(quirks=Quirks(info=info))
    session, units = await rig.watch(sim, **PLAY)
    if error is None:
        await session.pause()
    else:
        with pytest.raises(error):
            await session.pause()
    seen = len(units.pictures)
    sim.quirks.info = "ok"
    await session.resume()
    await units.until(lambda: len(units.pictures) > seen + 2)


async def test_a_recorder_says_what_recorders_say(rig):
    sim = await rig.device(profile="hik_nvr", quirks=Quirks(pace=20.0))
    session, _ = await rig.watch(sim, **PLAY)
    await session.pause()
    answer = sim.said("200 INVITE")[0].body
    assert b"s=Network Video Recorder" in answer
    assert f"t={EPOCH + 28_800} {EPOCH + 28_809}".encode() in answer
    assert b"a=password:" in answer
    assert b"seq=9810092" in sim.said("200 INFO")[0].body
    await session.resume()
    await session.run()
    assert sim.code not in (sim.said("MediaStatus")[0].headers.get("From") or "")


@pytest.mark.parametrize("transport", ["udp", "tcp-passive"])
async def test_a_download_announces_every_byte(rig, transport):
    sim = await rig.device(quirks=Quirks(pace=5.0))
    session, units = await rig.watch(sim, transport, **FETCH)
    await session.run()
    playing = sim.sessions[0]
    assert playing.speed == 4.0
    assert session.file_size == playing.sent_bytes
    assert len(units.pictures) == 30


async def test_a_download_as_fast_as_the_line_allows_loses_nothing(rig):
    sim = await rig.device(quirks=Quirks(pace=0.0), archive=ArchivePlan(1, 120, EPOCH + 120))
    session, units = await rig.watch(
        sim, "tcp-passive", purpose=Purpose.DOWNLOAD, start=EPOCH, end=EPOCH + 120, download_speed=8
    )
    await session.run()
    await units.until(lambda: len(units.pictures) == 1200)


async def test_a_download_that_stalls_is_not_taken_for_whole(rig):
    sim = await rig.device(quirks=Quirks(pace=10.0, stall_at=0.5))
    session, _ = await rig.watch(sim, **FETCH)
    with pytest.raises(MediaError) as caught:
        await session.run()
    assert caught.value.reason == "incomplete"
    assert 0.3 < session.progress < 0.7


@pytest.mark.parametrize("purpose", [Purpose.DOWNLOAD, Purpose.PLAYBACK])
async def test_all_but_the_last_pictures_is_all(rig, purpose):
    """By bytes where the device says how many, else by time."""
    sim = await rig.device(quirks=Quirks(pace=10.0, stall_at=0.99), archive=ArchivePlan(1, 12, EPOCH + 12))
    session, _ = await rig.watch(sim, "tcp-passive", purpose=purpose, start=EPOCH, end=EPOCH + 12)
    await session.run()
    assert (session.file_size is None) is (purpose is Purpose.PLAYBACK)
    assert 0.97 <= session.progress <= 1.0


async def test_what_was_not_recorded_is_refused(rig):
    sim = await rig.device()
    with pytest.raises(Refused) as caught:
        await rig.watch(sim, purpose=Purpose.PLAYBACK, start=1000, end=2000)
    assert caught.value.status == 404
