"""What was recorded is played over the bus and the relay: to FFmpeg, at every speed, while the device is away."""

import asyncio
import contextlib
import errno
import os
import signal
import sys
import threading
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median

import av
import pytest
from recorded_frames import START_US, keyframe_first, real_frames, write_recordings

from cambus.bus.assets import ensure_assets
from cambus.bus.in_process import RunningService
from cambus.client.calling import BusClient
from cambus.media.frame import FrameAssembler, Kind
from cambus.media_relay.service import MediaRelay
from cambus.media_relay.settings import RelaySettings
from cambus.recorder.layout import StreamKey, from_us, to_us
from cambus.recorder.recorded_source import RecordedSource
from cambus.recorder.service import Recorder
from cambus.recorder.settings import RecorderSettings
from cambus.schemas.commands import media_relay
from cambus.schemas.commands import playback as commands
from cambus.schemas.errors import BadRequest, CambusError, NotFound, Offline, Overloaded

FRAME_US = 40_000
START = from_us(START_US)
TCP = {"rtsp_transport": "tcp"}


def at(picture):
    return from_us(START_US + picture * FRAME_US)


class Suite:
    """Recorders with what tests give them, a relay, and a viewer on the bus."""

    def __init__(self, bus, device, url, folder):
        self.bus = bus
        self.device = device
        self.url = url
        self.folder = folder
        self.client = BusClient(bus)
        self.running = []
        self.relay = None

    def settings(self, name, **changes):
        return RecorderSettings(
            nats_url=self.url,
            instance=f"{name}-{self.device}"[:64],
            data_dir=self.folder / name,
            disk_reserve_mib=0,
            lease_ttl_s=5,
            lease_margin_s=1,
            **changes,
        )

    def hold(self, name, frames):
        """Give a recorder's disk something."""
        key = StreamKey(self.device, 0, "main")
        return write_recordings(self.settings(name).recordings, key, frames)

    async def recorder(self, name, **changes):
        self.running.append(await RunningService(Recorder, self.settings(name, **changes)).start())
        return self.running[-1]

    async def open(self, **fields):
        request = commands.PlaybackOpenRequest(
            device=self.device, channel=0, **{"start": START, "on_touch": True, **fields}
        )
        return await self.client.call(commands.PLAYBACK_OPEN, request)

    async def tell(self, spec, opened, **fields):
        return await self.client.call_holder(spec, spec.request(session=opened.session, **fields))

    async def addresses(self, opened):
        request = media_relay.LiveOpenRequest(device=self.device, channel=0, stream=opened.stream)
        return await self.client.call(media_relay.LIVE_OPEN, request)


@pytest.fixture
async def suite(bus, device, nats_server, tmp_path):
    await ensure_assets(bus)
    made = Suite(bus, device, nats_server.url, tmp_path)
    settings = RelaySettings(
        nats_url=nats_server.url,
        instance="relay-test",
        relay_http_port=0,
        relay_rtsp_port=0,
        relay_webrtc_port=0,
        relay_linger_s=0.2,
    )
    async with RunningService(MediaRelay, settings):
        yield made
        for each in made.running:
            await each.stop()


class Watcher:
    """Listens to the frames of a playback on the bus, and keeps it."""

    def __init__(self, suite, opened, *, touch=True):
        self.touch = touch
        self.suite = suite
        self.opened = opened
        self.frames = []
        self.arrived = asyncio.Event()
        self._assembler = FrameAssembler()

    async def __aenter__(self):
        self._subscription = await self.suite.bus.subscribe(self.opened.subject, self._take)
        await self.suite.bus.flush()
        if self.touch:
            await self.suite.tell(commands.PLAYBACK_TOUCH, self.opened)
        return self

    async def __aexit__(self, *_):
        await self._subscription.close()

    def _take(self, message):
        frame = self._assembler.push(message.data)
        if frame is not None:
            self.frames.append(frame)
            self.arrived.set()

    async def until(self, condition):
        async with asyncio.timeout(60):
            while not condition():
                self.arrived.clear()
                await self.arrived.wait()

    async def until_end(self):
        await self.until(lambda: self.frames and self.frames[-1].end)

    @property
    def video(self):
        return [frame for frame in self.frames if frame.kind is Kind.VIDEO]

    @property
    def pictures(self):
        return [round((frame.wall_us - START_US) / FRAME_US) for frame in self.video]


