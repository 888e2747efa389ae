"""What a NOTIFY changes of a catalog that is known, or not yet (§9, A.2.5.9, GB-110, GB-112)."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from dataclasses import MISSING, fields, replace
from typing import Any, Final

from cambus.gb28181.manscdp.catalog import CatalogChange, CatalogEvent, CatalogItem

_STATUS: Final = frozenset({CatalogEvent.ON, CatalogEvent.OFF, CatalogEvent.VLOST, CatalogEvent.DEFECT})


def apply(
    items: MutableMapping[str, CatalogItem], told: Iterable[CatalogChange], *, ignore_status: bool = False
) -> set[str]:
    """Bring a catalog up to date; what is told twice changes nothing the second time.

    Args:
        items: by code; changed in place. It may be empty: an item nobody knew is taken up.
        told: what the device told, in order.
        ignore_status: leave it as it is: there are platforms that tell a wrong one.

    Returns:
        The codes of what has changed, or is gone.
    """
    changed = set()
    for each in told:
        known = items.get(each.item.code)
        now = _after(known, each, ignore_status=ignore_status)
        if now == known:
            continue
        changed.add(each.item.code)
        if now is None:
            del items[each.item.code]
        else:
            items[each.item.code] = now
    return changed


def _after(known: CatalogItem | None, told: CatalogChange, *, ignore_status: bool) -> CatalogItem | None:
    """What there is of an item after a change; None if nothing."""
    if told.event is CatalogEvent.DEL:
        return None
    item = told.item if known is None else _merged(known, told.item)
    if told.event in _STATUS:
        item = replace(item, on=told.event is CatalogEvent.ON, status=told.event.value)
    elif known is not None:
        said = told.item if told.item.status is not None else known
        item = replace(item, on=said.on, status=said.status)
    if ignore_status:
        on, status = (known.on, known.status) if known is not None else (True, None)
        item = replace(item, on=on, status=status)
    return item


def _merged(known: CatalogItem, told: CatalogItem) -> CatalogItem:
    """What is told, and of what it leaves out what was known."""
    values: dict[str, Any] = {}
    for each in fields(CatalogItem):
        new = getattr(told, each.name)
        missing = each.default if each.default_factory is MISSING else each.default_factory()
        values[each.name] = getattr(known, each.name) if new == missing else new
    return CatalogItem(**values)
