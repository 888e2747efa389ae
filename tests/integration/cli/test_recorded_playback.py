"""`cambusctl recordings find` and `play` with a recorder that runs."""

import pytest
from recorded_frames import START_US, real_frames, write_recordings

from cambus.bus.assets import ensure_assets
from cambus.bus.endpoints import Endpoints
from cambus.bus.in_process import RunningService
from cambus.recorder.layout import StreamKey, from_us
from cambus.recorder.service import Recorder
from cambus.recorder.settings import RecorderSettings
from cambus.schemas.commands import media_relay

START = from_us(START_US).isoformat()


@pytest.fixture
async def recorder(bus, device, nats_server, tmp_path):
    await ensure_assets(bus)
    settings = RecorderSettings(
        nats_url=nats_server.url,
        instance=f"recorder-{device}",
        data_dir=tmp_path / "data",
        disk_reserve_mib=0,
        lease_ttl_s=5,
        lease_margin_s=1,
    )
    write_recordings(settings.recordings, StreamKey(device, 0, "main"), real_frames(100))
    async with RunningService(Recorder, settings) as running:
        yield running


@pytest.fixture
async def relay(bus):
    """Says where to watch, and nothing else."""

    async def live_open(context, request):
        return media_relay.LiveUrls(rtsp=f"rtsp://relay/{request.device}/0/{request.stream}", replica="r")

    endpoints = Endpoints(bus, media_relay.SERVICE)
    endpoints.add(media_relay.LIVE_OPEN, live_open)
    await endpoints.start()
    yield
    await endpoints.drain(timeout_s=0)


async def test_what_is_recorded_is_found(cambusctl, recorder, device):
    found = (await cambusctl("recordings", "find", device, "--from", START, "--to", "now", "--json")).document
    (stream,) = found["recorded"]
    (span,) = stream["spans"]
    assert span["replicas"] == [f"recorder-{device}"]
    assert f"recorder-{device}" not in found["silent"]


async def test_a_playback_is_opened_and_told_what_viewers_want(cambusctl, recorder, relay, device):
    ran = await cambusctl("recordings", "play", device, "0", "--from", START, "--speed", "4", "--json")
    session = ran.document["session"]
    assert session.startswith("rec-")
    assert ran.document["rtsp"].endswith(f"/s-{session}")
    paused = await cambusctl("recordings", "pause", device, session, "--json")
    assert (paused.document["speed"], paused.document["session"]) == (4.0, session)
    assert (
        await cambusctl("recordings", "seek", device, session, from_us(START_US + 2_000_000).isoformat())
    ).code == 0
    assert (await cambusctl("recordings", "speed", device, session, "0.5")).code == 0
    assert (await cambusctl("recordings", "step", device, session, "--back")).code == 0
    assert (await cambusctl("recordings", "resume", device, session)).code == 0
    assert (await cambusctl("recordings", "stop", device, session)).code == 0
    gone = await cambusctl("recordings", "pause", device, session)
    assert (gone.code, "no such playback" in gone.err) == (3, True)


async def test_where_nothing_is_recorded_is_said(cambusctl, recorder, relay, device):
    early = await cambusctl("recordings", "play", device, "0", "--from", "2020-01-01T00:00:00Z")
    assert (early.code, "nothing is recorded there; it begins" in early.err) == (0, True)
    late = await cambusctl("recordings", "play", device, "0", "--from", "now", "--json")
    assert (late.code, late.error["reason"]) == (3, "nothing-recorded")
    assert (await cambusctl("recordings", "play", device, "0")).code == 2
    assert (await cambusctl("recordings", "step", device, "pb-1")).code == 2
