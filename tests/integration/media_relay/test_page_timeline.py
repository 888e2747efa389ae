"""The timeline of the player page, its player of recordings, and its alarms."""

import re
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from camera import CALM
from page_browser import CHROMIUM, plays
from playwright.async_api import expect
from recorded_frames import real_frames, write_recordings

from cambus.bus.endpoints import Endpoints
from cambus.bus.in_process import RunningService
from cambus.recorder.layout import StreamKey
from cambus.recorder.service import Recorder
from cambus.recorder.settings import RecorderSettings
from cambus.schemas.alarms import AlarmType, Severity
from cambus.schemas.codec import encode
from cambus.schemas.commands import recorder
from cambus.schemas.events.alarm import RAISED, AlarmRaised
from cambus.schemas.ids import new_ulid
from cambus.schemas.spans import GapReason, RecordingGap

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH: the player page is not tried")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def make_recorder(device, nats_server, tmp_path):
    """Makes a recorder that holds a minute of the camera."""

    def make(name, start):
        settings = RecorderSettings(
            nats_url=nats_server.url,
            instance=f"{name}-{device}",
            data_dir=tmp_path / name,
            disk_reserve_mib=0,
            lease_ttl_s=5,
            lease_margin_s=1,
        )
        frames = real_frames(1500, start_us=microseconds(start))
        write_recordings(settings.recordings, StreamKey(device, 0, "main"), frames)
        return RunningService(Recorder, settings)

    return make


@pytest.fixture
async def recorded(make_camera, make_recorder):
    """A recorder with a minute of the camera from half an hour ago; its service, and when that minute began."""
    await make_camera(**CALM)
    start = (datetime.now(UTC) - 30 * MINUTE).replace(microsecond=0)
    async with make_recorder("recorder", start) as running:
        yield running.service, start


def raised(device, at, kind=AlarmType.MOTION):
    return AlarmRaised(
        id=new_ulid(), device=device, at=at, channel=0, type=kind, severity=Severity.INFO, key=f"{kind}:0"
    )


def the_playback(service):
    """The session that plays."""
    (playing,) = service._playbacks._playing.values()
    return playing.session


def microseconds(at):
    return int(at.timestamp() * 1_000_000)


async def at_instant(canvas, at):
    """Where on the timeline an instant is, as a position for the mouse."""
    data = await canvas.evaluate("canvas => ({...canvas.parentElement.dataset, wide: canvas.clientWidth})")
    part = (at.timestamp() * 1000 - float(data["from"])) / (float(data["to"]) - float(data["from"]))
    return {"x": part * data["wide"], "y": 46}