def demuxed(url, options=None, begun=None):
    """The times of all pictures of an output, in seconds, and how many decode, until it ends."""
    times, decoded = [], 0
    with av.open(url, options=options or {}, timeout=30.0) as opened:
        if begun is not None:
            begun.set()
        try:
            for packet in opened.demux(video=0):
                if packet.pts is not None:
                    times.append(float(packet.pts * packet.time_base))
                decoded += len(packet.decode())
        except av.FFmpegError:
            pass  # how FFmpeg takes a connection that is closed at the end
    return times, decoded


async def test_a_recording_plays_in_ffmpeg_while_there_is_no_device(suite):
    suite.hold("a", real_frames(125))
    await suite.recorder("a")
    opened = await suite.open()
    assert opened.start == START
    urls = await suite.addresses(opened)
    times, decoded = await asyncio.to_thread(demuxed, urls.flv)
    assert decoded >= 60
    assert all(before < after for before, after in pairwise(times))
    assert times[-1] - times[0] == pytest.approx((len(times) - 1) / 25, abs=0.1)
    with pytest.raises(NotFound):
        await suite.tell(commands.PLAYBACK_TOUCH, opened)


async def test_four_times_as_fast_takes_a_quarter_over_rtsp(suite):
    suite.hold("a", real_frames(500))
    await suite.recorder("a")
    opened = await suite.open(speed=4.0)
    urls = await suite.addresses(opened)
    async with Watcher(suite, opened, touch=False) as watcher:
        times, decoded = await asyncio.to_thread(demuxed, urls.rtsp, TCP)
        await watcher.until_end()
    shown, walls = watcher.video, [frame.wall_us for frame in watcher.video]
    assert all(frame.keyframe for frame in shown)
    recorded_s = (walls[-1] - walls[0]) / 1e6
    assert recorded_s > 15
    assert (shown[-1].pts - shown[0].pts) / 90_000 == pytest.approx(recorded_s / 4, rel=0.01)
    assert decoded >= 3
    apart_s = median(after - before for before, after in pairwise(walls)) / 1e6
    assert median(after - before for before, after in pairwise(times)) == pytest.approx(apart_s / 4, rel=0.05)


async def test_backwards_the_keyframes_come_in_reverse(suite):
    suite.hold("a", real_frames(250))
    await suite.recorder("a")
    opened = await suite.open(start=at(250), speed=-8.0)
    async with Watcher(suite, opened) as watcher:
        await watcher.until_end()
    assert watcher.pictures == sorted(watcher.pictures, reverse=True)
    assert len(watcher.pictures) > 3
    assert watcher.pictures[-1] == 0
    assert all(before.pts < after.pts for before, after in pairwise(watcher.video))


async def test_it_is_held_sought_and_stepped(suite):
    suite.hold("a", real_frames(500))
    await suite.recorder("a")
    opened = await suite.open()
    async with Watcher(suite, opened) as watcher:
        await watcher.until(lambda: len(watcher.video) > 5)
        held = await suite.tell(commands.PLAYBACK_PAUSE, opened)
        assert held.state == "paused"
        await suite.bus.flush()
        shown = len(watcher.video)
        state = await suite.tell(commands.PLAYBACK_SEEK, opened, at=at(400))
        assert (state.state, state.position) == ("paused", at(400))
        await suite.tell(commands.PLAYBACK_STEP, opened)
        await watcher.until(lambda: len(watcher.video) > shown)
        assert 300 < watcher.pictures[-1] <= 400
        assert watcher.video[-1].discontinuity
        await suite.tell(commands.PLAYBACK_RESUME, opened)
        await watcher.until(lambda: len(watcher.video) > shown + 5)
        with pytest.raises(NotFound):
            await suite.tell(commands.PLAYBACK_SEEK, opened, at=at(10_000))
        with pytest.raises(BadRequest):
            await suite.tell(commands.PLAYBACK_SPEED, opened, speed=0.1)
        await suite.tell(commands.PLAYBACK_STOP, opened)
        await watcher.until_end()


