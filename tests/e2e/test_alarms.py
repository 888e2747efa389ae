"""Alarms on their way from a device to a webhook: each arrives, and arrives once, whoever is killed."""

import asyncio
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from suite import recorder_device, running_suite, until
from webhook import WebhookReceiver

from cambus.schemas.assets import STREAM_EVENTS
from cambus.schemas.commands import alarm_router
from cambus.schemas.events import alarm as alarm_events
from cambus.schemas.state.alarm_rule import AlarmMatch, AlarmRule
from cambus.schemas.state.alarm_sinks import WebhookSink

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(folder):
    async with running_suite(folder, "connector-dvrip", "alarm-router") as running:
        yield running


class Watched:
    """A recorder whose alarms go to a receiver of its own."""

    def __init__(self, suite, name, simulator, receiver):
        self.suite = suite
        self.name = name
        self.simulator = simulator
        self.receiver = receiver

    @property
    def told(self) -> list[tuple[str, str]]:
        """What the receiver accepted, in order: what happened and the key of the alarm."""
        return [(body["type"], body["alarm"]["key"]) for body in self.receiver.bodies]

    async def raised_now(self) -> list[str]:
        request = alarm_router.AlarmsListRequest(devices=[self.name])
        reply = await self.suite.client.call(alarm_router.ALARMS_LIST, request)
        return sorted(active.raised.key for active in reply.alarms)

    async def acknowledged(self, reports: int) -> None:
        """Wait until the device was told that so many of its reports were heard (1505)."""
        counters = self.simulator.role.counters
        await self.simulator.wait_for(lambda: counters["alarms_acknowledged"] >= reports)


@pytest_asyncio.fixture(loop_scope="module")
async def watched(suite):
    """Makes recorders of that name, each with a rule and a receiver."""
    async with AsyncExitStack() as stack:

        async def make(name: str) -> Watched:
            simulator = await stack.enter_async_context(recorder_device())
            receiver = await stack.enter_async_context(WebhookReceiver())
            rule = AlarmRule(
                id=name, match=AlarmMatch(devices=[name]), sinks=[WebhookSink(url=receiver.url, timeout_s=20)]
            )
            await suite.client.call(alarm_router.RULES_PUT, alarm_router.RulesPutRequest(rule=rule))
            await suite.add(name, simulator.port)
            await suite.online(name)
            await simulator.wait_for(lambda: any(session.guarded for session in simulator.sessions))
            return Watched(suite, name, simulator, receiver)

        yield make


async def all_acknowledged(suite) -> bool:
    """Whether the router has told the stream of everything it finished."""
    info = await suite.bus.jetstream.call(f"CONSUMER.INFO.{STREAM_EVENTS}.{alarm_router.SERVICE}")
    return info["num_ack_pending"] == 0 and info["num_pending"] == 0


async def test_a_beginning_and_its_end_arrive_once_each_and_belong_together(suite, watched):
    nvr = await watched("alarms-pair")
    nvr.simulator.raise_alarm("motion", channel=1)
    await nvr.receiver.until(lambda receiver: len(receiver.bodies) == 1)
    assert await nvr.raised_now() == ["motion:1"]
    nvr.simulator.raise_alarm("motion", channel=1, status="Stop")
    await nvr.receiver.until(lambda receiver: len(receiver.bodies) == 2)
    assert nvr.told == [("alarm.raised", "motion:1"), ("alarm.cleared", "motion:1")]
    raised, cleared = (body["alarm"] for body in nvr.receiver.bodies)
    assert (raised["type"], raised["channel"], raised["device"]) == ("motion", 1, "alarms-pair")
    assert cleared["raised"] == raised["id"]

    async def over() -> bool:
        return await nvr.raised_now() == []

    await until(over)
    assert set(nvr.receiver.accepted.values()) == {1}
    assert sorted(nvr.receiver.accepted) == sorted([raised["id"], cleared["id"]])


