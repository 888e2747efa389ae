"""Still pictures by plan and with alarms: the device's connector takes, keeps and tells of them.

The pictures of a stream are taken by the replica whose share it is, so each is taken once. Those by plan are spread
over the time between two, so that not all cameras are asked in the same second.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, cast

from cambus.client.calling import BusClient
from cambus.client.tasks import TaskSet
from cambus.recorder.layout import StreamKey
from cambus.recorder.observe import RecorderMetrics
from cambus.recorder.policies import PolicyBook
from cambus.schemas import keys
from cambus.schemas.commands import snapshot
from cambus.schemas.errors import CambusError
from cambus.schemas.events.alarm import AlarmRaised
from cambus.schemas.ids import StreamName
from cambus.schemas.state.recording_policy import AlarmRecording

logger = logging.getLogger(__name__)

LOOK_S: Final = 1.0
AT_A_TIME: Final = 32
WAITING: Final = 256
STALE: Final = timedelta(seconds=60)
"""How old the news of an alarm may be for its picture still to show something of it."""

Cause = Literal["schedule", "alarm"]


class Pictures:
    """Has pictures taken.

    Args:
        client: asks the connectors.
        policies: of which streams, when.
        mine: whether the pictures of a stream are this replica's to take.
        metrics: count them.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        client: BusClient,
        policies: PolicyBook,
        mine: Callable[[StreamKey], bool],
        metrics: RecorderMetrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._policies = policies
        self._mine = mine
        self._metrics = metrics
        self._clock = clock
        self._slots: dict[tuple[StreamKey, int], int] = {}
        self._busy: set[tuple[StreamKey, str]] = set()
        self._tasks = TaskSet(WAITING)
        self._turns = asyncio.Semaphore(AT_A_TIME)

    async def run(self) -> None:
        """Take those that are due, until cancelled."""
        try:
            while True:
                self.look()
                await asyncio.sleep(LOOK_S)
        finally:
            self._tasks.cancel()
            await self._tasks.wait(1.0)

    def look(self) -> None:
        """Begin to take those that are due by plan."""
        now = self._clock()
        slots: dict[tuple[StreamKey, int], int] = {}
        for key, plans in self._policies.pictured(datetime.fromtimestamp(now, UTC)).items():
            for _, plan in plans:
                if plan.every_s is not None:
                    place = (key, plan.every_s)
                    slots[place] = slot_of(key, plan.every_s, now)
                    due = slots[place] != self._slots.get(place, slots[place])
                    if due and self._mine(key) and self._policies.online(key.device):
                        self._begin(key, plan.width, "schedule", None)
        self._slots = slots

    def alarm(self, alarm: AlarmRaised, stored: datetime) -> None:
        """Take pictures of an alarm that has just begun."""
        now = datetime.fromtimestamp(self._clock(), UTC)
        if now - stored > STALE:
            return
        for key, plans in self._policies.pictured(now).items():
            for policy, plan in plans:
                wanted = policy.alarm or AlarmRecording()
                here = (
                    alarm.channel == key.channel
                    if alarm.channel is not None
                    else policy.match.channels is None
                )
                fits = key.device == alarm.device and here and wanted.covers(alarm.type, alarm.severity)
                if plan.on_alarm and fits and self._mine(key):
                    self._begin(key, plan.width, "alarm", alarm.id)

    def _begin(self, key: StreamKey, width: int | None, cause: Cause, alarm: str | None) -> None:
        place = (key, cause)
        if place in self._busy or len(self._tasks) >= WAITING:
            self._metrics.picture(cause, "skipped")
            return
        self._busy.add(place)
        self._tasks.spawn(self._take(key, width, cause, alarm))

    async def _take(self, key: StreamKey, width: int | None, cause: Cause, alarm: str | None) -> None:
        request = snapshot.SnapshotTakeRequest(
            channel=key.channel, stream=cast(StreamName, key.stream), width=width, cause=cause, alarm=alarm
        )
        try:
            async with self._turns:
                await self._client.call(snapshot.TAKE, request, device=key.device)
        except CambusError as error:
            self._metrics.picture(cause, "failed")
            facts = {"device": key.device, "channel": key.channel, "reason": str(error)}
            logger.info("no picture", extra=facts)
        else:
            self._metrics.picture(cause, "taken")
        finally:
            self._busy.discard((key, cause))


def slot_of(key: StreamKey, every_s: int, now: float) -> int:
    """The number of the time between two pictures that `now` lies in; each stream has limits of its own."""
    shard = keys.shard_of_stream(key.device, key.channel, key.stream)
    return int((now + every_s * shard / keys.SHARDS) // every_s)
