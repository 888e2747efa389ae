"""The alarms of late, of every device: read from the stream of events, in order, none left out.

Each replica reads all of them with a reader of its own, which goes on where it was after an outage of NATS, and
begins an hour back when the recorder starts. So an alarm that came while nobody listened is known all the same, and
whoever takes a stream over knows why it is recorded.
"""

import asyncio
import logging
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from cambus.bus.connection import Bus
from cambus.client.follow import follow
from cambus.recorder.layout import to_us
from cambus.schemas import subjects
from cambus.schemas.alarms import AlarmType, Severity
from cambus.schemas.events.alarm import AlarmCleared, AlarmEvent, AlarmRaised

logger = logging.getLogger(__name__)

LOOK_BACK = timedelta(hours=1)
KEPT_US = 26 * 3600 * 1_000_000
"""How long an alarm is remembered: it counts a day at most, and its recording goes on an hour behind it."""
MAX_PER_DEVICE = 500


@dataclass(frozen=True, slots=True)
class SeenAlarm:
    """One alarm. Instants are microseconds since 1970; `cleared_us` is None while it lasts."""

    id: str
    key: str
    type: AlarmType
    severity: Severity
    channel: int | None
    raised_us: int
    cleared_us: int | None


class AlarmBoard:
    """What is known of alarms.

    Args:
        on_raised: told of every alarm that begins, with when it reached the stream; never raises.

    Attributes:
        version: another number after every change.
        changed: set with the next change; take it anew each time.
        synced: set once what happened before is known.
    """

    def __init__(self, on_raised: Callable[[AlarmRaised, datetime], None] = lambda *_: None) -> None:
        self._devices: defaultdict[str, OrderedDict[tuple[str, int], SeenAlarm]] = defaultdict(OrderedDict)
        self._lasting: dict[tuple[str, str], tuple[str, int]] = {}
        self._on_raised = on_raised
        self._unread = 0
        self.version = 0
        self.changed = asyncio.Event()
        self.synced = asyncio.Event()

    def of(self, device: str) -> Iterable[SeenAlarm]:
        """The alarms of a device, oldest first."""
        return tuple(self._devices[device].values()) if device in self._devices else ()

    def note(self, alarm: AlarmEvent) -> None:
        """Take an alarm that began or is over. The same one twice changes nothing."""
        at_us = to_us(alarm.at)
        if isinstance(alarm, AlarmRaised):
            self._raise(alarm, at_us)
        elif isinstance(alarm, AlarmCleared):
            self._clear(alarm, at_us)

    async def run(self, bus: Bus) -> None:
        """Read what happens until cancelled."""
        wanted = [subjects.events(noun="alarm", past=past) for past in ("raised", "cleared")]
        since = datetime.now(UTC) - LOOK_BACK
        async for received in follow(bus, wanted, since=since, on_open=self._opened):
            if isinstance(received.event, AlarmEvent):
                self.note(received.event)
                if isinstance(received.event, AlarmRaised):
                    self._on_raised(received.event, received.stored)
            self._opened(self._unread - 1)

    def _opened(self, unread: int) -> None:
        self._unread = unread
        if unread <= 0:
            self.synced.set()

    def _raise(self, alarm: AlarmRaised, at_us: int) -> None:
        seen = SeenAlarm(
            alarm.id,
            alarm.key,
            alarm.type,
            alarm.severity,
            alarm.channel,
            at_us,
            at_us if alarm.momentary else None,
        )
        known = self._devices[alarm.device]
        place = (alarm.key, at_us)
        if place in known:
            return
        before = self._lasting.pop((alarm.device, alarm.key), None)
        if before is not None and before in known:  # it was not said to be over, and began again
            known[before] = replace(known[before], cleared_us=max(at_us, known[before].raised_us))
        if seen.cleared_us is None:
            self._lasting[alarm.device, alarm.key] = place
        known[place] = seen
        self._prune(alarm.device, at_us)
        self._changed()

    def _clear(self, alarm: AlarmCleared, at_us: int) -> None:
        place = self._lasting.pop((alarm.device, alarm.key), None)
        known = self._devices[alarm.device]
        if place is not None and place in known:
            known[place] = replace(known[place], cleared_us=max(at_us, known[place].raised_us))
            self._changed()

    def _changed(self) -> None:
        self.version += 1
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()

    def _prune(self, device: str, now_us: int) -> None:
        known = self._devices[device]
        while known:
            place, oldest = next(iter(known.items()))
            if len(known) <= MAX_PER_DEVICE and oldest.raised_us >= now_us - KEPT_US:
                return
            del known[place]
            if self._lasting.get((device, oldest.key)) == place:
                del self._lasting[device, oldest.key]
