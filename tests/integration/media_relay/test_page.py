"""The player page in a real browser."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import av
import pytest
from aiohttp import web
from camera import CALM
from page_browser import CHROMIUM, plays
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import expect
from recorded_frames import real_frames, write_recordings

from cambus.bus.endpoints import Endpoints
from cambus.bus.in_process import RunningService
from cambus.recorder.layout import StreamKey
from cambus.recorder.service import Recorder
from cambus.recorder.settings import RecorderSettings
from cambus.schemas.alarms import AlarmType, Severity
from cambus.schemas.codec import encode
from cambus.schemas.commands import recorder, recorder_export
from cambus.schemas.events.alarm import RAISED, AlarmRaised
from cambus.schemas.ids import new_ulid
from cambus.schemas.model import Done
from cambus.schemas.spans import TimeRange

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH: the player page is not tried")


async def test_a_live_picture_plays_without_complaint(relay, make_camera, device, page):
    await make_camera(pace=1.0)
    await page.goto(relay.http)
    tile = page.locator(f'[data-key="{device}/0"].tile')
    await plays(tile.locator("video"))  # the page opens with the first cameras
    channel = page.locator(f'button[data-key="{device}/0"]')
    assert await channel.locator("span").first.inner_text() == "<i>Gate</i> & yard"
    await channel.focus()
    await page.keyboard.press("Enter")
    await tile.wait_for(state="detached")
    await page.keyboard.press("Enter")
    await plays(tile.locator("video"))
    facts = await tile.locator(".facts").inner_text()
    assert "H.264 with sound" in facts
    assert "320×240" in facts
    assert "latency" in facts
    assert await page.locator("i, b").count() == 0  # what the device says is text
    assert page.troubles == []


async def test_holding_a_button_moves_the_camera_and_letting_go_stops_it(relay, make_camera, device, page):
    camera = await make_camera(**CALM)
    await page.goto(f"{relay.http}/#{device}/0/main")  # opens the picture by itself
    await plays(page.locator(".tile video"))
    right = page.get_by_role("button", name="right", exact=True)
    await right.focus()
    await page.keyboard.down("Enter")
    await camera.until(lambda: len(camera.moves) == 1)
    assert camera.moves[0].pan > 0
    assert camera.moves[0].tilt == 0
    assert camera.moves[0].duration_s
    await page.keyboard.up("Enter")
    await camera.until(lambda: len(camera.moves) == 2)
    assert not hasattr(camera.moves[1], "pan")
    await page.get_by_role("button", name="zoom in").dispatch_event("pointerdown", {"pointerId": 1})
    await camera.until(lambda: len(camera.moves) == 3)
    assert camera.moves[2].zoom > 0
    assert page.troubles == []


async def test_the_page_comes_back_by_itself_after_the_device_does(relay, make_camera, device, page):
    camera = await make_camera(**CALM)
    await page.goto(f"{relay.http}/#{device}/0/main")
    tile = page.locator(".tile")
    await plays(tile.locator("video"))
    await camera.go_offline()
    stream = next(iter(relay.service.relay.streams.running.values()))
    stream.hub.close("source-lost")  # as after half a minute without frames
    await tile.locator(".message", has_text="trying again").wait_for()
    await camera.go_online()
    await plays(tile.locator("video"))


async def test_a_codec_the_browser_cannot_decode_is_said_clearly(relay, make_camera, device, specs, page):
    await make_camera(specs["h265"])
    await page.add_init_script("MediaSource.isTypeSupported = () => false")
    await page.goto(f"{relay.http}/#{device}/0/main")
    message = page.locator(".tile .message")
    await message.get_by_text("H.265").wait_for()
    assert "cannot decode" in await message.inner_text()
    assert page.troubles == []


async def serve_file(path: Path) -> tuple[web.AppRunner, str]:
    """A web server with one file, as a recorder has its exports; and the file's address."""

    async def answer(request: web.Request) -> web.FileResponse:
        return web.FileResponse(path)

    app = web.Application()
    app.router.add_get("/export.mp4", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}/export.mp4"


