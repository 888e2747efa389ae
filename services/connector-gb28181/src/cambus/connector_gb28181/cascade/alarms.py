"""Alarms and positions of the bus, told to the upper platform (§9, §12, GB-248)."""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from typing import Final

from cambus.bus.connection import Bus
from cambus.client.consumer import EventConsumer, TryLater
from cambus.client.errors import BusError, JetStreamError
from cambus.client.received import ReceivedEvent
from cambus.connector_gb28181.cascade.context import LinkContext
from cambus.connector_gb28181.cascade.nodes import Node
from cambus.connector_gb28181.cascade.watchers import Watcher, Watchers
from cambus.connector_gb28181.mapping.alarms import DEVICE, FAULT, TYPES, VIDEO
from cambus.gb28181.errors import Unreachable
from cambus.gb28181.manscdp.alarms import (
    AlarmAnswer,
    AlarmDetails,
    AlarmNotice,
    AlarmParameters,
    AlarmQuery,
)
from cambus.gb28181.manscdp.positions import FlatPositionNotice, Position, PositionNotice
from cambus.gb28181.values import read_int, read_time, write_time
from cambus.schemas import subjects
from cambus.schemas.alarms import AlarmType, Severity
from cambus.schemas.assets import STREAM_EVENTS
from cambus.schemas.errors import BadRequest, Offline
from cambus.schemas.events.alarm import AlarmRaised
from cambus.schemas.events.position import PositionReported
from cambus.sip.errors import SipError

logger = logging.getLogger(__name__)

RETRY_S: Final = 5.0
MAX_TOLD: Final = 10_000
STALE_POSITION_S: Final = 30.0
MAX_TEXT: Final = 500
_OTHER: Final = 7
KINDS: Final[dict[AlarmType, tuple[int, int | None]]] = {
    **{type_: pair for pair, type_ in reversed(TYPES.items())},  # of two pairs the first
    AlarmType.IO: (DEVICE, None),
    AlarmType.STORAGE_LOW: (DEVICE, 3),
    AlarmType.STORAGE_MISSING: (FAULT, 1),
    AlarmType.STORAGE_UNFORMATTED: (FAULT, 1),
    AlarmType.ANALYTICS_REGION_ENTRANCE: (VIDEO, 6),
    AlarmType.ANALYTICS_REGION_EXIT: (VIDEO, 6),
}
"""The method and the type of an alarm, by the tables of the standard; what has none is `other`."""
_ZONES: Final = {AlarmType.ANALYTICS_REGION_ENTRANCE: 1, AlarmType.ANALYTICS_REGION_EXIT: 2}
_PRIORITIES: Final = {Severity.CRITICAL: 1, Severity.MAJOR: 2, Severity.MINOR: 3, Severity.INFO: 4}
_NATIVE = re.compile(r"([1-7])/(-|\d{1,3})")


