"""Memory cards as disks of the bus (GB-228)."""

from typing import Final

from cambus.connector_gb28181.mapping.text import text
from cambus.gb28181.manscdp.storage import Card
from cambus.schemas.disks import Disk, DiskState

MIB: Final = 1 << 20
ALL: Final = 0
"""What stands for every card in an order to format."""
_STATES: Final = {
    "ok": DiskState.OK,
    "formatting": DiskState.FORMATTING,
    "unformatted": DiskState.UNFORMATTED,
    "idle": DiskState.IDLE,
    "error": DiskState.ERROR,
}


def disk_of(card: Card, position: int) -> Disk:
    """A card: they count from 1, disks from 0."""
    number = position if card.number is None or card.number < 1 else card.number - 1
    state = _STATES.get((card.status or "ok").strip().lower(), DiskState.ERROR)
    formatting = state is DiskState.FORMATTING and card.progress is not None
    return Disk(
        disk=number,
        name=text(card.name, 100),
        kind="sd",
        state=state,
        total_bytes=max(card.capacity_mb or 0, 0) * MIB,
        free_bytes=max(card.free_mb or 0, 0) * MIB,
        progress_percent=float(max(0, min(card.progress or 0, 100))) if formatting else None,
        native_state=text(card.status, 40) or None,
    )
