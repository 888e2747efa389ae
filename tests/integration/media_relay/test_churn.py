"""Viewers who come and go, politely or not, leave nothing behind."""

import asyncio
import socket
import threading

import psutil
import pytest
from rtsp_by_hand import Rtsp, udp_tracks


async def come_and_go(port, request, *, wait_for):
    """Connect, ask, perhaps wait for an answer, and be gone without a word."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    if wait_for:
        async with asyncio.timeout(20):
            await reader.readuntil(wait_for)
    writer.transport.abort()


def http(device, suffix):
    return f"GET /live/{device}/0/main.{suffix} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def websocket(device):
    return (
        f"GET /ws/{device}/0/main HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()


def rtsp(device):
    return f"DESCRIBE rtsp://localhost/{device}/0/main RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode()


def half_a_tunnel(number):
    return f"GET /x HTTP/1.0\r\nx-sessioncookie: tunnel-{number:08}\r\n\r\n".encode()


async def play_and_go(port, device, carrier):
    """Play over RTSP until something has come, and be gone without a word."""
    path = f"/{device}/0/main"
    async with Rtsp(port) as client, udp_tracks(1) as (track,):
        offer = track.offer if carrier == "udp" else "RTP/AVP/TCP;unicast;interleaved=0-1"
        assert (await client.ask("SETUP", f"{path}/trackID=0", Transport=offer))[0] == 200
        assert (await client.ask("PLAY", path))[0] == 200
        await (track.rtp() if carrier == "udp" else client.packet())
        client.writer.transport.abort()


async def test_viewers_who_come_and_go_leave_nothing_behind(relay, make_camera, device, eventually, caplog):
    camera = await make_camera()
    viewers = relay.service.relay
    kinds = [
        (viewers.http_port, http(device, "flv"), b"FLV"),
        (viewers.http_port, http(device, "mp4"), b"moof"),
        (viewers.http_port, http(device, "ts"), b"\xff\xf1"),  # sound that was transcoded
        (viewers.http_port, http(device, "mp4?audio=opus"), b"moof"),
        (viewers.http_port, websocket(device), b"moof"),
        (viewers.http_port, http(device, "jpg"), b"\xff\xd8"),
        (viewers.rtsp_port, rtsp(device), b"m=video"),
    ]
    streams, process = viewers.streams, psutil.Process()

    def held():
        return (len(asyncio.all_tasks()), process.num_fds(), len(relay.runtime.bus.nc._subs))

    def sound_threads():  # a pool, whose threads are made as they are needed, and kept
        return sum(each.name.startswith("sound") for each in threading.enumerate())

    async def churn():
        for port, request, wait_for in kinds:
            await asyncio.gather(*(come_and_go(port, request, wait_for=wait_for) for _ in range(5)))
            await asyncio.gather(*(come_and_go(port, request, wait_for=None) for _ in range(5)))
        halves = (half_a_tunnel(number) for number in range(5))
        await asyncio.gather(*(come_and_go(viewers.rtsp_port, half, wait_for=b"\r\n\r\n") for half in halves))
        carriers = ("tcp", "udp") * 5
        await asyncio.gather(*(play_and_go(viewers.rtsp_port, device, carrier) for carrier in carriers))
        await eventually(lambda: not streams.users and not streams.running)
        await camera.until(lambda: not camera.claims)

    await churn()  # what is made once and kept
    before = held()
    for _ in range(3):
        await churn()
    await eventually(lambda: all(now <= then for now, then in zip(held(), before, strict=True)))
    assert sound_threads() <= viewers._sound_threads._max_workers
    assert relay.metric('cambus_relay_viewers{output="http-flv"}') == 0
    assert relay.metric('cambus_relay_viewers_closed_total{output="rtsp-udp",reason="left"}') == 20
    assert "a request failed" not in caplog.text  # who leaves before its answer is no error
    assert not viewers._rtsp._connections
    assert not viewers._rtsp.udp._ports._listeners
    assert not viewers._rtsp.udp._pacer._waiting


async def test_hls_sessions_leave_nothing_behind(relay_settings, run_relay, make_camera, device, eventually):
    camera = await make_camera()
    async with run_relay(relay_settings(relay_hls_session_s=5)) as relay:
        viewers = relay.service.relay

        def held():
            return (len(asyncio.all_tasks()), psutil.Process().num_fds(), len(relay.runtime.bus.nc._subs))

        async def churn():
            for wait_for in (
                b"EXT-X-STREAM-INF",
                None,
            ):  # who stays away after that, and who does not even wait
                request = f"GET /hls/{device}/0/main/index.m3u8 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
                await asyncio.gather(
                    *(come_and_go(viewers.http_port, request, wait_for=wait_for) for _ in range(10))
                )
            await camera.until(lambda: not camera.claims)
            await eventually(lambda: not viewers.streams.users and not viewers.streams.running)

        await churn()
        before = held()
        await churn()
        await eventually(lambda: all(now <= then for now, then in zip(held(), before, strict=True)))
        assert relay.metric('cambus_relay_viewers{output="hls"}') == 0
        assert relay.metric("cambus_relay_gop_bytes") == 0


async def test_a_viewer_who_leaves_while_waiting_gives_its_place_up(
    relay_settings, run_relay, make_camera, device, eventually
):
    camera = await make_camera(pace=0)  # the picture never comes
    async with run_relay(relay_settings(relay_start_timeout_s=120)) as relay:
        viewers = relay.service.relay
        for port, request in ((viewers.http_port, http(device, "flv")), (viewers.rtsp_port, rtsp(device))):
            peer = socket.create_connection(("127.0.0.1", port))
            peer.sendall(request)
            await camera.until(lambda: camera.claims)
            assert viewers.streams.users == 1
            peer.close()
            await camera.until(lambda: not camera.claims)
            await eventually(lambda: not viewers.streams.users)


@pytest.mark.parametrize(
    "garbage",
    [b"\0" * 5000, b"$\0\xff\xff" + b"x" * 5000, b"GET / HTTP/1.1\r\n\r\n", b"OPTIONS * RTSP/1.0\r\n" * 3000],
    ids=["zeros", "interleaved", "http", "endless-head"],
)
async def test_garbage_harms_nobody_else(relay, make_camera, device, garbage):
    await make_camera()
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.service.relay.rtsp_port)
    writer.write(garbage)
    await asyncio.gather(writer.drain(), return_exceptions=True)
    await come_and_go(relay.service.relay.rtsp_port, rtsp(device), wait_for=b"m=video")
    writer.transport.abort()
    await asyncio.gather(reader.read(), writer.wait_closed(), return_exceptions=True)
