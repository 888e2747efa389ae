"""One outlet with a sink that is scripted and a clock that stands still."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from cambus.alarm_router.notice import Notice
from cambus.alarm_router.observe import RouterMetrics
from cambus.alarm_router.outlet import Outlet, Pace
from cambus.alarm_router.rules import Route
from cambus.alarm_router.shipment import Parcel, Shipment
from cambus.alarm_router.webhook import DeliveryFailedError
from cambus.bus.metrics import Metrics
from cambus.client.tasks import end
from cambus.schemas.events.alarm import AlarmRaised
from cambus.schemas.state.alarm_sinks import AlarmSink, BusSink

LONG_S = 3600.0
ROUTE = Route("rule", 0)


class Sink:
    """Takes what is scripted; an attempt waits until it is let go on, if it is told to."""

    def __init__(self) -> None:
        self.present: AlarmSink | None = BusSink(subject="ops")
        self.attempts: list[str] = []
        self.failures: dict[str, list[Exception]] = {}
        self.held: dict[str, asyncio.Event] = {}
        self.under_way = self.most = 0
        self.attempted = asyncio.Condition()

    async def deliver(self, sink: AlarmSink, notice: Notice) -> None:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            async with self.attempted:
                self.attempts.append(notice.alarm.id)
                self.attempted.notify_all()
            if notice.alarm.id in self.held:
                await self.held[notice.alarm.id].wait()
            if self.failures.get(notice.alarm.id):
                raise self.failures[notice.alarm.id].pop(0)
        finally:
            self.under_way -= 1

    async def until(self, *attempts: str) -> None:
        async with asyncio.timeout(10), self.attempted:
            await self.attempted.wait_for(lambda: self.attempts[-len(attempts) :] == list(attempts))


class Rig:
    def __init__(self) -> None:
        self.now = 0.0
        self.sink = Sink()
        self.lanes: list[asyncio.Task[None]] = []
        pace = Pace(parallel=2, first_delay_s=LONG_S, longest_delay_s=LONG_S, clock=lambda: self.now)
        metrics = RouterMetrics(Metrics())
        self.outlet = Outlet(ROUTE, lambda _: self.sink.present, self.sink.deliver, pace, metrics)

    def put(self, event: str, device: str = "gate-1") -> Parcel:
        parcel = Shipment(event, device, 1, give_up_at=100.0).add(
            ROUTE, Notice(AlarmRaised.model_construct(id=event), "rule")
        )
        lane = self.outlet.put(parcel)
        if lane is not None:
            self.lanes.append(asyncio.create_task(self.outlet.run(lane)))
        return parcel

    async def finished(self, *parcels: Parcel) -> None:
        async with asyncio.timeout(10):
            for parcel in parcels:
                while parcel.shipment.owed:
                    await parcel.shipment.changed()

    async def delayed(self, *parcels: Parcel) -> None:
        async with asyncio.timeout(10):
            for parcel in parcels:
                while not parcel.shipment.delayed:
                    await parcel.shipment.changed()


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig()
    yield rig
    await end(*rig.lanes)


async def test_parcels_of_one_device_go_one_after_the_other(rig: Rig) -> None:
    rig.sink.held["a"] = asyncio.Event()
    parcels = [rig.put("a"), rig.put("b")]
    await rig.sink.until("a")
    other = rig.put("x", device="gate-2")
    await rig.finished(other)
    assert rig.sink.attempts == ["a", "x"]
    rig.sink.held["a"].set()
    await rig.finished(*parcels)
    assert rig.sink.attempts == ["a", "x", "b"]
    assert rig.outlet.idle


async def test_never_more_attempts_at_a_time_than_allowed(rig: Rig) -> None:
    rig.sink.held = {str(number): asyncio.Event() for number in range(6)}
    parcels = [rig.put(str(number), device=f"gate-{number}") for number in range(6)]
    for released in rig.sink.held.values():
        await asyncio.sleep(0)
        released.set()
    await rig.finished(*parcels)
    assert rig.sink.most == 2


async def test_a_sink_that_is_away_delays_what_waits_and_what_comes(rig: Rig) -> None:
    rig.sink.held["a"] = asyncio.Event()
    rig.sink.failures["a"] = [DeliveryFailedError("away", away=True)]
    first, behind = rig.put("a"), rig.put("b")
    await rig.sink.until("a")
    assert not behind.delayed
    rig.sink.held["a"].set()
    await rig.delayed(first, behind)
    rig.sink.failures["x"] = [DeliveryFailedError("away", away=True)]
    assert rig.put("x", device="gate-2").delayed


async def test_the_first_that_is_taken_wakes_all_who_wait_for_the_sink(rig: Rig) -> None:
    rig.sink.failures = {event: [DeliveryFailedError("away", away=True)] for event in "ab"}
    waiting = [rig.put("a", device="gate-1"), rig.put("b", device="gate-2")]
    await rig.delayed(*waiting)
    await rig.sink.until("a", "b")
    await rig.finished(rig.put("c", device="gate-3"))
    await rig.finished(*waiting)  # their own wait is an hour


async def test_a_refused_parcel_waits_its_time_though_the_sink_takes_others(rig: Rig) -> None:
    rig.sink.failures["a"] = [DeliveryFailedError("HTTP 400")] * 2
    refused, behind = rig.put("a"), rig.put("b")
    await rig.delayed(refused)
    await rig.finished(rig.put("x", device="gate-2"))
    assert rig.sink.attempts == ["a", "x"]
    assert behind.delayed
    assert not rig.put("y", device="gate-3").delayed


async def test_retry_after_holds_back_the_whole_outlet(rig: Rig) -> None:
    rig.sink.failures["a"] = [DeliveryFailedError("HTTP 429", away=True, retry_after_s=50.0)]
    first = rig.put("a")
    await rig.delayed(first)
    second = rig.put("x", device="gate-2")
    for _ in range(10):
        await asyncio.sleep(0)
    assert rig.sink.attempts == ["a"]
    rig.outlet.rule_changed()
    await rig.finished(first, second)


async def test_a_change_of_the_rule_ends_every_wait(rig: Rig) -> None:
    rig.sink.failures["a"] = [DeliveryFailedError("HTTP 404")]
    refused = rig.put("a")
    await rig.delayed(refused)
    rig.outlet.rule_changed()
    await rig.finished(refused)
    assert rig.sink.attempts == ["a", "a"]


async def test_without_a_sink_nothing_is_attempted(rig: Rig) -> None:
    rig.sink.present = None
    parcel = rig.put("a")
    await rig.finished(parcel)
    assert rig.sink.attempts == []
    assert parcel.shipment.failures == {}


async def test_after_its_time_a_failed_attempt_is_the_last(rig: Rig) -> None:
    rig.sink.failures["a"] = [DeliveryFailedError("HTTP 500")]
    rig.now = 100.0
    late = rig.put("a")
    await rig.finished(late, rig.put("b"))
    assert late.shipment.failures == {"rule.0": "HTTP 500"}
    assert rig.sink.attempts == ["a", "b"]


async def test_a_withdrawn_parcel_is_not_attempted_again_and_not_overtaken(rig: Rig) -> None:
    rig.sink.failures["a"] = [DeliveryFailedError("HTTP 500")]
    parcel = rig.put("a")
    await rig.delayed(parcel)
    behind = rig.put("b")
    assert parcel.shipment.withdraw()
    rig.outlet.rule_changed()
    while not behind.barred:
        await behind.shipment.changed()
    await rig.finished(rig.put("c"))
    assert rig.sink.attempts == ["a", "c"]


async def test_what_is_being_attempted_cannot_be_withdrawn(rig: Rig) -> None:
    rig.sink.held["a"] = asyncio.Event()
    parcel = rig.put("a")
    await rig.sink.until("a")
    assert not parcel.shipment.withdraw()
    rig.sink.held["a"].set()
    await rig.finished(parcel)
    assert not parcel.shipment.withdraw()  # there is nothing left to withdraw


async def test_a_defect_is_a_failed_attempt(rig: Rig) -> None:
    rig.sink.failures["a"] = [KeyError("a defect")]
    parcel = rig.put("a")
    await rig.delayed(parcel)
    rig.outlet.rule_changed()
    await rig.finished(parcel)


@pytest.mark.parametrize(("failed", "most_s"), [(1, 1.0), (2, 2.0), (5, 16.0), (6, 30.0), (10_000, 30.0)])
def test_waits_double_up_to_the_longest(failed: int, most_s: float) -> None:
    pace = Pace(parallel=1, first_delay_s=1.0, longest_delay_s=30.0, clock=lambda: 0.0)
    assert 0.8 * most_s <= pace.delay_s(failed) <= most_s
