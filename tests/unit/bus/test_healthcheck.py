"""What `HEALTHCHECK` of images asks, of the port a service has."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from cambus.bus import healthcheck
from cambus.bus.health import Health
from cambus.bus.http import HttpServer
from cambus.bus.metrics import Metrics

SOURCES = Path(healthcheck.__file__).parents[2]


@pytest.fixture
async def served():
    health = Health()
    server = HttpServer(Metrics("unit", "0.0.0"), health)
    await server.start()
    yield server, health
    await server.stop()


async def asked(path, **environment):
    return await asyncio.to_thread(healthcheck.main, [path] if path else [], environment)


async def test_a_service_that_is_ready_is_healthy(served, capsys):
    server, _ = served
    port = str(server.port)
    assert await asked("livez", CAMBUS_HTTP_HOST="0.0.0.0", CAMBUS_HTTP_PORT=port) == 0
    assert await asked("readyz", CAMBUS_HTTP_PORT=port) == 0
    assert capsys.readouterr().out == "ok\nok\n"


async def test_one_that_lives_and_is_not_ready_is_alive_and_says_why_it_is_not_ready(served, capsys):
    server, health = served
    health.set("nats", ok=False, detail="not connected")
    port = str(server.port)
    assert await asked("", CAMBUS_HTTP_PORT=port) == 0
    assert await asked("readyz", CAMBUS_HTTP_PORT=port) == 1
    assert "503" in (out := capsys.readouterr().out)
    assert "not connected" in out


async def test_one_that_is_gone_is_not_healthy(served, capsys):
    server, _ = served
    port = str(server.port)
    await server.stop()
    assert await asked("livez", CAMBUS_HTTP_PORT=port) == 1
    assert "livez: " in capsys.readouterr().out


@pytest.mark.parametrize(("port", "says"), [("", "livez"), ("0", "not set"), ("http", "livez")])
async def test_a_port_nobody_can_know_is_told(port, says, capsys):
    assert await asked("livez", CAMBUS_HTTP_PORT=port) == 1
    assert says in capsys.readouterr().out


async def test_another_question_is_a_mistake(capsys):
    assert await asked("metrics") == 2
    assert "livez, readyz" in capsys.readouterr().err


def test_it_needs_nothing_but_the_standard_library():
    code = f"import sys; sys.path.append({str(SOURCES)!r}); import cambus.bus.healthcheck"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)
