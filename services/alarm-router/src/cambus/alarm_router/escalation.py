"""Alarms about which nothing happens: who is told next, and when.

What is open is written down before the alarm is done with, and read when a replica comes on duty. A step is an event of
its own (`alarm.escalated`, with an id that only this alarm, rule and step have), which goes its way like any other: a
router that dies between telling and writing tells the same event again.
"""

import asyncio
import heapq
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from cambus.alarm_router.rules import RuleBook
from cambus.bus.connection import Bus
from cambus.client.errors import BusError, WrongRevision
from cambus.client.kv import KeyValue
from cambus.schemas import assets, keys
from cambus.schemas.events.alarm import AlarmRaised
from cambus.schemas.events.alarm_handling import AlarmEscalated
from cambus.schemas.ids import derived_event_id
from cambus.schemas.state.alarm_rule import AlarmRule, EscalationStep
from cambus.schemas.state.deliveries import OpenEscalation

logger = logging.getLogger(__name__)

RETRY_S = 1.0
MAX_OPEN = 50_000

Publish = Callable[[AlarmEscalated], Awaitable[None]]


class Escalations:
    """The open escalations, by alarm and rule.

    Args:
        bus: the connection.
        rules: say what the steps are.
        publish: publishes an event; raises BusError.
        clock: the time.
    """

    def __init__(
        self,
        bus: Bus,
        rules: RuleBook,
        publish: Publish,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._stored: KeyValue[OpenEscalation] = KeyValue(bus, assets.KV_DELIVERIES, OpenEscalation)
        self._rules = rules
        self._publish = publish
        self._clock = clock
        self._open: dict[str, OpenEscalation] = {}
        self._of: dict[str, set[str]] = {}
        self._due: list[tuple[datetime, str]] = []
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._open)

    # --- what happens -----------------------------------------------------------------------------------

    async def learn(self) -> None:
        """Find out what is open; call it when coming on duty. Raises BusError."""
        self._open.clear()
        self._of.clear()
        self._due.clear()
        for key, entry in (await self._stored.items(f"{keys.ESCALATIONS}>")).items():
            self._remember(key, entry.value)

    async def begin(self, rule: AlarmRule, alarm: AlarmRaised) -> None:
        """Watch an alarm under a rule; once, however often it is said. Raises BusError."""
        key = keys.escalation(alarm.id, rule.id)
        if not rule.escalation or key in self._open:
            return
        if len(self._open) >= MAX_OPEN:
            logger.error("too many escalations are open; one is left out", extra={"rule": rule.id})
            return
        due_at = alarm.at + timedelta(seconds=rule.escalation[0].after_s)
        wanted = OpenEscalation(alarm=alarm, rule=rule.id, step=0, due_at=due_at, ended=alarm.momentary)
        try:
            await self._stored.create(key, wanted)
        except WrongRevision:
            entry = await self._stored.get(key)
            if entry is None:
                return  # told to its end before
            wanted = entry.value
        self._remember(key, wanted)

    async def acknowledged(self, event: str) -> None:
        """Somebody looks after an alarm. Raises BusError."""
        await self._happened(event, "acknowledged")

    async def ended(self, event: str) -> None:
        """An alarm is over. Raises BusError."""
        await self._happened(event, "ended")

    async def _happened(self, event: str, what: str) -> None:
        for key in list(self._of.get(event, ())):
            await self._write(key, self._open[key].model_copy(update={what: True}))

    # --- as time goes by --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Tell what is due until cancelled."""
        while True:
            self._changed.clear()
            try:
                while self._due and self._due[0][0] <= self._clock():
                    late = heapq.heappop(self._due)
                    await self._tell(*late)
            except BusError as error:
                heapq.heappush(self._due, late)
                logger.warning("an escalation waits", extra={"reason": str(error)})
                await asyncio.sleep(RETRY_S)
            else:
                await self._pause()

    async def _pause(self) -> None:
        """Wait for the next that is due, or for one that is due earlier."""
        seconds = max(0.0, (self._due[0][0] - self._clock()).total_seconds()) if self._due else None
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _tell(self, due_at: datetime, key: str) -> None:
        """Do the step that is due, if it still applies, and go on to the next."""
        waiting = self._open.get(key)
        if waiting is None or waiting.due_at != due_at:
            return  # acknowledged, ended, or told before
        rule = self._rules.rule(waiting.rule)
        steps = rule.escalation if rule is not None else []
        if waiting.step < len(steps) and (reason := _reason(steps[waiting.step], waiting)) is not None:
            await self._publish(_event(waiting, reason, self._clock()))
        following = waiting.step + 1
        if following >= len(steps):
            await self._forget(key)
            return
        next_at = waiting.alarm.at + timedelta(seconds=steps[following].after_s)
        current = self._open.get(key)
        if current is not None:  # it may have been acknowledged while the step was told
            await self._write(key, current.model_copy(update={"step": following, "due_at": next_at}))

    # --- what is written down ---------------------------------------------------------------------------

    async def _write(self, key: str, wanted: OpenEscalation) -> None:
        """Write down how far it is, or forget it if no step that is left applies."""
        rule = self._rules.rule(wanted.rule)
        left = rule.escalation[wanted.step :] if rule is not None else []
        if not any(_reason(step, wanted) is not None for step in left):
            await self._forget(key)
            return
        self._remember(key, wanted)
        await self._stored.put(key, wanted)

    async def _forget(self, key: str) -> None:
        await self._stored.delete(key)
        known = self._open.pop(key, None)
        if known is not None:
            others = self._of[known.alarm.id]
            others.discard(key)
            if not others:
                del self._of[known.alarm.id]

    def _remember(self, key: str, waiting: OpenEscalation) -> None:
        known = self._open.get(key)
        self._open[key] = waiting
        self._of.setdefault(waiting.alarm.id, set()).add(key)
        if known is None or known.due_at != waiting.due_at:
            heapq.heappush(self._due, (waiting.due_at, key))
            if self._due[0][1] == key:
                self._changed.set()


def _reason(step: EscalationStep, waiting: OpenEscalation) -> str | None:
    """Why a step is to be done; None if it is not."""
    if ("acknowledged" in step.until and waiting.acknowledged) or ("ended" in step.until and waiting.ended):
        return None
    return "unacknowledged" if "acknowledged" in step.until else "lasting"


def _event(waiting: OpenEscalation, reason: str, at: datetime) -> AlarmEscalated:
    alarm = waiting.alarm
    return AlarmEscalated.model_validate(
        {
            "id": derived_event_id(alarm.at, alarm.device, alarm.id, "escalated", waiting.rule, waiting.step),
            "device": alarm.device,
            "protocol": "cambus",
            "at": at,
            "channel": alarm.channel,
            "type": alarm.type,
            "severity": alarm.severity,
            "key": alarm.key,
            "native": alarm.native,
            "alarm": alarm,
            "rule": waiting.rule,
            "step": waiting.step,
            "reason": reason,
        }
    )
