"""Pages of other sites: what they may read, and that they can read why they got nothing."""

import pytest
from webrtc_offers import CHROMIUM
from whep_player import SDP

FRIEND = {"Origin": "https://cctv.example"}
FOE = {"Origin": "https://evil.example"}


@pytest.fixture
async def relay(relay_settings, run_relay):
    settings = relay_settings(
        relay_allowed_origins="https://cctv.example",
        relay_advertised_http_url="https://relay.example/cams",
    )
    async with run_relay(settings) as running:
        directory = running.service._directory
        await directory._records_watch.synced.wait()  # from then on it knows that nobody is no device
        await directory._presence_watch.synced.wait()
        yield running


async def test_a_page_of_an_allowed_site_may_open_a_session(relay, make_camera, device, http):
    await make_camera()
    url = f"{relay.http}/whep/{device}/0/main"
    async with http.post(url, data=CHROMIUM, headers=SDP | FRIEND) as answer:
        assert answer.status == 201
        assert answer.headers["Location"].startswith(f"/cams/whep/{device}/0/main/")
        assert "Location" in answer.headers["Access-Control-Expose-Headers"]
        assert answer.headers["Access-Control-Allow-Origin"] == FRIEND["Origin"]
    async with http.post(url, data=CHROMIUM, headers=SDP | FOE) as answer:
        assert (answer.status, (await answer.json())["reason"]) == (403, "foreign-origin")
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    "path",
    ["live/{}/0/main.mp4", "live/{}/0/main.jpg", "hls/{}/0/main/index.m3u8"],
    ids=lambda path: path[-4:],
)
async def test_pictures_name_the_origin_that_may_read_them(relay, make_camera, device, http, path):
    await make_camera()
    async with http.get(f"{relay.http}/{path.format(device)}", headers=FRIEND) as answer:
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == FRIEND["Origin"]
        assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("live/nobody/0/main.mp4", 404),
        ("live/nobody/0/main.jpg", 404),
        ("hls/nobody/0/main/index.m3u8", 404),
        ("hls/nobody/0/main/gone/live.m3u8", 404),
        ("hls/nobody/0/main/no-such-file", 404),
        ("whep/nobody/0/main", 405),
    ],
)
async def test_errors_can_be_read_too(relay, http, path, status):
    async with http.get(f"{relay.http}/{path}", headers=FRIEND) as answer:
        assert answer.status == status
        assert answer.headers["Access-Control-Allow-Origin"] == FRIEND["Origin"]


@pytest.mark.parametrize(
    ("path", "content_type", "body", "status"),
    [("nobody/0/main", "application/sdp", CHROMIUM, 404), ("nobody/0/main", "text/plain", "hello", 415)],
)
async def test_whep_says_what_is_wrong_with_an_offer(relay, http, path, content_type, body, status):
    headers = {"Content-Type": content_type} | FRIEND
    async with http.post(f"{relay.http}/whep/{path}", data=body, headers=headers) as answer:
        assert answer.status == status
        assert answer.headers["Access-Control-Allow-Origin"] == FRIEND["Origin"]
    for method in ("DELETE", "PATCH"):
        async with http.request(method, f"{relay.http}/whep/{path}/gone", headers=FRIEND) as answer:
            assert answer.status == 404
            assert answer.headers["Access-Control-Allow-Origin"] == FRIEND["Origin"]


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("whep/gate/0/main", "POST"),
        ("whep/gate/0/main/session", "PATCH"),
        ("hls/gate/0/main/index.m3u8", "GET"),
        ("hls/gate/0/main/session/segment-1.m4s", "GET"),
        ("live/gate/0/main.mp4", "GET"),
        ("live/gate/0/main.jpg", "GET"),
    ],
)
async def test_preflights_are_answered(relay, http, path, method):
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "authorization"}
    async with http.options(f"{relay.http}/{path}", headers=asked | FRIEND) as answer:
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == FRIEND["Origin"]
        assert method in answer.headers["Access-Control-Allow-Methods"]
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    async with http.options(f"{relay.http}/{path}", headers=asked | FOE) as answer:
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert answer.status == (204 if path.startswith("whep") else 405)


async def test_whep_names_what_it_takes(relay, http):
    async with http.options(f"{relay.http}/whep/gate/0/main") as answer:
        assert answer.headers["Accept-Post"] == "application/sdp"
        assert "Access-Control-Allow-Origin" not in answer.headers


async def test_the_interface_of_the_own_page_is_for_no_other(relay, http):
    async with http.get(f"{relay.http}/api/devices", headers=FRIEND) as answer:
        assert "Access-Control-Allow-Origin" not in answer.headers
