"""What is looked at now and then while a session is up: clock, disks, network channels, alarms nobody reports."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cambus.connector_dvrip.survey import Clock, channel_states
from cambus.dvrip.errors import DvripError
from cambus.dvrip.messages.alarm import AlarmReport, AlarmStatus

if TYPE_CHECKING:
    from cambus.connector_dvrip.session import DvripSession

Look = Callable[[], Awaitable[None]]

CHANNELS_S: Final = 60.0
COUNT_S: Final = 15.0


@dataclass(slots=True)
class _Look:
    """Something that is looked at again and again, and when next."""

    at: float
    interval_s: float
    look: Look


class SessionWatch:
    """Looks after one session.

    Args:
        session: the session.
        clock: what the device's clock showed at the login.
    """

    def __init__(self, session: "DvripSession", clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self._active: set[tuple[str, int]] = set()

    async def run(self) -> None:
        """Look until the session ends: one task for everything, there are thousands of these."""
        if self._clock.local is not None:
            await self._compare(self._clock.local, self._clock.at)
        loop = asyncio.get_running_loop()
        looks = [_Look(loop.time() + interval_s, interval_s, look) for interval_s, look in self._looks()]
        while True:
            due = min(looks, key=lambda look: look.at)
            await asyncio.sleep(due.at - loop.time())
            await self._look(due.look)
            due.at = loop.time() + due.interval_s

    def _looks(self) -> list[tuple[float, Look]]:
        """What to look at, and how often."""
        options = self._session.device.options
        looks: list[tuple[float, Look]] = [
            (COUNT_S, self._count),
            (options.clock_check_s, self.look_at_clock),
            (options.storage_check_s, self.look_at_disks),
        ]
        if self._session.facts.info.digital_channels > 0:
            looks.append((CHANNELS_S, self.look_at_channels))
        if options.alarm_poll_s is not None:
            looks.append((options.alarm_poll_s, self.look_for_alarms))
        return looks

    async def _look(self, look: Look) -> None:
        """Look; not during an upgrade, when the device has other things to do."""
        if self._session.device.upgrades.busy:
            return
        try:
            await look()
        except DvripError as error:  # a session that is lost has ended by itself
            self._session.log.debug("not answered", extra={"reason": str(error)})

    async def _count(self) -> None:
        self._session.client.count_session()

    async def look_at_clock(self) -> None:
        """Compare the device's clock with ours."""
        local = await self._session.client.machine.time()
        await self._compare(local, datetime.now(UTC))

    async def _compare(self, local: datetime, at: datetime) -> None:
        session = self._session
        drift_s = session.zone.drift_s(local, at)
        if abs(drift_s) > session.device.options.clock_drift_s and session.device.options.clock_correct:
            try:
                await session.client.machine.set_time(session.now_local())
            except DvripError as error:
                session.log.warning("clock not corrected", extra={"reason": str(error)})
            else:
                session.log.info("clock corrected", extra={"drift_s": round(drift_s, 1)})
        await session.device.drifted(drift_s)

    async def look_at_channels(self) -> None:
        """Ask which network channels of a recorder are connected (DVRIP §14)."""
        facts = self._session.facts
        states = await channel_states(self._session.client, facts.info)
        if states:
            self._session.learn(replace(self._session.facts, channel_states=states))

    async def look_at_disks(self) -> None:
        """Ask how the disks are (DVRIP §14)."""
        await self._session.device.disks_are(await self._session.client.system.storage())

    async def look_for_alarms(self) -> None:
        """Ask for the alarms that are active, for devices that report none (DVRIP §12)."""
        state = await self._session.client.system.work_state()
        before, self._active = self._active, set(state.active_alarms())
        for event, channel in sorted(before | self._active):
            status = AlarmStatus.START if (event, channel) in self._active else AlarmStatus.STOP
            report = AlarmReport(event, "WorkState", channel, status, None)
            is_news = (event, channel) not in before
            await self._session.device.pump.state(report, "poll", is_news=is_news)
