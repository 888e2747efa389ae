"""Devices that ask to be watched, and what their INVITEs say beside the usual (GB-157)."""

import pytest

from cambus.connector_gb28181 import watch_requests
from cambus.gb28181.manscdp.notices import VideoUploadNotice
from cambus.media.frame import Kind
from cambus.simulators.gb28181.quirks import Quirks


def invites(simulator):
    return {message.call_id for message in simulator.heard("INVITE")}


async def test_a_device_that_asks_to_be_watched_is_for_as_long_as_its_record_says(bench, device):
    simulator = await bench.online(device, record={"options": {"auto_watch_s": 1.5}})
    watched = await bench.watch(f"cambus.v1.media.{device}.0.main")
    events = await bench.heard(device)
    simulator.ask_to_be_watched()
    await watched.until(lambda frames: any(frame.kind is Kind.VIDEO for frame in frames))
    told = await events.until("exception.reported", lambda event: event.code == "watch-requested")
    assert told.device == device
    where = await events.until("position.reported")
    assert (where.location.longitude, where.location.latitude) == simulator.position
    await events.until("live.started")
    stopped = await events.until("live.stopped")
    assert stopped.reason == "unclaimed"
    await simulator.wait_for(lambda: simulator.heard("BYE"))
    simulator.ask_to_be_watched()  # and again, whenever it wants
    await simulator.wait_for(lambda: len(invites(simulator)) == 2)


async def test_asking_again_prolongs_it_with_one_invitation(bench, device):
    simulator = await bench.online(device, record={"options": {"auto_watch_s": 600.0}})
    requests = bench.session(device).device.watch_requests
    simulator.ask_to_be_watched()
    await simulator.wait_for(lambda: simulator.sessions)
    (before,) = requests._until.values()
    simulator.ask_to_be_watched()
    await simulator.wait_for(lambda: requests._until and next(iter(requests._until.values())) > before)
    assert len(invites(simulator)) == 1


async def test_a_channel_that_asks_is_the_one_that_is_opened(bench, device):
    simulator = await bench.online(device, channels=2, record={"options": {"auto_watch_s": 600.0}})
    await bench.listed(2, device)
    simulator.tell(VideoUploadNotice("2026-02-01T08:00:00"), simulator.channels[1])
    await simulator.wait_for(lambda: simulator.sessions)
    (invite,) = simulator.heard("INVITE")
    assert simulator.channels[1] in invite.uri


async def test_what_can_not_be_opened_is_tried_again(bench, device, monkeypatch):
    monkeypatch.setattr(watch_requests, "AGAIN_S", 0.2)
    simulator = await bench.online(
        device, record={"options": {"auto_watch_s": 600.0}}, quirks=Quirks(invite="busy")
    )
    simulator.ask_to_be_watched()
    await simulator.wait_for(lambda: simulator.heard("INVITE"))
    simulator.quirks.invite = "accept"
    await simulator.wait_for(lambda: simulator.sessions)


async def test_one_whose_record_does_not_say_so_is_only_told_of(bench, device):
    simulator = await bench.online(device)
    events = await bench.heard(device)
    simulator.ask_to_be_watched()
    await events.until("exception.reported", lambda event: event.code == "watch-requested")
    await events.until("position.reported")
    assert not bench.session(device).device.watch_requests._until
    assert not simulator.heard("INVITE")


@pytest.mark.parametrize("lines", [["a=svcspace:1", "a=svctime:2", "a=ssvcratio:4:3"]])
async def test_scalable_video_is_asked_for_as_the_record_says(bench, device, lines):
    simulator = await bench.online(device, record={"options": {"sdp_attributes": lines}})
    watched = await bench.view(device)
    await watched.until(lambda frames: frames)
    (invite,) = simulator.heard("INVITE")
    assert set(lines) <= set(invite.body.decode().split("\r\n"))
