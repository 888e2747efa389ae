"""Fixtures for every test: one real NATS server for each test process, and names nobody else uses."""

import asyncio
import inspect
import logging
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from hypothesis import settings
from thoroughness import PROFILE

from cambus.bus.connection import Bus
from cambus.bus.settings import BusSettings
from cambus.bus.testing import NatsServer

settings.register_profile("suite", deadline=None, max_examples=20)  # a busy machine is no failure
settings.register_profile("thorough", deadline=None, max_examples=200)
settings.load_profile(PROFILE)

# Every nats-server of a run on one processor each: there are more of them than processors, and a server spends a
# fifth of its time on waking threads.
os.environ.setdefault("GOMAXPROCS", "1")


@pytest.fixture(autouse=True)
def logging_left_as_it_was() -> Iterator[None]:
    """What a command or a service sets up for its whole process ends with the test that ran it in this one."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logger.level for name, logger in _loggers()}
    yield
    root.handlers[:] = handlers
    if root.level != level:
        root.setLevel(level)
    for name, logger in _loggers():
        before = levels.get(name, logging.NOTSET)
        if logger.level != before:  # setting it, even to what it is, makes every logger forget what it knows
            logger.setLevel(before)


def _loggers() -> list[tuple[str, logging.Logger]]:
    known = logging.Logger.manager.loggerDict.items()
    return [(name, logger) for name, logger in known if isinstance(logger, logging.Logger)]


@pytest.fixture(scope="session")
def nats_server() -> Iterator[NatsServer]:
    """A server shared by all tests of this process; a test that kills it starts one of its own."""
    with NatsServer() as server:
        yield server


@pytest.fixture
def unique() -> str:
    """A token no other test uses: for device ids, subjects, buckets and streams."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture
def device(unique: str) -> str:
    """A device id no other test uses."""
    return f"device-{unique}"


@pytest.fixture
def bus_settings(nats_server: NatsServer) -> BusSettings:
    """Settings that lead to the shared server."""
    return BusSettings(nats_url=nats_server.url, instance="replica-1")


@pytest.fixture
async def bus(bus_settings: BusSettings) -> AsyncIterator[Bus]:
    """An open connection to the shared server."""
    async with await Bus.connect(bus_settings, name="test") as connection:
        yield connection


@pytest.fixture
def eventually() -> Callable[..., Awaitable[None]]:
    """Waits until a condition holds: for what a foreign process does and tells nobody. Fails after 60 s."""

    async def holds(condition: Callable[[], object]) -> bool:
        outcome = condition()
        return bool(await outcome if inspect.isawaitable(outcome) else outcome)

    async def wait(condition: Callable[[], object], within_s: float = 60.0) -> None:
        async with asyncio.timeout(within_s):
            while not await holds(condition):  # noqa: ASYNC110 - nobody sets an event
                await asyncio.sleep(0.01)

    return wait
