"""A node of a catalog as a channel of the bus (GB/T 28181-2022 §6, A.2.1)."""

from typing import Final

from cambus.connector_gb28181.mapping.text import text
from cambus.gb28181.manscdp.catalog import CatalogItem
from cambus.schemas.channels import ChannelInfo
from cambus.schemas.geo import GeoPoint
from cambus.schemas.ids import StreamName

STREAMS: Final[tuple[StreamName, ...]] = ("main", "sub", "third")
"""By the number the protocol has for an encoder."""


def channel_info(
    number: int, item: CatalogItem, *, online: bool, parent: str | None, audio: bool | None
) -> ChannelInfo:
    """Return what is known of a channel.

    Args:
        number: of the channel.
        item: the node.
        online: whether it works.
        parent: the code it hangs under, None for the device itself.
        audio: whether it has sound.
    """
    place = None
    if item.latitude is not None and item.longitude is not None:
        place = GeoPoint(latitude=item.latitude, longitude=item.longitude)
    return ChannelInfo(
        channel=number,
        name=text(item.name),
        online=online,
        audio=audio,
        streams=streams_of(item),
        native_id=item.code,
        parent=None if parent is None else text(parent, 64),
        vendor=text(item.manufacturer, 64) or None,
        model=text(item.model, 64) or None,
        location=place,
        native={"status": text(item.status, 32)} if item.status is not None else {},
    )


def streams_of(item: CatalogItem) -> list[StreamName]:
    """The encoder streams: those it lists (2022), else the two every camera has (GB-154)."""
    listed = item.info.get("StreamNumberList", "")
    numbers = sorted({int(each) for each in listed.split("/") if each in {"0", "1", "2"}})
    return [STREAMS[number] for number in numbers] if numbers else list(STREAMS[:2])