async def test_it_says_what_is_recorded_what_is_missing_and_why(relay, make_camera, device, bus, page):
    await make_camera(**CALM)
    end = datetime.now(UTC).replace(microsecond=0)
    asked = []

    async def search(context, request):
        asked.append(request)
        if request.device != device:
            return recorder.RecordingSearchReply(spans=[], gaps=[], answered=["recorder-1"], silent=[])
        later = request.cursor is not None
        span = recorder.FoundSpan(
            channel=0,
            stream="main",
            start=end - (60 if later else 600) * MINUTE,
            end=end - (2 if later else 300) * MINUTE,
            bytes=1,
            replicas=["recorder-1"],
        )
        gap = RecordingGap(
            channel=0,
            stream="main",
            start=end - 300 * MINUTE,
            end=end - 60 * MINUTE,
            reason=GapReason.DISK_FULL,
        )
        alarm = recorder.FoundAlarm(
            id=new_ulid(), channel=0, type=AlarmType.MOTION, severity=Severity.INFO, start=end - 30 * MINUTE
        )
        return recorder.RecordingSearchReply(
            spans=[span],
            gaps=[] if later else [gap],
            alarms=[alarm] if later else [],
            answered=["recorder-1"],
            silent=["recorder-2"],
            cursor=None if later else end - 60 * MINUTE,
        )

    endpoints = Endpoints(bus, "recorder")
    endpoints.add(recorder.RECORDING_SEARCH, search)
    await endpoints.start()
    try:
        await page.goto(f"{relay.http}/#{device}/0/main")
        note = page.locator("#dock-note")
        await note.get_by_text("2 recordings, 1 gap, 1 alarm · recorder-2 did not answer").wait_for()
        await page.get_by_role("button", name="24 h", exact=True).click()
        canvas = page.locator("#dock canvas")
        tip = page.locator("#dock .tip")
        for ago, words in (
            (120, "missing: disk-full"),
            (400, "recorded (continuous)"),
            (30, "alarm: motion"),
        ):
            await canvas.hover(position=await at_instant(canvas, end - ago * MINUTE))
            assert words in await tip.inner_text()
        before = await page.locator("#dock .time").evaluate("time => time.dataset.to - time.dataset.from")
        await page.mouse.wheel(0, -300)
        after = await page.locator("#dock .time").evaluate("time => time.dataset.to - time.dataset.from")
        assert after < before
        await canvas.focus()
        await page.keyboard.press("-")
        zoomed = await page.locator("#dock .time").evaluate("time => time.dataset.to - time.dataset.from")
        assert zoomed == pytest.approx(after * 2, rel=0.01)
        assert "recorded" in await canvas.get_attribute("aria-valuetext")
        assert page.troubles == []
    finally:
        await endpoints.drain(1.0)


async def test_a_click_plays_from_there_and_a_drag_seeks(relay, recorded, device, page, eventually):
    service, start = recorded
    await page.goto(f"{relay.http}/#{device}/0/main")
    await page.locator("#dock-note").get_by_text("1 recording,").wait_for()
    await page.get_by_role("button", name="1 h", exact=True).click()
    canvas = page.locator("#dock canvas")
    await canvas.click(position=await at_instant(canvas, start - MINUTE))  # nothing there: the next one
    await plays(page.locator("#recorded-video"))
    session = the_playback(service)
    assert session.position_us < microseconds(start + MINUTE / 2)

    inner = page.locator("#recorded-timeline canvas")
    await page.locator("#recorded-timeline .time[data-spans='1']").wait_for()
    for _ in range(5):
        await inner.press("+")
    await inner.hover(position=await at_instant(inner, start + timedelta(seconds=10)))
    await page.mouse.down()
    await inner.hover(position=await at_instant(inner, start + timedelta(seconds=40)))
    await page.mouse.up()
    await eventually(lambda: session.position_us >= microseconds(start + timedelta(seconds=35)))
    assert page.troubles == []


async def test_keys_hold_step_hurry_and_turn_round(relay, recorded, device, page, eventually):
    service, start = recorded
    await page.goto(f"{relay.http}/#{device}/0/main")
    await page.get_by_role("button", name="1 min").click()
    await plays(page.locator("#recorded-video"))
    session = the_playback(service)
    await page.keyboard.press(" ")
    await page.get_by_role("button", name="Play", exact=True).wait_for()
    held = session.position_us
    await page.keyboard.press(".")
    await eventually(lambda: session.position_us > held)
    await page.keyboard.press(" ")
    await page.get_by_role("button", name="Pause", exact=True).wait_for()
    await page.keyboard.press("+")
    await eventually(lambda: session.speed == 2)
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("ArrowRight")
    await eventually(lambda: session.position_us >= microseconds(start + timedelta(seconds=18)))
    await page.keyboard.press("r")
    await eventually(lambda: session.speed == -2)
    await expect(page.locator("#recorded-speed")).to_have_value("-2")
    await page.keyboard.press("Escape")
    await eventually(lambda: not service._playbacks._playing)
    assert page.troubles == []


