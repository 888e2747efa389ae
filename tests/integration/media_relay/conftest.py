"""A relay in this process, a camera that answers claims and publishes real pictures, and readers by FFmpeg."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Self

import av
import pytest

from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.endpoints import Endpoints
from cambus.bus.kv import KeyValue
from cambus.bus.service import Runtime
from cambus.bus.testing import NatsServer
from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Flag, Frame, Kind, encode_frame
from cambus.media_relay.service import MediaRelay
from cambus.media_relay.settings import RelaySettings
from cambus.schemas.assets import KV_PRESENCE
from cambus.schemas.channels import ChannelInfo
from cambus.schemas.commands import live, ptz
from cambus.schemas.errors import CambusError, NotFound
from cambus.schemas.model import Done
from cambus.schemas.state.presence import Presence
from cambus.schemas.subjects import media_subject
from cambus.simulators.tone import channel_tone
from cambus.simulators.video_loop import LoopStore, VideoSpec

H264 = VideoSpec(width=320, height=240, fps=25, bitrate=300_000)
H265 = VideoSpec(codec=Codec.H265, width=320, height=240, fps=25, bitrate=300_000)
CONFIG = AudioConfig(Codec.PCMA, 8000, 1)


class Camera:
    """One device on the bus: counts claims, publishes while it has any, twice as fast as it happened."""

    def __init__(
        self, bus: Bus, device: str, spec: VideoSpec, *, sound: bool = True, pace: float = 2.0
    ) -> None:
        self.bus = bus
        self.device = device
        self.spec = spec
        self.sound = sound
        self.pace = pace
        self.claims: set[str] = set()
        self.ever_claimed: set[str] = set()
        self.touches = 0
        self.refusal: CambusError | None = None
        self.moves: list[object] = []
        self.changed = asyncio.Event()
        self._endpoints = Endpoints(bus, "camera")
        self._publishing: asyncio.Task[None] | None = None
        self._seq = 0

    async def __aenter__(self) -> Self:
        self._endpoints.add(live.START, self._start)
        self._endpoints.add(live.TOUCH, self._touch)
        self._endpoints.add(live.STOP, self._stop)
        self._endpoints.add(ptz.MOVE, self._move)
        self._endpoints.add(ptz.STOP, self._move)
        await self._endpoints.start()
        await self.go_online()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.go_offline()
        await KeyValue(self.bus, KV_PRESENCE, Presence).delete(self.device)
        await self._endpoints.drain(1.0)

    async def go_online(self) -> None:
        await self._endpoints.hold(self.device)
        await self._show(online=True)

    async def go_offline(self) -> None:
        await self._endpoints.release(self.device)
        self.claims.clear()
        await self._end_publishing()
        await self._show(online=False)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that a command changes."""
        async with asyncio.timeout(20):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def publish(self, *frames: Frame) -> None:
        subject = media_subject(self.device, 0, "main")
        for frame in frames:
            for message in encode_frame(frame, self.bus.max_payload):
                await self.bus.publish(subject, message)

    def frame(self, kind: Kind, codec: Codec, pts: int, payload: bytes, flags: Flag = Flag.NONE) -> Frame:
        """The next frame of the main stream."""
        self._seq += 1
        return Frame(kind, codec, flags, self._seq, pts, pts, time.time_ns() // 1000, payload)

    def picture(self, index: int) -> list[Frame]:
        """Frame `index` of the loop, with the sound that goes with it."""
        unit = LoopStore.shared.get(self.spec).unit(index)
        pts = index * 90_000 // self.spec.fps
        frames = []
        if unit.keyframe and self.sound:
            frames.append(self.frame(Kind.AUDIO_CONFIG, CONFIG.codec, pts, CONFIG.serialize(), Flag.CONFIG))
        flags = Flag.KEYFRAME if unit.keyframe else Flag.NONE
        frames.append(self.frame(Kind.VIDEO, self.spec.codec, pts, unit.data, flags))
        if self.sound:
            tone = channel_tone(1)
            frames.append(self.frame(Kind.AUDIO, CONFIG.codec, pts, tone[index % len(tone)]))
        return frames

    async def _show(self, *, online: bool) -> None:
        presence = Presence(
            device=self.device,
            online=online,
            since="2026-02-01T00:00:00Z",  # type: ignore[arg-type]
            vendor="Acme",
            model="<b>Model</b> 7",
            channels=[ChannelInfo(channel=0, name="<i>Gate</i> & yard", ptz=True, streams=["main", "sub"])],
        )
        await KeyValue(self.bus, KV_PRESENCE, Presence).put(self.device, presence)

    async def _start(self, context: object, request: live.LiveStartRequest) -> live.LiveStartReply:
        if self.refusal is not None:
            raise self.refusal
        if request.channel != 0:
            raise NotFound("the device has one channel", reason="no-such-channel")
        self.claims.add(request.claimant)
        self.ever_claimed.add(request.claimant)
        self.changed.set()
        if self._publishing is None and self.pace:
            self._publishing = asyncio.create_task(self._publish_loop())
        subject = media_subject(self.device, request.channel, request.stream)
        return live.LiveStartReply(subject=subject, ttl_s=request.ttl_s)

    async def _touch(self, context: object, request: live.LiveTouchRequest) -> live.LiveStartReply:
        self.touches += 1
        return await self._start(context, request)

    async def _stop(self, context: object, request: live.LiveStopRequest) -> Done:
        self.claims.discard(request.claimant)
        if not self.claims:
            await self._end_publishing()
        self.changed.set()
        return Done()

    async def _move(self, context: object, request: object) -> Done:
        self.moves.append(request)
        self.changed.set()
        return Done()

    async def _publish_loop(self) -> None:
        started = time.monotonic()
        index = 0
        while True:
            await self.publish(*self.picture(index))
            index += 1
            due = started + index / self.spec.fps / self.pace
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _end_publishing(self) -> None:
        task, self._publishing = self._publishing, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@dataclass
class Running:
    """A relay that serves, and where."""

    service: MediaRelay
    runtime: Runtime[RelaySettings]

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.service.relay.http_port}"

    @property
    def rtsp(self) -> str:
        return f"rtsp://127.0.0.1:{self.service.relay.rtsp_port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.service.relay.http_port}"

    def metric(self, line: str) -> float:
        """The value of a series such as `cambus_relay_viewers{output="rtsp"}`, 0 before it was ever counted."""
        self.service.relay.check()
        for each in self.runtime.metrics.render().decode().splitlines():
            if each.startswith(line + " "):
                return float(each.rpartition(" ")[2])
        return 0.0


