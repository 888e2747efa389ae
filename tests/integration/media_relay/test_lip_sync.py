"""Picture and sound stay in step in every output, as they are or transcoded.

FFmpeg sees the flashes of a camera and hears its clicks, which come at the same instants.
"""

import asyncio
import io

import aiohttp
import av
import numpy as np
import pytest
from flashing_camera import FlashingCamera, clicking, flashes
from sound import TICKS

from cambus.media.aac import specific_config
from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Flag, Kind, encode_frame

WANTED = 3
ONE_PICTURE_S = 0.04
SOUNDS = {
    "pcma": AudioConfig(Codec.PCMA, 8000, 1),
    "aac": AudioConfig(Codec.AAC, 16_000, 1, specific_config(16_000, 1)),
    "aac-stereo": AudioConfig(Codec.AAC, 48_000, 2, specific_config(48_000, 2)),
    "g726": AudioConfig(Codec.G726, 8000, 1),
}
OUTPUTS = {
    "main.flv": {"pcma": "pcm_alaw"},
    "main.flv?audio=aac": {},
    "main.flv?audio=g711": dict.fromkeys(SOUNDS, "pcm_alaw"),
    "main.mp4": {"pcma": "pcm_alaw"},
    "main.mp4?audio=opus": dict.fromkeys(SOUNDS, "opus"),
    "main.mp4?audio=flac": dict.fromkeys(SOUNDS, "flac"),
    "main.ts": {},
}
"""The codec of each output's sound by what the camera sends; AAC where nothing is said."""


class Seen:
    """When it flashed and clicked, by the times the file gives."""

    def __init__(self):
        self.codec = ""
        self.flashes = []
        self.clicks = []
        self._quiet_since = -1.0

    def look(self, frame):
        at = float(frame.pts * frame.time_base)
        if isinstance(frame, av.VideoFrame):
            if frame.to_ndarray(format="gray").mean() > 128:
                self.flashes.append(at)
            return
        samples = np.abs(frame.to_ndarray().astype(float))
        samples = (
            samples.max(axis=0) if frame.format.is_planar else samples.reshape(frame.samples, -1).max(axis=1)
        )
        scale = 32768 if frame.format.name.startswith("flt") else 1
        for index in np.flatnonzero(samples * scale > 4000):
            instant = at + index / frame.sample_rate
            if instant - self._quiet_since > 0.2:
                self.clicks.append(instant)
            self._quiet_since = instant

    @property
    def enough(self):
        """Whether it flashed often enough, and the click of the last flash has been heard."""
        heard = bool(self.clicks and self.flashes) and self.clicks[-1] > self.flashes[-1] - 0.1
        return heard and len(self._with_sound()) >= WANTED

    def offsets(self):
        """Of each flash, how much later its click is heard."""
        return [min((click - flash for click in self.clicks), key=abs) for flash in self._with_sound()]

    def _with_sound(self):
        """The flashes since the sound set in, which on a busy machine is a moment after the picture."""
        return [flash for flash in self.flashes if flash > self.clicks[0] - 0.2]


def look(source, container=None, **options):
    seen = Seen()
    with av.open(source, format=container, options=options, timeout=20.0) as opened:
        seen.codec = opened.streams.audio[0].codec_context.name
        for packet in opened.demux():
            for frame in packet.decode():
                if frame.pts is not None:
                    seen.look(frame)
            if seen.enough:
                break
    return seen


async def look_at(source, **options):
    async with asyncio.timeout(60):
        return await asyncio.to_thread(look, source, **options)


async def look_over_websocket(url, container):
    """Looks at what has come every hundred messages, until that is enough."""
    media, messages = bytearray(), 0
    async with asyncio.timeout(60), aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.BINARY:
                continue
            media += message.data
            messages += 1
            if messages % 100 == 0:
                seen = await look_at(io.BytesIO(media), container=container)
                if seen.enough:
                    return seen
    raise AssertionError("the stream ended too early")


