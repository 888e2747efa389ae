"""Streams with B-frames from outside, published or pulled: recorded, they play in the order they were shown."""

import asyncio
import itertools
from urllib.parse import urlsplit

import av
import numpy as np
import pytest
from connector_bench import running_bench
from publishers import SIZE, Publisher
from rtsp_rig import USER, RtspBench

from cambus.bus.in_process import RunningService
from cambus.bus.testing import NatsServer
from cambus.client.calling import BusClient
from cambus.media_relay.service import MediaRelay
from cambus.media_relay.settings import RelaySettings
from cambus.recorder.service import Recorder
from cambus.recorder.settings import RecorderSettings
from cambus.schemas.commands import media_relay
from cambus.schemas.commands import recorder as commands
from cambus.schemas.matching import DeviceMatch
from cambus.schemas.state.recording_policy import RecordingPolicy

KEY = "stream-key"
TCP = {"rtsp_transport": "tcp"}
BY_RTSP, BY_RTMP, PULLED = DEVICES = ("by-rtsp", "by-rtmp", "pulled")
ENOUGH = 40


@pytest.fixture(scope="module")
def nats():
    """A server of its own: a connector takes every device there is."""
    with NatsServer() as server:
        yield server


@pytest.fixture
async def bench(nats, tmp_path, bus_settings):
    settings = bus_settings.model_copy(update={"nats_url": nats.url})
    async with running_bench(lambda bus: RtspBench(bus, nats, tmp_path), settings, 150) as made:
        yield made


@pytest.fixture
async def relay(bench):
    settings = RelaySettings(
        nats_url=bench.nats.url,
        instance="relay-1",
        relay_http_port=0,
        relay_rtsp_port=0,
        relay_webrtc_port=0,
        relay_access="open",
    )
    async with RunningService(MediaRelay, settings) as running:
        yield running


def recorded(folder, device):
    """The files of a device, in the order they were begun."""
    return sorted(path for path in folder.rglob("*.mp4") if device in str(path))


def pictures(files):
    """Of each picture in files: what kind it is, its time, and where its bar is."""
    found = []
    for path in files:
        with av.open(str(path)) as opened:
            for frame in opened.decode(video=0):
                light = frame.to_ndarray(format="gray")[SIZE[1] // 2, : SIZE[0]].astype(int)
                found.append((frame.pict_type, frame.time, int(np.argmax(light))))
    return found


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_what_was_published_and_what_was_pulled_with_b_frames_is_recorded(bench, relay, tmp_path):
    publishing = await bench.publisher(BY_RTSP, password=KEY)
    await bench.publisher(BY_RTMP, password=KEY)
    rtsp = f"rtsp://{USER}:{KEY}@127.0.0.1:{publishing.port('rtsp')}/live/{BY_RTSP}"
    rtmp = f"rtmp://127.0.0.1:{publishing.port('rtmp')}/live/{BY_RTMP}/{KEY}"
    folder = tmp_path / "recordings"
    recorder = RecorderSettings(
        nats_url=bench.nats.url,
        instance="recorder-1",
        data_dir=folder,
        sync_interval_s=0.4,
        disk_reserve_mib=0,
    )
    client = BusClient(bench.bus)
    async with (
        RunningService(Recorder, recorder),
        Publisher(rtsp, "rtsp", b_frames=2, options=TCP),
        Publisher(rtmp, "flv", sound="aac", b_frames=2),
    ):
        for device in (BY_RTSP, BY_RTMP):
            await bench.shown(device)
        live = await client.call(
            media_relay.LIVE_OPEN, media_relay.LiveOpenRequest(device=BY_RTSP, channel=0)
        )
        at = urlsplit(live.rtsp)
        await bench.add(PULLED, f"127.0.0.1:{at.port}", options={"url": at.path, "sub_url": None})
        await bench.shown(PULLED)
        policy = RecordingPolicy(id="all", match=DeviceMatch(devices=list(DEVICES)))
        await client.call(commands.POLICY_SET, commands.PolicySetRequest(policy=policy))
        for device in DEVICES:
            while len(await asyncio.to_thread(pictures, recorded(folder, device))) < ENOUGH:  # noqa: ASYNC110 - nobody says how many there are by now
                await asyncio.sleep(0.5)
    for device in DEVICES:
        found = await asyncio.to_thread(pictures, recorded(folder, device))
        assert av.video.frame.PictureType.B in {kind for kind, _, _ in found}, device
        for (_, before, bar), (_, after, next_bar) in itertools.pairwise(found):
            assert after > before or after == 0, device
            assert 0 < (next_bar - bar) % SIZE[0] < SIZE[0] // 2, (
                device
            )  # some may be left out; none goes back
