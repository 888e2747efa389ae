"""JPEG pictures of streams: right, shared, bounded, and refused in clear words."""

import asyncio
import io
from datetime import UTC, datetime, timedelta

import aiohttp
import av
import pytest

from cambus.bus.assets import ensure_assets
from cambus.connector.picture import picture_of
from cambus.media_relay import snapshots


async def get(url, **headers):
    async with (
        asyncio.timeout(30),
        aiohttp.ClientSession() as http,
        http.get(url, headers=headers) as response,
    ):
        return response, await response.read()


def decoded(data):
    with av.open(io.BytesIO(data), format="jpeg_pipe") as opened:
        return next(opened.decode(video=0))


@pytest.mark.parametrize("codec", ["h264", "h265"])
async def test_a_stream_that_nobody_watches_is_started_for_a_picture(
    codec, relay, make_camera, specs, device
):
    camera = await make_camera(specs[codec])
    response, data = await get(f"{relay.http}/live/{device}/0/main.jpg")
    assert response.status == 200
    assert response.content_type == "image/jpeg"
    picture = decoded(data)
    assert (picture.width, picture.height) == (320, 240)
    taken_at = datetime.fromisoformat(response.headers["Cambus-Taken-At"])
    assert abs(datetime.now(UTC) - taken_at) < timedelta(minutes=1)
    assert picture.to_ndarray(format="gray").std() > 10, "it is no empty picture"
    await camera.until(lambda: not camera.claims)


async def test_the_width_is_the_askers_choice(relay, make_camera, device):
    await make_camera()
    url = f"{relay.http}/live/{device}/0/main.jpg"
    _, data = await get(f"{url}?width=160")
    assert (decoded(data).width, decoded(data).height) == (160, 120)
    _, data = await get(f"{url}?width=4000")
    assert decoded(data).width == 320, "it is never enlarged"
    for width in ("0", "x", "99999", "-5"):
        response, _ = await get(f"{url}?width={width}")
        assert response.status == 400


async def test_one_decoding_serves_all_who_ask(relay, make_camera, device):
    await make_camera(pace=0.02)  # one keyframe for a long time
    url = f"{relay.http}/live/{device}/0/main.jpg"
    answers = await asyncio.gather(*(get(url) for _ in range(20)))
    assert {response.status for response, _ in answers} == {200}
    assert len({data for _, data in answers}) == 1
    assert relay.service.relay._snapshots.made == 1
    await get(f"{url}?width=160")
    assert relay.service.relay._snapshots.made == 2
    total = sum(len(data) for _, data in answers)
    assert relay.metric('cambus_relay_sent_bytes_total{output="jpeg"}') > total


async def test_too_many_pictures_at_a_time_are_refused(relay, make_camera, device, monkeypatch):
    await make_camera(pace=0.02)
    monkeypatch.setattr(snapshots, "_MOST_WAITING", 0)
    response, body = await get(f"{relay.http}/live/{device}/0/main.jpg")
    assert response.status == 429
    assert b"too-many-pictures" in body


async def test_who_goes_away_leaves_the_picture_to_the_others(relay, make_camera, device):
    await make_camera(pace=0.02)
    url = f"{relay.http}/live/{device}/0/main.jpg"
    first = asyncio.create_task(get(url))
    second = asyncio.create_task(get(url))
    await asyncio.sleep(0)
    first.cancel()
    response, _ = await second
    assert response.status == 200


async def test_a_stream_that_stands_still_has_no_picture(relay, make_camera, device, monkeypatch):
    await make_camera(pace=0.02)
    monkeypatch.setattr(snapshots, "_STALE_S", -1.0)
    response, body = await get(f"{relay.http}/live/{device}/0/main.jpg")
    assert response.status == 503
    assert b"no-picture" in body


async def test_a_keyframe_that_cannot_be_decoded(relay, make_camera, device, monkeypatch):
    await make_camera(pace=0.02)

    def broken(codec, keyframe, width=None):
        return picture_of(codec, b"\0\0\0\1\x65rubbish", width)

    monkeypatch.setattr(snapshots, "picture_of", broken)
    response, body = await get(f"{relay.http}/live/{device}/0/main.jpg")
    assert response.status == 502
    assert b'"picture"' in body


async def test_no_device_no_picture(relay, bus, device):
    await ensure_assets(bus)
    response, _ = await get(f"{relay.http}/live/{device}/0/main.jpg")
    assert response.status == 404


async def test_pages_of_other_sites_get_no_picture(relay, make_camera, device):
    await make_camera()
    response, _ = await get(f"{relay.http}/live/{device}/0/main.jpg", Origin="http://evil.example")
    assert response.status == 403
