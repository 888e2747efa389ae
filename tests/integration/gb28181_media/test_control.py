"""Control of playbacks, to the byte, and how they and downloads come to their end."""

import asyncio
import logging
from dataclasses import replace

import pytest
from gb28181_rig import EPOCH, TIMES, Rig

from cambus.gb28181.errors import GbError, MediaError, OutOfRange, Refused, Unreachable
from cambus.gb28181.manscdp.notices import MEDIA_END, MediaStatus
from cambus.gb28181.sdp import Purpose
from cambus.simulators.gb28181.archive import ArchivePlan
from cambus.simulators.gb28181.quirks import Quirks

PLAY = {"purpose": Purpose.PLAYBACK, "start": EPOCH, "end": EPOCH + 9}
FETCH = {"purpose": Purpose.DOWNLOAD, "start": EPOCH, "end": EPOCH + 3, "download_speed": 4}


def bodies(sim):
    return [each.body for each in sim.heard("INFO")]


async def test_commands_are_written_by_the_book(rig):
    sim = await rig.device()
    session, _ = await rig.watch(sim, **PLAY)
    await session.pause()
    await session.resume()
    await session.set_speed(2)
    await session.set_speed(0.25)
    await session.seek(3)
    await session.seek(2.5)
    await session.reverse(6, 1.5)
    await session.reverse()
    await session.close()
    assert bodies(sim) == [
        b"PAUSE RTSP/1.0\r\nCSeq: 1\r\nPauseTime: now\r\n\r\n",
        b"PLAY RTSP/1.0\r\nCSeq: 2\r\nRange: npt=now-\r\n\r\n",
        b"PLAY RTSP/1.0\r\nCSeq: 3\r\nScale: 2.0\r\n\r\n",
        b"PLAY RTSP/1.0\r\nCSeq: 4\r\nScale: 0.25\r\n\r\n",
        b"PLAY RTSP/1.0\r\nCSeq: 5\r\nRange: npt=3-\r\n\r\n",
        b"PLAY RTSP/1.0\r\nCSeq: 6\r\nRange: npt=2.5-\r\n\r\n",
        b"PLAY RTSP/1.0\r\nCSeq: 7\r\nScale: -1.0\r\nRange: npt=6-1.5\r\n\r\n",
        b"PLAY RTSP/1.0\r\nCSeq: 8\r\nScale: -1.0\r\n\r\n",
        b"TEARDOWN RTSP/1.0\r\nCSeq: 9\r\n\r\n",
    ]
    requests = sim.heard("INFO")
    assert {each.headers.get("Content-Type") for each in requests} == {"Application/MANSRTSP"}
    first = sim.heard("INVITE")[0].cseq.number
    assert [each.cseq.number - first for each in requests] == list(range(1, 10))


async def test_commands_are_written_as_old_devices_want_them(rig):
    sim = await rig.device()
    session, _ = await rig.watch(sim, legacy_control=True, **PLAY)
    await session.pause()
    await session.resume()
    await session.seek(5)
    await session.set_speed(2)
    await session.close()
    assert bodies(sim) == [
        b"PAUSE RTSP/1.0\r\nCSeq: 20\r\nPauseTime: 0\r\n",
        b"PLAY RTSP/1.0\r\nCSeq: 21\r\nScale: 1.000000\r\nRange: npt=0-\r\n",
        b"PLAY RTSP/1.0\r\nCSeq: 22\r\nScale: 1.000000\r\nRange: npt=5-\r\n",
        b"PLAY RTSP/1.0\r\nCSeq: 23\r\nScale: 2.000000\r\nRange: npt=0-\r\n",
        b"TEARDOWN RTSP/1.0\r\nCSeq: 24\r\n",
    ]
    assert {each.headers.get("Content-Type") for each in sim.heard("INFO")} == {"application/RTSP"}


async def test_the_content_type_can_be_chosen_alone(rig):
    sim = await rig.device()
    session, _ = await rig.watch(sim, control_type="application/RTSP", **PLAY)
    await session.pause()
    assert sim.heard("INFO")[0].headers.get("Content-Type") == "application/RTSP"
    assert bodies(sim)[0].endswith(b"PauseTime: now\r\n\r\n")


@pytest.mark.parametrize("position", [-1, 9.5, float("nan"), float("inf")])
async def test_a_point_outside_of_the_recording_is_not_asked_for(rig, position):
    sim = await rig.device()
    session, _ = await rig.watch(sim, **PLAY)
    with pytest.raises(OutOfRange):
        await session.seek(position)
    assert not bodies(sim)


@pytest.mark.parametrize(
    "call",
    [
        lambda session: session.set_speed(0),
        lambda session: session.set_speed(64),
        lambda session: session.set_speed(float("nan")),
        lambda session: session.reverse(1, 2),
        lambda session: session.reverse(20),
        lambda session: session.reverse(scale=1.0),
    ],
)
async def test_what_cannot_be_played_is_not_asked_for(rig, call):
    sim = await rig.device()
    session, _ = await rig.watch(sim, **PLAY)
    with pytest.raises(OutOfRange):
        await call(session)
    assert not bodies(sim)


async def test_a_device_corrects_the_speed_backwards_too(rig):
    sim = await rig.device(quirks=Quirks(scale_limit=1.0))
    session, _ = await rig.watch(sim, **PLAY)
    assert await session.reverse(6, 2, -4.0) == -1.0
    assert session.speed == -1.0


