"""A relay in this process, a camera that answers claims and publishes real pictures, and readers by FFmpeg."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial

import aiohttp
import av
import pytest
from camera import H264, H265, Camera
from page_browser import SharedChromium, opened_page
from playwright.async_api import Page
from whep_player import Player, playing

from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.in_process import RunningService
from cambus.bus.service import Runtime
from cambus.bus.testing import NatsServer
from cambus.media_relay.service import MediaRelay
from cambus.media_relay.settings import RelaySettings
from cambus.simulators.video_loop import LoopStore, VideoSpec


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
    """A relay inside this process."""
    async with RunningService(MediaRelay, settings) as running:
        assert isinstance(running.service, MediaRelay)
        yield Running(running.service, running.runtime)


@pytest.fixture
def relay_settings(nats_server: NatsServer) -> Callable[..., RelaySettings]:
    def make(**changes: object) -> RelaySettings:
        return RelaySettings(
            nats_url=nats_server.url,
            instance="relay-test",
            **{
                "relay_http_port": 0,
                "relay_rtsp_port": 0,
                "relay_webrtc_port": 0,
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

    def in_step(self, within_s: float | None) -> bool:
        """Whether the last sound and the last picture belong together."""
        return within_s is None or abs(self.pictures[-1] - self.sounds[-1]) < within_s


LONGEST = 10


def decode(
    source: object,
    *,
    pictures: int,
    container: str | None = None,
    options: dict[str, str] | None = None,
    within_s: float | None = None,
) -> Watched:
    """Open an output with FFmpeg and decode until so many pictures, and some sound, have come.

    Args:
        source, container, options: what is opened, and how.
        pictures: how many.
        within_s: go on until sound and picture are no more than that apart, or `LONGEST` times as many pictures have
            come: of two sockets FFmpeg empties one first where it was held up.
    """
    watched = Watched()
    most = pictures * LONGEST
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
                    scale = 32768 if frame.format.name.startswith("flt") else 1
                    watched.loudest = max(watched.loudest, int(abs(frame.to_ndarray() * float(scale)).max()))
            if len(watched.pictures) >= pictures and (
                "audio" not in watched.codecs or (len(watched.sounds) >= 10 and watched.in_step(within_s))
            ):
                break
            if within_s is not None and len(watched.pictures) >= most and watched.sounds:
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


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def player(
    http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], AbstractAsyncContextManager[Player]]:
    """Makes WHEP players that have this machine's loopback address and no other."""
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **_: ["127.0.0.1"])
    return partial(playing, http)


@pytest.fixture(scope="session")
def chromium() -> Iterator[SharedChromium]:
    shared = SharedChromium()
    yield shared
    shared.close()


@pytest.fixture
async def page(chromium: SharedChromium) -> AsyncIterator[Page]:
    """A page of a browser; `troubles` is what went wrong in it."""
    async with opened_page(chromium) as (opened, troubles):
        opened.troubles = troubles  # type: ignore[attr-defined]
        yield opened
