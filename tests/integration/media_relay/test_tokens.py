"""Tokens of single streams: each opens what it is for, once, at whichever relay; at every output."""

import asyncio
import json
import logging
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import aiohttp
import av
import pytest
from rtsp_by_hand import Rtsp
from webrtc_offers import CHROMIUM

from cambus.bus.assets import ensure_assets
from cambus.bus.metrics import Metrics
from cambus.client.kv import KeyValue, read_raw
from cambus.media_relay.guesses import Guesses
from cambus.media_relay.key import StreamKey
from cambus.media_relay.tokens import TOKEN_LIFE_S, Tokens, hashed
from cambus.schemas.assets import KV_TOKENS
from cambus.schemas.commands import media_relay
from cambus.schemas.errors import BadRequest, Unauthorized, Unsupported
from cambus.schemas.state.relay_tokens import RelayToken

TCP = {"rtsp_transport": "tcp"}


@pytest.fixture
async def relay(relay_settings, run_relay):
    async with run_relay(relay_settings(relay_access="token")) as running:
        yield running


@pytest.fixture
def issue(relay, device):
    async def run(purpose="live", **changes):
        wanted = {"device": device, "channel": 0, "stream": "main", "purpose": purpose, **changes}
        request = media_relay.TokenIssueRequest.model_validate(wanted)
        issued = await relay.runtime.client.call(media_relay.TOKEN_ISSUE, request)
        return issued.token.get_secret_value()

    return run


@pytest.fixture
async def http():
    async with asyncio.timeout(60), aiohttp.ClientSession() as session:
        yield session


async def status(http, url, **headers):
    async with http.get(url, headers=headers) as response:
        return response.status


def query(token):
    return f"?token={token}"


# --- every output


@pytest.mark.parametrize("suffix", ["flv", "mp4", "ts"])
async def test_over_http_a_token_opens_once(suffix, relay, make_camera, device, issue, watch, http):
    await make_camera()
    url = f"{relay.http}/live/{device}/0/main.{suffix}{query(await issue())}"
    watched = await watch(url, pictures=5)
    assert len(watched.pictures) >= 5
    assert await status(http, url) == 401


async def test_over_rtsp_a_token_opens_one_connection(relay, make_camera, device, issue, watch):
    await make_camera()
    host = relay.rtsp.removeprefix("rtsp://")
    by_query = f"rtsp://{host}/{device}/0/main{query(await issue())}"
    by_password = f"rtsp://anybody:{await issue()}@{host}/{device}/0/main"
    for url in (by_query, by_password):
        watched = await watch(url, options=TCP, pictures=5)
        assert len(watched.pictures) >= 5
        with pytest.raises(av.error.HTTPUnauthorizedError):
            await watch(url, options=TCP, pictures=5)


