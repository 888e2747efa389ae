"""An HTTP port that nobody can fill."""

import asyncio
import gzip
import logging

import pytest
from aiohttp import web

from cambus.bus import http
from cambus.bus.crowd import Crowd
from cambus.bus.health import Health
from cambus.bus.http import HttpServer
from cambus.bus.http_site import BoundedSite, bounded_runner
from cambus.bus.metrics import Metrics

HELLO = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture
async def listen():
    """Starts a port; its number."""
    runners = []

    async def length(request):
        return web.Response(text=str(len(await request.read())))

    async def start(crowd=None, **options):
        app = web.Application(client_max_size=1 << 16)
        app.add_routes([web.get("/", length), web.post("/", length)])
        runner = bounded_runner(app, shutdown_timeout=0.1, **options)
        await runner.setup()
        runners.append(runner)
        site = BoundedSite(runner, "127.0.0.1", 0, crowd or Crowd(100, 100))
        await site.start()
        return runner.addresses[0][1]

    async with asyncio.timeout(60):
        yield start
    for runner in runners:
        await runner.cleanup()


async def said(port, data, source="127.0.0.1"):
    """Send bytes; all that comes back until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    try:
        writer.write(data)
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_one_address_does_not_get_all_connections(listen):
    port = await listen(Crowd(10, 2))
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
    try:
        assert await said(port, HELLO) == b""
        assert (await said(port, HELLO, "127.0.0.2")).startswith(b"HTTP/1.1 200")
    finally:
        for _, writer in held:
            writer.close()
            await writer.wait_closed()
    while not await said(port, HELLO):  # until it is noticed that they have gone
        pass


@pytest.mark.parametrize("head", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_who_does_not_end_the_head_of_a_request_is_cut_off(listen, head):
    assert await said(await listen(idle_s=0.05), head) == b""


@pytest.mark.parametrize(
    "noise",
    [
        b"GET /live/gate/0/main.flv?token=c4nary HTTP/9.9\r\n\r\n",
        b"GET /live?token=c4nary\x01 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nAuthorization : Bearer c4nary\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nc4nary\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03c4nary",
    ],
)
async def test_what_is_no_http_is_not_logged(listen, caplog, noise):
    caplog.set_level(logging.DEBUG)
    assert (await said(await listen(), noise)).startswith((b"HTTP/1.0 400", b"HTTP/1.1 400"))
    assert "c4nary" not in caplog.text
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_body_is_not_unpacked(listen):
    packed = gzip.compress(bytes(10_000_000))
    head = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Encoding: gzip\r\n"
    answer = await said(await listen(), f"{head}Content-Length: {len(packed)}\r\n\r\n".encode() + packed)
    assert answer.endswith(b"\r\n\r\n" + str(len(packed)).encode())


@pytest.mark.parametrize("bound", ["MAX_CONNECTIONS", "MAX_OF_ADDRESS"])
async def test_the_port_of_metrics_leaves_a_service_its_descriptors(monkeypatch, bound):
    monkeypatch.setattr(http, bound, 1)
    server = HttpServer(Metrics("demo"), Health())
    await server.start()
    _, held = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        assert await said(server.port, HELLO) == b""
    finally:
        held.close()
        await held.wait_closed()
        await server.stop()
