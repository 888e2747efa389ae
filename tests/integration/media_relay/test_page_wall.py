"""The wall of the player page: its grid, its order, its keys, and what a tile can do."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from camera import CALM, Camera
from page_browser import CHROMIUM, plays
from playwright.async_api import expect

from cambus.bus.assets import ensure_assets
from cambus.client.kv import KeyValue
from cambus.schemas.assets import KV_DEVICES
from cambus.schemas.state.devices import DeviceRecord
from cambus.simulators.video_loop import LoopStore

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH: the player page is not tried")


@pytest.fixture
async def cameras(bus, device):
    """Five cameras on the bus, by name."""
    await ensure_assets(bus)
    await asyncio.to_thread(LoopStore.shared.get, CALM["spec"])
    names = [f"{device}-{letter}" for letter in "abcde"]
    async with AsyncExitStack() as stack:
        yield {name: await stack.enter_async_context(Camera(bus, name, **CALM)) for name in names}


def wish(names):
    return "#" + ",".join(f"{name}/0/main" for name in names)


async def places(page):
    """Where the tiles that are seen stand: (left, top) of each, in their order."""
    return await page.locator(".tile:visible").evaluate_all(
        "tiles => tiles.map(tile => [tile.offsetLeft, tile.offsetTop])"
    )


async def shown(page, count):
    await page.wait_for_function(
        "count => [...document.querySelectorAll('.tile')].filter(tile => !tile.hidden).length === count",
        arg=count,
    )


async def order_in_address(page, names):
    """Wait until the address tells this order."""
    await page.wait_for_function("wanted => location.hash.split('&')[0] === wanted", arg=wish(names))


async def test_five_cameras_stand_in_two_columns_and_in_one_where_there_is_no_room(relay, cameras, page):
    await page.goto(f"{relay.http}/{wish(cameras)}")
    await shown(page, 5)
    seen = await places(page)
    assert len({left for left, _ in seen}) == 2
    assert seen[0][1] == seen[1][1] < seen[2][1] == seen[3][1]
    await page.set_viewport_size({"width": 360, "height": 740})
    await page.wait_for_function(
        "() => new Set([...document.querySelectorAll('.tile')].map(tile => tile.offsetLeft)).size === 1"
    )
    wide = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide == [360, 360]
    assert page.troubles == []


async def test_a_key_says_how_many_are_seen_and_only_those_are_watched(relay, cameras, page, eventually):
    await page.goto(f"{relay.http}/{wish(cameras)}")
    await shown(page, 5)
    await plays(page.locator(".tile video").nth(4))
    await page.keyboard.press("4")
    await shown(page, 4)
    await eventually(lambda: relay.metric('cambus_relay_viewers{output="ws-fmp4"}') == 4)
    assert page.url.endswith("&grid=4")
    seen = await places(page)
    assert [len({place[axis] for place in seen}) for axis in (0, 1)] == [2, 2]
    await page.keyboard.press("PageDown")
    await shown(page, 1)
    await plays(page.locator(".tile:visible video"))
    assert await page.locator("#leaf").inner_text() == "2 of 2"
    await page.reload()
    await shown(page, 4)
    await page.locator("#grid").select_option("0")
    await shown(page, 5)
    assert "grid" not in page.url
    assert page.troubles == []


async def test_a_dragged_picture_changes_places_and_plays_on(relay, cameras, page):
    a, b, c, d, e = cameras
    await page.goto(f"{relay.http}/{wish(cameras)}")
    await shown(page, 5)
    await page.locator(f'.tile[data-key="{a}/0"] .handle').hover()
    await page.mouse.down()
    await page.locator(f'.tile[data-key="{d}/0"] video').hover()
    await page.mouse.up()
    await order_in_address(page, [d, b, c, a, e])
    assert await page.locator(".tile").evaluate_all("tiles => tiles.map(tile => tile.dataset.key)") == [
        f"{name}/0" for name in (d, b, c, a, e)
    ]
    for name in (a, d):
        await plays(page.locator(f'.tile[data-key="{name}/0"] video'))
    await page.reload()
    await page.locator(".tile").nth(4).wait_for()
    assert await page.locator(".tile").first.get_attribute("data-key") == f"{d}/0"
    assert page.troubles == []


async def test_the_keyboard_moves_a_picture_without_losing_it(relay, cameras, page):
    a, b, c, d, e = cameras
    await page.goto(f"{relay.http}/{wish(cameras)}")
    await shown(page, 5)
    await page.locator(f'.tile[data-key="{a}/0"]').focus()
    await page.keyboard.press("Shift+ArrowRight")
    await order_in_address(page, [b, a, c, d, e])
    await page.keyboard.press("Shift+ArrowDown")
    await order_in_address(page, [b, d, c, a, e])
    await page.keyboard.press("Shift+ArrowRight")  # there is nothing
    await page.keyboard.press("]")
    assert await page.evaluate("document.activeElement.dataset.key") == f"{e}/0"
    await page.locator(f'.tile[data-key="{e}/0"] .handle').focus()
    await page.keyboard.press("ArrowUp")
    await order_in_address(page, [b, d, e, a, c])
    assert [camera.moves for camera in cameras.values()] == [[]] * 5
    assert page.troubles == []


async def test_held_arrow_keys_move_the_chosen_camera_and_nobody_elses(relay, cameras, page):
    a, b, *_ = cameras
    await page.goto(f"{relay.http}/{wish([a, b])}")
    await page.locator(f'.tile[data-key="{b}/0"]').focus()
    camera = cameras[b]
    for key, axis, sign in (("ArrowLeft", "pan", -1), ("ArrowUp", "tilt", 1), ("+", "zoom", 1)):
        camera.moves.clear()
        await page.keyboard.down(key)
        await camera.until(lambda: len(camera.moves) == 1)
        assert getattr(camera.moves[0], axis) * sign > 0
        await page.keyboard.up(key)
        await camera.until(lambda: len(camera.moves) == 2)
        assert not hasattr(camera.moves[1], "pan")
    assert cameras[a].moves == []
    await page.locator("#filter").focus()
    await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("4")
    assert len(camera.moves) == 2
    assert await page.locator("#filter").input_value() == "4"
    assert page.troubles == []


async def test_presets_are_listed_gone_to_kept_and_cleared(relay, cameras, page):
    name, camera = next(iter(cameras.items()))
    camera.presets = {1: "Barrier", 3: "<b>Yard</b>"}
    await page.goto(f"{relay.http}/{wish([name])}")
    await plays(page.locator(".tile video"))
    await page.locator(".presets summary").click()
    await page.get_by_role("button", name="<b>Yard</b>", exact=True).click()
    await camera.until(lambda: camera.gone_to == [3])
    await page.get_by_label("Name of a new preset").fill("Door 4")
    await page.get_by_role("button", name="Keep", exact=True).click()
    await page.get_by_role("button", name="Door 4", exact=True).wait_for()
    assert camera.presets == {1: "Barrier", 2: "Door 4", 3: "<b>Yard</b>"}
    await page.get_by_role("button", name="Keep the view as Barrier").click()
    await page.get_by_text("Barrier is the view of now").wait_for()
    assert camera.presets[1] == "Barrier"
    await page.get_by_role("button", name="Clear Barrier").click()
    await page.get_by_text("Barrier is cleared").wait_for()
    assert sorted(camera.presets) == [2, 3]
    assert page.troubles == []


async def test_a_snapshot_is_a_jpeg_of_what_is_shown(relay, cameras, page):
    name = next(iter(cameras))
    await page.goto(f"{relay.http}/{wish([name])}")
    await plays(page.locator(".tile video"))
    async with page.expect_download() as download:
        await page.keyboard.press("s")
    saved = await download.value
    assert saved.suggested_filename.startswith(f"{name}-0-20")
    assert saved.suggested_filename.endswith(".jpg")
    data = await asyncio.to_thread((await saved.path()).read_bytes)
    assert data[:3] == b"\xff\xd8\xff"
    assert len(data) > 2000  # there is something on it
    assert page.troubles == []


async def test_help_names_the_keys_and_the_page_follows_the_wish_for_light(relay, cameras, page):
    await page.emulate_media(color_scheme="dark")
    await page.goto(f"{relay.http}/{wish(list(cameras)[:1])}")
    await page.locator(".tile").wait_for()
    dark = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    await page.emulate_media(color_scheme="light")
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
    await page.keyboard.press("?")
    await page.get_by_role("dialog", name="Keys").wait_for()
    await page.keyboard.press("2")  # behind it nothing happens
    await page.keyboard.press("Escape")
    await page.locator("#help").wait_for(state="hidden")
    assert "grid" not in page.url
    assert page.troubles == []


async def test_a_hundred_devices_that_do_not_answer_stand_in_the_way_of_none(
    relay, cameras, bus, device, page
):
    records = KeyValue(bus, KV_DEVICES, DeviceRecord)
    names = [f"{device}-n{number:03}" for number in range(100)]
    await asyncio.gather(
        *(
            records.put(name, DeviceRecord(id=name, protocol="dvrip", name=f"Shop {name[-3:]}"))
            for name in names
        )
    )
    camera = next(iter(cameras))
    await page.goto(f"{relay.http}/{wish([names[7], camera])}")
    await plays(page.locator(f'.tile[data-key="{camera}/0"] video'))
    message = page.locator(f'.tile[data-key="{names[7]}/0"] .message')
    await message.get_by_text("Shop 007 is offline").wait_for()
    await page.get_by_label("Filter devices").fill(f"{device}-n")
    await expect(page.locator("#devices > li")).to_have_count(100)
    await page.get_by_label("Filter devices").fill("shop 042")
    await expect(page.locator("#devices > li:visible")).to_have_count(1)
    await page.set_viewport_size({"width": 400, "height": 800})
    await expect(page.locator("#side")).not_to_be_visible()
    await page.get_by_role("button", name="Cameras").click()
    await expect(page.get_by_label("Filter devices")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.locator("#side")).not_to_be_visible()
    for name in names:
        await records.delete(name)


async def test_a_page_nobody_sees_asks_for_no_pictures_after_a_while(relay, cameras, page, eventually):
    await page.clock.install()
    await page.goto(f"{relay.http}/{wish(list(cameras)[:2])}")
    await shown(page, 2)
    viewers = 'cambus_relay_viewers{output="ws-fmp4"}'
    await eventually(lambda: relay.metric(viewers) == 2)
    see = """seen => {
        Object.defineProperty(document, "hidden", { value: !seen, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    await page.locator(".tile").first.get_by_role("button", name="Sound on").click()
    await page.evaluate(see, False)
    await page.clock.run_for(61_000)
    await eventually(lambda: relay.metric(viewers) == 1)  # the one that is listened to
    await page.evaluate(see, True)
    await eventually(lambda: relay.metric(viewers) == 2)
