"""The rules and the tags of devices, as the bus has them now."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from cambus.alarm_router.rule_check import problems
from cambus.bus.connection import Bus
from cambus.bus.kv import KeyValue
from cambus.schemas import assets, keys
from cambus.schemas.events.alarm import AlarmCleared, AlarmRaised
from cambus.schemas.state.alarm_rule import AlarmRule, AlarmSink
from cambus.schemas.state.devices import DeviceRecord

logger = logging.getLogger(__name__)

Alarm = AlarmRaised | AlarmCleared
"""The beginning of an alarm, or its end."""

Phase = Literal["raised", "cleared"]


def phase_of(alarm: Alarm) -> Phase:
    """Which of the two it is."""
    return "raised" if isinstance(alarm, AlarmRaised) else "cleared"


@dataclass(frozen=True, slots=True)
class Route:
    """One sink of one rule: the unit of delivery.

    Attributes:
        rule: the rule's id.
        index: the place of the sink in the rule's list.
    """

    rule: str
    index: int

    @property
    def id(self) -> str:
        """`<rule>.<index>`: stable while the rule's list of sinks keeps its order."""
        return f"{self.rule}.{self.index}"

    @classmethod
    def parse(cls, text: str) -> "Route":
        """The route of an id.

        Raises:
            ValueError: it is none.
        """
        rule, _, index = text.partition(".")
        return cls(rule, int(index))


def routes_of(rule: AlarmRule) -> list[Route]:
    """The routes of a rule, one for each of its sinks."""
    return [Route(rule.id, index) for index in range(len(rule.sinks))]


class RuleBook:
    """Follows the rules in `cambus-policies` and the tags in `cambus-devices`.

    Attributes:
        stored: where the rules are kept.
        on_change: called after rules have changed.
    """

    def __init__(self, bus: Bus) -> None:
        self.stored: KeyValue[AlarmRule] = KeyValue(bus, assets.KV_POLICIES, AlarmRule)
        self.on_change: Callable[[], None] = lambda: None
        self._devices: KeyValue[DeviceRecord] = KeyValue(bus, assets.KV_DEVICES, DeviceRecord)
        self._rules: dict[str, tuple[int, AlarmRule]] = {}
        self._tags: dict[str, list[str]] = {}
        self._watching_rules = self.stored.watch(f"{keys.ALARM_RULES}>")
        self._watching_devices = self._devices.watch()

    # --- following the bus ------------------------------------------------------------------------------

    async def wait_synced(self) -> None:
        """Return once every rule and every device that exists is known."""
        await asyncio.gather(self._watching_rules.synced.wait(), self._watching_devices.synced.wait())

    async def follow_rules(self) -> None:
        """Keep the rules current; runs until it is cancelled."""
        async for key, entry in self._watching_rules:
            if entry is None:
                self.forget(key.removeprefix(keys.ALARM_RULES))
            else:
                self.learn(entry.value, entry.revision)

    async def follow_devices(self) -> None:
        """Keep the tags current; runs until it is cancelled."""
        async for device, entry in self._watching_devices:
            if entry is None:
                self._tags.pop(device, None)
            else:
                self._tags[device] = entry.value.tags

    def learn(self, rule: AlarmRule, revision: int) -> None:
        """Take a rule as it was written under this revision, unless a later one is known."""
        known = self._rules.get(rule.id)
        if known is not None and known[0] >= revision:
            return
        unusable = problems(rule)
        if unusable:  # written past the command, which would have refused it
            logger.error("a rule is ignored", extra={"rule": rule.id, "reason": unusable[0]})
            rule = rule.model_copy(update={"enabled": False})
        self._rules[rule.id] = (revision, rule)
        self.on_change()

    def forget(self, rule_id: str, before: int | None = None) -> None:
        """Drop a rule; with `before` only if it is not known under a later revision."""
        known = self._rules.get(rule_id)
        if known is not None and (before is None or known[0] <= before):
            del self._rules[rule_id]
            self.on_change()

    # --- asking -----------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._rules)

    def rule(self, rule_id: str) -> AlarmRule | None:
        """The rule of that name, None if there is none or it is not to be applied."""
        known = self._rules.get(rule_id)
        return known[1] if known is not None and known[1].enabled else None

    def sink(self, route: Route) -> AlarmSink | None:
        """Where a route leads at present; None if it leads nowhere any more."""
        rule = self.rule(route.rule)
        return rule.sinks[route.index] if rule is not None and route.index < len(rule.sinks) else None

    def matching(self, alarm: Alarm, began: Alarm) -> Iterator[AlarmRule]:
        """The rules that apply to an alarm.

        Args:
            alarm: its beginning or its end.
            began: the beginning, where it is known: an end belongs to the rules that fit the beginning, so
                that a schedule cannot separate the two.
        """
        tags, phase = self._tags.get(alarm.device, []), phase_of(alarm)
        for _, rule in self._rules.values():
            if rule.enabled and rule.match.covers_alarm(began, phase=phase, tags=tags):
                yield rule
