"""Which streams are to be recorded: the policies of the bus applied to the devices of the bus."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cambus.bus.connection import Bus
from cambus.bus.kv import KeyValue, Watch
from cambus.recorder.layout import StreamKey
from cambus.schemas import assets, keys
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.presence import Presence
from cambus.schemas.state.recording_policy import RecordingPolicy

logger = logging.getLogger(__name__)

SUPPORTED_MODES = frozenset({"continuous", "schedule"})


@dataclass(frozen=True, slots=True)
class StreamPolicy:
    """What all policies together say about one stream.

    Attributes:
        segment_s: length of a file; the shortest wish counts.
        max_age_s: how long recordings are kept; the longest wish counts, None for no bound.
        max_bytes: how much is kept; the largest wish counts, None for no bound.
        stop_when_full: whether recording stops on a full disk instead of deleting the oldest.
    """

    segment_s: float
    max_age_s: int | None
    max_bytes: int | None
    stop_when_full: bool


def combine(policies: Iterable[RecordingPolicy]) -> StreamPolicy:
    """One policy of several that apply to the same stream; there is at least one."""
    each = list(policies)
    return StreamPolicy(
        segment_s=min(policy.segment_s for policy in each),
        max_age_s=_largest([policy.retention.max_age_s for policy in each]),
        max_bytes=_largest([policy.retention.max_bytes for policy in each]),
        stop_when_full=all(policy.on_disk_full == "stop" for policy in each),
    )


def _largest(bounds: list[int | None]) -> int | None:
    known = [bound for bound in bounds if bound is not None]
    return max(known) if len(known) == len(bounds) else None


class PolicyBook:
    """Follows policies, devices and their channels; `on_change` is called after every change of any of them."""

    def __init__(self, bus: Bus, on_change: Callable[[], None]) -> None:
        self.stored: KeyValue[RecordingPolicy] = KeyValue(bus, assets.KV_POLICIES, RecordingPolicy)
        self.policies: dict[str, RecordingPolicy] = {}
        self.devices: dict[str, DeviceRecord] = {}
        self.presence: dict[str, Presence] = {}
        self._on_change = on_change
        self._watches: list[tuple[Watch[Any], dict[str, Any]]] = [
            (self.stored.watch(f"{keys.RECORDING_POLICIES}>"), self.policies),
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

    async def _follow(self, watch: Watch[Any], known: dict[str, Any]) -> None:
        async for key, entry in watch:
            if entry is None:
                known.pop(key, None)
            else:
                known[key] = entry.value
            self._on_change()

    def wanted(self, now: datetime) -> dict[StreamKey, StreamPolicy]:
        """The streams to be recorded at the instant `now`, each with what applies to it."""
        found: dict[StreamKey, list[RecordingPolicy]] = {}
        for policy in self.policies.values():
            if not _applies(policy, now):
                continue
            for device in self.devices.values():
                if device.enabled and policy.match.covers(
                    device.id, tags=device.tags, protocol=device.protocol
                ):
                    for key in self._streams(policy, device.id):
                        found.setdefault(key, []).append(policy)
        return {key: combine(policies) for key, policies in found.items()}

    def session(self, device: str) -> object | None:
        """What changes whenever claims on a device are to be made anew; None while it is offline."""
        presence = self.presence.get(device)
        return presence.session if presence is not None else None

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


def _applies(policy: RecordingPolicy, now: datetime) -> bool:
    if not policy.enabled or policy.mode not in SUPPORTED_MODES:
        return False
    return policy.schedule is None or policy.schedule.covers(now)
