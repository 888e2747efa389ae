"""The page where every stream takes a token of its own: how somebody gets in, and what he may do then."""

import json
import logging
from datetime import UTC, datetime, timedelta

import pytest
from camera import CALM
from page_browser import CHROMIUM, plays

from cambus.bus.assets import ensure_assets
from cambus.bus.metrics import Metrics
from cambus.client.kv import read_raw
from cambus.media_relay.guesses import Guesses
from cambus.media_relay.key import StreamKey
from cambus.media_relay.page_sessions import SESSION_LIFE, PageSessions
from cambus.media_relay.tokens import Tokens, hashed
from cambus.schemas.assets import KV_PAGE_SESSIONS
from cambus.schemas.commands import media_relay
from cambus.schemas.errors import Unauthorized

SHARED = "a-token-of-sufficient-length"


@pytest.fixture
async def relay(relay_settings, run_relay):
    async with run_relay(relay_settings(relay_access="token")) as running:
        yield running


@pytest.fixture
def page_address(relay, device):
    async def ask():
        request = media_relay.LiveOpenRequest(device=device)
        return (await relay.runtime.client.call(media_relay.LIVE_OPEN, request)).page

    return ask


def token_of(address):
    return address.partition("?token=")[2].partition("#")[0]


def query(token):
    return f"?token={token}"


async def status(http, url, **headers):
    async with http.get(url, headers=headers) as response:
        return response.status


async def sign_in(http, relay, token):
    """The status, and the session."""
    headers = {"Authorization": f"Bearer {token}"}
    async with http.post(f"{relay.http}/api/session", headers=headers) as response:
        return response.status, (await response.json()).get("token")


async def test_a_token_of_the_page_is_exchanged_for_a_session_once(
    relay, make_camera, device, page_address, http
):
    await make_camera(**CALM)
    address = await page_address()
    assert address == f"{relay.http}/?token={token_of(address)}#{device}/0/main"
    code, session = await sign_in(http, relay, token_of(address))
    assert code == 200
    assert (await sign_in(http, relay, token_of(address)))[0] == 401
    bearer = {"Authorization": f"Bearer {session}"}
    assert await status(http, f"{relay.http}/api/devices", **bearer) == 200
    assert await sign_in(http, relay, session) == (200, session), "who is in stays in"
    assert await status(http, f"{relay.http}/live/{device}/0/main.jpg{query(session)}") == 401, (
        "opens no stream"
    )
    wanted = {"device": device, "channel": 0, "stream": "main", "purpose": "snapshot"}
    async with http.post(f"{relay.http}/api/token", json=wanted, headers=bearer) as response:
        token = (await response.json())["token"]
    assert await status(http, f"{relay.http}/live/{device}/0/main.jpg{query(token)}") == 200
    async with http.post(
        f"{relay.http}/api/token", json=wanted | {"purpose": "page"}, headers=bearer
    ) as response:
        assert response.status == 400, "a page that lets others in would never end"


async def test_other_tokens_open_no_page(relay, make_camera, device, http):
    await make_camera(**CALM)
    tokens = relay.service._access.tokens
    live = (await tokens.issue(StreamKey(device, 0, "main"), "live")).token.get_secret_value()
    for shown in (live, "", "wrong", "A" * 22, "A" * 5000):
        assert (await sign_in(http, relay, shown))[0] == 401
        assert await status(http, f"{relay.http}/api/devices", Authorization=f"Bearer {shown}") == 401


async def test_a_session_is_known_to_every_relay_for_half_a_day(bus, device):
    await ensure_assets(bus)
    now = [datetime.now(UTC)]
    tokens = Tokens(bus, Metrics(), Guesses(0))
    pages, elsewhere = (PageSessions(bus, tokens, clock=lambda: now[0]) for _ in range(2))
    issued = await tokens.issue(StreamKey(device, 0, "main"), "page")
    session = await pages.open(issued.token.get_secret_value(), "192.0.2.1")
    raw = await read_raw(bus, KV_PAGE_SESSIONS, hashed(session))
    assert session.encode() not in raw.data
    assert await elsewhere.knows(session)
    assert not await elsewhere.knows(session[::-1])
    now[0] += SESSION_LIFE - timedelta(seconds=1)
    assert await elsewhere.knows(session)
    now[0] += timedelta(seconds=1)
    assert not await elsewhere.knows(session)
    with pytest.raises(Unauthorized):
        await pages.open(session, "192.0.2.1")


async def test_the_page_gets_its_tokens_for_the_shared_one(
    relay_settings, run_relay, make_camera, device, tmp_path, http
):
    await make_camera(**CALM)
    file = tmp_path / "token"
    file.write_text(SHARED)
    async with run_relay(relay_settings(relay_access="token", relay_token_file=file)) as relay:
        wanted = {"device": device, "channel": 0, "stream": "main", "purpose": "snapshot"}
        headers = {"Content-Type": "application/json"}
        api = f"{relay.http}/api/token"
        async with http.post(api, data=json.dumps(wanted), headers=headers) as response:
            assert response.status == 401
        headers["Authorization"] = f"Bearer {SHARED}"
        async with http.post(api, data=json.dumps(wanted), headers=headers) as response:
            token = (await response.json())["token"]
        url = f"{relay.http}/live/{device}/0/main.jpg"
        assert await status(http, f"{url}{query(SHARED)}") == 401, "it opens no stream itself"
        assert await status(http, f"{url}{query(token)}") == 200


async def test_the_shared_token_is_in_no_log_no_metric_and_no_answer(
    relay_settings, run_relay, make_camera, device, tmp_path, http, caplog
):
    caplog.set_level(logging.DEBUG)
    await make_camera(**CALM)
    file = tmp_path / "token"
    file.write_text(SHARED)
    async with run_relay(relay_settings(relay_access="shared-token", relay_token_file=file)) as relay:
        url = f"{relay.http}/live/{device}/0/main.jpg"
        said = ""
        for shown in (SHARED, f"not-{SHARED}"):
            async with http.get(f"{url}{query(shown)}") as answer:
                said += f"{answer.headers}"
        said += relay.runtime.metrics.render().decode() + caplog.text
        said += "".join(str(vars(record)) for record in caplog.records)
    assert SHARED not in said


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH: the player page is not tried")
async def test_an_address_opens_the_page_and_a_second_time_says_why_not(
    relay, make_camera, device, page_address, page
):
    await make_camera(**CALM)
    address = await page_address()
    await page.goto(address)
    await plays(page.locator(".tile video"))
    assert "token" not in page.url
    await page.reload()  # the session is kept as long as the tab
    await plays(page.locator(".tile video"))
    assert page.troubles == []
    await page.evaluate("sessionStorage.clear()")
    await page.goto("about:blank")
    await page.goto(address)
    await page.get_by_role("alert").get_by_text("opens once").wait_for()
    await page.locator("#login-token").fill("not-a-token")
    await page.keyboard.press("Enter")
    await page.get_by_role("alert").get_by_text("opens nothing here").wait_for()
    await page.locator("#login-token").fill(token_of(await page_address()))
    await page.keyboard.press("Enter")
    await plays(page.locator(".tile video"))
