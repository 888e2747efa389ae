"""What the tests of the bus share: made-up commands, a running service and a client."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest

from cambus.bus.calls import CallContext, CallHandler
from cambus.bus.connection import Bus
from cambus.bus.endpoints import Endpoints
from cambus.bus.settings import BusSettings
from cambus.client.calling import BusClient
from cambus.schemas.model import Message
from cambus.schemas.spec import CommandSpec


class Say(Message):
    text: str = ""
    seconds: float = 0.0


class Said(Message):
    text: str
    replica: str = ""


@dataclass(frozen=True)
class Specs:
    """Commands nobody else's tests use: the service's name is unique."""

    service: str

    @property
    def say(self) -> CommandSpec[Say, Said]:
        return CommandSpec("test", "say", Say, Said, "Say it again.")

    @property
    def other(self) -> CommandSpec[Say, Said]:
        return CommandSpec("test", "other", Say, Said, "Another command.")

    @property
    def ask(self) -> CommandSpec[Say, Said]:
        return CommandSpec("test", "ask", Say, Said, "Ask one replica.", service=self.service)

    @property
    def all(self) -> CommandSpec[Say, Said]:
        return CommandSpec(
            "test",
            "all",
            Say,
            Said,
            "Ask every replica.",
            service=self.service,
            broadcast=True,
            timeout_s=5.0,
        )


@pytest.fixture
def specs(unique: str) -> Specs:
    return Specs(unique)


@pytest.fixture
async def endpoints(bus: Bus, specs: Specs) -> AsyncIterator[Endpoints]:
    """Endpoints of a service without any command yet; drained at the end."""
    service = Endpoints(bus, specs.service, "1.2.3")
    yield service
    await service.drain(timeout_s=0)


@pytest.fixture
async def client_bus(bus_settings: BusSettings) -> AsyncIterator[Bus]:
    """A second connection, for callers."""
    async with await Bus.connect(bus_settings, name="caller") as connection:
        yield connection


@pytest.fixture
def client(client_bus: Bus) -> BusClient:
    return BusClient(client_bus)


@pytest.fixture
async def new_bus(bus_settings: BusSettings) -> AsyncIterator[Callable[[str], object]]:
    """Opens further connections, each under its own instance name."""
    opened: list[Bus] = []

    async def connect(instance: str) -> Bus:
        settings = bus_settings.model_copy(update={"instance": instance})
        opened.append(await Bus.connect(settings, name="test"))
        return opened[-1]

    yield connect
    for connection in opened:
        await connection.close()


@pytest.fixture
def echo(specs: Specs) -> CallHandler[Say, Said]:
    """Answers what it was asked, and for which device."""

    async def answer(context: CallContext, request: Say) -> Said:
        return Said(text=f"{context.device}:{request.text}")

    return answer
