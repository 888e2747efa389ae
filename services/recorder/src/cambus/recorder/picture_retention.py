"""Which pictures go: those of policies that are too old or too many; what people or devices took stays.

The object store itself keeps no picture for longer than a week, and lets the oldest go when it is full.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cambus.bus.connection import Bus
from cambus.client.errors import BusError
from cambus.client.objects import ObjectStore, StoredObject
from cambus.recorder.layout import StreamKey
from cambus.recorder.observe import RecorderMetrics
from cambus.recorder.policies import PolicyBook, largest
from cambus.schemas.assets import OBJECTS_PICTURES, PICTURE_CAUSE
from cambus.schemas.state.recording_policy import Retention

logger = logging.getLogger(__name__)

LOOK_S: Final = 300.0
"""Seconds between two looks; each reads what is known of every picture there is."""
OURS: Final = frozenset({"schedule", "alarm"})
"""The causes of pictures that policies have taken."""

Channel = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Doomed:
    """A picture that goes: `reason` is `age` or `size`."""

    picture: StoredObject
    reason: str


class PictureRetention:
    """Deletes the pictures of the channels that are this replica's.

    Args:
        bus: where pictures are.
        policies: how long they are kept.
        mine: whether the pictures of a stream are this replica's to look after.
        metrics: count them.
    """

    def __init__(
        self, bus: Bus, policies: PolicyBook, mine: Callable[[StreamKey], bool], metrics: RecorderMetrics
    ) -> None:
        self._store = ObjectStore(bus, OBJECTS_PICTURES)
        self._policies = policies
        self._mine = mine
        self._metrics = metrics

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.apply(datetime.now(UTC))
            except BusError as error:
                logger.warning("pictures are not looked after", extra={"reason": str(error)})

    async def apply(self, now: datetime) -> None:
        """Look once. Raises BusError: NATS refuses or does not answer."""
        bounds = bounds_of(self._policies, self._mine)
        if not bounds:
            return
        for doomed in doomed_of(await self._store.list(), bounds, now):
            await self._store.delete(doomed.picture.name)
            self._metrics.picture_deleted(doomed.reason)


def bounds_of(policies: PolicyBook, mine: Callable[[StreamKey], bool]) -> dict[Channel, Retention]:
    """How long the pictures of our channels are kept; of several policies the longest wish counts."""
    wishes: dict[Channel, list[Retention]] = defaultdict(list)
    ours: set[Channel] = set()
    for key, plans in policies.all_pictured().items():
        channel = key.device, key.channel
        wishes[channel] += [plan.retention for _, plan in plans]
        if mine(key):
            ours.add(channel)
    joined = {
        channel: Retention(
            max_age_s=largest([wish.max_age_s for wish in each]),
            max_bytes=largest([wish.max_bytes for wish in each]),
        )
        for channel, each in wishes.items()
        if channel in ours
    }
    return {channel: bound for channel, bound in joined.items() if bound != Retention()}


def doomed_of(
    pictures: Iterable[StoredObject], bounds: Mapping[Channel, Retention], now: datetime
) -> list[Doomed]:
    """The pictures that are too old, and the oldest of those that are too many."""
    channels: dict[Channel, list[StoredObject]] = defaultdict(list)
    for picture in pictures:
        channel = channel_of(picture)
        if channel is not None and channel in bounds:
            channels[channel].append(picture)
    doomed: list[Doomed] = []
    for channel, each in channels.items():
        kept, bound = 0, bounds[channel]
        for picture in sorted(each, key=lambda one: (one.modified, one.name), reverse=True):
            kept += picture.bytes
            if bound.max_age_s is not None and now - picture.modified > timedelta(seconds=bound.max_age_s):
                doomed.append(Doomed(picture, "age"))
            elif bound.max_bytes is not None and kept > bound.max_bytes:
                doomed.append(Doomed(picture, "size"))
    return doomed


def channel_of(picture: StoredObject) -> Channel | None:
    """Whose picture it is, if a policy had it taken: they are called `<device>/<channel>/<instant>.jpg`."""
    parts = picture.name.split("/")
    if picture.headers.get(PICTURE_CAUSE) not in OURS or len(parts) != 3 or not parts[1].isdecimal():
        return None
    return parts[0], int(parts[1])
