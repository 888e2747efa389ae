"""Which alarms are raised now: the bucket `cambus-alarms`, kept by the router."""

from collections import OrderedDict
from dataclasses import dataclass

from cambus.bus.connection import Bus
from cambus.client.errors import WrongRevision
from cambus.client.kv import KeyValue
from cambus.schemas import assets, keys
from cambus.schemas.errors import BadRequest
from cambus.schemas.events.alarm import AlarmCleared, AlarmRaised
from cambus.schemas.events.alarm_handling import AlarmAcknowledged
from cambus.schemas.state.alarms import ActiveAlarm

MAX_KNOWN = 20_000


@dataclass(frozen=True, slots=True)
class Known:
    """What the bucket held of a key when this process last wrote or read it; no alarm after a deletion."""

    alarm: ActiveAlarm | None
    revision: int


class ActiveAlarms:
    """Pairs beginnings with ends; every method may be repeated for the same event without a second effect.

    What this process wrote it remembers, so that a beginning and its end cost one request each. Every write
    compares the revision: where another replica wrote in between, the bucket is asked.
    """

    def __init__(self, bus: Bus) -> None:
        self.stored: KeyValue[ActiveAlarm] = KeyValue(bus, assets.KV_ALARMS, ActiveAlarm)
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._ending: dict[str, str] = {}  # key -> id of the end that is being delivered
        self._ended: OrderedDict[str, None] = OrderedDict()  # ids of beginnings that are over

    async def raised(self, alarm: AlarmRaised) -> bool:
        """Note a beginning; one that is raised already is counted. Whether it is not one of those.

        Raises:
            BusError: NATS refuses or does not answer.
        """
        if alarm.momentary or alarm.id in self._ended:  # after a crash NATS may give its end out before it
            return alarm.momentary
        key = keys.active_alarm(alarm.device, alarm.key)
        while True:
            known = self._known.get(key)
            present = known.alarm if known is not None else None
            if present is not None and (alarm.id == present.raised.id or alarm.at <= present.last_at):
                return alarm.id == present.raised.id
            changed = self._after(key, present, alarm)
            try:
                if known is None:
                    revision = await self.stored.create(key, changed)
                else:
                    revision = await self.stored.update(key, changed, known.revision)
            except WrongRevision:
                await self._read(key)
            else:
                self._remember(key, Known(changed, revision))
                return changed.raised.id == alarm.id

    async def acknowledged(self, event: AlarmAcknowledged) -> None:
        """Note that somebody looks after an alarm; nothing if it is over.

        Raises:
            BusError: NATS refuses or does not answer.
        """
        key = keys.active_alarm(event.device, event.key)
        while True:
            present = await self._present(key)
            if present is None or present.raised.id != event.alarm.id or present.acknowledged is not None:
                return
            changed = present.model_copy(update={"acknowledged": event.acknowledgement})
            try:
                revision = await self.stored.update(key, changed, self._known[key].revision)
            except WrongRevision:
                await self._read(key)
            else:
                self._remember(key, Known(changed, revision))
                return

    def _after(self, key: str, present: ActiveAlarm | None, alarm: AlarmRaised) -> ActiveAlarm:
        """What is known after a beginning: a new alarm if there was none, or if it is ending right now."""
        if present is None or self._ending.pop(key, None) is not None:
            return ActiveAlarm(raised=alarm, last_at=alarm.at)
        return present.model_copy(update={"last_at": alarm.at, "count": present.count + 1})

    async def beginning(self, end: AlarmCleared) -> AlarmRaised | None:
        """What an end belongs to, None if that is not known. `ended()` follows once the end is on its way.

        Raises:
            BusError: NATS refuses or does not answer.
        """
        key = keys.active_alarm(end.device, end.key)
        present = await self._present(key)
        if present is not None and end.raised not in {None, present.raised.id}:
            await self._read(key)  # perhaps it ended and was raised again, as another replica knows
            present = await self._present(key)
        if present is None or not _belong_together(present, end):
            return None
        self._ending[key] = end.id
        return present.raised

    async def ended(self, end: AlarmCleared) -> None:
        """Forget the beginning, unless the alarm was raised again since.

        Raises:
            BusError: NATS refuses or does not answer.
        """
        key = keys.active_alarm(end.device, end.key)
        while self._ending.get(key) == end.id:
            present = await self._present(key)
            if present is None or not _belong_together(present, end):
                break
            try:
                revision = await self.stored.delete(key, self._known[key].revision)
            except WrongRevision:
                await self._read(key)
            else:
                self._remember(key, Known(None, revision))
                self._ended[present.raised.id] = None
                if len(self._ended) > MAX_KNOWN:
                    self._ended.popitem(last=False)
                break
        if self._ending.get(key) == end.id:
            del self._ending[key]

    async def _present(self, key: str) -> ActiveAlarm | None:
        """The alarm of a key, as this process knows it; asked for if it does not, or knows of none."""
        known = self._known.get(key)
        if known is None or known.alarm is None:
            await self._read(key)
            known = self._known.get(key)
        return known.alarm if known is not None else None

    async def _read(self, key: str) -> None:
        """Learn what the bucket holds; what nobody can read is removed."""
        self._known.pop(key, None)
        try:
            entry = await self.stored.get(key)
        except BadRequest:
            self._remember(key, Known(None, await self.stored.delete(key)))
            return
        if entry is not None:
            self._remember(key, Known(entry.value, entry.revision))

    def _remember(self, key: str, known: Known) -> None:
        self._known[key] = known
        self._known.move_to_end(key)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)


def _belong_together(present: ActiveAlarm, end: AlarmCleared) -> bool:
    """Whether the alarm was not raised again after this end."""
    return present.last_at <= end.at
