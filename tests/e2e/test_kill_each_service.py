"""Every process killed in turn while people watch, streams are recorded and alarms come: nothing promised is lost."""

import asyncio
import contextlib
import os
import signal

import aiohttp
import pytest
import pytest_asyncio
from recordings import Recordings, covers, unexplained
from suite import recorder_device, running_suite, until
from webhook import WebhookReceiver

from cambus.cli.stack.options import SERVICES
from cambus.schemas.commands import alarm_router, media_relay, ptz
from cambus.schemas.errors import CambusError
from cambus.schemas.spans import RecordedSpan, TimeRange
from cambus.schemas.state.alarm_rule import AlarmMatch, AlarmRule
from cambus.schemas.state.alarm_sinks import WebhookSink

pytestmark = pytest.mark.asyncio(loop_scope="module")

NVR = "kill-nvr"
NATS = "nats-server"
UNTOUCHED = {
    "connector-dvrip": {"viewer"},
    "connector-gb28181": {"viewer", "recording"},
    "connector-rtsp": {"viewer", "recording"},
    "media-relay": {"recording"},
    "recorder": {"viewer"},
    "alarm-router": {"viewer", "recording"},
    "upgrade-manager": {"viewer", "recording"},
    NATS: {"viewer"},
}
"""What a death does not show in: the viewer's connection stays, the recording has no gap."""

ONCE_MORE = {"alarm-router", NATS}
"""After their death one alarm may be told again, by the same id: its delivery was not on record yet."""


class Viewer:
    """Somebody who watches over WebSocket, and comes back when the picture ends."""

    def __init__(self, suite) -> None:
        self.suite = suite
        self.connections = 0
        self.fragments = 0

    async def run(self) -> None:
        while True:
            try:
                await self._watch()
            except (CambusError, aiohttp.ClientError, OSError, TimeoutError):
                await asyncio.sleep(0.1)  # a person who presses the button again

    async def _watch(self) -> None:
        request = media_relay.LiveOpenRequest(device=NVR, channel=0)
        urls = await self.suite.client.call(media_relay.LIVE_OPEN, request, timeout_s=5.0)
        async with self.suite.http.ws_connect(urls.ws_fmp4) as socket:
            self.connections += 1
            async for message in socket:
                self.fragments += message.type is aiohttp.WSMsgType.BINARY


class Alarms:
    """A device that reports one alarm after the other, each of a name of its own."""

    def __init__(self, simulator) -> None:
        self.simulator = simulator
        self.raised = 0
        self.heard: set[str] = set()

    async def run(self) -> None:
        counters = self.simulator.role.counters
        while True:
            self.raised += 1
            name = f"E2E{self.raised}"
            before = counters["alarms_acknowledged"]
            guarded = any(session.guarded for session in self.simulator.sessions)
            self.simulator.raise_alarm(name, 0, "None")
            try:
                await self.simulator.wait_for(
                    lambda before=before: counters["alarms_acknowledged"] > before, 1
                )
            except TimeoutError:
                continue
            if guarded and counters["alarms_acknowledged"] == before + 1:
                self.heard.add(name)
            await asyncio.sleep(0.1)  # the pace of the device


class Life:
    """What goes on while processes die."""

    def __init__(self, suite, simulator, receiver) -> None:
        self.suite = suite
        self.receiver = receiver
        self.viewer = Viewer(suite)
        self.alarms = Alarms(simulator)
        self.recordings = Recordings(suite.client, NVR, 0)
        self.reported: list[RecordedSpan] = []

    @property
    def delivered(self) -> set[str]:
        return {body["alarm"]["native"]["code"] for body in self.receiver.bodies}

    @property
    def told_again(self) -> int:
        """How often an alarm came that had been accepted before."""
        return sum(times - 1 for times in self.receiver.accepted.values())

    async def goes_on(self) -> None:
        """Wait until pictures, recordings and alarms have all moved on, and a command is obeyed."""
        fragments, delivered = self.viewer.fragments, len(self.delivered)
        await until(lambda: self.viewer.fragments > fragments + 25, what="the viewer sees more")
        await until(lambda: len(self.delivered) > delivered + 3, what="more alarms arrive")
        recorded = await self.recorded()

        async def more() -> bool:
            return await self.recorded() > recorded + 1

        await until(more, what="more is recorded")
        await until(self.obeys, what="a command is obeyed")

    async def recorded(self) -> float:
        """When what is known to be recorded ends; every span that is reported is remembered."""
        with contextlib.suppress(CambusError):  # no answer changes nothing of what is known
            self.reported += await self.recordings.spans()
        return max(span.end for span in self.reported).timestamp() if self.reported else 0.0

    async def obeys(self) -> bool:
        request = ptz.PtzMoveRequest(channel=0, pan=0.1, duration_s=0.1)
        try:
            await self.suite.client.call(ptz.MOVE, request, device=NVR, timeout_s=2.0)
        except CambusError:
            return False
        return True


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def life(folder):
    async with (
        recorder_device(channels=1) as nvr,
        WebhookReceiver() as receiver,
        running_suite(folder) as suite,
    ):
        await suite.add(NVR, nvr.port)
        await suite.online(NVR)
        rule = AlarmRule(id="all", match=AlarmMatch(devices=[NVR]), sinks=[WebhookSink(url=receiver.url)])
        await suite.client.call(alarm_router.RULES_PUT, alarm_router.RulesPutRequest(rule=rule))
        life = Life(suite, nvr, receiver)
        await life.recordings.record()
        tasks = [asyncio.create_task(life.viewer.run()), asyncio.create_task(life.alarms.run())]
        yield life
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_nothing_is_left_out():
    assert set(UNTOUCHED) == {*SERVICES, NATS}


@pytest.mark.parametrize("victim", UNTOUCHED)
async def test_the_others_go_on_and_the_killed_one_comes_back(life, victim):
    suite, untouched = life.suite, UNTOUCHED[victim]
    await life.goes_on()
    others = {name: suite.pid(name) for name in SERVICES if name != victim}
    connections, told_again = life.viewer.connections, life.told_again
    heard = len(life.alarms.heard)
    last_end = (await life.recordings.spans())[-1].end

    if victim == NATS:
        killed = suite.stack.nats.pid
        os.kill(killed, signal.SIGKILL)
        await until(lambda: len(life.alarms.heard) > heard + 1, what="alarms are heard without NATS")
        await until(lambda: suite.stack.nats.running and suite.stack.nats.pid != killed, what="NATS is back")
    else:
        await suite.kill_and_back(victim)

    await life.goes_on()
    assert {name: suite.pid(name) for name in others} == others
    if "viewer" in untouched:
        assert life.viewer.connections == connections
    await life.recorded()
    found = await life.recordings.found()
    assert unexplained(found.spans, found.gaps) == [], found.gaps
    assert [span for span in life.reported if not covers(found.spans, span)] == []
    if "recording" in untouched:
        now = max(span.end for span in found.spans)
        assert covers(found.spans, TimeRange(start=last_end, end=now))
    promised = set(life.alarms.heard)
    await until(lambda: promised <= life.delivered, within_s=60, what="every alarm that was heard arrives")
    assert life.told_again - told_again <= (victim in ONCE_MORE)
