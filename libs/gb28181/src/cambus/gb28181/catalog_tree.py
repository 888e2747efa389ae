"""Catalogs as trees: cycles cut, strangers' children under the device (§6, GB-101, GB-107, GB-108)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cambus.gb28181.codes import VIDEO_CHANNEL_TYPES, NodeKind
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
        """Order a catalog. What has several parents hangs under each; what has none that is known, under the device."""
        known = dict(items)
        if not known and device[10:13] in VIDEO_CHANNEL_TYPES:
            known[device] = CatalogItem(device, on=True)  # a camera that lists nothing is its own channel
        children: dict[str, list[str]] = {}
        for code, item in known.items():
            if code == device:
                continue
            parents = [each for each in _parents(item) if each in known or each == device]
            parents = [each for each in dict.fromkeys(parents) if not _above(code, each, known)]
            for parent in parents or [device]:
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


def _parents(item: CatalogItem) -> tuple[str, ...]:
    group = (item.business_group,) if item.kind is NodeKind.ORGANISATION and item.business_group else ()
    return item.parents or group


def _above(code: str, parent: str, items: Mapping[str, CatalogItem]) -> bool:
    """Whether a node is above what it claims to hang under: a cycle, cut here."""
    seen = set()
    waiting = [parent]
    while waiting:
        each = waiting.pop()
        if each == code:
            return True
        if each in seen or each not in items:
            continue
        seen.add(each)
        waiting.extend(_parents(items[each]))
    return False
