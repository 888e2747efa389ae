"""RTSP through HTTP: what FFmpeg makes of it, and what goes over the two connections."""

import asyncio
from base64 import b64encode

from rtsp_by_hand import Rtsp

COOKIE = "tunnel-0123456789"
HTTP = {"rtsp_transport": "http"}


async def half(relay, verb, cookie=COOKIE):
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.service.relay.rtsp_port)
    writer.write(f"{verb} /x HTTP/1.0\r\nx-sessioncookie: {cookie}\r\nContent-Length: 32767\r\n\r\n".encode())
    return reader, writer


async def close(*writers):
    for writer in writers:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)


async def test_ffmpeg_plays_through_a_tunnel(relay, make_camera, device, watch):
    await make_camera()
    watched = await watch(f"{relay.rtsp}/{device}/0/main", options=HTTP)
    assert watched.codecs == {"video": "h264", "audio": "pcm_alaw"}
    assert len(watched.pictures) >= 30
    assert watched.loudest > 1000


async def test_requests_go_by_one_half_and_replies_come_by_the_other(relay, make_camera, device, eventually):
    await make_camera()
    reader, getter = await half(relay, "GET")
    async with asyncio.timeout(20):
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.0 200")
        assert b"application/x-rtsp-tunnelled" in head
        asked, poster = await half(relay, "POST")
        requests = [
            f"DESCRIBE {relay.rtsp}/{device}/0/main RTSP/1.0\r\nCSeq: {number}\r\n\r\n".encode()
            for number in (1, 2)
        ]
        poster.write(b64encode(requests[0])[:10])
        poster.write(b64encode(requests[0])[10:] + b64encode(requests[1]))
        for number in (1, 2):
            reply = await reader.readuntil(b"\r\n\r\n")
            assert reply.startswith(b"RTSP/1.0 200")
            assert b"CSeq: %d\r\n" % number in reply
            length = int(reply.split(b"Content-Length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
        getter.close()
        connections = relay.service.relay._rtsp._connections
        await eventually(lambda: len(connections) == 1)
        poster.write(b64encode(requests[0]))  # nobody is there any more
        assert await asked.read() == b""
        await eventually(lambda: not connections)
    await close(getter, poster)


async def test_a_half_without_the_other_and_nonsense_are_refused(relay, make_camera, device):
    async with asyncio.timeout(20):
        reader, poster = await half(relay, "POST")
        assert (await reader.read()).startswith(b"HTTP/1.0 404")  # there is no such tunnel
        first, getter = await half(relay, "GET")
        await first.readuntil(b"\r\n\r\n")
        second, another = await half(relay, "GET")
        assert (await second.read()).startswith(b"HTTP/1.0 404")  # there is one already
        third, talker = await half(relay, "POST")
        talker.write(b"this is no Base64 !!!!")
        assert await third.read() == b""
        await close(poster, getter, another, talker)


async def test_http_that_is_no_tunnel_is_answered_as_ever(relay):
    async with Rtsp(relay.service.relay.rtsp_port) as rtsp, asyncio.timeout(20):
        rtsp.writer.write(b"GET / HTTP/1.1\r\nHost: h\r\nCSeq: 1\r\n\r\n")
        assert (await rtsp.reply())[0] == 505
        assert (await rtsp.ask("OPTIONS", "*"))[0] == 200
