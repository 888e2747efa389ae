"""What viewers get, judged by FFmpeg: every output, H.264 and H.265, picture by picture."""

import asyncio
import io
import itertools
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import aiohttp
import av
import pytest
import pytest_asyncio
from suite import recorder_device, running_suite

from cambus.dvrip.device_media import Claim
from cambus.schemas.commands import media_relay

pytestmark = pytest.mark.asyncio(loop_scope="module")

NVR = "outputs-nvr"
FPS = 25
SECONDS = 5
CODECS = {0: "h264", 1: "hevc"}
FRAME = Fraction(1, FPS)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nvr():
    async with recorder_device() as simulator:
        yield simulator


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(folder, nvr):
    async with running_suite(folder, "connector-dvrip", "media-relay") as running:
        await running.add(NVR, nvr.port)
        await running.online(NVR)
        yield running


@dataclass
class Watched:
    """What FFmpeg made of five seconds of an output."""

    codecs: dict[str, str] = field(default_factory=dict)
    pictures: list[Fraction] = field(default_factory=list)
    keyframes: int = 0
    sounds: list[Fraction] = field(default_factory=list)
    samples: int = 0
    loudest: int = 0


def watch(source: Any, container: str | None, options: dict[str, str]) -> Watched:
    """Decode until five seconds of pictures have come; timestamps are those of the packets."""
    watched = Watched()
    with av.open(source, format=container, options=options, timeout=20.0) as opened:
        watched.codecs = {stream.type: stream.codec_context.name for stream in opened.streams}
        for packet in opened.demux():
            if packet.dts is None:
                continue
            at = Fraction(packet.pts) * packet.time_base
            decoded = packet.decode()
            if packet.stream.type == "video":
                watched.pictures.append(at)
                watched.keyframes += packet.is_keyframe
            else:
                watched.sounds.append(at)
                watched.samples += sum(frame.samples for frame in decoded)
                watched.loudest = max(
                    [watched.loudest, *(int(abs(frame.to_ndarray().astype(int)).max()) for frame in decoded)]
                )
            if watched.pictures and watched.pictures[-1] - watched.pictures[0] >= SECONDS:
                break
    return watched


def rises(times: list[Fraction]) -> bool:
    """Whether each time is later than the one before."""
    return all(before < after for before, after in itertools.pairwise(times))


def assert_five_seconds(watched: Watched, video: str, audio: str) -> None:
    assert watched.codecs == {"video": video, "audio": audio}
    assert rises(watched.pictures)
    duration = watched.pictures[-1] - watched.pictures[0]
    assert abs(duration - SECONDS) <= 2 * FRAME
    assert abs(len(watched.pictures) - 1 - duration * FPS) <= 2  # none missing, none doubled
    assert watched.keyframes >= SECONDS - 1  # a GOP is a second
    assert rises(watched.sounds)
    assert abs(watched.samples - SECONDS * 8000) <= 8000
    assert watched.loudest > 1000
    assert abs(watched.sounds[-1] - watched.pictures[-1]) < 1


async def opened(suite, channel: int) -> media_relay.LiveUrls:
    request = media_relay.LiveOpenRequest(device=NVR, channel=channel)
    return await suite.client.call(media_relay.LIVE_OPEN, request)


async def decode(source: Any, container: str | None = None, **options: str) -> Watched:
    async with asyncio.timeout(60):
        return await asyncio.to_thread(watch, source, container, options)


@pytest.mark.parametrize("channel", CODECS)
async def test_every_output_plays_five_seconds(suite, nvr, channel):
    urls = await opened(suite, channel)
    over_rtsp, over_flv, over_fmp4, over_websocket, streams = await asyncio.gather(
        decode(urls.rtsp, rtsp_transport="tcp"),
        decode(urls.flv),
        decode(urls.fmp4),
        websocket(urls.ws_fmp4),
        streams_of(nvr, channel),
    )
    assert len(streams) == 1  # four viewers are one stream to the device
    assert_five_seconds(over_rtsp, CODECS[channel], "pcm_alaw")
    assert_five_seconds(over_flv, CODECS[channel], "pcm_alaw")
    assert_five_seconds(over_fmp4, CODECS[channel], "pcm_alaw")
    assert_five_seconds(over_websocket, CODECS[channel], "flac")


async def streams_of(nvr, channel: int) -> list[Claim]:
    """The streams of a camera the device sends, once everybody is watching."""

    def running() -> list[Claim]:
        return [claim for claim in nvr.streams if claim.channel == channel]

    await nvr.wait_for(lambda: any(claim.sender.frames_sent > 3 * FPS for claim in running()), 60)
    return running()


async def websocket(url: str) -> Watched:
    """Collect the fragments a page would give to its player, and decode them as one file."""
    media = bytearray()
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(60), aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        began: float | None = None
        async for message in socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                media += message.data
                began = began or loop.time()
                if loop.time() - began > SECONDS + 1.5:
                    break
    return await decode(io.BytesIO(bytes(media)), "mp4")
