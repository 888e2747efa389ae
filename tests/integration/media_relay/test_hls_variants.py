"""HLS with variants: the main stream of a channel and its second one, each said to be what it is."""

import asyncio
import io
import re
from contextlib import asynccontextmanager

import aiohttp
import pytest
from camera import H264, Camera

from cambus.bus.assets import ensure_assets
from cambus.media.frame import Kind, encode_frame
from cambus.schemas.commands import media_relay
from cambus.schemas.errors import NotFound
from cambus.schemas.subjects import media_subject
from cambus.simulators.video_loop import LoopStore, VideoSpec

SMALL = VideoSpec(width=160, height=120, fps=25, bitrate=100_000)
SLOW = VideoSpec(width=160, height=120, fps=25, bitrate=100_000, gop_s=4, loop_s=4)


class TwoStreams(Camera):
    """A camera with a second stream, of its own size and its own group of pictures; None for a channel without one."""

    def __init__(self, bus, device, second):
        super().__init__(bus, device, H264, pace=2.0)
        self.second = second
        self._shown = 0

    async def _start(self, context, request):
        if request.stream == "sub" and self.second is None:
            raise NotFound("there is no second stream", reason="no-such-stream")
        return await super()._start(context, request)

    def picture(self, index):
        self._shown = index
        return super().picture(index)

    async def publish(self, *frames):
        await super().publish(*frames)
        subject = media_subject(self.device, 0, "sub")
        unit = LoopStore.shared.get(self.second).unit(self._shown) if self.second is not None else None
        for frame in frames if unit is not None else ():
            flags = type(frame.flags)(unit.keyframe) if frame.kind is Kind.VIDEO else frame.flags
            payload = unit.data if frame.kind is Kind.VIDEO else frame.payload
            for message in encode_frame(frame._replace(payload=payload, flags=flags), self.bus.max_payload):
                await self.bus.publish(subject, message)


@asynccontextmanager
async def filmed(bus, device, second):
    await ensure_assets(bus)
    for spec in (H264, second or SMALL):
        await asyncio.to_thread(LoopStore.shared.get, spec)
    async with TwoStreams(bus, device, second) as camera:
        yield camera


@pytest.fixture
async def http():
    async with asyncio.timeout(90), aiohttp.ClientSession() as session:
        yield session


async def text(http, url):
    async with http.get(url) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.text()


def variants(master):
    """What is said of each variant, and where it is."""
    found = re.findall(r"#EXT-X-STREAM-INF:(.*)\n(.*)\n", master)
    return [(dict(re.findall(r'([A-Z-]+)=("[^"]*"|[^,]*)', said)), path) for said, path in found]


async def media(http, base, path):
    """The playlist of a variant, and the bytes of its newest segment."""
    playlist = await text(http, f"{base}/{path}")
    folder = f"{base}/{path.rpartition('/')[0]}"
    init = re.search(r'EXT-X-MAP:URI="([^"]+)"', playlist)[1]
    segment = re.findall(r"^segment-.*$", playlist, re.MULTILINE)[-1]
    data = b""
    for name in (init, segment):
        async with http.get(f"{folder}/{name}") as answer:
            data += await answer.read()
    return playlist, data


@pytest.mark.parametrize(("second", "target"), [(SMALL, "2"), (SLOW, "4")], ids=["alike", "longer groups"])
async def test_main_and_sub_are_variants_of_one_playlist(
    second, target, relay, bus, device, http, watch, eventually
):
    base = f"{relay.http}/hls/{device}/0"
    async with filmed(bus, device, second):
        await eventually(lambda: relay.service._directory.streams_of(device, 0))
        main, sub = variants(await text(http, f"{base}/index.m3u8"))
        for (said, path), size, name in ((main, (320, 240), "main"), (sub, (160, 120), "sub")):
            assert path.startswith(f"{name}/")
            assert said["RESOLUTION"] == f"{size[0]}x{size[1]}"
            playlist, data = await media(http, base, path)
            assert f"#EXT-X-TARGETDURATION:{target}\n" in playlist
            watched = await watch(io.BytesIO(data), container="mp4", pictures=20)
            assert watched.size == size
            assert watched.codecs == {"video": "h264", "audio": "aac"}
            assert watched.keyframe_first
            assert said["CODECS"].startswith('"avc1.')
            assert said["CODECS"].endswith(',mp4a.40.2"')
        assert int(main[0]["BANDWIDTH"]) > int(sub[0]["BANDWIDTH"]) > 0


async def test_ffmpeg_plays_a_channel(relay, bus, device, watch, eventually):
    async with filmed(bus, device, SMALL):
        await eventually(lambda: relay.service._directory.streams_of(device, 0))
        watched = await watch(f"{relay.http}/hls/{device}/0/index.m3u8", pictures=30)
        assert watched.size in {(320, 240), (160, 120)}


async def test_who_watches_one_variant_keeps_the_other_up(
    relay_settings, run_relay, bus, device, http, eventually
):
    async with run_relay(relay_settings(relay_hls_session_s=5)) as relay, filmed(bus, device, SMALL):
        await eventually(lambda: relay.service._directory.streams_of(device, 0))
        base = f"{relay.http}/hls/{device}/0"
        main, sub = variants(await text(http, f"{base}/index.m3u8"))
        sessions = relay.service.relay._hls._sessions
        asked_at = {name: session.used_at for name, session in sessions.items()}
        assert len(asked_at) == 2
        await text(http, f"{base}/{main[1]}")
        for name, session in sessions.items():
            assert session.used_at > asked_at[name]
        assert relay.metric('cambus_relay_viewers{output="hls"}') == 2
        await text(http, f"{base}/{sub[1]}")


async def test_a_second_stream_that_can_not_be_had_is_left_out(relay, bus, device, http, eventually):
    async with filmed(bus, device, None):
        await eventually(lambda: relay.service._directory.streams_of(device, 0))
        (main,) = variants(await text(http, f"{relay.http}/hls/{device}/0/index.m3u8"))
        assert main[1].startswith("main/")


async def test_a_channel_of_a_device_that_is_offline_is_503(relay, bus, device, http, eventually):
    async with filmed(bus, device, SMALL) as camera:
        await eventually(lambda: relay.service._directory.streams_of(device, 0))
        await camera.go_offline()
        async with http.get(f"{relay.http}/hls/{device}/0/index.m3u8") as answer:
            assert answer.status == 503
        assert not relay.service.relay._hls._sessions


async def test_a_token_for_the_main_stream_opens_the_channel_once(
    relay_settings, run_relay, bus, device, http, eventually
):
    async with run_relay(relay_settings(relay_access="token")) as relay, filmed(bus, device, SMALL):
        await eventually(lambda: relay.service._directory.streams_of(device, 0))
        request = media_relay.TokenIssueRequest(device=device, purpose="live")
        token = (await relay.runtime.client.call(media_relay.TOKEN_ISSUE, request)).token.get_secret_value()
        url = f"{relay.http}/hls/{device}/0/index.m3u8"
        for shown, status in (("", 401), (f"?token={token}", 200), (f"?token={token}", 401)):
            async with http.get(url + shown) as answer:
                assert answer.status == status