@asynccontextmanager
async def running_relay(settings: RelaySettings) -> AsyncIterator[Running]:
    """Run the service as the runner would, without its signals."""
    runtime = Runtime("media-relay", "", settings)
    service = MediaRelay(runtime)
    ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    end = asyncio.Event()

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            runtime.own_tasks(group)
            await service.start()
            await runtime.endpoints.start()
            ready.set_result(None)
            await end.wait()
            await runtime.endpoints.drain(1.0)
            await service.stop()
            runtime.cancel_tasks()

    async with runtime.bus:
        await ensure_assets(runtime.bus)
        task = asyncio.create_task(run())
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        try:
            yield Running(service, runtime)
        finally:
            end.set()
            await task


@pytest.fixture
def relay_settings(nats_server: NatsServer) -> Callable[..., RelaySettings]:
    def make(**changes: object) -> RelaySettings:
        return RelaySettings(
            nats_url=nats_server.url,
            instance="relay-test",
            **{
                "relay_http_port": 0,
                "relay_rtsp_port": 0,
                "relay_linger_s": 0.2,
                **changes,
            },
        )

    return make


@pytest.fixture
def run_relay() -> Callable[[RelaySettings], AbstractAsyncContextManager[Running]]:
    return running_relay


@pytest.fixture
async def relay(relay_settings: Callable[..., RelaySettings]) -> AsyncIterator[Running]:
    async with running_relay(relay_settings()) as running:
        yield running


@pytest.fixture
async def make_camera(bus: Bus, device: str) -> AsyncIterator[Callable[..., Awaitable[Camera]]]:
    """Puts a camera on the bus; H.264 and sound unless told otherwise."""
    await ensure_assets(bus)
    cameras: list[Camera] = []

    async def make(spec: VideoSpec = H264, **options: object) -> Camera:
        await asyncio.to_thread(LoopStore.shared.get, spec)
        camera = Camera(bus, device, spec, **options)  # type: ignore[arg-type]
        await camera.__aenter__()
        cameras.append(camera)
        return camera

    yield make
    for camera in cameras:
        await camera.__aexit__()


@pytest.fixture
def specs() -> dict[str, VideoSpec]:
    return {"h264": H264, "h265": H265}


@dataclass
class Watched:
    """What FFmpeg made of an output."""

    codecs: dict[str, str] = field(default_factory=dict)
    size: tuple[int, int] = (0, 0)
    pictures: list[Fraction] = field(default_factory=list)
    keyframe_first: bool = False
    sounds: list[Fraction] = field(default_factory=list)
    untimed_keyframes: int = 0
    samples: int = 0
    loudest: int = 0


def decode(
    source: object, *, pictures: int, container: str | None = None, options: dict[str, str] | None = None
) -> Watched:
    """Open an output with FFmpeg and decode until so many pictures, and some sound, have come."""
    watched = Watched()
    with av.open(source, format=container, options=options or {}, timeout=20.0) as opened:
        watched.codecs = {stream.type: stream.codec_context.name for stream in opened.streams}
        for packet in opened.demux():
            for frame in packet.decode():
                if frame.pts is None:  # FFmpeg's own: the first picture over RTSP never has a time
                    watched.untimed_keyframes += frame.key_frame
                    continue
                at = Fraction(frame.pts) * frame.time_base
                if isinstance(frame, av.VideoFrame):
                    watched.keyframe_first |= not watched.pictures and frame.key_frame
                    watched.pictures.append(at)
                    watched.size = frame.width, frame.height
                else:
                    watched.sounds.append(at)
                    watched.samples += frame.samples
                    watched.loudest = max(watched.loudest, int(abs(frame.to_ndarray().astype(int)).max()))
            if len(watched.pictures) >= pictures and (
                "audio" not in watched.codecs or len(watched.sounds) >= 10
            ):
                break
    watched.keyframe_first |= watched.untimed_keyframes == 1
    return watched


@pytest.fixture
def watch() -> Callable[..., Awaitable[Watched]]:
    """Decodes an output in a thread of its own."""

    async def run(source: object, **options: object) -> Watched:
        async with asyncio.timeout(60):
            return await asyncio.to_thread(decode, source, **{"pictures": 30, **options})  # type: ignore[arg-type]

    return run
