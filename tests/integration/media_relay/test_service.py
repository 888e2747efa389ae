"""The relay as a service: its commands, its ports, its process."""

import asyncio
import json
import os
import signal
import sys

import aiohttp
import pytest

from cambus.client.calling import BusClient
from cambus.rtsp import digest_response
from cambus.schemas.commands import media_relay
from cambus.schemas.errors import NotFound
from cambus.schemas.model import Empty

TOKEN = "a-token-of-sufficient-length"
TCP = {"rtsp_transport": "tcp"}


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN)
    return path


@pytest.fixture
async def guarded(relay_settings, run_relay, token_file):
    async with run_relay(relay_settings(relay_access="shared-token", relay_token_file=token_file)) as relay:
        yield relay


async def ask(url, method="GET", **options):
    async with (
        asyncio.timeout(20),
        aiohttp.ClientSession() as session,
        session.request(method, url, **options) as answer,
    ):
        return answer.status, await answer.json()


# --- commands


async def test_live_open_hands_out_addresses_that_play(guarded, make_camera, device, bus, watch):
    await make_camera()
    request = media_relay.LiveOpenRequest(device=device, channel=0)
    urls = await BusClient(bus).call(media_relay.LIVE_OPEN, request)
    assert urls.replica == "relay-test"
    for url, options in ((urls.rtsp, TCP), (urls.flv, None), (urls.fmp4, None)):
        assert len((await watch(url, pictures=5, options=options)).pictures) >= 5
    async with (
        asyncio.timeout(20),
        aiohttp.ClientSession() as session,
        session.ws_connect(urls.ws_fmp4) as socket,
    ):
        assert json.loads((await socket.receive()).data)["type"] == "open"
    assert urls.page.startswith(guarded.http)
    assert urls.page.endswith(f"#{device}/0/main")
    assert TOKEN not in repr(urls)


async def test_live_open_of_an_unknown_device_is_404(relay, make_camera, device, bus, eventually):
    await make_camera()
    await eventually(lambda: relay.service._directory.known(device))
    with pytest.raises(NotFound):
        await BusClient(bus).call(media_relay.LIVE_OPEN, media_relay.LiveOpenRequest(device="no-such-device"))


async def test_live_open_of_a_channel_the_device_has_not_got_is_404(
    relay, make_camera, device, bus, eventually
):
    await make_camera()
    await eventually(lambda: not relay.service._directory.may_have(device, 77))
    with pytest.raises(NotFound, match="no channel 77"):
        await BusClient(bus).call(
            media_relay.LIVE_OPEN, media_relay.LiveOpenRequest(device=device, channel=77)
        )


async def test_advertised_names_are_in_the_addresses(relay_settings, run_relay, make_camera, device, bus):
    await make_camera()
    settings = relay_settings(
        relay_advertised_http_url="https://cctv.example/relay", relay_advertised_rtsp_port=554
    )
    async with run_relay(settings):
        request = media_relay.LiveOpenRequest(device=device, channel=0, stream="sub")
        urls = await BusClient(bus).call(media_relay.LIVE_OPEN, request)
    assert urls.rtsp == f"rtsp://cctv.example:554/{device}/0/sub"
    assert urls.flv == f"https://cctv.example/relay/live/{device}/0/sub.flv"
    assert urls.whep == f"https://cctv.example/relay/whep/{device}/0/sub"
    assert urls.ws_fmp4 == f"wss://cctv.example/relay/ws/{device}/0/sub.mp4"
    assert urls.ws_flv == f"wss://cctv.example/relay/ws/{device}/0/sub.flv"
    assert urls.ts == f"https://cctv.example/relay/live/{device}/0/sub.ts"


