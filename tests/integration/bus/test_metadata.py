"""What discovery tells about a service besides its commands."""

import json

from cambus.bus.health import Health
from cambus.bus.http import HttpServer
from cambus.bus.metrics import Metrics


async def test_what_a_service_finds_out_after_its_construction_is_told(endpoints, client_bus, specs):
    await endpoints.start()
    endpoints.metadata["rtsp"] = "rtsp://127.0.0.1:8554"
    for verb in ("PING", "INFO", "STATS"):
        answer = json.loads((await client_bus.request(f"$SRV.{verb}.{specs.service}")).data)
        assert answer["metadata"] == {"rtsp": "rtsp://127.0.0.1:8554"}


async def test_an_ipv6_address_of_the_http_port_is_written_as_urls_want_it():
    server = HttpServer(Metrics("demo"), Health(), host="::1")
    await server.start()
    assert server.url == f"http://[::1]:{server.port}"
    await server.stop()
