"""The catalog as the upper platform reads it (§6, A.2.6.3, GB-241)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from cambus.connector_gb28181.cascade.nodes import Node
from cambus.gb28181.manscdp.catalog import CatalogItem
from cambus.schemas.state.cascade import CascadeLink

UDP_PART: Final = 4
TCP_PART: Final = 100
MAX_NAME: Final = 128
"""Characters; names of devices are as long as they like."""
_STREAMS: Final = ("main", "sub", "third")
T = TypeVar("T")


def item_of(node: Node, link: CascadeLink) -> CatalogItem:
    """An item of the catalog."""
    place = node.info.location if node.info is not None else None
    return CatalogItem(
        node.code,
        node.name[:MAX_NAME],
        node.parents,
        node.online,
        manufacturer=node.vendor or "Cambus",
        model=node.model,
        civil_code=link.civil_code or link.code[:6],
        address=node.name[:MAX_NAME],
        business_group=node.group,
        parental=node.inner,
        register_way=1,
        secrecy=0,
        longitude=place.longitude if place is not None else None,
        latitude=place.latitude if place is not None else None,
        info=_info(node, link),
    )


def _info(node: Node, link: CascadeLink) -> dict[str, str]:
    """What is said of a camera beside that; encoders only to who knows the words for it (§13)."""
    if node.info is None:
        return {}
    info = {"PTZType": "1" if node.info.ptz else "3"} if node.info.ptz is not None else {}
    numbers = [str(number) for number, name in enumerate(_STREAMS) if name in node.info.streams]
    if link.version == "3.0" and len(numbers) > 1:
        info["StreamNumberList"] = "/".join(numbers)
    return info


def part_size(link: CascadeLink) -> int:
    """How many items go into one message: over UDP it is to fit a datagram (§12)."""
    return link.part_items or (TCP_PART if link.transport == "tcp" else UDP_PART)


def parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """A list in parts; an empty one is one part."""
    yield from (items[at : at + size] for at in range(0, len(items), size)) if items else iter((items,))