async def test_a_connection_let_in_to_one_stream_is_not_let_in_to_another(relay, make_camera, device, issue):
    await make_camera()
    token = await issue()
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.service.relay.rtsp_port)

    async def ask(number, path):
        writer.write(f"DESCRIBE {path} RTSP/1.0\r\nCSeq: {number}\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        if "Content-Length: " in head:
            await reader.readexactly(int(head.split("Content-Length: ")[1].split("\r\n")[0]))
        return int(head.split()[1]), head

    async with asyncio.timeout(30):
        assert (await ask(1, f"/{device}/0/main{query(token)}"))[0] == 200
        assert (await ask(2, f"/{device}/0/main"))[0] == 200
        code, head = await ask(3, f"/{device}/0/sub")
    assert code == 401
    assert "Basic" in head
    assert "Digest" not in head
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("suffix", ["", ".mp4", ".flv"])
async def test_over_websocket_a_token_opens_once(suffix, relay, make_camera, device, issue, http):
    await make_camera()
    url = f"{relay.ws}/ws/{device}/0/main{suffix}{query(await issue())}"
    async with http.ws_connect(url) as socket:
        assert (await socket.receive()).type in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await http.ws_connect(url)
    assert refused.value.status == 401


async def test_over_hls_a_token_opens_a_session_that_goes_on(relay, make_camera, device, issue, watch, http):
    await make_camera()
    url = f"{relay.http}/hls/{device}/0/main/index.m3u8{query(await issue())}"
    watched = await watch(url, pictures=150)  # more than what the first playlist names
    assert len(watched.pictures) >= 150
    assert await status(http, url) == 401


async def test_a_picture_takes_a_token_of_its_own_kind(relay, make_camera, device, issue, http):
    await make_camera()
    url = f"{relay.http}/live/{device}/0/main.jpg"
    assert await status(http, f"{url}{query(await issue())}") == 401
    url += query(await issue("snapshot"))
    assert await status(http, url) == 200
    assert await status(http, url) == 401


async def test_a_webrtc_session_takes_a_token(relay, make_camera, device, issue, http):
    await make_camera()
    url = f"{relay.http}/whep/{device}/0/main"
    headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {await issue()}"}
    async with http.post(url, data=CHROMIUM, headers=headers) as response:
        assert response.status == 201
        session = response.headers["Location"]
    async with http.post(url, data=CHROMIUM, headers=headers) as response:
        assert response.status == 401
    async with http.delete(f"{relay.http}{session}") as response:
        assert response.status == 200


async def test_a_token_may_stand_in_the_header(relay, make_camera, device, issue, http):
    await make_camera()
    bearer = {"Authorization": f"Bearer {await issue('snapshot')}"}
    assert await status(http, f"{relay.http}/live/{device}/0/main.jpg", **bearer) == 200


# --- what a token is good for


@pytest.mark.parametrize(
    ("purpose", "path"),
    [
        ("live", "{device}/0/sub.flv"),
        ("live", "{device}/1/main.flv"),
        ("live", "other/0/main.flv"),
        ("live", "{device}/0/main.jpg"),
        ("snapshot", "{device}/0/main.flv"),
        ("talk", "{device}/0/main.flv"),
    ],
)
async def test_a_token_is_of_one_stream_and_purpose(purpose, path, relay, make_camera, device, issue, http):
    await make_camera()
    token = await issue(purpose)
    assert await status(http, f"{relay.http}/live/{path.format(device=device)}{query(token)}") == 401
    assert relay.metric('cambus_relay_tokens_total{outcome="foreign"}') == 1
    if purpose == "live":  # it is not used up by that
        async with http.get(f"{relay.http}/live/{device}/0/main.flv{query(token)}") as response:
            assert response.status == 200


async def test_without_a_token_nothing_opens(relay, make_camera, device, http):
    camera = await make_camera()
    for shown in ("", "?token=", "?token=wrong", query("A" * 22), query("*" * 22), query("A" * 5000)):
        for path in (
            f"live/{device}/0/main.flv",
            f"live/{device}/0/main.jpg",
            f"hls/{device}/0/main/index.m3u8",
        ):
            assert await status(http, f"{relay.http}/{path}{shown}") == 401
    assert not camera.ever_claimed


@pytest.mark.parametrize(("stream", "purpose"), [("main", "playback"), ("s-abc", "live")])
async def test_a_token_that_could_open_nothing_is_not_issued(stream, purpose, relay, issue):
    with pytest.raises(BadRequest):
        await issue(purpose, stream=stream)


@pytest.fixture
async def relays(relay_settings, run_relay):
    """Two of them."""
    settings = relay_settings(relay_access="token")
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                run_relay(settings.model_copy(update={"instance": f"relay-{number}"}))
            )
            for number in range(2)
        ]


async def test_of_many_who_show_it_at_two_relays_one_gets_in(relays, make_camera, device, http):
    await make_camera()
    request = media_relay.TokenIssueRequest(device=device, purpose="snapshot")
    for _ in range(5):
        issued = await relays[0].runtime.client.call(media_relay.TOKEN_ISSUE, request)
        token = issued.token.get_secret_value()
        urls = [f"{each.http}/live/{device}/0/main.jpg{query(token)}" for each in relays] * 4
        codes = await asyncio.gather(*(status(http, url) for url in urls))
        assert sorted(codes) == [200, *[401] * 7]


# --- a token that opened nothing


async def over_http(relay, path, token, http):
    return await status(http, f"{relay.http}/{path}{query(token)}")