async def test_a_gap_is_passed_over_and_said(suite):
    suite.hold("a", [*real_frames(50), *keyframe_first(real_frames(100, first=100, pause=1000))])
    await suite.recorder("a")
    opened = await suite.open()
    async with Watcher(suite, opened) as watcher:
        await watcher.until(lambda: watcher.pictures and watcher.pictures[-1] > 1000)
        state = await suite.tell(commands.PLAYBACK_TOUCH, opened)
        await suite.tell(commands.PLAYBACK_STOP, opened)
    behind = next(
        frame for frame, number in zip(watcher.video, watcher.pictures, strict=True) if number > 1000
    )
    assert behind.discontinuity
    assert state.jumped.start - at(50) < timedelta(seconds=1)
    assert to_us(state.jumped.end) == pytest.approx(behind.wall_us, abs=20)
    stamps = [frame.pts for frame in watcher.video]
    assert max(after - before for before, after in pairwise(stamps)) < 9000


async def test_a_playback_goes_on_at_the_replica_that_holds_what_comes_next(suite):
    frames = real_frames(200)
    border = next(
        i for i, frame in enumerate(frames) if i > 100 and frame.kind is Kind.VIDEO and frame.keyframe
    )
    suite.hold("a", frames[:border])
    suite.hold("b", frames[border:])
    first, second = await suite.recorder("a"), await suite.recorder("b")
    opened = await suite.open()
    assert opened.replica == first.runtime.settings.instance
    urls = await suite.addresses(opened)
    async with Watcher(suite, opened, touch=False) as watcher:
        times, decoded = await asyncio.to_thread(demuxed, urls.flv)
        await watcher.until_end()
    assert watcher.pictures == list(range(200))
    assert [frame.seq for frame in watcher.frames] == list(range(len(watcher.frames)))
    assert decoded > 60  # from both
    assert all(before < after for before, after in pairwise(times))

    again = await suite.open()
    async with Watcher(suite, again) as watcher:
        state = await suite.tell(commands.PLAYBACK_SEEK, again, at=at(190))
        assert state.replica == second.runtime.settings.instance
        await watcher.until(lambda: watcher.pictures and watcher.pictures[-1] > 150)
        state = await suite.tell(commands.PLAYBACK_SEEK, again, at=at(10))
        assert state.replica == first.runtime.settings.instance
        await watcher.until(lambda: watcher.pictures[-1] < 50)
        await suite.tell(commands.PLAYBACK_STOP, again)


async def test_as_many_as_may_be_and_no_more(suite):
    suite.hold("a", real_frames(50))
    await suite.recorder("a", playback_sessions=1)
    opened = await suite.open()
    with pytest.raises(Overloaded):
        await suite.open()
    await suite.tell(commands.PLAYBACK_STOP, opened)
    await suite.open()


async def test_what_is_not_recorded_is_said_so(suite):
    suite.hold("a", real_frames(50))
    await suite.recorder("a")
    with pytest.raises(NotFound):
        await suite.open(start=at(1000))
    with pytest.raises(NotFound):
        await suite.open(start=at(-1000), end=at(-500))
    with pytest.raises(BadRequest):
        await suite.open(speed=0.1)
    with pytest.raises(NotFound):
        await suite.client.call_holder(
            commands.PLAYBACK_TOUCH, commands.PlaybackSessionRequest(session="rec-nobody")
        )


