"""Which alarms are raised now: the bucket `cambus-alarms`, kept by the router."""

from cambus.bus.connection import Bus
from cambus.bus.errors import WrongRevision
from cambus.bus.kv import KeyValue
from cambus.schemas import assets, keys
from cambus.schemas.events.alarm import AlarmCleared, AlarmRaised
from cambus.schemas.state.alarms import ActiveAlarm


class ActiveAlarms:
    """Pairs beginnings with ends; every method may be repeated for the same event without a second effect."""

    def __init__(self, bus: Bus) -> None:
        self.stored: KeyValue[ActiveAlarm] = KeyValue(bus, assets.KV_ALARMS, ActiveAlarm)

    async def raised(self, alarm: AlarmRaised) -> None:
        """Note a beginning; one that is raised already is counted.

        Raises:
            BusError: NATS refuses or does not answer.
        """
        if alarm.momentary:
            return
        key = keys.active_alarm(alarm.device, alarm.key)
        while True:
            try:
                await self.stored.create(key, ActiveAlarm(raised=alarm, last_at=alarm.at))
                return
            except WrongRevision:
                pass
            entry = await self.stored.get(key)
            if entry is None:
                continue
            known = entry.value
            if alarm.id == known.raised.id or alarm.at <= known.last_at:
                return
            again = known.model_copy(update={"last_at": alarm.at, "count": known.count + 1})
            try:
                await self.stored.update(key, again, entry.revision)
                return
            except WrongRevision:
                continue

    async def beginning_of(self, alarm: AlarmCleared) -> AlarmRaised | None:
        """The beginning an end belongs to, None if it is not known.

        Raises:
            BusError: NATS refuses or does not answer.
        """
        entry = await self.stored.get(keys.active_alarm(alarm.device, alarm.key))
        return entry.value.raised if entry is not None else None

    async def cleared(self, alarm: AlarmCleared) -> None:
        """Forget the beginning; one that is newer than this end stays.

        Raises:
            BusError: NATS refuses or does not answer.
        """
        key = keys.active_alarm(alarm.device, alarm.key)
        entry = await self.stored.get(key)
        if entry is None or entry.value.last_at > alarm.at:
            return
        try:
            await self.stored.delete(key, entry.revision)
        except WrongRevision:
            return  # raised again in between