async def over_websocket(relay, path, token, http):
    try:
        async with http.ws_connect(f"{relay.ws}/{path}{query(token)}") as socket:
            while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                said = json.loads(message.data)
                if said["type"] == "error":
                    return said["code"]
            return 200
    except aiohttp.WSServerHandshakeError as refused:
        return refused.status


async def over_whep(relay, path, token, http):
    headers = {"Content-Type": "application/sdp"}
    async with http.post(f"{relay.http}/{path}{query(token)}", data=CHROMIUM, headers=headers) as response:
        return response.status


async def over_rtsp(relay, path, token, http):
    del http
    async with Rtsp(relay.service.relay.rtsp_port) as client:
        return (await client.ask("DESCRIBE", f"/{path}{query(token)}"))[0]


@pytest.mark.parametrize(
    ("ask", "path"),
    [
        (over_http, "live/{device}/0/main.flv"),
        (over_http, "live/{device}/0/main.jpg"),
        (over_http, "hls/{device}/0/main/index.m3u8"),
        (over_websocket, "ws/{device}/0/main"),
        (over_whep, "whep/{device}/0/main"),
        (over_rtsp, "live/{device}/0/main"),
    ],
    ids=["flv", "jpg", "hls", "ws", "whep", "rtsp"],
)
async def test_a_token_that_opened_nothing_is_good_for_another_try(
    ask, path, relay, make_camera, device, issue, http
):
    camera = await make_camera()
    await camera.go_offline()
    path = path.format(device=device)
    token = await issue("snapshot" if path.endswith("jpg") else "live")
    for _ in range(2):
        assert await ask(relay, path, token, http) == 503
    assert relay.metric('cambus_relay_tokens_total{outcome="returned"}') == 2
    await camera.go_online()
    assert await ask(relay, path, token, http) in {200, 201}
    assert await ask(relay, path, token, http) == 401


async def test_of_two_who_race_with_a_token_that_was_given_back_one_gets_in(
    relays, make_camera, device, http, eventually
):
    camera = await make_camera()
    request = media_relay.TokenIssueRequest(device=device, purpose="live")
    for _ in range(3):
        await camera.go_offline()
        issued = await relays[0].runtime.client.call(media_relay.TOKEN_ISSUE, request)
        token = issued.token.get_secret_value()
        urls = [f"{each.http}/live/{device}/0/main.flv{query(token)}" for each in relays] * 2
        codes = await asyncio.gather(*(status(http, url) for url in urls))
        assert 503 in codes
        assert set(codes) <= {503, 401}, "who comes while another tries is refused"
        await camera.go_online()
        codes = await asyncio.gather(*(status(http, url) for url in urls))
        assert sorted(codes) == [200, 401, 401, 401]
        await eventually(lambda: not any(each.service.relay.streams.running for each in relays))


async def test_what_was_used_since_is_not_given_back(bus, device):
    await ensure_assets(bus)
    now = Now()
    tokens = Tokens(bus, Metrics(), Guesses(0), clock=now)
    key = StreamKey(device, 0, "main")
    token = (await tokens.issue(key, "live")).token.get_secret_value()
    first = await tokens.use(token, key, "live", "192.0.2.1")
    await tokens.give_back(first)
    now.at += timedelta(seconds=TOKEN_LIFE_S / 2)
    second = await tokens.use(token, key, "live", "192.0.2.1")
    await tokens.give_back(first)
    with pytest.raises(Unauthorized):
        await tokens.use(token, key, "live", "192.0.2.1")
    await tokens.give_back(second)
    now.at += timedelta(seconds=TOKEN_LIFE_S / 2)
    with pytest.raises(Unauthorized):  # it lives no longer than it would have
        await tokens.use(token, key, "live", "192.0.2.1")


async def test_players_without_a_password_show_it_as_the_user(relay, make_camera, device, issue, watch):
    await make_camera()
    host = relay.rtsp.removeprefix("rtsp://")
    watched = await watch(f"rtsp://{await issue()}:@{host}/{device}/0/main", options=TCP, pictures=5)
    assert len(watched.pictures) >= 5


# --- time, storage, guesses


class Now:
    def __init__(self):
        self.at = datetime.now(UTC)

    def __call__(self):
        return self.at


