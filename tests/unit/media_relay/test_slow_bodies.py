"""HTTP clients that never end what they send."""

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cambus.media_relay import page_bodies
from cambus.schemas.errors import BadRequest


@pytest.mark.parametrize(
    ("header", "body"), [("Content-Length: 10", b"half"), ("Transfer-Encoding: chunked", b"4\r\nhalf\r\n")]
)
async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch, header, body):
    monkeypatch.setattr(page_bodies, "BODY_S", 0.05)
    refused = []

    async def take(request):
        try:
            await page_bodies.bytes_of(request)
        except BadRequest as error:
            refused.append(error.reason)
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/", take)])
    async with TestServer(app) as server, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(f"POST / HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n".encode() + body)
        await reader.read()  # to the end of the connection
        writer.close()
        await writer.wait_closed()
    assert refused == ["slow"]
