"""Several relay processes serve one device stream; each has its own claim, and none needs another."""

import asyncio
import json
import os
import sys
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from cambus.client.calling import BusClient
from cambus.schemas.commands import media_relay
from cambus.schemas.model import Empty

TCP, UDP = ({"rtsp_transport": carrier} for carrier in ("tcp", "udp"))


@asynccontextmanager
async def replica(server, folder, name):
    """A relay process and what it said of its ports."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cambus.media_relay"),
        env={
            **os.environ,
            "CAMBUS_NATS_URL": server.url,
            "CAMBUS_INSTANCE": name,
            "CAMBUS_DATA_DIR": str(folder / name),
            "CAMBUS_RELAY_HTTP_PORT": "0",
            "CAMBUS_RELAY_RTSP_PORT": "0",
            "CAMBUS_RELAY_WEBRTC_PORT": "0",
            "CAMBUS_RELAY_LINGER_S": "0.2",
        },
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        said = {}
        async with asyncio.timeout(60):
            while "viewer_http_port" not in said:
                said = {**said, **json.loads(await process.stderr.readline())}
        yield process, said
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.fixture
async def replicas(nats_server, tmp_path):
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(replica(nats_server, tmp_path, name)) for name in ("one", "two")
        ]


async def test_two_replicas_serve_one_stream_and_one_goes_on_when_the_other_is_killed(
    replicas, make_camera, device, bus, watch
):
    camera = await make_camera()
    (first, _), _ = replicas
    urls = [f"rtsp://127.0.0.1:{said['rtsp_port']}/{device}/0/main" for _, said in replicas]
    watching = [
        asyncio.create_task(watch(url, pictures=40, options=options))
        for url in urls
        for options in (TCP, UDP)
    ]
    for watched in await asyncio.gather(*watching):
        assert watched.codecs == {"video": "h264", "audio": "pcm_alaw"}
        assert watched.keyframe_first
    assert len(camera.ever_claimed) == 2  # one for each replica, however many watch

    staying = asyncio.create_task(watch(urls[1], pictures=100, options=TCP))
    leaving = asyncio.create_task(watch(urls[0], pictures=10_000, options=TCP))
    client = BusClient(bus)
    async with asyncio.timeout(30):
        while True:
            replies = await client.broadcast(media_relay.STREAMS_LIST, Empty(), expected=2)
            watched = {reply.replica: reply.streams for reply in replies if reply.streams}
            if {
                name: [sum(each.viewers.values()) for each in streams] for name, streams in watched.items()
            } == {
                "one": [1],
                "two": [1],
            }:
                break
    first.kill()
    assert len((await staying).pictures) >= 100
    gone = await asyncio.gather(leaving, return_exceptions=True)
    assert isinstance(gone[0], Exception) or len(gone[0].pictures) < 10_000
