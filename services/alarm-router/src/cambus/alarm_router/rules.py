"""The rules and the tags of devices, as the bus has them now."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from cambus.bus.connection import Bus
from cambus.bus.kv import KeyValue
from cambus.schemas import assets, keys
from cambus.schemas.events.alarm import AlarmEvent
from cambus.schemas.state.alarm_rule import AlarmRule, AlarmSink
from cambus.schemas.state.devices import DeviceRecord

Phase = Literal["raised", "cleared"]


@dataclass(frozen=True, slots=True)
class Route:
    """One sink of one rule: the unit of delivery."""

    rule: AlarmRule
    index: int
    sink: AlarmSink

    @property
    def id(self) -> str:
        """Stable while the rule's list of sinks is unchanged: `<rule>.<index>`."""
        return f"{self.rule.id}.{self.index}"


class RuleBook:
    """Follows the rules in `cambus-policies` and the tags in `cambus-devices`."""

    def __init__(self, bus: Bus) -> None:
        self.stored: KeyValue[AlarmRule] = KeyValue(bus, assets.KV_POLICIES, AlarmRule)
        self._devices: KeyValue[DeviceRecord] = KeyValue(bus, assets.KV_DEVICES, DeviceRecord)
        self._rules: dict[str, AlarmRule] = {}
        self._tags: dict[str, list[str]] = {}
        self._watching_rules = self.stored.watch(f"{keys.ALARM_RULES}>")
        self._watching_devices = self._devices.watch()

    async def wait_synced(self) -> None:
        """Return once every rule and every device that exists is known."""
        await asyncio.gather(self._watching_rules.synced.wait(), self._watching_devices.synced.wait())

    async def follow_rules(self) -> None:
        """Keep the rules current; runs until it is cancelled."""
        async for key, entry in self._watching_rules:
            if entry is None:
                self._rules.pop(key, None)
            else:
                self._rules[key] = entry.value

    async def follow_devices(self) -> None:
        """Keep the tags current; runs until it is cancelled."""
        async for device, entry in self._watching_devices:
            if entry is None:
                self._tags.pop(device, None)
            else:
                self._tags[device] = entry.value.tags

    def __len__(self) -> int:
        return len(self._rules)

    def routes(self, alarm: AlarmEvent, phase: Phase, began: AlarmEvent) -> Iterator[Route]:
        """Where an alarm goes.

        Args:
            alarm: its beginning or its end.
            phase: which of the two.
            began: the beginning, where it is known: an end belongs to the rules that fit the beginning, so
                that a schedule cannot separate the two.
        """
        tags = self._tags.get(alarm.device, [])
        for rule in self._rules.values():
            if rule.enabled and rule.match.covers_alarm(began, phase=phase, tags=tags):
                for index, sink in enumerate(rule.sinks):
                    yield Route(rule, index, sink)
