"""Carrying out what rules want done about an alarm: once, in bounded time, with the outcome on record.

It is written down that an action begins before its command is sent. Whoever finds that written and no outcome repeats
the command only if the catalog says that it may be repeated; otherwise the outcome is `unknown` for good.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from cambus.alarm_router.commanding import Order, order_of
from cambus.alarm_router.notice import Notice
from cambus.alarm_router.observe import RouterMetrics
from cambus.alarm_router.routing import Addressed
from cambus.bus.connection import Bus
from cambus.client.calling import BusClient
from cambus.client.consumer import TryLater
from cambus.client.errors import BusError, WrongRevision
from cambus.client.kv import KeyValue
from cambus.schemas import assets, keys
from cambus.schemas.errors import BadRequest, CambusError, ErrorCode
from cambus.schemas.events.alarm import AlarmRaised
from cambus.schemas.events.alarm_handling import AlarmActed
from cambus.schemas.ids import derived_event_id
from cambus.schemas.model import Message
from cambus.schemas.objects import PictureRef
from cambus.schemas.state.alarm_actions import ActionOutcome, ActionRecord, SnapshotAction
from cambus.schemas.state.alarm_rule import AlarmRule

logger = logging.getLogger(__name__)

PARALLEL = 64
FIRST_DELAY_S, LONGEST_DELAY_S = 0.5, 4.0
NATS_RETRY_S = 1.0
NOT_BEGUN = frozenset({ErrorCode.OFFLINE, ErrorCode.OVERLOADED, ErrorCode.CONFLICT})
"""Refusals after which a command was not begun."""

T = TypeVar("T")

Publish = Callable[[AlarmActed], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Result:
    """How a command came out."""

    outcome: ActionOutcome
    error: str = ""
    reply: Message | None = None


class Actions:
    """Carries out the actions of rules.

    Args:
        bus: the connection.
        publish: publishes the event that tells of an action; raises BusError.
        metrics: counts outcomes.
    """

    def __init__(self, bus: Bus, publish: Publish, metrics: RouterMetrics) -> None:
        self._client = BusClient(bus)
        self._records: KeyValue[ActionRecord] = KeyValue(bus, assets.KV_DELIVERIES, ActionRecord)
        self._publish = publish
        self._metrics = metrics
        self._slots = asyncio.Semaphore(PARALLEL)
        self._pictures: dict[tuple[str, str], asyncio.Future[list[PictureRef]]] = {}
        self._leaving = asyncio.Event()

    def take_on(self) -> None:
        """Begin actions (again)."""
        self._leaving.clear()

    def hand_over(self) -> None:
        """Try nothing again any more: whoever comes next does."""
        self._leaving.set()

    def expect(self, wanted: Addressed) -> None:
        """The actions of a rule are about to be carried out: who wants their pictures waits for them."""
        rule = wanted.rule
        if rule is not None and any(isinstance(action, SnapshotAction) for action in rule.actions):
            expected: asyncio.Future[list[PictureRef]] = asyncio.get_running_loop().create_future()
            self._pictures.setdefault((wanted.notice.alarm.id, rule.id), expected)

    async def taken(self, event: str, rule: str) -> list[PictureRef]:
        """The pictures the actions of a rule take of an alarm; returns when they are there or have failed."""
        expected = self._pictures.get((event, rule))
        if expected is not None:
            return await asyncio.shield(expected)
        try:
            found = await self._records.items(f"{keys.ACTIONS}{event}.{rule}.*")
        except BusError as error:
            logger.warning("pictures are left out", extra={"event_id": event, "reason": str(error)})
            return []
        return [entry.value.picture for _, entry in sorted(found.items()) if entry.value.picture is not None]

    async def carry_out(self, wanted: list[Addressed], alarm: AlarmRaised, *, only_begun: bool) -> None:
        """Carry out the actions of some rules for an alarm; returns when every outcome is on record.

        Args:
            wanted: the rules, and what fills in templates.
            alarm: the alarm.
            only_begun: go on with those that were begun, and begin none.

        Raises:
            TryLater: we leave; another replica is to go on.
        """
        work = [
            self._of_rule(each.notice, alarm, each.rule, only_begun)
            for each in wanted
            if each.rule is not None
        ]
        for outcome in await asyncio.gather(*work, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def _of_rule(self, notice: Notice, alarm: AlarmRaised, rule: AlarmRule, only_begun: bool) -> None:
        pictures: list[PictureRef] = []
        try:
            work = [self._one(notice, alarm, rule, index, only_begun) for index in range(len(rule.actions))]
            outcomes = await asyncio.gather(*work, return_exceptions=True)
            for outcome in outcomes:
                if isinstance(outcome, ActionRecord) and outcome.picture is not None:
                    pictures.append(outcome.picture)
                elif isinstance(outcome, BaseException):
                    raise outcome
        finally:
            expected = self._pictures.pop((alarm.id, rule.id), None)
            if expected is not None and not expected.done():
                expected.set_result(pictures)

    async def _one(
        self, notice: Notice, alarm: AlarmRaised, rule: AlarmRule, index: int, only_begun: bool
    ) -> ActionRecord | None:
        """One action; how it came out, None if it was not to be begun."""
        key = keys.action(alarm.id, rule.id, index)
        record, before = await _insist(lambda: self._begin(key, alarm, rule, index, only_begun))
        if record is None:
            return None
        if record.outcome is None:
            result = await self._result(notice, rule, index, begun_before=before)
            picture = result.reply if isinstance(result.reply, PictureRef) else None
            record = record.model_copy(
                update={"outcome": result.outcome, "error": result.error[:1000], "picture": picture}
            )
            done = record
            await _insist(lambda: self._records.put(key, done))
            self._metrics.acted(rule.actions[index].kind, result.outcome.value)
        event = _event(alarm, rule, record)
        await _insist(lambda: self._publish(event))
        return record

    async def _begin(
        self, key: str, alarm: AlarmRaised, rule: AlarmRule, index: int, only_begun: bool
    ) -> tuple[ActionRecord | None, bool]:
        """The record of an action, and whether it was there before. Raises BusError."""
        fresh = ActionRecord(event=alarm.id, rule=rule.id, index=index, begun_at=datetime.now(UTC))
        if not only_begun:
            try:
                await self._records.create(key, fresh)
            except WrongRevision:
                pass
            else:
                return fresh, False
        entry = await self._records.get(key)
        return (entry.value if entry is not None else None), True

    async def _result(self, notice: Notice, rule: AlarmRule, index: int, *, begun_before: bool) -> _Result:
        """Send the command, again and again if that may be."""
        action = rule.actions[index]
        try:
            order = order_of(action, notice)
        except BadRequest as unfit:
            return _Result(ActionOutcome.FAILED, unfit.text)
        if begun_before and not order.spec.idempotent:
            return _Result(ActionOutcome.UNKNOWN, "the router ended while it was under way")
        give_up_at = time.monotonic() + action.within_s
        delay_s = FIRST_DELAY_S
        while True:
            answer = await self._attempt(order, give_up_at)
            if isinstance(answer, Message):
                return _Result(ActionOutcome.DONE, reply=answer)
            error = answer
            may_repeat = error.retryable and (order.spec.idempotent or error.code in NOT_BEGUN)
            if not may_repeat or time.monotonic() + delay_s >= give_up_at:
                lost = error.code is ErrorCode.DEADLINE and not order.spec.idempotent
                return _Result(ActionOutcome.UNKNOWN if lost else ActionOutcome.FAILED, error.text)
            await self._wait(delay_s)
            delay_s = min(2 * delay_s, LONGEST_DELAY_S)

    async def _attempt(self, order: Order, give_up_at: float) -> Message | CambusError:
        async with self._slots:
            left_s = max(0.1, min(order.spec.timeout_s, give_up_at - time.monotonic()))
            try:
                reply: Message = await self._client.call(
                    order.spec, order.request, device=order.device, timeout_s=left_s
                )
            except CambusError as error:
                return error
            return reply

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._leaving.wait()
        except TimeoutError:
            return
        raise TryLater("an action is not done", delay_s=1.0)


async def _insist(step: Callable[[], Awaitable[T]]) -> T:
    """Repeat a step until NATS answers."""
    while True:
        try:
            return await step()
        except BusError as error:
            logger.warning("an action waits for NATS", extra={"reason": str(error)})
            await asyncio.sleep(NATS_RETRY_S)


def _event(alarm: AlarmRaised, rule: AlarmRule, record: ActionRecord) -> AlarmActed:
    action = rule.actions[record.index] if record.index < len(rule.actions) else None
    return AlarmActed.model_validate(
        {
            "id": derived_event_id(alarm.at, alarm.device, alarm.id, "acted", rule.id, record.index),
            "device": alarm.device,
            "protocol": "cambus",
            "at": datetime.now(UTC),
            "channel": alarm.channel,
            "type": alarm.type,
            "severity": alarm.severity,
            "key": alarm.key,
            "raised": alarm.id,
            "rule": rule.id,
            "index": record.index,
            "action": getattr(action, "command", None) or getattr(action, "kind", "gone"),
            "outcome": record.outcome,
            "error": record.error,
            "picture": record.picture,
        }
    )
