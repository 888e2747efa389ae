"""The player page in a real browser, against the whole suite."""

import shutil

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright
from recordings import Recordings
from suite import recorder_device, running_suite, until

from cambus.dvrip.device_media import Kind
from cambus.schemas.commands import media_relay
from cambus.simulators.dvrip.media_plan import MediaPlan
from cambus.simulators.video_loop import VideoSpec

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH: the player page is not tried"),
]
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]
NVR = "page-nvr"
PLAN = MediaPlan(
    main=VideoSpec(width=320, height=240, bitrate=300_000, gop_s=1.0, loop_s=1.0), alternate=None
)
"""H.264 on every channel: not every Chromium decodes H.265."""
HOSTILE = "<img src=x onerror=\"document.title='evil'\"><b>Gate</b>"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nvr():
    async with recorder_device(media=PLAN) as simulator:
        simulator.device.set_titles(["North", HOSTILE])
        yield simulator


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(folder, nvr):
    async with running_suite(folder, "connector-dvrip", "media-relay", "recorder") as running:
        await running.add(NVR, nvr.port, name="Page recorder")
        await running.online(NVR)
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def page(tmp_path):
    """A page that remembers what went wrong in it."""
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            tmp_path / "profile",
            executable_path=CHROMIUM,
            args=ARGUMENTS,
            viewport={"width": 1400, "height": 860},
        )
        opened = context.pages[0]
        opened.troubles = []
        opened.on(
            "console",
            lambda message: opened.troubles.append(message.text) if message.type == "error" else None,
        )
        opened.on("pageerror", lambda error: opened.troubles.append(str(error)))
        try:
            yield opened
        finally:
            await context.close()


async def assert_plays(video) -> None:
    """The time moves on by two seconds, with pictures that were decoded."""
    facts = await video.evaluate(
        """video => new Promise((done, fail) => {
            setTimeout(() => fail(new Error(`stands at ${video.currentTime}`)), 30000);
            const from = video.currentTime;
            const look = () => video.currentTime > from + 2
                ? done({frames: video.getVideoPlaybackQuality().totalVideoFrames,
                        width: video.videoWidth, height: video.videoHeight, paused: video.paused})
                : requestAnimationFrame(look);
            look();
        })"""
    )
    assert facts["frames"] > 20
    assert (facts["width"], facts["height"]) == (320, 240)
    assert not facts["paused"]


async def test_a_live_picture_plays_and_the_camera_obeys(suite, nvr, page):
    request = media_relay.LiveOpenRequest(device=NVR, channel=0)
    urls = await suite.client.call(media_relay.LIVE_OPEN, request)
    await page.goto(urls.page)
    tile = page.locator(f'[data-key="{NVR}/0"].tile')
    await assert_plays(tile.locator("video"))
    right = page.get_by_role("button", name="right", exact=True)
    await right.focus()
    await page.keyboard.down("Enter")
    await nvr.wait_for(lambda: nvr.head(0).moving)
    await page.keyboard.up("Enter")
    await nvr.wait_for(lambda: not nvr.head(0).moving)
    assert nvr.ptz(0).pan > 0
    assert page.troubles == []


async def test_it_opens_with_the_first_cameras(suite, page):
    await page.goto(await suite.url("media-relay", "viewers"))
    for channel in (0, 1):
        await assert_plays(page.locator(f'[data-key="{NVR}/{channel}"].tile video'))
    assert page.troubles == []


async def test_the_address_keeps_what_somebody_chose(suite, page):
    await page.goto(await suite.url("media-relay", "viewers"))
    await page.locator(".tile").nth(1).wait_for()
    await page.locator(f'button[data-key="{NVR}/0"]').click()
    assert page.url.endswith(f"/#{NVR}/1/main")
    await page.reload()
    await assert_plays(page.locator(f'[data-key="{NVR}/1"].tile video'))
    assert await page.locator(".tile").count() == 1
    await page.evaluate(f"location.hash = '{NVR}/0/main,{NVR}/1/sub'")
    for channel in (0, 1):
        await assert_plays(page.locator(f'[data-key="{NVR}/{channel}"].tile video'))
    assert page.troubles == []


