"""The rules and the tags of devices, as the bus has them now."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from cambus.alarm_router.rule_check import problems
from cambus.alarm_router.sink_marks import mark_of, successor
from cambus.bus.connection import Bus
from cambus.client.kv import KeyValue
from cambus.schemas import assets, keys
from cambus.schemas.events.alarm import AlarmCleared, AlarmRaised
from cambus.schemas.events.alarm_handling import AlarmAcknowledged, AlarmEscalated, AlarmSuppressed
from cambus.schemas.state.alarm_rule import AlarmRule, Phase
from cambus.schemas.state.alarm_sinks import AlarmSink
from cambus.schemas.state.devices import DeviceRecord

logger = logging.getLogger(__name__)

Alarm = AlarmRaised | AlarmCleared
"""The beginning of an alarm, or its end."""

Told = AlarmRaised | AlarmCleared | AlarmAcknowledged | AlarmEscalated | AlarmSuppressed
"""What sinks are told."""

_PHASES: dict[type[Told], str] = {
    AlarmRaised: "raised",
    AlarmCleared: "cleared",
    AlarmAcknowledged: "acknowledged",
    AlarmEscalated: "escalated",
    AlarmSuppressed: "suppressed",
}
PHASES = tuple(_PHASES.values())


def phase_of(event: Told) -> str:
    """Which of them it is: the second half of the event's name."""
    return _PHASES[type(event)]


@dataclass(frozen=True, slots=True)
class Route:
    """One sink of one rule: the unit of delivery.

    Attributes:
        rule: the rule's id.
        index: the place of the sink in the rule's list, or in that of the step.
        step: the step of the rule's escalation, from 0; None: the sink is the rule's own.
        among: the marks of all sinks of the list when it was chosen, so that it leads to the same sink though the
            list is another now; empty: to whichever is in that place.
    """

    rule: str
    index: int
    step: int | None = None
    among: tuple[str, ...] = field(default=(), compare=False)

    @property
    def list(self) -> str:
        """Which list of sinks it is out of: `<rule>`, or `<rule>.e<step>`."""
        return self.rule if self.step is None else f"{self.rule}.e{self.step}"

    @property
    def id(self) -> str:
        """`<rule>.<index>`, `<rule>.e<step>.<index>`: the place in the list as it was when the route was chosen."""
        return f"{self.list}.{self.index}"

    @classmethod
    def parse(cls, text: str) -> "Route":
        """The route of an id.

        Raises:
            ValueError: it is none.
        """
        rule, *step, index = text.split(".")
        return cls(rule, int(index), int(step[0].removeprefix("e")) if step else None)


def routes_of(rule: AlarmRule, step: int | None = None) -> list[Route]:
    """The routes of a rule, or of a step of its escalation: one for each sink."""
    marks = tuple(map(mark_of, _sinks_of(rule, step)))
    return [Route(rule.id, index, step, marks) for index in range(len(marks))]


def _sinks_of(rule: AlarmRule, step: int | None) -> list[AlarmSink]:
    if step is None:
        return rule.sinks
    return rule.escalation[step].sinks if step < len(rule.escalation) else []


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
        self._in_order: list[AlarmRule] | None = None
        self._routes: dict[tuple[str, int | None], list[Route]] = {}
        self._devices_known: dict[str, DeviceRecord] = {}
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
        """Keep names and tags current; runs until it is cancelled."""
        async for device, entry in self._watching_devices:
            if entry is None:
                self._devices_known.pop(device, None)
            else:
                self._devices_known[device] = entry.value

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
        self._changed()

    def forget(self, rule_id: str, before: int | None = None) -> None:
        """Drop a rule; with `before` only if it is not known under a later revision."""
        known = self._rules.get(rule_id)
        if known is not None and (before is None or known[0] <= before):
            del self._rules[rule_id]
            self._changed()

    def _changed(self) -> None:
        self._in_order = None
        self._routes.clear()
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
        if rule is None:
            return None
        sinks = _sinks_of(rule, route.step)
        index: int | None = route.index
        if route.among:
            present = self.routes(rule, route.step)
            index = successor(route.among, present[0].among if present else (), route.index)
        return sinks[index] if index is not None and index < len(sinks) else None

    def routes(self, rule: AlarmRule, step: int | None = None) -> list[Route]:
        """The routes of a rule of ours, or of a step of its escalation."""
        known = self._routes.get((rule.id, step))
        if known is None:
            known = self._routes[rule.id, step] = routes_of(rule, step)
        return known

    @property
    def in_order(self) -> list[AlarmRule]:
        """All rules, as they are looked at."""
        if self._in_order is None:
            self._in_order = ordered(rule for _, rule in self._rules.values())
        return self._in_order

    def tags(self, device: str) -> list[str]:
        """The tags of a device; none of one nobody configured."""
        known = self._devices_known.get(device)
        return known.tags if known is not None else []

    def name(self, device: str) -> str:
        """What people call a device; empty if they have no name for it."""
        known = self._devices_known.get(device)
        return known.name or "" if known is not None else ""

    def matching(self, began: Alarm, phase: Phase) -> Iterator[AlarmRule]:
        """The rules that apply to an alarm, in their order, up to one that stops.

        Args:
            began: its beginning, or its end where that is not known: an end belongs to the rules that fit the
                beginning, so that a schedule cannot separate the two.
            phase: what of it.
        """
        tags = self.tags(began.device)
        for rule in self.in_order:
            if not rule.enabled:
                continue
            misfit = rule.match.misfit(began, phase=phase, tags=tags)
            if misfit is None:
                yield rule
            if rule.stop and misfit in {None, "phases"}:
                return


def ordered(rules: Iterable[AlarmRule]) -> list[AlarmRule]:
    """Rules as they are looked at: by their number, then by id."""
    return sorted(rules, key=lambda rule: (rule.order, rule.id))