async def test_a_marked_span_becomes_a_file(relay, recorded, device, page):
    await page.goto(f"{relay.http}/#{device}/0/main")
    await page.get_by_role("button", name="1 min").click()
    await plays(page.locator("#recorded-video"))
    await page.keyboard.press("i")
    await plays(page.locator("#recorded-video"))
    await page.keyboard.press("o")
    await page.get_by_role("button", name="Export").click()
    link = page.get_by_role("link", name="Save the MP4")
    await link.wait_for()
    await expect(page.locator("#recorded-export-note")).to_have_text(
        re.compile(r"the file is ready: \d+\.\d MB")
    )
    await expect(page.locator("#recorded-exporting")).to_be_hidden()
    async with aiohttp.ClientSession() as session, session.get(await link.get_attribute("href")) as answer:
        assert answer.status == 200
        assert (await answer.read())[4:8] == b"ftyp"
    assert page.troubles == []


async def test_a_file_holds_what_all_recorders_hold(relay, recorded, make_recorder, device, page):
    _, start = recorded
    async with make_recorder("other", start + MINUTE):
        await page.goto(f"{relay.http}/#{device}/0/main")
        await page.locator("#recordings li", has_text="2 min").get_by_role("button", name="MP4").click()
        video = page.locator("#playback-video")
        await plays(video)
        assert await video.evaluate("video => video.duration") == pytest.approx(120, abs=1)
        assert (
            device not in await page.locator("#playback-note").inner_text()
        )  # but others, of other tests, may be away
    assert page.troubles == []


async def test_an_alarm_is_found_by_the_filter_and_played(relay, recorded, device, bus, page, eventually):
    service, start = recorded
    for alarm in (
        raised(device, start + timedelta(seconds=30)),
        raised(device, start + timedelta(seconds=5), AlarmType.VIDEO_LOSS),
        raised(device, start + 15 * MINUTE, AlarmType.TAMPER),
    ):
        await bus.publish(RAISED.subject(device), encode(alarm))
    await bus.flush()
    await page.goto(f"{relay.http}/#{device}/0/main")
    alarms = page.locator("#alarms button", has_text=device)
    await alarms.nth(2).wait_for()
    await page.get_by_label("Filter alarms").fill("tamper")
    await page.locator("#alarms button", has_text="motion").first.wait_for(state="detached")
    await alarms.first.click()
    await page.get_by_text("nothing was recorded then").wait_for()
    await page.get_by_label("Filter alarms").fill("motion")
    await alarms.filter(has_text="motion").first.click()
    await plays(page.locator("#recorded-video"))
    session = the_playback(service)
    assert microseconds(start + timedelta(seconds=20)) < session.position_us
    assert session.position_us < microseconds(start + timedelta(seconds=50))


async def test_what_makes_no_sense_is_refused(relay, make_camera, device):
    await make_camera(**CALM)
    camera = {"device": device, "channel": 0}
    async with aiohttp.ClientSession() as session:
        for start, end in (("", "2026-02-01T00:00:00Z"), ("2026-02-01T00:00:00Z", "2026-02-01T00:00:00Z")):
            query = {"device": device, "channel": "0", "start": start, "end": end}
            async with session.get(f"{relay.http}/api/timeline", params=query) as answer:
                assert answer.status == 400
        query = {
            "device": device,
            "channel": "0",
            "start": "2026-01-01T00:00:00Z",
            "end": "2026-02-02T00:00:00Z",
        }
        async with session.get(f"{relay.http}/api/timeline", params=query) as answer:
            assert answer.status == 400
        step = {"device": device, "session": "pb-01", "action": "step"}
        async with session.post(f"{relay.http}/api/playback/control", json=step) as answer:
            assert answer.status == 400
        async with session.get(f"{relay.http}/api/presets?device=nobody&channel=0") as answer:
            assert answer.status == 404
        wrong = {**camera, "action": "polish", "preset": 1}
        async with session.post(f"{relay.http}/api/presets", json=wrong) as answer:
            assert answer.status == 400
