"""Every output, read by FFmpeg: pictures decode, times rise, sound is there."""

import asyncio
import io
import json

import aiohttp
import pytest

TCP = {"rtsp_transport": "tcp"}


def assert_plays(watched, video, audio, *, pictures=30):
    assert watched.codecs == ({"video": video, "audio": audio} if audio else {"video": video})
    assert watched.size == (320, 240)
    assert len(watched.pictures) >= pictures
    assert watched.keyframe_first
    assert watched.pictures == sorted(set(watched.pictures))
    if audio:
        assert watched.sounds == sorted(set(watched.sounds))
        assert watched.loudest > 1000
        assert abs(watched.pictures[-1] - watched.sounds[-1]) < 1


@pytest.mark.parametrize("codec", ["h264", "hevc"])
async def test_rtsp_over_tcp(codec, relay, make_camera, specs, device, watch):
    await make_camera(specs[codec.replace("hevc", "h265")])
    watched = await watch(f"{relay.rtsp}/{device}/0/main", options=TCP)
    assert_plays(watched, codec, "pcm_alaw")


@pytest.mark.parametrize("codec", ["h264", "hevc"])
async def test_flv_over_http(codec, relay, make_camera, specs, device, watch):
    await make_camera(specs[codec.replace("hevc", "h265")])
    watched = await watch(f"{relay.http}/live/{device}/0/main.flv")
    assert_plays(watched, codec, "pcm_alaw")


@pytest.mark.parametrize("codec", ["h264", "hevc"])
async def test_fragmented_mp4_over_http(codec, relay, make_camera, specs, device, watch):
    await make_camera(specs[codec.replace("hevc", "h265")])
    watched = await watch(f"{relay.http}/live/{device}/0/main.mp4")
    assert_plays(watched, codec, "pcm_alaw")


@pytest.mark.parametrize("codec", ["h264", "hevc"])
async def test_transport_stream_over_http(codec, relay, make_camera, specs, device, watch):
    await make_camera(specs[codec.replace("hevc", "h265")])
    watched = await watch(f"{relay.http}/live/{device}/0/main.ts")
    assert_plays(watched, codec, "aac")


@pytest.mark.parametrize(
    ("output", "sound", "audio"),
    [
        ("mp4", "flac", "flac"),
        ("mp4", "g711", "pcm_alaw"),
        ("mp4", "aac", "aac"),
        ("mp4", "opus", "opus"),
        ("mp4", "none", None),
        ("flv", "aac", "aac"),
        ("flv", "none", None),
        ("ts", "none", None),
    ],
)
async def test_the_sound_is_the_viewers_choice(output, sound, audio, relay, make_camera, device, watch):
    await make_camera()
    watched = await watch(f"{relay.http}/live/{device}/0/main.{output}?audio={sound}")
    assert_plays(watched, "h264", audio)


@pytest.mark.parametrize(("sound", "audio"), [("aac", "aac"), ("opus", "opus"), ("g711", "pcm_alaw")])
async def test_the_sound_over_rtsp_is_the_viewers_choice(sound, audio, relay, make_camera, device, watch):
    await make_camera()
    watched = await watch(f"{relay.rtsp}/{device}/0/main?audio={sound}", options=TCP)
    assert_plays(watched, "h264", audio)


@pytest.mark.parametrize("output", ["ts?audio=g711", "flv?audio=opus", "mp4?audio=mp3"])
async def test_sound_that_an_output_does_not_carry_is_refused(output, relay, make_camera, device):
    await make_camera()
    async with (
        asyncio.timeout(20),
        aiohttp.ClientSession() as session,
        session.get(f"{relay.http}/live/{device}/0/main.{output}") as answer,
    ):
        assert answer.status == 400
        assert (await answer.json())["reason"] == "audio"


async def test_flv_over_websocket(relay, make_camera, device, watch):
    await make_camera()
    texts, media = await read_websocket(f"{relay.ws}/ws/{device}/0/main.flv")
    assert texts == []
    assert media[:4] == b"FLV\x01"
    watched = await watch(io.BytesIO(media), container="flv")
    assert_plays(watched, "h264", "aac")


async def test_a_camera_without_sound(relay, make_camera, device, watch):
    await make_camera(sound=False)
    watched = await watch(f"{relay.rtsp}/{device}/0/main", options=TCP)
    assert_plays(watched, "h264", None)


async def read_websocket(url, *, size=250_000):
    """The text messages and the joined binary ones, until there is enough to look at."""
    texts, media = [], bytearray()
    async with asyncio.timeout(30), aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                texts.append(json.loads(message.data))
            else:
                media += message.data
            if len(media) > size:
                break
    return texts, bytes(media)


@pytest.mark.parametrize("suffix", ["", ".mp4"])
async def test_fragmented_mp4_over_websocket(suffix, relay, make_camera, device, watch):
    await make_camera()
    texts, media = await read_websocket(f"{relay.ws}/ws/{device}/0/main{suffix}")
    opening, *clocks = texts
    assert opening["type"] == "open"
    assert opening["mime"] == f'video/mp4; codecs="{opening["codecs"]}"'
    assert opening["codecs"].startswith("avc1.")
    assert opening["codecs"].endswith(",flac")
    assert (opening["width"], opening["height"]) == (320, 240)
    assert {clock["type"] for clock in clocks} == {"clock"}
    assert media[4:8] == b"ftyp"
    watched = await watch(io.BytesIO(media), container="mp4")
    assert_plays(watched, "h264", "flac")


async def test_websocket_answers_pings_between_fragments(relay, make_camera, device):
    await make_camera()
    url = f"{relay.ws}/ws/{device}/0/main"
    async with (
        asyncio.timeout(20),
        aiohttp.ClientSession() as session,
        session.ws_connect(url, autoping=False) as socket,
    ):
        await socket.receive()
        await socket.ping(b"are you there")
        while (message := await socket.receive()).type is not aiohttp.WSMsgType.PONG:
            assert message.type in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}
        assert message.data == b"are you there"
        assert (await socket.receive()).type is aiohttp.WSMsgType.BINARY


async def test_rtsp_sound_alone(relay, make_camera, device, watch):
    await make_camera()
    options = {"rtsp_transport": "tcp", "allowed_media_types": "audio"}
    watched = await watch(f"{relay.rtsp}/{device}/0/main", options=options, pictures=0)
    assert watched.codecs == {"audio": "pcm_alaw"}
    assert watched.loudest > 1000


async def test_a_client_of_http_1_0_gets_plain_bytes(relay, make_camera, device):
    await make_camera()
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.service.relay.http_port)
    writer.write(f"GET /live/{device}/0/main.flv HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
    async with asyncio.timeout(20):
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head
        assert b"chunked" not in head.lower()
        assert (await reader.readexactly(4))[:4] == b"FLV\x01"
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("path", "code", "texts"),
    [
        ("main.flv?audio=opus", 4400, 0),
        ("fifth.flv", 4404, 0),
        ("fifth", 4404, 1),
        ("main?audio=mp3", 4400, 1),
    ],
)
async def test_over_websocket_the_close_code_says_what_is_wrong(path, code, texts, relay, device):
    async with (
        asyncio.timeout(20),
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{relay.ws}/ws/{device}/0/{path}") as socket,
    ):
        messages = [message async for message in socket]
        assert [message.type for message in messages] == [aiohttp.WSMsgType.TEXT] * texts
        assert socket.close_code == code