def write_clip(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for index in range(75):
            frame = av.VideoFrame(64, 64, "yuv420p")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


class Preparing:
    """A recorder that takes as long to prepare an export as the test wants."""

    def __init__(self, device, url, end):
        self.device = device
        self.span = TimeRange(start=end - timedelta(seconds=90), end=end)
        self.covered = TimeRange(start=end - timedelta(seconds=90), end=end - timedelta(seconds=10))
        self.url = url
        self.begun = []
        self.given_up = []
        self.state = "preparing"

    def register(self, endpoints):
        endpoints.add(recorder.RECORDING_SEARCH, self.search)
        endpoints.add(recorder_export.EXPORT_BEGIN, self.begin)
        endpoints.add(recorder_export.EXPORT_STATUS, self.status)
        endpoints.add(recorder_export.EXPORT_CANCEL, self.cancel)

    async def search(self, context, request):
        span = recorder.FoundSpan(
            channel=0, stream="main", **dict(self.span), bytes=1000, replicas=["recorder-1"]
        )
        return recorder.RecordingSearchReply(
            spans=[span] if request.device == self.device else [],
            gaps=[],
            answered=["recorder-1"],
            silent=[],
        )

    async def begin(self, context, request):
        self.begun.append(request)
        return self.told(f"exp-{len(self.begun)}")

    async def status(self, context, request):
        return self.told(request.export)

    async def cancel(self, context, request):
        self.given_up.append(request.export)
        return Done()

    def told(self, export):
        ready = self.state == "ready"
        return recorder_export.ExportState(
            export=export,
            replica="recorder-1",
            state=self.state,
            progress=1 if ready else 0.25,
            ref=recorder.ExportRef(
                url=self.url, **dict(self.span), bytes=1000, covered=[self.covered], silent=["recorder-2"]
            )
            if ready
            else None,
        )


async def test_a_recording_is_prepared_given_up_and_played_from_the_recorders_own_address(
    relay, make_camera, device, bus, page, tmp_path, eventually
):
    await make_camera(**CALM)
    await asyncio.to_thread(write_clip, tmp_path / "clip.mp4")
    runner, url = await serve_file(tmp_path / "clip.mp4")
    preparing = Preparing(device, url, datetime.now(UTC).replace(microsecond=0))
    endpoints = Endpoints(bus, "recorder")
    preparing.register(endpoints)
    await endpoints.start()
    whole, dialog = page.get_by_role("button", name="MP4"), page.locator("#playback")
    try:
        await page.goto(f"{relay.http}/#{device}/0/main")
        await whole.click()
        await expect(dialog.locator("progress")).to_have_js_property("value", 0.25)
        await dialog.get_by_role("button", name="Cancel").click()
        await expect(dialog).to_be_hidden()
        await eventually(lambda: preparing.given_up == ["exp-1"])
        await whole.click()
        await expect(dialog.locator("progress")).to_have_js_property("value", 0.25)
        preparing.state = "ready"
        await plays(page.locator("#playback-video"))
        await expect(dialog.locator("progress")).to_be_hidden()
        note = await page.locator("#playback-note").inner_text()
        assert "10 s are not in it (not recorded)" in note
        assert "recorder-2 did not answer" in note
        asked = preparing.begun[1]
        assert (asked.device, asked.channel, asked.start, asked.end) == (
            device,
            0,
            preparing.span.start,
            preparing.span.end,
        )
        await dialog.get_by_role("button", name="Close").click()
        await eventually(lambda: preparing.given_up == ["exp-1"])  # one that is ready is left to its time
        preparing.state = "preparing"
        await whole.click()
        await expect(dialog.locator("progress")).to_have_js_property("value", 0.25)
        assert page.troubles == []
        await page.goto("about:blank")
        await eventually(lambda: preparing.given_up == ["exp-1", "exp-3"])
    finally:
        await endpoints.drain(1.0)
        await runner.cleanup()


async def test_what_a_recorder_holds_is_played_sought_and_ended(
    relay, make_camera, device, nats_server, page, tmp_path, eventually
):
    await make_camera(**CALM)
    start = datetime.now(UTC) - timedelta(hours=1)
    settings = RecorderSettings(
        nats_url=nats_server.url,
        instance=f"recorder-{device}",
        data_dir=tmp_path,
        disk_reserve_mib=0,
        lease_ttl_s=5,
        lease_margin_s=1,
    )
    frames = real_frames(1500, start_us=int(start.timestamp() * 1_000_000))
    write_recordings(settings.recordings, StreamKey(device, 0, "main"), frames)
    async with RunningService(Recorder, settings) as running:
        playbacks = running.service._playbacks
        await page.goto(f"{relay.http}/#{device}/0/main")
        await page.get_by_role("button", name="1 min").first.click()
        await plays(page.locator("#recorded-video"))
        await page.locator("#recorded-seek").evaluate(
            "slider => { slider.value = 40; slider.dispatchEvent(new Event('change')); }"
        )
        (playing,) = playbacks._playing.values()
        wanted = int((start + timedelta(seconds=35)).timestamp() * 1_000_000)
        await eventually(lambda: playing.session.position_us >= wanted)
        await page.locator("#recorded-speed").select_option("8")
        await eventually(lambda: playing.session.speed == 8)
        await page.locator("#recorded").get_by_role("button", name="Close").click()
        await eventually(lambda: not playbacks._playing)
    assert page.troubles == []


async def test_alarms_pass_by(relay, make_camera, device, bus, page):
    await make_camera(**CALM)
    alarm = AlarmRaised(
        id=new_ulid(),
        device=device,
        at=datetime.now(UTC),
        channel=0,
        type=AlarmType.MOTION,
        severity=Severity.INFO,
        key="motion:0",
    )
    await bus.publish(RAISED.subject(device), encode(alarm))
    await bus.flush()
    await page.goto(relay.http)
    await page.locator("#alarms").get_by_text(f"motion · {device}").wait_for()
    assert page.troubles == []


async def test_the_page_asks_for_the_token_and_keeps_it_out_of_the_address(
    relay_settings, run_relay, make_camera, device, page, tmp_path
):
    await make_camera(**CALM)
    token_file = tmp_path / "token"
    token_file.write_text("a-token-of-sufficient-length")
    async with run_relay(relay_settings(relay_access="shared-token", relay_token_file=token_file)) as relay:
        await page.goto(relay.http)
        await page.get_by_role("textbox", name="Token").fill("a-token-of-sufficient-length")
        await page.get_by_role("button", name="Open").click()
        await plays(page.locator(".tile video"))
        await page.goto(f"{relay.http}/?token=a-token-of-sufficient-length#{device}/0/main")
        await plays(page.locator(".tile video"))
        assert "token" not in page.url


async def test_where_every_stream_takes_a_token_the_page_gets_one_for_each_attempt(
    relay_settings, run_relay, make_camera, device, page, tmp_path
):
    camera = await make_camera(pace=1.0)
    token_file = tmp_path / "token"
    token_file.write_text("a-token-of-sufficient-length")
    settings = relay_settings(relay_access="token", relay_token_file=token_file, relay_source_lost_s=1.0)
    async with run_relay(settings) as relay:
        await page.goto(f"{relay.http}/?token=a-token-of-sufficient-length#{device}/0/main")
        await plays(page.locator(".tile video"))
        await quickened(page, page.locator(".tile video"))
        await steadied(page, page.locator(".tile video"))
        accepted = relay.metric('cambus_relay_tokens_total{outcome="accepted"}')
        assert accepted >= 1
        assert relay.metric('cambus_relay_tokens_total{outcome="unknown"}') == 0
        await camera.go_offline()
        await page.locator(".tile[data-state='waiting'], .tile[data-state='connecting']").wait_for()
        await camera.go_online()
        await plays(page.locator(".tile video"))
        assert relay.metric('cambus_relay_tokens_total{outcome="accepted"}') > accepted


async def test_the_page_may_load_nothing_from_elsewhere(relay):
    async with aiohttp.ClientSession() as session, session.get(relay.http) as answer:
        policy = answer.headers["Content-Security-Policy"]
        text = await answer.text()
    assert "script-src 'self'" in policy
    assert "default-src 'none'" in policy
    assert "http" not in text.replace("xmlns", "")


async def comes_by_webrtc(video, wanted):
    """Wait until a video does, or does no longer."""
    await video.evaluate(
        """(video, wanted) => new Promise((done, fail) => {
            setTimeout(() => fail(new Error("still not")), 30000);
            const look = () => Boolean(video.srcObject) === wanted ? done() : requestAnimationFrame(look);
            look();
        })""",
        wanted,
    )


async def quickened(page, video):
    """Have it played by WebRTC: asked for again where the page gave up, as it does when a busy machine lets it wait."""
    off = page.get_by_role("button", name="Low latency off")
    while not await off.count():
        await page.get_by_role("button", name="Low latency on").click()
        with contextlib.suppress(PlaywrightError):  # it fell back
            await comes_by_webrtc(video, True)
            await plays(video)


async def steadied(page, video):
    """Have it played without WebRTC again."""
    off = page.get_by_role("button", name="Low latency off")
    while await off.count():
        with contextlib.suppress(PlaywrightError):  # the page gave up just now
            await off.click(timeout=5000)
    await comes_by_webrtc(video, False)
    await plays(video)


async def latency(page):
    """What the page says of its one picture, in seconds."""
    said = page.locator(".facts", has_text="latency")
    await said.wait_for()
    return float((await said.inner_text()).split(" s latency")[0])


async def test_low_latency_plays_by_webrtc_and_back(relay, make_camera, device, page, eventually):
    camera = await make_camera(pace=1.0)
    camera.late_s = 40.0  # on the way from the device
    await page.goto(f"{relay.http}/#{device}/0/main")
    tile = page.locator(".tile")
    video = tile.locator("video")
    await plays(video)
    assert await latency(page) >= 40
    await quickened(page, video)
    assert await latency(page) >= 40
    assert await video.evaluate("video => [video.videoWidth, video.videoHeight]") == [320, 240]
    assert await video.evaluate("video => video.getVideoPlaybackQuality().totalVideoFrames") > 10
    facts = tile.locator(".facts")
    await facts.get_by_text("H.264 with sound").wait_for()
    assert relay.metric('cambus_relay_viewers{output="webrtc"}') == 1
    await eventually(lambda: relay.metric('cambus_relay_viewers{output="ws-fmp4"}') == 0)
    await steadied(page, video)
    await eventually(lambda: relay.metric('cambus_relay_viewers{output="webrtc"}') == 0)  # the page hung up
    assert relay.metric('cambus_relay_webrtc_sessions_total{outcome="connected"}') >= 1
    assert page.troubles == []


async def test_where_webrtc_does_not_go_the_page_plays_on_without(
    relay_settings, run_relay, make_camera, device, page
):
    await make_camera(pace=1.0)
    async with run_relay(relay_settings(relay_max_webrtc_viewers=0)) as relay:
        await page.goto(f"{relay.http}/#{device}/0/main")
        video = page.locator(".tile video")
        await plays(video)
        await page.get_by_role("button", name="Low latency on").click()
        button = page.get_by_title("it failed: WebRTC is switched off here")
        await button.wait_for()
        assert await button.get_attribute("aria-label") == "Low latency on"
        await plays(video)
        assert relay.metric('cambus_relay_viewers{output="ws-fmp4"}') == 1