async def test_what_the_browser_can_not_decode_gives_way_to_another_stream(suite, page):
    await page.add_init_script(
        "const real = MediaSource.isTypeSupported;"
        "let calls = 0;"
        "MediaSource.isTypeSupported = (mime) => calls++ > 0 && real.call(MediaSource, mime);"
    )
    await page.goto(f"{await suite.url('media-relay', 'viewers')}/#{NVR}/0")
    tile = page.locator(f'[data-key="{NVR}/0"].tile')
    await assert_plays(tile.locator("video"))
    assert await tile.get_by_label("Stream").input_value() == "sub"
    assert page.troubles == []


async def test_what_somebody_asked_for_is_explained_and_not_exchanged(suite, page):
    await page.add_init_script("MediaSource.isTypeSupported = () => false;")
    await page.goto(f"{await suite.url('media-relay', 'viewers')}/#{NVR}/0/main")
    tile = page.locator(f'[data-key="{NVR}/0"].tile')
    await tile.get_by_text("cannot decode").wait_for()
    assert await tile.get_by_label("Stream").input_value() == "main"


async def test_a_recording_plays_from_the_recorder_itself(suite, page):
    recordings = Recordings(suite.client, NVR, 0)
    await recordings.record()

    async def enough() -> bool:
        return await recordings.seconds() >= 5

    await until(enough, what="5 s recorded")
    await page.goto(f"{await suite.url('media-relay', 'viewers')}/#{NVR}/0/main")
    await page.locator("#recordings button").first.click()
    await assert_plays(page.locator("#recorded-video"))
    await page.locator("#recorded").get_by_role("button", name="Close").click()
    await page.locator("#recordings button.whole").first.click()
    await assert_plays(page.locator("#playback-video"))
    assert page.troubles == []


async def playing(nvr):
    """The playback on the device, once it runs."""
    await until(lambda: [each for each in nvr.streams if each.kind is Kind.PLAYBACK], what="a playback")
    return next(each for each in nvr.streams if each.kind is Kind.PLAYBACK)


async def test_what_is_on_the_device_plays_and_is_held_sought_and_sped_up(suite, nvr, page):
    await page.goto(f"{await suite.url('media-relay', 'viewers')}/#{NVR}/0/main")
    await page.get_by_role("button", name="Search its disk").click()
    await page.locator("#device-recordings button").nth(1).click()
    await assert_plays(page.locator("#recorded-video"))
    claim = await playing(nvr)
    await page.locator("#recorded-pause").click()
    await nvr.wait_for(lambda: claim.sender._paused)
    await page.get_by_role("button", name="Play", exact=True).click()
    await nvr.wait_for(lambda: not claim.sender._paused)
    await page.get_by_role("button", name="Pause", exact=True).wait_for()

    slider = page.locator("#recorded-seek")
    assert await slider.get_attribute("max") == "60"
    await slider.fill("20")
    await until(lambda: claim.sender.source._index >= 20 * 25, what="the device has gone there")
    await assert_plays(page.locator("#recorded-video"))
    assert int(await slider.input_value()) >= 20

    await page.locator("#recorded-speed").select_option("4")
    await until(lambda: not claim.sender._paced, what="the device sends faster")
    await assert_plays(page.locator("#recorded-video"))
    await page.locator("#recorded header button").click()
    await until(lambda: not [each for each in nvr.streams if each.kind is Kind.PLAYBACK], what="its end")
    assert page.troubles == []


async def test_the_end_of_a_recording_is_told_on_the_page(suite, nvr, page):
    await page.goto(f"{await suite.url('media-relay', 'viewers')}/#{NVR}/0/main")
    await page.get_by_role("button", name="Search its disk").click()
    await page.locator("#device-recordings button").nth(2).click()
    await playing(nvr)
    await page.locator("#recorded-seek").fill("58")
    note = page.locator("#recorded-note")
    await note.filter(has_text="the recording is over").wait_for(timeout=30_000)
    assert page.troubles == []
