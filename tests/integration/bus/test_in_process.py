"""A service inside the caller's process: its end, orderly or not, leaves nothing behind."""

import asyncio
import socket

import pytest

from cambus.bus.in_process import RunningService
from cambus.bus.service import Service
from cambus.bus.settings import BusSettings
from cambus.schemas.model import Done, Empty
from cambus.schemas.spec import CommandSpec


class Defect(Exception):
    """Something the service did not foresee."""


class Restless(Service[BusSettings]):
    """Uses its connection all the time, and fails when that is gone."""

    name = "restless"

    async def start(self) -> None:
        self.working = asyncio.Event()
        self.let_fail = asyncio.Event()
        self.called = asyncio.Event()
        self.cut_off = False
        self.runtime.spawn(self.work(), name="work")
        self.runtime.spawn(self.fail_when_told(), name="fail")

    async def work(self) -> None:
        while True:
            await self.runtime.bus.publish("restless.work", b"x")
            await self.runtime.bus.flush()
            self.working.set()

    async def fail_when_told(self) -> None:
        await self.let_fail.wait()
        raise Defect

    async def hang(self, _context: object, _request: Empty) -> Done:
        self.called.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cut_off = True
            raise
        return Done()


class CannotStart(Restless):
    async def start(self) -> None:
        await super().start()
        raise Defect


class CannotRelease(Restless):
    async def release(self) -> None:
        raise Defect


@pytest.fixture
def settings(bus_settings: BusSettings) -> BusSettings:
    return bus_settings.model_copy(update={"instance": "restless-1"})


def assert_nothing_is_left(running: RunningService) -> None:
    assert running.runtime.bus.nc.is_closed
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", running.runtime.http.port)) != 0
    assert not [task for task in asyncio.all_tasks() if task.get_name() in ("work", "fail")]


async def test_a_crash_raises_nothing_and_closes_everything(settings: BusSettings) -> None:
    running = await RunningService(Restless, settings).start()
    await running.service.working.wait()
    await running.crash()
    assert_nothing_is_left(running)
    assert running.failure is None
    await running.stop()  # nothing is left to be stopped


async def test_a_crash_ends_the_calls_that_are_being_answered(settings, bus, unique) -> None:
    spec = CommandSpec("test", "hang", Empty, Done, "Hang.", service=unique)
    running = RunningService(Restless, settings)
    running.runtime.endpoints.add(spec, running.service.hang)
    await running.start()
    await bus.publish(spec.subject(), b"{}")
    await running.service.called.wait()
    await running.crash()
    assert running.service.cut_off
    assert_nothing_is_left(running)


async def test_a_defect_before_a_crash_is_remembered(settings: BusSettings, eventually) -> None:
    running = await RunningService(Restless, settings).start()
    running.service.let_fail.set()
    await eventually(lambda: running.failure is not None)
    await running.crash()
    assert running.failure is not None
    assert running.failure.subgroup(Defect) is not None
    assert_nothing_is_left(running)


async def test_a_stop_raises_what_made_the_service_fail(settings: BusSettings) -> None:
    running = await RunningService(Restless, settings).start()
    running.service.let_fail.set()
    with pytest.raises(ExceptionGroup) as failure:
        await running.stop()
    assert failure.value.subgroup(Defect) is not None
    assert_nothing_is_left(running)


@pytest.mark.parametrize("service", [CannotStart, CannotRelease])
async def test_a_service_that_fails_on_the_way_is_closed_all_the_same(settings: BusSettings, service) -> None:
    running = RunningService(service, settings)
    with pytest.raises(Defect):
        async with running:
            await running.service.working.wait()
    assert_nothing_is_left(running)