@pytest.mark.parametrize(
    ("info", "error"), [("rtsp_error", Refused), ("sip_error", Refused), ("never", Unreachable)]
)
async def test_a_command_that_fails_changes_nothing_else(hasty, info, error):
    sim = await hasty.device(quirks=Quirks(info=info))
    session, units = await hasty.watch(sim, **PLAY)
    for call in (session.pause, lambda: session.set_speed(2.0), lambda: session.seek(3.0)):
        with pytest.raises(error):
            await call()
    assert (session.paused, session.speed) == (False, 1.0)
    seen = len(units.pictures)
    await units.until(lambda: len(units.pictures) > seen)
    sim.quirks.info = "empty"
    assert await session.set_speed(2.0) == 2.0


# --- the end of a recording -----------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["121", "outside", "foreign"])
async def test_the_end_is_acknowledged_and_answered_with_bye(rig, end):
    sim = await rig.device(quirks=Quirks(pace=30.0, end=end), profile="std_2022")
    session, units = await rig.watch(sim, "tcp-passive", **PLAY)
    await session.run()
    await units.until(lambda: len(units.pictures) == 90)
    await session.close()
    await sim.wait_for(lambda: not sim.sessions)
    assert sim.heard("200 MESSAGE")
    assert len(sim.heard("BYE")) == 1
    assert sim.heard("INFO") == []


async def test_the_end_told_from_elsewhere_ends_nothing(rig):
    """Nobody but the device may say it, whichever device it names."""
    sim = await rig.device(archive=ArchivePlan(1, 60, EPOCH + 60))
    session, units = await rig.watch(sim, **(PLAY | {"end": EPOCH + 60}))
    running = asyncio.create_task(session.run())
    body = MediaStatus(MEDIA_END).serialize(7, sim.channels[0], charset="GB2312")
    sim.quirks.keepalive_from = "host"
    request = session._dialog  # what a stranger would have to know
    text = (
        f"MESSAGE sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.7:5060;branch=z9hG4bKx\r\n"
        f"From: {request.remote}\r\nTo: {request.local}\r\nCall-ID: {request.call_id}\r\nCSeq: 77 MESSAGE\r\n"
        f"Content-Type: Application/MANSCDP+xml\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=("127.0.0.7", 0)
    )
    transport.sendto(text.encode() + body, ("127.0.0.1", rig.platform.port))
    seen = len(units.pictures)
    await units.until(lambda: len(units.pictures) > seen + 5)
    assert not running.done()
    transport.close()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_of_two_recordings_none_is_ended_by_a_word_outside_of_both(rig):
    sim = await rig.device(quirks=Quirks(pace=30.0, end="outside", never_bye=True))
    first, _ = await rig.watch(sim, **PLAY)
    second, _ = await rig.watch(sim, **(PLAY | {"end": EPOCH + 6}))
    await sim.wait_for(lambda: len(sim.said("MediaStatus")) == 2)
    await asyncio.gather(first.run(), second.run())  # both came whole, and end by that


async def test_a_download_is_counted_by_bytes(rig):
    sim = await rig.device(quirks=Quirks(pace=2.0))
    session, units = await rig.watch(sim, "tcp-passive", **FETCH)
    await units.until(lambda: len(units.pictures) >= 5)
    assert session.file_size > 0
    assert session.progress == session.media.octets / session.file_size
    await session.run()
    assert 0.99 < session.progress <= 1.0


async def test_a_download_of_unknown_size_is_counted_by_its_time(rig):
    sim = await rig.device(quirks=Quirks(answer="empty", pace=20.0))
    session, _ = await rig.watch(sim, "udp", **FETCH)
    await session.run()
    assert session.file_size is None
    assert session.progress == pytest.approx(2.9 / 3, abs=0.01)


@pytest.mark.parametrize(("stall", "whole"), [(0.9, False), (0.99, True)])
@pytest.mark.parametrize("how", ["idle", "bye"])
async def test_where_a_download_stops_decides_what_it_was(hasty, stall, whole, how):
    quirks = Quirks(pace=20.0, stall_at=stall, end="never")
    if how == "bye":
        quirks = Quirks(pace=20.0, hang_up=True, stop_at_s=stall * 12)
    sim = await hasty.device(quirks=quirks, archive=ArchivePlan(1, 12, EPOCH + 12))
    session, _ = await hasty.watch(sim, "tcp-passive", **(FETCH | {"end": EPOCH + 12}))
    if whole:
        await session.run()
    else:
        with pytest.raises(MediaError) as caught:
            await session.run()
        assert caught.value.reason == "incomplete"


# --- secrets --------------------------------------------------------------------------------------------


async def test_what_a_recorder_confides_is_told_to_nobody(caplog):
    caplog.set_level(logging.DEBUG)
    times = replace(TIMES, media_loss_s=1.0, first_media_s=1.0, query_s=1.0)
    async with Rig(times) as rig:
        sim = await rig.device(profile="hik_nvr", quirks=Quirks(pace=10.0, stall_at=0.5, info="sip_error"))
        session, _ = await rig.watch(sim, **FETCH)
        assert b"zzgd1234" in sim.said("200 INVITE")[0].body
        told = []
        for call in (session.pause, session.run):
            with pytest.raises(GbError) as caught:
                await call()
            told += [str(caught.value), repr(caught.value)]
        await session.close()
    told += [repr(session), str(session.to_json()), session.answer.redacted().decode(), repr(session.answer)]
    told += [repr(each) for each in rig.events]
    told += [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
    assert "zzgd1234" not in "\n".join(told)
