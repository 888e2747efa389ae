"""The channels of one device: what its catalog lists, each under a number that is its own for ever.

On the bus channels have numbers, in GB/T 28181 codes of 20 digits. A code gets the lowest number that no other code
has ever had, in the order of the catalog, and keeps it when the catalog changes.
"""

import threading
from collections.abc import Iterable, Mapping
from typing import Final

from cambus.connector_gb28181.mapping.channels import channel_info
from cambus.connector_gb28181.mapping.text import text
from cambus.gb28181.catalog_changes import apply
from cambus.gb28181.catalog_tree import CatalogTree
from cambus.gb28181.codes import NodeKind
from cambus.gb28181.manscdp.catalog import CatalogChange, CatalogEvent, CatalogItem
from cambus.schemas.channels import ChannelInfo

MAX_CHANNELS: Final = 20_000
_STATES: Final = frozenset({CatalogEvent.ON, CatalogEvent.OFF, CatalogEvent.VLOST, CatalogEvent.DEFECT})

_Made = tuple[CatalogItem, str | None, bool | None, ChannelInfo]


class ChannelTable:
    """What is behind a device.

    Args:
        code: of the device.
        numbers: the channel of each code, as it was given out before.
        channels: those there were last; they count until the catalog was asked for anew.

    Attributes:
        numbers: the channel of each code there ever was.
        tree: its catalog in order; empty until it has been asked for.
    """

    def __init__(self, code: str, numbers: Mapping[str, int], channels: Iterable[ChannelInfo]) -> None:
        self.code = code
        self._before = {info.channel: info for info in channels}
        of_channels = {info.native_id: number for number, info in self._before.items() if info.native_id}
        self.numbers = {**of_channels, **numbers}
        self.tree = CatalogTree.of("", {})
        self._codes = {number: code for code, number in self.numbers.items()}
        self._items: dict[str, CatalogItem] = {}
        self._made: dict[str, _Made] = {}
        self._synced = False
        self._faulty: frozenset[str] = frozenset()
        self._shown: dict[int, ChannelInfo] = {}
        self._inputs: dict[str, int] = {}
        self._turn = threading.Lock()  # thousands of channels are listed in a thread
        self._list()

    # --- asking -----------------------------------------------------------------------------------------

    @property
    def channels(self) -> tuple[ChannelInfo, ...]:
        """What there is now, ascending."""
        return tuple(self._shown.values())

    def code_of(self, channel: int) -> str | None:
        """The code of a channel that is there now, None for none."""
        return self._codes.get(channel) if channel in self._shown else None

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

    def input_of(self, code: str) -> int | None:
        """The number of an alarm input, from 0 in the order of the catalog; None for what the catalog has not."""
        return self._inputs.get(code)

    # --- news -------------------------------------------------------------------------------------------

    def synced(self, items: Mapping[str, CatalogItem], *, complete: bool) -> bool:
        """A catalog came. Only a complete one says what is gone (GB-105). Returns whether anything is different."""
        with self._turn:
            self._items = dict(items) if complete else {**self._items, **items}
            if complete:
                self._synced, self._before = True, {}
            return self._list()

    def changed(self, changes: Iterable[CatalogChange], *, believe_status: bool) -> bool:
        """The device has notified changes (GB-110); returns whether anything is different."""
        with self._turn:
            for change in changes:
                self._change(change, believe_status=believe_status)
            return self._list()

    def unheard_of(self, changes: Iterable[CatalogChange]) -> bool:
        """Whether some change is the state of something nobody has described: then its catalog is to be asked for."""
        return any(
            change.event in _STATES and not change.item.name and not self._knows(change.item.code)
            for change in changes
        )

    def faulty(self, codes: Iterable[str]) -> bool:
        """The sub-devices its keepalive names as broken (GB-052); returns whether that is news."""
        faulty = frozenset(codes)
        if faulty == self._faulty:
            return False
        with self._turn:
            self._faulty = faulty
            return self._list()

    # --- inside -----------------------------------------------------------------------------------------

    def _change(self, change: CatalogChange, *, believe_status: bool) -> None:
        code, event = change.item.code, change.event
        number = self.numbers.get(code, -1)
        remembered = self._before.get(number) if code not in self._items else None
        if remembered is None:
            apply(self._items, [change], ignore_status=not believe_status)
        elif event is CatalogEvent.DEL:
            del self._before[number]
        elif event in _STATES:
            if believe_status:
                self._before[number] = _in_state(remembered, event)
        else:
            self._items[code] = _item_of(remembered)
            apply(self._items, [change], ignore_status=not believe_status)
        if event is CatalogEvent.DEL:
            self._before.pop(number, None)

    def _knows(self, code: str) -> bool:
        return code in self._items or self.numbers.get(code, -1) in self._before

    def _list(self) -> bool:
        """Number and list what is a channel; those of before stay unless the catalog has them."""
        own = self.code if self._items or self._synced else ""  # what was not asked for is not empty
        self.tree = CatalogTree.of(own, self._items)
        listed = dict(self._before)
        for item in self.tree.channels()[:MAX_CHANNELS]:
            number = self._number(item.code)
            listed[number] = self._info(number, item)
        self._made = {code: made for code, made in self._made.items() if code in self.tree.items}
        inputs = (code for code, item in self.tree.items.items() if item.kind is NodeKind.ALARM_INPUT)
        self._inputs = {code: number for number, code in enumerate(inputs)}
        before = self._shown
        self._shown = {number: self._with_faults(listed[number]) for number in sorted(listed)}
        return before != self._shown

    def _with_faults(self, info: ChannelInfo) -> ChannelInfo:
        if info.native_id not in self._faulty:
            return info
        return info.model_copy(update={"online": False, "native": {**info.native, "faulty": True}})

    def _number(self, code: str) -> int:
        number = self.numbers.get(code)
        if number is None:
            number = len(self.numbers)
            while number in self._codes:
                number += 1
            self.numbers[code] = number
            self._codes[number] = code
        return number

    def _info(self, number: int, item: CatalogItem) -> ChannelInfo:
        """What is shown of a node; made anew only if that is something else."""
        parent, audio = self._parent(item), self._audio(item)
        made = self._made.get(item.code)
        if made is not None and made[0] is item and made[1:3] == (parent, audio):
            return made[3]
        info = channel_info(number, item, online=item.on, parent=parent, audio=audio)
        self._made[item.code] = (item, parent, audio, info)
        return info

    def _parent(self, item: CatalogItem) -> str | None:
        parents = [parent for parent in item.parents if parent != self.code]
        return parents[0] if parents else None

    def _audio(self, item: CatalogItem) -> bool | None:
        """Whether sound goes to it: it has an audio output of its own. Else nobody knows."""
        below = self.tree.children.get(item.code, ())
        kinds = {self.tree.items[code].kind for code in below if code in self.tree.items}
        return True if NodeKind.AUDIO_OUTPUT in kinds else None


def _in_state(info: ChannelInfo, event: CatalogEvent) -> ChannelInfo:
    """A channel that was known from before, with what is told of it now."""
    state = {"online": event is CatalogEvent.ON, "native": {**info.native, "status": text(event.value, 32)}}
    return info.model_copy(update=state)


def _item_of(info: ChannelInfo) -> CatalogItem:
    """What was known of a channel before the catalog was asked for, as the catalog had it."""
    place = info.location
    status = info.native.get("status")
    return CatalogItem(
        info.native_id or "",
        info.name,
        (info.parent,) if info.parent is not None else (),
        info.online,
        status if isinstance(status, str) else None,
        manufacturer=info.vendor or "",
        model=info.model or "",
        longitude=None if place is None else place.longitude,
        latitude=None if place is None else place.latitude,
    )