class Alarms:
    """Forwards the alarms and positions of shared devices. None is lost while the platform is away for a while.

    Args:
        context: the link.
        watchers: who subscribed.
    """

    def __init__(self, context: LinkContext, watchers: Watchers) -> None:
        self._context = context
        self._watchers = watchers
        self._durable = durable_of(context.link.id)
        self._told: OrderedDict[str, None] = OrderedDict()

    async def run(self) -> None:
        """Forward until cancelled."""
        wanted = [subjects.events(noun="alarm", past="raised"), subjects.events(noun="position")]
        consumer = EventConsumer(
            self._context.bus,
            self._durable,
            wanted,
            self._handle,
            max_deliver=1_000_000,  # an alarm that has waited too long is given up here
            deliver="new",
        )
        await consumer.run()

    async def _handle(self, received: ReceivedEvent) -> None:
        event, context = received.event, self._context
        node = context.shared.at(event.device, event.channel)
        if node is None:
            return
        age = datetime.now(UTC) - received.stored
        if isinstance(event, PositionReported):
            if age <= timedelta(seconds=STALE_POSITION_S):
                await self._tell_position(node, event)
        elif isinstance(event, AlarmRaised):
            if age > timedelta(seconds=context.link.alarm_hold_s):
                context.metrics.alarms("stale").inc()
                return
            try:
                await self._tell_alarm(node, event)
            except (Unreachable, SipError) as error:
                raise TryLater(str(error), delay_s=RETRY_S) from None

    # --- alarms -----------------------------------------------------------------------------------------

    async def tell(self, event: AlarmRaised) -> None:
        """Tell the platform an alarm because somebody says so; once, however often they do.

        Raises:
            BadRequest: the platform does not see the device.
            Offline: it is away.
        """
        node = self._context.shared.at(event.device, event.channel)
        if node is None:
            raise BadRequest(f"the platform does not see {event.device}", reason="not-shared")
        if event.id in self._told:
            return
        try:
            await self._tell_node(node, event, unasked=True)
        except (Unreachable, SipError) as error:
            raise Offline(str(error), reason="platform-away") from None
        self._told[event.id] = None
        if len(self._told) > MAX_TOLD:
            self._told.popitem(last=False)

    async def _tell_alarm(self, node: Node, event: AlarmRaised) -> None:
        if self._context.link.alarms != "never":
            await self._tell_node(node, event, unasked=self._context.link.alarms == "always")

    async def _tell_node(self, node: Node, event: AlarmRaised, *, unasked: bool) -> None:
        """Tell who subscribed; where nobody has, and it is wanted, by a message of its own."""
        context, count = self._context, self._context.metrics.alarms
        if not context.agent.registered.is_set():
            raise Unreachable("not registered at the platform")
        notice = notice_of(event)
        watchers = self._watchers.wanting("alarm", node)
        for watcher in watchers:
            if wants(watcher, notice):
                await self._watchers.tell(watcher, context.body(notice, None, node.code))
                count("notified").inc()
        if watchers or not unasked:
            return
        sn = context.agent.next_sn()
        body = context.body(notice, sn, node.code)
        answer = await context.agent.exchange(AlarmAnswer.COMMAND, sn, body, context.settings.answer_s)
        if answer is None:  # it was acknowledged: to repeat it would be another alarm there
            logger.info("an alarm was not answered", extra={**context.facts, "code": node.code})
        count("unanswered" if answer is None else "answered").inc()

    # --- positions --------------------------------------------------------------------------------------

    async def _tell_position(self, node: Node, event: PositionReported) -> None:
        place = event.location
        if place is None:
            return
        time = write_time(event.device_time or event.at)
        heading = event.heading_deg
        if self._context.link.version == "3.0":
            item = Position(
                node.code, time, place.longitude, place.latitude, event.speed_kmh, heading, place.altitude_m
            )
            body = self._context.body(PositionNotice(time, 1, (item,)), None, node.code)
        else:
            flat = FlatPositionNotice(
                time, place.longitude, place.latitude, event.speed_kmh, heading, place.altitude_m
            )
            body = self._context.body(flat, None, node.code)
        try:
            await self._watchers.tell_position(node, body)
        except SipError as error:  # the next one says more
            logger.debug("a position was not told", extra={"reason": str(error)})


def notice_of(event: AlarmRaised) -> AlarmNotice:
    """An alarm in the words of the standard; one that came in them keeps its own."""
    method, kind = KINDS.get(event.type, (_OTHER, None))
    native = _NATIVE.fullmatch(event.native.code) if event.native is not None else None
    if event.protocol == "gb28181" and native is not None:
        method, kind = int(native.group(1)), read_int(native.group(2))
    zone = _ZONES.get(event.type)
    parameters = AlarmParameters(zone) if zone is not None else None
    details = AlarmDetails(kind, parameters) if kind is not None else None
    place = event.location
    return AlarmNotice(
        priority=_PRIORITIES[event.severity],
        method=method,
        time=write_time(event.device_time or event.at),
        description=event.text[:MAX_TEXT] or event.type.value,
        longitude=place.longitude if place is not None else None,
        latitude=place.latitude if place is not None else None,
        details=details,
    )


def wants(watcher: Watcher, notice: AlarmNotice) -> bool:
    """Whether a subscription asked for alarms like this (A.2.4.6); 0 stands for all of them."""
    query: AlarmQuery = watcher.alarms
    priority, when = notice.priority or 0, read_time(notice.time)
    if query.start_priority and priority < query.start_priority:
        return False
    if query.end_priority and priority > query.end_priority:
        return False
    start, end = read_time(query.start), read_time(query.end)
    if when is not None and ((start and when < start) or (end and when > end)):
        return False
    return _among(query.method, notice.method) and _among(query.type, notice.kind)


def _among(wanted: str | None, value: int | None) -> bool:
    """Whether a number is among those joined by `/`."""
    numbers = {each.strip() for each in (wanted or "").split("/")} - {""}
    return not numbers or "0" in numbers or str(value) in numbers


def durable_of(link: str) -> str:
    """The name under which the event stream remembers what a link was told."""
    return f"cascade-{link}"[:64]


async def forget_durable(bus: Bus, link: str) -> None:
    """Have the event stream forget a link that is deleted."""
    try:
        await bus.jetstream.call(f"CONSUMER.DELETE.{STREAM_EVENTS}.{durable_of(link)}")
    except (JetStreamError, BusError) as error:
        logger.debug("a consumer was not deleted", extra={"link": link, "reason": str(error)})