async def test_sessions_that_come_and_go_leave_nothing(suite, eventually):
    suite.hold("a", real_frames(250))
    running = await suite.recorder("a", playback_sessions=8)
    files = await asyncio.to_thread(open_files)
    for number in range(24):
        opened = await suite.open(start=at(number), on_touch=False, speed=(1.0, 16.0, -1.0)[number % 3])
        with contextlib.suppress(NotFound):  # a fast one may be over
            if number % 2:
                await suite.tell(commands.PLAYBACK_SEEK, opened, at=at(100))
            await suite.tell(commands.PLAYBACK_STOP, opened)
    await eventually(lambda: "cambus_recorder_playbacks 0.0" in running.runtime.metrics.render().decode())
    assert await asyncio.to_thread(open_files) <= files


def open_files():
    return [
        target
        for each in Path("/proc/self/fd").iterdir()
        if (target := os.path.realpath(each)).endswith(".mp4")
    ]


async def test_a_playback_that_can_not_be_read_is_over(suite, monkeypatch):
    suite.hold("a", real_frames(50))
    running = await suite.recorder("a")

    def broken(self, at_us, way):
        raise OSError(errno.EIO, "Input/output error")
        yield

    monkeypatch.setattr(RecordedSource, "read", broken)
    opened = await suite.open()
    async with Watcher(suite, opened) as watcher:
        await watcher.until_end()
    metrics = running.runtime.metrics.render().decode()
    assert 'cambus_recorder_playbacks_over_total{outcome="failed"} 1.0' in metrics


async def test_only_who_is_meant_takes_a_playback_and_only_one_that_makes_sense(suite):
    suite.hold("a", real_frames(50))
    running = await suite.recorder("a")
    order = commands.PlaybackTakeRequest(
        device=suite.device, channel=0, start=START, session="rec-1", to="somebody-else"
    )
    with pytest.raises(NotFound):
        await suite.client.call_holder(commands.PLAYBACK_TAKE, order)
    mine = order.model_copy(update={"to": running.runtime.settings.instance, "speed": 0.0})
    with pytest.raises(BadRequest):
        await suite.client.call_holder(commands.PLAYBACK_TAKE, mine)


async def recorder_process(suite, name):
    settings = suite.settings(name)
    environment = {
        **os.environ,
        "CAMBUS_NATS_URL": suite.url,
        "CAMBUS_INSTANCE": settings.instance,
        "CAMBUS_DATA_DIR": str(settings.data_dir),
        "CAMBUS_DISK_RESERVE_MIB": "0",
    }
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cambus.recorder", env=environment, stderr=asyncio.subprocess.DEVNULL
    )


async def test_viewers_are_told_when_the_replica_that_plays_is_killed(suite, eventually):
    suite.hold("a", real_frames(1000))
    suite.hold("b", keyframe_first(real_frames(10, first=5000)))
    await suite.recorder("b")
    process = await recorder_process(suite, "a")
    try:
        opened = None

        async def plays():
            nonlocal opened
            try:
                opened = await suite.open(end=at(900))
            except CambusError:  # it has not begun yet
                return False
            return True

        await eventually(plays, within_s=60.0)
        urls = await suite.addresses(opened)
        begun = threading.Event()
        watching = asyncio.create_task(asyncio.to_thread(demuxed, urls.flv, begun=begun))
        await asyncio.to_thread(begun.wait, 60)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        async with asyncio.timeout(30):
            _, decoded = await watching
        assert 0 < decoded < 900
        with pytest.raises((NotFound, Offline)):
            await suite.tell(commands.PLAYBACK_TOUCH, opened)
        process = await recorder_process(suite, "a")
        await eventually(plays, within_s=60.0)  # another one plays from where it was
        await suite.tell(commands.PLAYBACK_STOP, opened)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
