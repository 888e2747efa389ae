"""Alarms of a session, from the device to the bus: made durable first, acknowledged to the device afterwards."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from cambus.connector.alarm_publisher import AlarmKeeper
from cambus.connector.device_events import DeviceEvents
from cambus.connector_dvrip.alarms import AlarmEvent, DeviceAlarms, Moment
from cambus.connector_dvrip.clock import DeviceZone
from cambus.connector_dvrip.metrics import DvripMetrics
from cambus.dvrip.events import AlarmRaised, EventStream
from cambus.dvrip.messages.alarm import AlarmReport, AlarmStatus
from cambus.schemas.alarms import Severity

logger = logging.getLogger(__name__)

WINDOW: Final = 64
"""Events on their way to the outbox at a time: one write to disk takes them all."""

DROP_REPORT_S: Final = 60.0


class AlarmPump:
    """Publishes the alarms of one device.

    Args:
        alarms: pairs and collapses them.
        events: publishes.
        metrics: counts.
        zone: of the device's clock; asked for each report.
        channels: how many it has; asked for each report.
    """

    def __init__(
        self,
        alarms: DeviceAlarms,
        events: DeviceEvents,
        metrics: DvripMetrics,
        *,
        zone: Callable[[], DeviceZone],
        channels: Callable[[], int],
    ) -> None:
        self._alarms = alarms
        self._events = events
        self._keeper = AlarmKeeper(events, self._forget)
        self._metrics = metrics
        self._zone = zone
        self._channels = channels
        self._window = asyncio.Semaphore(WINDOW)
        self._dropped = 0
        self._drop_told_at = -DROP_REPORT_S
        self._changed = asyncio.Event()

    async def follow(self, stream: EventStream) -> None:
        """Publish what a session reports, in order, until it ends; what is on its way is finished."""
        self._dropped = 0
        async with asyncio.TaskGroup() as publishing:
            async for event in stream:
                if isinstance(event, AlarmRaised):
                    await self._window.acquire()
                    publishing.create_task(self._take(event)).add_done_callback(self._one_done)
                await self._tell_drops(stream)

    async def report(self, report: AlarmReport, via: str) -> None:
        """Publish what was found out by other means than the session's own reports."""
        await self._publish(self._track(report, via))

    async def state(self, report: AlarmReport, via: str, *, is_news: bool) -> None:
        """Publish what the device shows when it is asked, in the words of a report.

        What goes on is shown again each time, which keeps its hold from running out. What is no news and not known as
        active has been ended by another way, or is over: that is told once, and not begun anew.
        """
        if self._alarms.is_active(report) or (is_news and report.status is AlarmStatus.START):
            await self.report(report, via)

    async def expire_for_ever(self) -> None:
        """Supply the ends that never come, until cancelled."""
        while True:
            self._changed.clear()
            try:
                async with asyncio.timeout_at(self._alarms.next_timeout()):
                    await self._changed.wait()
            except TimeoutError:
                await self._publish(self._alarms.expire(self._moment()))

    # --- inside -----------------------------------------------------------------------------------------

    def _one_done(self, _task: asyncio.Task[None]) -> None:
        self._window.release()

    async def _take(self, event: AlarmRaised) -> None:
        """Publish one report's events; only then tell the device that it was heard (DVRIP §12)."""
        try:
            published = await self._publish(self._track(event.report, "session"))
        except Exception:
            self._metrics.alarm("dropped")
            logger.exception("alarm not understood", extra={"device": self._events.device})
            return
        if published:
            event.acknowledge()

    def _track(self, report: AlarmReport, via: str) -> list[AlarmEvent]:
        events = self._alarms.report(report, self._moment(), via)
        self._changed.set()
        self._metrics.alarm("published" if events else "repeated")
        return events

    def _moment(self) -> Moment:
        return Moment(datetime.now(UTC), asyncio.get_running_loop().time(), self._zone(), self._channels())

    async def _publish(self, events: list[AlarmEvent]) -> bool:
        """Make events durable; False if one could not be: then the device is not told that it was heard.

        What could not be kept is as if it had not been told: a repeat must not be taken for one of what nobody has.
        """
        return await self._keeper.keep(events)

    def _forget(self, event: AlarmEvent) -> None:
        self._alarms.forget(event)
        self._metrics.alarm("dropped")

    async def _tell_drops(self, stream: EventStream) -> None:
        """Say now and then how many reports came faster than they could be taken (DVRIP: a storm)."""
        dropped = stream.counters["dropped"]
        now = asyncio.get_running_loop().time()
        if dropped == self._dropped or now - self._drop_told_at < DROP_REPORT_S:
            return
        self._metrics.alarm("dropped", dropped - self._dropped)
        await self._events.exception(
            "events-dropped",
            f"{dropped - self._dropped} alarm reports came too fast and were dropped",
            severity=Severity.MAJOR,
            count=dropped - self._dropped,
        )
        self._dropped, self._drop_told_at = dropped, now
