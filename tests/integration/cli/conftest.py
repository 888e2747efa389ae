"""cambusctl as users run it: a command line in, an exit code and what was printed out; NATS is real."""

import asyncio
import io
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.endpoints import Endpoints
from cambus.bus.sealing import KeyRing
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer
from cambus.cli.main import run
from cambus.client.kv import KeyValue
from cambus.schemas.assets import KV_DEVICES, KV_PRESENCE
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.presence import Presence


@dataclass(frozen=True)
class Ran:
    """One command line that ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON document it printed."""
        return json.loads(self.out)

    @property
    def records(self) -> list[Any]:
        """The JSON lines it printed."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self) -> Any:
        """The error in the JSON document it printed."""
        return self.document["error"]


@pytest.fixture(scope="module")
def nats_server() -> Iterator[NatsServer]:
    """A server for the tests of one module: commands look at everything there is."""
    with NatsServer() as server:
        yield server


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    """The tests' own connection; everything Cambus needs in JetStream is there."""
    settings = BusSettings(nats_url=nats_server.url, instance="replica-1")
    async with await Bus.connect(settings, name="test") as connection:
        await ensure_assets(connection)
        yield connection


Cambusctl = Callable[..., Awaitable[Ran]]


@pytest.fixture
def cambusctl(nats_server: NatsServer, capsys: pytest.CaptureFixture[str], monkeypatch) -> Cambusctl:
    """Runs a command line against the server; `stdin` is what it reads. It has a loop of its own, in a thread."""
    for name in ("CAMBUS_NATS_URL", "CAMBUS_CREDENTIALS_KEY_FILE", "CAMBUS_NATS_MONITOR_URL"):
        monkeypatch.delenv(name, raising=False)

    async def call(*arguments: str, stdin: str = "", nats: str | None = None) -> Ran:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        address = ["--nats", nats or nats_server.url]
        code = await asyncio.to_thread(run, [*arguments, *address])
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return call


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """A key that seals credentials."""
    path = tmp_path / "credentials.key"
    KeyRing.load_or_create(path)
    return path


@pytest.fixture
async def service(bus: Bus) -> AsyncIterator[Endpoints]:
    """Endpoints to answer commands with; start them, and hold devices, as the test needs."""
    endpoints = Endpoints(bus, "fake", "0.1.0")
    yield endpoints
    await endpoints.drain(timeout_s=0)


@pytest.fixture
def records(bus: Bus) -> KeyValue[DeviceRecord]:
    return KeyValue(bus, KV_DEVICES, DeviceRecord)


@pytest.fixture
def presences(bus: Bus) -> KeyValue[Presence]:
    return KeyValue(bus, KV_PRESENCE, Presence)