async def test_streams_list_says_who_watches_what(relay, make_camera, device, bus):
    await make_camera()
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{relay.http}/live/{device}/0/main.flv") as answer,
    ):
        await answer.content.readexactly(1000)
        (reply,) = await BusClient(bus).broadcast(media_relay.STREAMS_LIST, Empty(), expected=1)
        (stream,) = reply.streams
        assert (stream.device, stream.channel, stream.stream) == (device, 0, "main")
        assert (stream.codec, stream.width, stream.height, stream.audio_codec) == ("h264", 320, 240, "pcma")
        assert stream.viewers == {"http-flv": 1}
        assert relay.metric('cambus_relay_viewers{output="http-flv"}') == 1
        assert relay.metric("cambus_relay_streams") == 1
        assert relay.metric("cambus_relay_gop_bytes") > 0
        assert relay.metric('cambus_relay_sent_bytes_total{output="http-flv"}') >= 1000
        assert relay.metric('cambus_relay_start_seconds_count{output="http-flv"}') == 1


# --- access


@pytest.mark.parametrize("path", ["/live/{}/0/main.flv", "/ws/{}/0/main", "/api/devices", "/api/alarms"])
async def test_without_the_token_http_is_401(guarded, make_camera, device, path):
    await make_camera()
    for query in ("", "?token=wrong"):
        status, body = await ask(guarded.http + path.format(device) + query)
        assert (status, body["reason"]) == (401, "token")


async def test_with_the_token_http_plays(guarded, make_camera, device, watch):
    await make_camera()
    watched = await watch(f"{guarded.http}/live/{device}/0/main.flv?token={TOKEN}", pictures=5)
    assert len(watched.pictures) >= 5
    status, _ = await ask(f"{guarded.http}/api/devices", headers={"Authorization": f"Bearer {TOKEN}"})
    assert status == 200


async def test_rtsp_takes_the_token_as_a_password_or_in_the_address(guarded, make_camera, device, watch):
    await make_camera()
    host = guarded.rtsp.removeprefix("rtsp://")
    for url in (
        f"rtsp://viewer:{TOKEN}@{host}/{device}/0/main",
        f"rtsp://{host}/{device}/0/main?token={TOKEN}",
    ):
        assert len((await watch(url, pictures=5, options=TCP)).pictures) >= 5


async def describe(port, path, *headers):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        lines = [f"DESCRIBE rtsp://127.0.0.1:{port}{path} RTSP/1.0", "CSeq: 1", *headers]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        async with asyncio.timeout(20):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        return int(head.split()[1]), head
    finally:
        writer.close()
        await writer.wait_closed()


async def test_rtsp_without_the_token_is_challenged(guarded, make_camera, device):
    await make_camera()
    port = guarded.service.relay.rtsp_port
    status, head = await describe(port, f"/{device}/0/main")
    assert status == 401
    assert "WWW-Authenticate: Digest" in head
    assert "WWW-Authenticate: Basic" in head
    assert (await describe(port, f"/{device}/0/main?token=wrong"))[0] == 401
    url = f"rtsp://127.0.0.1:{port}/{device}/0/main"
    response = digest_response("viewer", "Cambus", TOKEN, "DESCRIBE", url, "a-nonce-of-mine")
    digest = (
        f'Authorization: Digest username="viewer", realm="Cambus", nonce="a-nonce-of-mine", uri="{url}", '
        f'response="{response}"'
    )
    assert (await describe(port, f"/{device}/0/main", digest))[0] == 401


async def test_pages_of_other_sites_cannot_use_an_open_relay(relay, make_camera, device):
    camera = await make_camera()
    evil = {"Origin": "https://evil.example"}
    for path in (f"/ws/{device}/0/main", f"/live/{device}/0/main.flv", "/api/devices"):
        status, body = await ask(relay.http + path, headers=evil)
        assert (status, body["reason"]) == (403, "foreign-origin")
    move = {"device": device, "channel": 0, "pan": 1.0}
    assert (await ask(f"{relay.http}/api/ptz", "POST", json=move, headers=evil))[0] == 403
    assert (await ask(f"{relay.http}/api/devices", headers={"Host": "evil.example"}))[0] == 403
    assert not camera.moves