@pytest.mark.parametrize("sound", sorted(SOUNDS))
async def test_what_is_seen_and_what_is_heard_are_one(sound, relay, bus, device):
    flashes()
    clicking(SOUNDS[sound])
    async with FlashingCamera(bus, device, SOUNDS[sound]):
        live = f"{relay.http}/live/{device}/0"
        views = {name: look_at(f"{live}/{name}") for name in OUTPUTS}
        views["rtsp"] = look_at(f"{relay.rtsp}/{device}/0/main", rtsp_transport="tcp")
        views["rtsp aac"] = look_at(f"{relay.rtsp}/{device}/0/main?audio=aac", rtsp_transport="tcp")
        views["ws flv"] = look_over_websocket(f"{relay.ws}/ws/{device}/0/main.flv", "flv")
        views["ws mp4"] = look_over_websocket(f"{relay.ws}/ws/{device}/0/main", "mp4")
        found = dict(zip(views, await asyncio.gather(*views.values()), strict=True))
    offsets = {name: [round(float(each), 3) for each in seen.offsets()] for name, seen in found.items()}
    assert all(len(each) >= WANTED for each in offsets.values()), offsets
    assert {name: seen.codec for name, seen in found.items()} == {
        **{name: codecs.get(sound, "aac") for name, codecs in OUTPUTS.items()},
        "rtsp": "pcm_alaw" if sound == "pcma" else "aac",
        "rtsp aac": "aac",
        "ws flv": "aac",
        "ws mp4": "flac" if sound == "pcma" else "aac",
    }
    # A picture's time, and as much again that sound may stray from its clock where packets come late.
    apart = {name: each for name, each in offsets.items() if max(map(abs, each)) >= 2 * ONE_PICTURE_S}
    assert apart == {}


async def test_transcoders_live_as_long_as_somebody_needs_them(relay, bus, device):
    line = 'cambus_relay_sounds_transcoded{codec="aac"}'
    async with (
        FlashingCamera(bus, device, SOUNDS["pcma"]),
        asyncio.timeout(30),
        aiohttp.ClientSession() as session,
        session.get(f"{relay.http}/live/{device}/0/main.flv") as as_it_is,
    ):
        await as_it_is.content.readexactly(1000)
        assert relay.metric(line) == 0
        async with session.get(f"{relay.http}/live/{device}/0/main.ts") as first:
            await first.content.readexactly(188)
            async with session.get(f"{relay.http}/live/{device}/0/main.flv?audio=aac") as second:
                await second.content.readexactly(1000)
                assert relay.metric(line) == 1
        stream = next(iter(relay.service.relay.streams.running.values()))
        while stream.hub.viewers > 1:  # the relay hears of closed connections a little later
            await as_it_is.content.readany()
        assert relay.metric(line) == 0


async def test_a_playback_is_heard_to_its_end(relay, bus, device, eventually):
    """What is still inside of the transcoder when the last frame comes is sent before the farewell."""
    async with (
        FlashingCamera(bus, device, SOUNDS["pcma"], pace=0) as camera,
        asyncio.timeout(30),
        aiohttp.ClientSession() as session,
    ):
        asking = asyncio.create_task(session.get(f"{relay.http}/live/{device}/0/s-play1.ts"))
        await eventually(lambda: relay.service.relay.streams.running)
        await relay.runtime.bus.flush()
        frames = [frame for index in range(50) for frame in camera.picture(index)]
        frames.append(camera.frame(Kind.DATA, Codec.OPAQUE, 180_000, b"", Flag.END))
        for frame in frames[:-1]:
            await bus.publish(f"cambus.v1.media.{device}.0.s-play1", *encode_frame(frame, 1 << 20))
        async with await asking as answer:
            begin = await answer.content.readexactly(188)
            await bus.publish(f"cambus.v1.media.{device}.0.s-play1", *encode_frame(frames[-1], 1 << 20))
            whole = begin + await answer.content.read()
    last = max(frame.pts for frame in frames if frame.kind is Kind.AUDIO) + 3600
    with av.open(io.BytesIO(whole)) as opened:
        ends = {"video": 0.0, "audio": 0.0}
        begins = []
        for packet in opened.demux():
            for frame in packet.decode():
                kind = "video" if isinstance(frame, av.VideoFrame) else "audio"
                begins.append(float(frame.pts * frame.time_base))
                samples = frame.samples / frame.sample_rate if kind == "audio" else ONE_PICTURE_S
                ends[kind] = max(ends[kind], begins[-1] + samples)
    assert ends["audio"] - min(begins) == pytest.approx(last / TICKS, abs=0.035)
    assert ends["video"] - min(begins) == pytest.approx(2.0, abs=0.001)