async def test_a_token_is_good_for_a_minute(bus, device):
    await ensure_assets(bus)
    now = Now()
    tokens = Tokens(bus, Metrics(), Guesses(0), clock=now)
    key = StreamKey(device, 0, "main")
    old, young = [(await tokens.issue(key, "live")) for _ in range(2)]
    assert old.expires_at - now.at == timedelta(seconds=TOKEN_LIFE_S)
    now.at += timedelta(seconds=TOKEN_LIFE_S - 1)
    await tokens.use(young.token.get_secret_value(), key, "live", "192.0.2.1")
    now.at += timedelta(seconds=1)
    with pytest.raises(Unauthorized):
        await tokens.use(old.token.get_secret_value(), key, "live", "192.0.2.1")


async def test_the_bucket_forgets_tokens_by_itself_and_never_knew_them(bus, device, issue):
    token = await issue()
    assert len(token) == 22  # 128 bits
    raw = await read_raw(bus, KV_TOKENS, hashed(token))
    assert token.encode() not in raw.data
    entry = await KeyValue(bus, KV_TOKENS, RelayToken).get(hashed(token))
    assert (entry.value.device, entry.value.purpose) == (device, "live")
    message = await bus.jetstream.call(
        f"STREAM.MSG.GET.KV_{KV_TOKENS}", {"last_by_subj": f"$KV.{KV_TOKENS}.{hashed(token)}"}
    )
    info = await bus.jetstream.call(f"STREAM.INFO.KV_{KV_TOKENS}")
    assert info["config"]["allow_msg_ttl"]
    assert 0 < info["config"]["max_age"] <= 120 * 1_000_000_000
    assert message["message"]["seq"] == entry.revision


async def test_who_guesses_is_refused_for_a_while(relay_settings, run_relay, make_camera, device, http):
    await make_camera()
    async with run_relay(relay_settings(relay_access="token", relay_wrong_tokens_per_minute=3)) as relay:
        url = f"{relay.http}/live/{device}/0/main.jpg"
        codes = [await status(http, f"{url}{query('A' * 22)}") for _ in range(5)]
        assert codes == [401, 401, 401, 429, 429]
        assert relay.metric('cambus_relay_tokens_total{outcome="limited"}') == 2
        assert relay.metric('cambus_relay_tokens_total{outcome="unknown"}') == 3


async def test_tokens_are_in_no_log_and_no_metric(relay, make_camera, device, issue, http, caplog):
    caplog.set_level(logging.DEBUG)
    await make_camera()
    used, foreign = await issue("snapshot"), await issue()
    url = f"{relay.http}/live/{device}/0/main.jpg"
    for token in (used, used, foreign):
        await status(http, f"{url}{query(token)}")
    said = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    said += relay.runtime.metrics.render().decode()
    for token in (used, foreign):
        assert token not in said


# --- who hands them out


async def test_live_open_puts_a_token_of_its_own_into_each_address(relay, make_camera, device, watch):
    await make_camera()
    request = media_relay.LiveOpenRequest(device=device)
    urls = await relay.runtime.client.call(media_relay.LIVE_OPEN, request)
    assert timedelta(0) < urls.expires_at - datetime.now(UTC) <= timedelta(seconds=TOKEN_LIFE_S)
    shown = urls.model_dump()
    tokens = [
        url.partition("?token=")[2] for url in shown.values() if isinstance(url, str) and "?token=" in url
    ]
    assert len(tokens) == len(set(tokens)) >= 8
    assert tokens[0] not in repr(urls)
    for name, options in (("fmp4", {}), ("rtsp", {"options": TCP}), ("hls", {})):
        assert len((await watch(shown[name], pictures=5, **options)).pictures) >= 5
    async with aiohttp.ClientSession() as http:
        assert await status(http, shown["jpeg"]) == 200


async def test_where_streams_have_no_tokens_none_is_issued(relay_settings, run_relay, device):
    async with run_relay(relay_settings()) as relay:
        with pytest.raises(Unsupported):
            await relay.runtime.client.call(
                media_relay.TOKEN_ISSUE, media_relay.TokenIssueRequest(device=device)
            )