# --- the page's interface


async def test_a_camera_is_moved_and_stopped(relay, make_camera, device):
    camera = await make_camera()
    url = f"{relay.http}/api/ptz"
    move = {"device": device, "channel": 0, "pan": -0.5, "duration_s": 5}
    assert (await ask(url, "POST", json=move))[0] == 200
    assert (camera.moves[0].pan, camera.moves[0].tilt, camera.moves[0].duration_s) == (-0.5, 0, 5)
    assert (await ask(url, "POST", json={"device": device, "channel": 0, "stop": True}))[0] == 200
    assert len(camera.moves) == 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"json": {"device": "gate.1", "channel": 0}}, 400),
        ({"json": {"channel": 0}}, 400),
        ({"json": {"device": "x", "channel": 0, "pan": 2}}, 400),
        ({"data": b"not json", "headers": {"Content-Type": "application/json"}}, 400),
        ({"data": b'{"device": "x", "channel": 0}', "headers": {"Content-Type": "text/plain"}}, 400),
        ({"json": {"device": "no-such-device", "channel": 0}}, 404),
    ],
)
async def test_a_bad_move_is_refused(relay, make_camera, device, eventually, body, status):
    await make_camera()
    await eventually(lambda: relay.service._directory.known(device))
    got, answer = await ask(f"{relay.http}/api/ptz", "POST", **body)
    assert got == status
    assert answer["code"] == status


@pytest.mark.parametrize("query", ["", "?device=x", "?device=x&channel=a", "?device=x&channel=0&hours=0"])
async def test_a_bad_search_is_refused(relay, query):
    assert (await ask(f"{relay.http}/api/recordings{query}"))[0] in {400, 404}


# --- the process


async def test_the_process_serves_under_uvloop_and_ends_in_good_order(
    nats_server, make_camera, device, watch, tmp_path
):
    camera = await make_camera()
    environment = {
        **os.environ,
        "CAMBUS_NATS_URL": nats_server.url,
        "CAMBUS_DATA_DIR": str(tmp_path),
        "CAMBUS_RELAY_HTTP_PORT": "0",
        "CAMBUS_RELAY_RTSP_PORT": "0",
        "CAMBUS_RELAY_WEBRTC_PORT": "0",
        "CAMBUS_RELAY_LINGER_S": "600",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cambus.media_relay"), env=environment, stderr=asyncio.subprocess.PIPE
    )
    try:
        said = {}
        async with asyncio.timeout(30):
            while "viewer_http_port" not in said:
                said = {**said, **json.loads(await process.stderr.readline())}
        base = f"127.0.0.1:{said['viewer_http_port']}/live/{device}/0/main"
        rtsp = f"rtsp://127.0.0.1:{said['rtsp_port']}/{device}/0/main"
        for url, options in ((f"http://{base}.flv", None), (f"http://{base}.mp4", None), (rtsp, TCP)):
            assert len((await watch(url, pictures=10, options=options)).pictures) >= 10
        async with asyncio.timeout(20), aiohttp.ClientSession() as session:
            async with session.ws_connect(f"ws://{base.replace('/live/', '/ws/')}") as socket:
                assert json.loads((await socket.receive()).data)["type"] == "open"
            async with session.get(f"http://127.0.0.1:{said['http_port']}/readyz") as ready:
                assert ready.status == 200
        assert camera.claims
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            _, rest = await process.communicate()
        assert process.returncode == 0, rest.decode()
        assert not camera.claims
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_the_process_refuses_to_be_open_to_strangers_by_accident():
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cambus.media_relay", "--check-config"),
        env={**os.environ, "CAMBUS_RELAY_HOST": "0.0.0.0"},
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        _, said = await process.communicate()
    assert process.returncode == 2
    assert b"relay_access" in said
