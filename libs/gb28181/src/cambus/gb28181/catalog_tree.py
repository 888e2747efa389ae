"""Catalogs as trees: cycles cut, strangers' children under the device (§6, GB-101, GB-107, GB-108)."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from cambus.gb28181.codes import REGION_DIGITS, VIDEO_CHANNEL_TYPES, NodeKind
from cambus.gb28181.manscdp.catalog import CatalogItem

_NO_CHANNEL = frozenset(
    {
        NodeKind.REGION,
        NodeKind.SYSTEM,
        NodeKind.GROUP,
        NodeKind.ORGANISATION,
        NodeKind.ALARM_INPUT,
        NodeKind.ALARM_OUTPUT,
        NodeKind.AUDIO_INPUT,
        NodeKind.AUDIO_OUTPUT,
        NodeKind.USER,
    }
)


@dataclass(frozen=True, slots=True)
class CatalogTree:
    """A catalog in its order.

    Attributes:
        device: the code of the device it is of.
        items: every node by its code.
        children: codes of what hangs under a code, in the order they came.
    """

    device: str
    items: Mapping[str, CatalogItem]
    children: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, device: str, items: Mapping[str, CatalogItem]) -> CatalogTree:
        """Order a catalog.

        What has several parents hangs under each; what has none that is known under the region it says it is in, or
        else under the device. Where nodes are above each other, the one that came first is the highest.
        """
        known = dict(items)
        if not known and device[10:13] in VIDEO_CHANNEL_TYPES:
            known[device] = CatalogItem(device, on=True)  # a camera that lists nothing is its own channel
        parents = {
            code: _known_parents(item, device, known) for code, item in known.items() if code != device
        }
        children: dict[str, list[str]] = {}
        for code, above in _without_cycles(parents, device).items():
            for parent in above or (device,):
                children.setdefault(parent, []).append(code)
        return cls(device, known, {parent: tuple(codes) for parent, codes in children.items()})

    def channels(self) -> list[CatalogItem]:
        """What can be played or controlled, in order: everything that is not certainly something else."""
        return [item for item in self.items.values() if self._is_channel(item)]

    def _is_channel(self, item: CatalogItem) -> bool:
        if item.kind in _NO_CHANNEL:
            return False
        if item.kind is NodeKind.HOST or item.code == self.device:
            return item.code[10:13] in VIDEO_CHANNEL_TYPES and not self.children.get(item.code)
        return True

    def below(self, code: str) -> list[str]:
        """A node and everything under it, each once."""
        found: dict[str, None] = {}
        waiting = [code]
        while waiting:
            each = waiting.pop()
            if each not in found:
                found[each] = None
                waiting.extend(reversed(self.children.get(each, ())))
        return list(found)


def _known_parents(item: CatalogItem, device: str, items: Mapping[str, CatalogItem]) -> tuple[str, ...]:
    """What an item hangs under, of what there is: what it says, else its group, else its region."""
    found = [
        each
        for each in dict.fromkeys(item.parents)
        if (each in items or each == device) and each != item.code
    ]
    if found:
        return tuple(found)
    if item.kind is NodeKind.ORGANISATION and item.business_group in items:
        return (item.business_group,)
    if item.parents:
        return ()  # under something nobody knows
    region = item.code if item.kind is NodeKind.REGION else item.civil_code
    longest = len(region) - 2 if item.kind is NodeKind.REGION else len(region)
    above = (region[:digits] for digits in reversed(REGION_DIGITS) if digits <= longest)
    return next(((each,) for each in above if each in items), ())


def _without_cycles(parents: Mapping[str, tuple[str, ...]], device: str) -> dict[str, tuple[str, ...]]:
    """The same without those parents that are below their children; in time linear in all of them."""
    waiting = {code: sum(each != device for each in above) for code, above in parents.items()}
    below: dict[str, list[str]] = {}
    for code, above in parents.items():
        for each in above:
            below.setdefault(each, []).append(code)
    placed: set[str] = {device}
    kept: dict[str, tuple[str, ...]] = dict.fromkeys(parents, ())
    ready = deque(code for code, count in waiting.items() if not count)
    stuck = iter(parents)
    while len(placed) <= len(parents):
        if not ready:  # everything left is on a cycle, or below one: cut above the first
            ready.append(next(code for code in stuck if code not in placed))
        code = ready.popleft()
        if code in placed:
            continue
        kept[code] = tuple(each for each in parents[code] if each in placed)
        placed.add(code)
        for each in below.get(code, ()):
            waiting[each] -= 1
            if not waiting[each]:
                ready.append(each)
    return kept
