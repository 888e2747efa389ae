"""Which streams are to be recorded: the policies of the bus applied to the devices of the bus."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cambus.bus.connection import Bus
from cambus.client.kv import KeyValue, Watch
from cambus.recorder.copy_marks import CONTAINERS, Container
from cambus.recorder.layout import StreamKey, to_us
from cambus.schemas import assets, keys
from cambus.schemas.spans import RecordingTrigger
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.presence import Presence
from cambus.schemas.state.recorders import ManualRecording
from cambus.schemas.state.recording_policy import AlarmRecording, PicturePlan, RecordingPolicy

logger = logging.getLogger(__name__)

STANDING_MODES: Final = frozenset({"continuous", "schedule"})
SEGMENT_S: Final = 300.0
"""How long the files of a stream are that is recorded by hand alone."""


@dataclass(frozen=True, slots=True)
class AlarmWish:
    """Around which alarms a stream is recorded; `whole_device`: also around those that name no channel."""

    recording: AlarmRecording
    whole_device: bool


@dataclass(frozen=True, slots=True)
class Order:
    """A recording by hand, from one instant to another, in microseconds since 1970.

    Attributes:
        claimant: who wants it.
        since_us: from when on.
        until_us: until when.
        pre_roll_us: how much from before, as far as it is kept.
    """

    claimant: str
    since_us: int
    until_us: int
    pre_roll_us: int = 0


@dataclass(frozen=True, slots=True)
class CopyWish:
    """What of a stream is copied to the object storage; `alarms_only`: what has an alarm in it alone."""

    container: Container
    alarms_only: bool


@dataclass(frozen=True, slots=True)
class StreamPolicy:
    """What all policies together say about one stream at an instant.

    Attributes:
        segment_s: length of a file; the shortest wish counts.
        max_age_s: how long recordings are kept; the longest wish counts, None for no bound.
        max_bytes: how much is kept; the largest wish counts, None for no bound.
        stop_when_full: whether recording stops on a full disk instead of deleting the oldest.
        standing: why it is recorded whatever happens; None if it is not.
        alarms: around which alarms it is recorded.
        orders: who asked for it by hand.
        copies: what of it is copied, None for nothing; all of it if one wish says so.
    """

    segment_s: float
    max_age_s: int | None
    max_bytes: int | None
    stop_when_full: bool
    standing: RecordingTrigger | None = RecordingTrigger.CONTINUOUS
    alarms: tuple[AlarmWish, ...] = ()
    orders: tuple[Order, ...] = ()
    copies: CopyWish | None = None

    @property
    def wanted(self) -> bool:
        """Whether the stream is to be recorded now, or may be at any moment."""
        return self.standing is not None or bool(self.alarms) or bool(self.orders)


def combine(
    policies: Iterable[RecordingPolicy], now: datetime, orders: Iterable[ManualRecording] = ()
) -> StreamPolicy:
    """One policy of those that match a stream, and of the orders there are for it, at an instant."""
    each = list(policies)
    now_us = to_us(now)
    current = [policy for policy in each if policy.schedule is None or policy.schedule.covers(now)]
    standing = {policy.mode for policy in current} & STANDING_MODES
    return StreamPolicy(
        segment_s=min((policy.segment_s for policy in each), default=SEGMENT_S),
        max_age_s=largest([policy.retention.max_age_s for policy in each]),
        max_bytes=largest([policy.retention.max_bytes for policy in each]),
        stop_when_full=bool(each) and all(policy.on_disk_full == "stop" for policy in each),
        standing=RecordingTrigger(min(standing)) if standing else None,
        alarms=tuple(
            AlarmWish(policy.alarm or AlarmRecording(), policy.match.channels is None)
            for policy in current
            if policy.mode == "alarm"
        ),
        orders=tuple(
            Order(
                order.claimant,
                to_us(order.since),
                to_us(order.until),
                int(order.pre_roll_s * 1_000_000),
            )
            for order in orders
            if to_us(order.until) > now_us
        ),
        copies=_copies([policy for policy in each if policy.upload]),
    )


def _copies(policies: list[RecordingPolicy]) -> CopyWish | None:
    """What some policies with `upload` say together; where they differ the first of the containers counts."""
    if not policies:
        return None
    container = min((policy.upload_as for policy in policies), key=CONTAINERS.index)
    return CopyWish(container, all(policy.upload_what == "alarm" for policy in policies))


def largest(bounds: list[int | None]) -> int | None:
    """The largest of some bounds; None, which is none at all, if one of them is."""
    known = [bound for bound in bounds if bound is not None]
    return max(known) if known and len(known) == len(bounds) else None


class PolicyBook:
    """Follows policies, devices and their channels; `on_change` is called after every change of any of them."""

    def __init__(self, bus: Bus, on_change: Callable[[], None]) -> None:
        self.stored: KeyValue[RecordingPolicy] = KeyValue(bus, assets.KV_POLICIES, RecordingPolicy)
        self.ordered: KeyValue[ManualRecording] = KeyValue(bus, assets.KV_POLICIES, ManualRecording)
        self.policies: dict[str, RecordingPolicy] = {}
        self.orders: dict[str, ManualRecording] = {}
        self.devices: dict[str, DeviceRecord] = {}
        self.presence: dict[str, Presence] = {}
        self._on_change = on_change
        self._watches: list[tuple[Watch[Any], dict[str, Any]]] = [
            (self.stored.watch(f"{keys.RECORDING_POLICIES}>"), self.policies),
            (self.ordered.watch(f"{keys.MANUAL_RECORDINGS}>"), self.orders),
            (KeyValue(bus, assets.KV_DEVICES, DeviceRecord).watch(), self.devices),
            (KeyValue(bus, assets.KV_PRESENCE, Presence).watch(), self.presence),
        ]

    async def run(self) -> None:
        """Keep everything current until cancelled."""
        async with asyncio.TaskGroup() as group:
            for watch, known in self._watches:
                group.create_task(self._follow(watch, known))

    async def wait_synced(self) -> None:
        """Return once everything that exists is known."""
        for watch, _ in self._watches:
            await watch.synced.wait()

    @property
    def synced(self) -> bool:
        """Whether everything that exists is known."""
        return all(watch.synced.is_set() for watch, _ in self._watches)

    async def _follow(self, watch: Watch[Any], known: dict[str, Any]) -> None:
        async for key, entry in watch:
            if entry is None:
                known.pop(key, None)
            else:
                known[key] = entry.value
            self._on_change()

    def applied(self, now: datetime) -> dict[StreamKey, StreamPolicy]:
        """Every stream a policy or an order names, with what applies to it at the instant `now`."""
        matching = self._matching()
        orders: dict[StreamKey, list[ManualRecording]] = {}
        for order in self.orders.values():
            if order.until > now:
                orders.setdefault(StreamKey(order.device, order.channel, order.stream), []).append(order)
        return {
            key: combine(matching.get(key, ()), now, orders.get(key, ()))
            for key in matching.keys() | orders.keys()
        }

    def standing_spans(
        self, key: StreamKey, start: datetime, end: datetime
    ) -> list[tuple[datetime, datetime]]:
        """The times between two instants at which policies have a stream recorded whatever happens, unordered."""
        spans: list[tuple[datetime, datetime]] = []
        for policy in self._matching().get(key, ()):
            if policy.mode in STANDING_MODES:
                spans += [(start, end)] if policy.schedule is None else policy.schedule.between(start, end)
        return spans

    def pictured(self, now: datetime) -> dict[StreamKey, list[tuple[RecordingPolicy, PicturePlan]]]:
        """The streams of which pictures are to be taken, with the policies that say so and their plans."""
        current = {
            key: [each for each in plans if each[0].schedule is None or each[0].schedule.covers(now)]
            for key, plans in self.all_pictured().items()
        }
        return {key: plans for key, plans in current.items() if plans}

    def all_pictured(self) -> dict[StreamKey, list[tuple[RecordingPolicy, PicturePlan]]]:
        """The same at any instant."""
        return {
            key: [(policy, policy.pictures) for policy in policies if policy.pictures]
            for key, policies in self._matching(pictures=True).items()
        }

    def _matching(self, *, pictures: bool = False) -> dict[StreamKey, list[RecordingPolicy]]:
        """The enabled policies that match each stream, whenever they apply: those that record, or those of pictures."""
        found: dict[StreamKey, list[RecordingPolicy]] = {}
        for policy in self.policies.values():
            if not policy.enabled or not (policy.pictures if pictures else policy.mode != "pictures"):
                continue
            for device in self.devices.values():
                if device.enabled and policy.match.covers(
                    device.id, tags=device.tags, protocol=device.protocol
                ):
                    for key in self._streams(policy, device.id):
                        found.setdefault(key, []).append(policy)
        return found

    def session(self, device: str) -> object | None:
        """What changes whenever claims on a device are to be made anew; None while it is offline."""
        presence = self.presence.get(device)
        return presence.session if presence is not None else None

    def online(self, device: str) -> bool:
        """Whether a device takes commands, as far as is known."""
        presence = self.presence.get(device)
        return presence is not None and presence.online

    def protocol(self, device: str) -> str:
        """The protocol of a device, for events about it."""
        record = self.devices.get(device)
        return record.protocol if record is not None else "cambus"

    def _streams(self, policy: RecordingPolicy, device: str) -> Iterable[StreamKey]:
        presence = self.presence.get(device)
        known = {info.channel: info for info in presence.channels} if presence is not None else {}
        for channel in policy.match.channels or known:
            info = known.get(channel)
            for stream in policy.streams:
                if info is None or (info.enabled and (not info.streams or stream in info.streams)):
                    yield StreamKey(device, channel, stream)
