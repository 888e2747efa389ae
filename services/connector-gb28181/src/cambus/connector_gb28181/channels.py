"""The channels of one device: what its catalog lists, each under a number that is its own for ever.

On the bus channels have numbers, in GB/T 28181 codes of 20 digits. A code gets the lowest number that no other code
has ever had, in the order of the catalog, and keeps it when the catalog changes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from cambus.connector_gb28181.mapping.channels import channel_info
from cambus.gb28181.catalog_tree import CatalogTree
from cambus.gb28181.codes import NodeKind
from cambus.gb28181.manscdp.catalog import CatalogChange, CatalogEvent, CatalogItem
from cambus.schemas.channels import ChannelInfo

MAX_CHANNELS: Final = 20_000
_STATES: Final = {
    CatalogEvent.ON: True,
    CatalogEvent.OFF: False,
    CatalogEvent.VLOST: False,
    CatalogEvent.DEFECT: False,
}


class ChannelTable:
    """What is behind a device.

    Args:
        code: of the device.
        numbers: the channel of each code, as it was given out before.
        channels: those there were last.

    Attributes:
        numbers: the channel of each code there ever was.
        tree: its catalog in order; empty until it has been asked for.
    """

    def __init__(self, code: str, numbers: Mapping[str, int], channels: Iterable[ChannelInfo]) -> None:
        self.code = code
        self.numbers = dict(numbers)
        self._infos = {info.channel: info for info in channels}
        self.tree = CatalogTree.of("", {})
        self._codes = {number: code for code, number in self.numbers.items()}
        self._faulty: frozenset[str] = frozenset()

    # --- asking -----------------------------------------------------------------------------------------

    @property
    def channels(self) -> tuple[ChannelInfo, ...]:
        """What there is now, ascending."""
        return tuple(self._infos[number] for number in sorted(self._infos))

    def code_of(self, channel: int) -> str | None:
        """The code of a channel that is there now, None for none."""
        return self._codes.get(channel) if channel in self._infos else None

    def number_of(self, code: str) -> int | None:
        """The channel of a code, None for what is none."""
        return self.numbers.get(code)

    def item(self, code: str) -> CatalogItem | None:
        """What the catalog says about a code."""
        return self.tree.items.get(code)

    def channel_of(self, code: str) -> int | None:
        """The channel something concerns: itself, or the one an alarm input or a microphone hangs under (GB-205)."""
        seen: set[str] = set()
        while code not in seen:
            seen.add(code)
            number = self.numbers.get(code)
            if number is not None:
                return number
            item = self.tree.items.get(code)
            if item is None or not item.parents:
                return None
            code = item.parents[-1]
        return None

    # --- news -------------------------------------------------------------------------------------------

    def synced(self, items: Mapping[str, CatalogItem], *, complete: bool) -> bool:
        """A catalog came. Only a complete one says what is gone (GB-105). Returns whether anything is different."""
        known = dict(items) if complete else {**self.tree.items, **items}
        return self._list(known, kept={} if complete else self._infos)

    def changed(self, changes: Iterable[CatalogChange], *, believe_status: bool) -> bool:
        """The device has notified changes (GB-110); returns whether anything is different."""
        items = dict(self.tree.items)
        infos = dict(self._infos)
        for change in changes:
            self._apply(items, infos, change, believe_status=believe_status)
        return self._list(items, kept=infos)

    def faulty(self, codes: Iterable[str]) -> bool:
        """The sub-devices its keepalive names as broken (GB-052); returns whether that is news."""
        faulty = frozenset(codes)
        if faulty == self._faulty:
            return False
        self._faulty = faulty
        return self._list(dict(self.tree.items), kept=self._infos)

    def _apply(
        self,
        items: dict[str, CatalogItem],
        infos: dict[int, ChannelInfo],
        change: CatalogChange,
        *,
        believe_status: bool,
    ) -> None:
        item, event = change.item, change.event
        before = items.get(item.code) or self._remembered(item.code)
        if event is CatalogEvent.DEL:
            items.pop(item.code, None)
            infos.pop(self.numbers.get(item.code, -1), None)
        elif event in _STATES:
            if believe_status or before is None:
                items[item.code] = replace(before or item, on=_STATES[event], status=event.value)
        elif before is None or believe_status:
            items[item.code] = item
        else:
            items[item.code] = replace(item, on=before.on, status=before.status)

    def _remembered(self, code: str) -> CatalogItem | None:
        """What was known of a channel before the catalog was asked for."""
        info = self._infos.get(self.numbers.get(code, -1))
        if info is None:
            return None
        return CatalogItem(
            code, info.name, on=info.online, manufacturer=info.vendor or "", model=info.model or ""
        )

    def _list(self, items: dict[str, CatalogItem], *, kept: Mapping[int, ChannelInfo]) -> bool:
        """Number and list what is a channel; `kept` are those of before that stay unless the catalog has them."""
        self.tree = CatalogTree.of(self.code, items)
        infos = dict(kept)
        for item in self.tree.channels()[:MAX_CHANNELS]:
            number = self._number(item.code)
            on = item.on and item.code not in self._faulty
            infos[number] = channel_info(
                number, item, online=on, parent=self._parent(item), audio=self._audio(item)
            )
        before, self._infos = self._infos, infos
        return before != infos

    def _number(self, code: str) -> int:
        number = self.numbers.get(code)
        if number is None:
            number = len(self.numbers)
            while number in self._codes:
                number += 1
            self.numbers[code] = number
            self._codes[number] = code
        return number

    def _parent(self, item: CatalogItem) -> str | None:
        parents = [parent for parent in item.parents if parent != self.code]
        return parents[0] if parents else None

    def _audio(self, item: CatalogItem) -> bool | None:
        """Whether sound goes to it: it has an audio output of its own. Else nobody knows."""
        below = self.tree.children.get(item.code, ())
        kinds = {self.tree.items[code].kind for code in below if code in self.tree.items}
        return True if NodeKind.AUDIO_OUTPUT in kinds else None
