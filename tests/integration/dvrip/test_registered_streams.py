"""Streams of devices that dial in: each on a connection the device makes, and gone with it."""

import asyncio

import pytest
from dialling_device import PATIENT_S, start_live

from cambus.dvrip import session
from cambus.dvrip.errors import ConnectionLost, DeviceError, RequestTimeout
from cambus.dvrip.payload import decode_body
from cambus.dvrip.profile import Profile
from cambus.dvrip.registration import RegistrationSettings, Verdict
from cambus.dvrip.timeouts import Timeouts
from cambus.dvrip.wire import serialize


@pytest.mark.parametrize("claim_first", [False, True])
async def test_live_video_by_request_claim_and_start(platform, frames, claim_first):
    await platform.start()
    dialler, device = await platform.device()
    opening = asyncio.create_task(device.open_live(2))
    if claim_first:
        while not platform.listener._expected:  # noqa: ASYNC110 - sending sets no event
            await asyncio.sleep(0)
    data = await start_live(platform, dialler, frames, claim_first=claim_first)
    async with asyncio.timeout(PATIENT_S):
        live = await opening
        assert [await anext(live), await anext(live)] == [frames.key, frames.delta]
    stopping = asyncio.create_task(live.stop())
    stop = await dialler.answer(1410)
    assert stop["OPMonitor"]["Action"] == "Stop"
    data.close()
    async with asyncio.timeout(PATIENT_S):
        await stopping
    assert device.is_online


async def test_after_stop_the_data_socket_is_closed_even_if_the_device_leaves_it_open(platform, frames):
    await platform.start(timeouts=Timeouts(release=0.1))
    dialler, device = await platform.device()
    opening = asyncio.create_task(device.open_live(2))
    data = await start_live(platform, dialler, frames)
    live = await opening
    stopping = asyncio.create_task(live.stop())
    await dialler.answer(1410)
    await stopping
    assert await data.is_closed()


async def test_playback_by_request_claim_and_start(platform, frames):
    await platform.start()
    dialler, device = await platform.device()
    opening = asyncio.create_task(device.open_playback(1, "/a.h264", download=True))
    request = await dialler.answer(1420)
    assert request["OPPlayBack"]["Action"] == "Request"
    data = await platform.dial()
    data.send(1424, {"OPPlayBack": {"Action": "Claim", "Parameter": {"Channel": 1}}}, sid=dialler.session_id)
    assert decode_body((await data.receive(1425)).payload)["Ret"] == 100
    start = await dialler.answer(1420)
    assert start["OPPlayBack"]["Action"] == "DownloadStart"
    data.media(frames.key, message_id=1426)
    data.writer.write(serialize(1426, b"", session_id=dialler.session_id, version=1, end=True))
    async with asyncio.timeout(PATIENT_S):
        playback = await opening
        assert [frame async for frame in playback] == [frames.key]
    await playback.close()


async def test_a_profile_may_request_with_the_claim_id(platform):
    platform.verdict = Verdict(100, profile=Profile(request_by_claim_id=True))
    await platform.start()
    dialler, device = await platform.device()
    opening = asyncio.create_task(device.open_live(0))
    packet = await dialler.receive(1413)
    assert decode_body(packet.payload)["OPMonitor"]["Action"] == "Request"
    dialler.send(1414, {"Ret": 121})
    with pytest.raises(DeviceError):
        await opening


@pytest.mark.parametrize(
    "case", ["unknown session", "no request", "wrong channel", "wrong stream", "wrong kind", "twice"]
)
async def test_a_claim_nobody_waits_for_is_refused_and_closed(platform, frames, case):
    await platform.start(claim_within_s=2.0)
    dialler, device = await platform.device()
    opening = asyncio.create_task(device.open_live(2)) if case != "no request" else None
    if opening is not None:
        await dialler.answer(1410)
    if case == "twice":
        good = await platform.dial()
        good.send(
            1413, {"OPMonitor": {"Parameter": {"Channel": 2, "StreamType": "Main"}}}, sid=dialler.session_id
        )
        await good.receive(1414)
    data = await platform.dial()
    parameter = {
        "Channel": 3 if case == "wrong channel" else 2,
        "StreamType": "Extra1" if case == "wrong stream" else "Main",
    }
    claim_id, section = (1424, "OPPlayBack") if case == "wrong kind" else (1413, "OPMonitor")
    sid = dialler.session_id ^ 1 if case == "unknown session" else dialler.session_id
    data.send(claim_id, {section: {"Action": "Claim", "Parameter": parameter}}, sid=sid)
    reply = await data.receive(claim_id + 1)
    assert decode_body(reply.payload)["Ret"] == 103
    assert await data.is_closed()
    assert platform.listener.counters["claims_refused"] == 1
    if opening is not None:
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)