async def test_no_alarm_is_lost_or_told_twice_when_the_router_is_killed(suite, watched):
    refused, held, done = await asyncio.gather(
        watched("alarms-refused"), watched("alarms-held"), watched("alarms-done")
    )
    done.simulator.raise_alarm("tamper", channel=0)
    await done.receiver.until(lambda receiver: receiver.accepted)
    await until(lambda: all_acknowledged(suite), what="the router is done")
    refused.receiver.refusing = True
    held.receiver.answering.clear()
    for nvr in (refused, held):
        nvr.simulator.raise_alarm("motion", channel=0)
    await refused.receiver.until(lambda receiver: receiver.refused)  # not delivered yet
    await held.receiver.until(lambda receiver: receiver.accepted)  # taken, and the router never heard so
    killed = suite.kill("alarm-router")
    for nvr in (refused, held, done):
        nvr.simulator.raise_alarm("video_loss", channel=1)  # while there is no router
    refused.receiver.refusing = False
    held.receiver.answering.set()
    await suite.back("alarm-router", killed)
    for nvr in (refused, held, done):  # before NATS gives the beginnings out again
        nvr.simulator.raise_alarm("motion", channel=0, status="Stop")
        nvr.simulator.raise_alarm("tamper", channel=0, status="Stop")
    for nvr in (refused, held, done):
        await nvr.receiver.until(lambda receiver: len(receiver.accepted) >= 4)
    await until(lambda: all_acknowledged(suite), what="the router is done", within_s=60)

    assert set(refused.receiver.accepted.values()) == {1}
    assert set(done.receiver.accepted.values()) == {1}
    twice = [delivery for delivery, times in held.receiver.accepted.items() if times > 1]
    assert len(twice) <= 1  # the one whose answer was cut off: told again, by the same id
    for nvr in (refused, held, done):
        raised = {event.id: event for event in suite.events.of(alarm_events.RAISED, nvr.name)}
        cleared = {event.id: event for event in suite.events.of(alarm_events.CLEARED, nvr.name)}
        assert sorted(nvr.receiver.accepted) == sorted(raised.keys() | cleared.keys())
        told = [body["alarm"]["id"] for body in nvr.receiver.bodies]
        pairs = [(event.raised, event.id) for event in cleared.values() if event.raised]
        key = "tamper:0" if nvr is done else "motion:0"
        assert [(raised[began].key, cleared[ended].key) for began, ended in pairs] == [(key, key)]
        for began, ended in pairs:
            assert told.index(began) < told.index(ended)
        assert await nvr.raised_now() == ["video-loss:1"]


async def test_an_alarm_the_device_was_told_is_heard_survives_a_kill_of_the_connector(suite, watched):
    nvr = await watched("alarms-connector")
    alarms = [("motion", 0), ("motion", 1), ("tamper", 0), ("tamper", 1), ("video_loss", 0)]
    suite.stack.nats.suspend()  # what is heard now is on the connector's disk and nowhere else
    try:
        for heard, (event, channel) in enumerate(alarms, start=1):
            nvr.simulator.raise_alarm(event, channel=channel)
            await nvr.acknowledged(heard)
        killed = suite.kill("connector-dvrip")
    finally:
        suite.stack.nats.resume()
    await nvr.receiver.until(lambda receiver: len(receiver.bodies) >= len(alarms))
    assert nvr.told == [("alarm.raised", f"{event.replace('_', '-')}:{channel}") for event, channel in alarms]
    await suite.back("connector-dvrip", killed)
    await nvr.simulator.wait_for(lambda: any(session.guarded for session in nvr.simulator.sessions), 30)
    nvr.simulator.raise_alarm("motion", channel=1, status="Stop")
    await nvr.receiver.until(lambda receiver: len(receiver.bodies) > len(alarms))
    assert nvr.told[-1] == ("alarm.cleared", "motion:1")
    assert set(nvr.receiver.accepted.values()) == {1}
