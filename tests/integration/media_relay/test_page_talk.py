"""Speaking from the player page: a microphone played by Chromium, a device played by this test."""

import asyncio
import json
from array import array

import aiohttp
import pytest
from camera import CALM, Camera
from page_browser import CHROMIUM, plays

from cambus.bus.assets import ensure_assets
from cambus.media.frame import Codec, FrameAssembler, Kind
from cambus.media.g711 import decode_alaw
from cambus.media_relay.key import StreamKey
from cambus.schemas.commands import talk
from cambus.schemas.commands.device import CAPABILITIES, CapabilitiesReply
from cambus.schemas.errors import Conflict, Unsupported
from cambus.schemas.model import Done
from cambus.schemas.subjects import media_subject
from cambus.simulators.video_loop import LoopStore


class Speaker(Camera):
    """A camera with a loudspeaker: one for the whole device."""

    def __init__(self, bus, device):
        super().__init__(bus, device, **CALM)
        self.talker = None
        self.busy = False
        self.loudspeaker = True
        self.heard = []
        self._endpoints.add(talk.START, self._start_talk)
        self._endpoints.add(talk.STOP, self._stop_talk)
        self._endpoints.add(CAPABILITIES, self._capabilities)

    async def listen(self):
        assembler = FrameAssembler()

        def take(message):
            if (frame := assembler.push(message.data)) is not None:
                self.heard.append(frame)
                self.changed.set()

        return await self.bus.subscribe(media_subject(self.device, 0, "t-tk-01"), take)

    async def _start_talk(self, context, request):
        if request.channel is not None:
            raise Unsupported("channel: there is one loudspeaker")
        if self.busy:
            raise Conflict("somebody else speaks", reason="busy")
        self.talker = request.claimant
        self.changed.set()
        subject = media_subject(self.device, 0, "t-tk-01")
        return talk.TalkStartReply(
            session="tk-01", subject=subject, codec="pcma", sample_rate_hz=8000, idle_s=20.0
        )

    async def _capabilities(self, context, request):
        return CapabilitiesReply(
            commands=["live.start", "talk.start"], talk_codecs=["pcma"] if self.loudspeaker else []
        )

    async def _stop_talk(self, context, request):
        assert request.session == "tk-01"
        self.talker = None
        self.changed.set()
        return Done()


@pytest.fixture
async def speaker(bus, device):
    await ensure_assets(bus)
    await asyncio.to_thread(LoopStore.shared.get, CALM["spec"])
    async with Speaker(bus, device) as camera:
        subscription = await camera.listen()
        yield camera
        await subscription.close()


def loudest(frames):
    pcm = array("h", b"".join(decode_alaw(frame.payload) for frame in frames))
    return max(map(abs, pcm), default=0)


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH: the player page is not tried")
async def test_the_microphone_is_heard_at_the_device_until_the_button_is_pressed_again(relay, speaker, page):
    await page.goto(f"{relay.http}/#{speaker.device}/0/main")
    await plays(page.locator(".tile video"))
    button = page.get_by_role("button", name="Talk")
    await button.click()
    await speaker.until(lambda: loudest(speaker.heard) > 1000)  # the beep of Chromium's own microphone
    assert {(frame.kind, frame.codec, len(frame.payload)) for frame in speaker.heard} == {
        (Kind.AUDIO, Codec.PCMA, 320)
    }
    assert speaker.talker == "player-page"
    times = [frame.pts for frame in speaker.heard]
    assert times == sorted(times)
    assert await button.get_attribute("aria-pressed") == "true"
    await button.click()
    await speaker.until(lambda: speaker.talker is None)
    await page.locator(".tile [aria-label=Talk][aria-pressed=false]").wait_for()
    speaker.busy = True
    await page.locator(".tile").focus()
    await page.keyboard.press("t")
    await page.locator("#said").get_by_text("somebody else speaks").wait_for()
    await page.locator(".tile [aria-label=Talk][aria-pressed=false]").wait_for()
    assert page.troubles == []


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH: the player page is not tried")
async def test_where_there_is_no_loudspeaker_the_button_says_so(relay, speaker, page):
    speaker.loudspeaker = False
    await page.goto(f"{relay.http}/#{speaker.device}/0/main")
    button = page.get_by_role("button", name="Talk", disabled=True)
    await button.wait_for()
    assert await button.get_attribute("title") == "Talk: the device names no loudspeaker"
    await button.click(force=True)
    await page.locator("#said").get_by_text("the device names no loudspeaker").wait_for()
    assert speaker.talker is None
    assert page.troubles == []


async def test_a_speaker_who_vanishes_gives_the_loudspeaker_back(relay, speaker):
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(f"{relay.ws}/talk/{speaker.device}/0")
        assert json.loads(await socket.receive_str()) == {"type": "open", "sample_rate_hz": 8000}
        await socket.send_bytes(b"\xd5" * 320)
        await speaker.until(lambda: len(speaker.heard) == 1)
        socket._response.connection.transport.abort()
        await speaker.until(lambda: speaker.talker is None)


async def test_more_than_can_be_heard_is_left_out(relay, speaker):
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{relay.ws}/talk/{speaker.device}/0") as socket,
    ):
        await socket.receive_str()
        for _ in range(1000):  # 40 s of sound at once
            await socket.send_bytes(b"\xd5" * 320)
        await socket.close()
        await speaker.until(lambda: speaker.talker is None)
        assert 0 < len(speaker.heard) < 500


async def test_nobody_speaks_through_an_unknown_device_or_with_another_streams_token(
    relay_settings, run_relay, speaker
):
    async with run_relay(relay_settings(relay_access="token")) as relay, aiohttp.ClientSession() as session:
        tokens = relay.service._access.tokens
        key = StreamKey(speaker.device, 0, "main")
        live = (await tokens.issue(key, "live")).token.get_secret_value()
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"{relay.ws}/talk/{speaker.device}/0?token={live}")
        assert refused.value.status == 401
        own = (await tokens.issue(key, "talk")).token.get_secret_value()
        async with session.ws_connect(f"{relay.ws}/talk/{speaker.device}/0?token={own}") as socket:
            assert json.loads(await socket.receive_str())["type"] == "open"
        none = (await tokens.issue(StreamKey("nobody", 0, "main"), "talk")).token.get_secret_value()
        async with session.ws_connect(f"{relay.ws}/talk/nobody/0?token={none}") as socket:
            told = json.loads(await socket.receive_str())
            assert (told["type"], told["code"], told["reason"]) == ("error", 404, "no-such-device")
            assert (await socket.receive()).data == 4404
