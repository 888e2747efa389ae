"""The HTTP port: metrics, alive, ready."""

import json
import socket

import aiohttp
import pytest
from aiohttp import web

from cambus.bus.health import Health
from cambus.bus.http import HttpServer
from cambus.bus.metrics import Metrics


@pytest.fixture
async def get():
    health, metrics = Health(), Metrics("demo")
    server = HttpServer(metrics, health)

    async def hello(request):
        return web.Response(text="hello")

    server.add_routes([web.get("/extra", hello)])
    await server.start()
    async with aiohttp.ClientSession() as session:

        async def fetch(path):
            async with session.get(f"http://127.0.0.1:{server.port}{path}") as response:
                return response.status, await response.text()

        yield health, metrics, fetch
    await server.stop()


async def test_metrics_are_shown(get):
    _, metrics, fetch = get
    metrics.counter("x_total", "X")().inc()
    status, text = await fetch("/metrics")
    assert (status, "cambus_x_total 1.0" in text) == (200, True)


async def test_alive_never_depends_on_readiness(get):
    health, _, fetch = get
    health.set("nats", ok=False)
    assert (await fetch("/livez"))[0] == 200


async def test_ready_names_what_is_missing(get):
    health, _, fetch = get
    assert (await fetch("/readyz"))[0] == 200
    health.set("nats", ok=False, detail="connection lost")
    status, text = await fetch("/readyz")
    assert status == 503
    assert json.loads(text)["conditions"] == {"nats": {"ok": False, "detail": "connection lost"}}
    health.set("nats", ok=True)
    assert (await fetch("/readyz"))[0] == 200
    health.drain()
    assert (await fetch("/readyz"))[0] == 503


async def test_a_service_adds_routes(get):
    assert await get[2]("/extra") == (200, "hello")


def test_a_pending_condition_ends_with_its_block():
    health = Health()
    with health.pending("loading", "reading the index"):
        assert not health.ready
    assert health.ready
    with pytest.raises(OSError, match="disk"), health.pending("loading", "again"):
        raise OSError("disk")
    assert not health.ready
    health.clear("loading")
    assert health.ready


@pytest.mark.parametrize(
    ("host", "shown"),
    [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]"), ("0.0.0.0", socket.gethostname())],
)
async def test_its_address_can_be_handed_to_others(host, shown):
    server = HttpServer(Metrics("demo"), Health(), host=host)
    await server.start()
    assert server.url == f"http://{shown}:{server.port}"
    await server.stop()