async def test_a_claim_that_comes_too_late_is_refused(platform):
    await platform.start(claim_within_s=0.05)
    dialler, device = await platform.device()
    opening = asyncio.create_task(device.open_live(2))
    await dialler.answer(1410)
    with pytest.raises(RequestTimeout):
        await opening
    data = await platform.dial()
    data.send(
        1413, {"OPMonitor": {"Parameter": {"Channel": 2, "StreamType": "Main"}}}, sid=dialler.session_id
    )
    assert decode_body((await data.receive(1414)).payload)["Ret"] == 103
    assert await data.is_closed()
    assert device.is_online


def test_nobody_is_waited_for_longer_than_10_s():
    settings = RegistrationSettings()
    assert (settings.first_message_within_s, settings.claim_within_s) == (10.0, 10.0)


async def test_a_claim_from_another_address_is_refused_unless_addresses_are_not_checked(platform, frames):
    await platform.start()
    dialler, device = await platform.device()
    device.address = "192.0.2.1"  # as if the main connection had come from there
    opening = asyncio.create_task(device.open_live(2))
    await dialler.answer(1410)
    data = await platform.dial()
    claim = {"OPMonitor": {"Parameter": {"Channel": 2, "StreamType": "Main"}}}
    data.send(1413, claim, sid=dialler.session_id)
    assert decode_body((await data.receive(1414)).payload)["Ret"] == 103
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    device._check_address = False
    opening = asyncio.create_task(device.open_live(2))
    await dialler.answer(1410)
    again = await platform.dial()
    again.send(1413, claim, sid=dialler.session_id)
    assert decode_body((await again.receive(1414)).payload)["Ret"] == 100
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)


@pytest.mark.parametrize(("listener", "own"), [(True, False), (False, True), (True, None), (False, None)])
async def test_whether_addresses_are_checked_is_said_of_all_devices_or_of_one(platform, listener, own):
    platform.verdict = Verdict(100, check_address=own)
    await platform.start(check_address=listener)
    dialler, device = await platform.device()
    device.address = "192.0.2.1"  # as if the main connection had come from there
    opening = asyncio.create_task(device.open_live(2))
    await dialler.answer(1410)
    data = await platform.dial()
    claim = {"OPMonitor": {"Parameter": {"Channel": 2, "StreamType": "Main"}}}
    data.send(1413, claim, sid=dialler.session_id)
    is_checked = listener if own is None else own
    assert decode_body((await data.receive(1414)).payload)["Ret"] == (103 if is_checked else 100)
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)


async def test_the_loss_of_the_main_connection_closes_its_data_connections(platform, frames):
    await platform.start()
    dialler, device = await platform.device()
    opening = asyncio.create_task(device.open_live(2))
    data = await start_live(platform, dialler, frames)
    live = await opening
    dialler.close()
    async with asyncio.timeout(PATIENT_S):
        assert isinstance(await device.wait_closed(), ConnectionLost)
    assert await data.is_closed()
    assert platform.listener.devices == {}
    with pytest.raises(ConnectionLost):
        async for _ in live:
            pass
    await live.stop()


async def test_three_unanswered_keepalives_close_it_and_its_data_connections(platform, frames, monkeypatch):
    monkeypatch.setattr(session, "REGISTERED_KEEPALIVE_S", 0.7)
    await platform.start(timeouts=Timeouts(keepalive=0.4))
    dialler, device = await platform.device()
    opening = asyncio.create_task(device.open_live(2))
    data = await start_live(platform, dialler, frames)
    live = await opening
    async with asyncio.timeout(PATIENT_S):
        assert "keepalive" in str(await device.wait_closed())
    assert device.control.session.counters["keepalives"] >= 3
    assert device.control.session.counters["keepalives_missed"] == 3
    assert (await dialler.receive(1006)).header.session_id == dialler.session_id
    assert await data.is_closed()
    assert platform.listener.devices == {}
    await live.stop()


async def test_close_stops_streams_and_says_goodbye(platform, frames):
    await platform.start()
    dialler, _ = await platform.device()
    closing = asyncio.create_task(platform.listener.close())
    await dialler.answer(1002)
    async with asyncio.timeout(PATIENT_S):
        await closing
    assert await dialler.is_closed()
    platform.listener = None
