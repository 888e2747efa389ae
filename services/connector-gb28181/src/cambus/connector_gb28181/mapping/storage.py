"""Memory cards as disks of the bus (GB-228)."""

from typing import Final

from cambus.connector_gb28181.mapping.text import text
from cambus.gb28181.manscdp.storage import Card
from cambus.schemas.disks import Disk, DiskState

MIB: Final = 1 << 20
MAX_CARDS: Final = 255
MAX_MB: Final = 1 << 32
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
    number = card.number - 1 if card.number is not None and 1 <= card.number <= MAX_CARDS else position
    state = _STATES.get((card.status or "ok").strip().lower(), DiskState.ERROR)
    formatting = state is DiskState.FORMATTING and card.progress is not None
    return Disk(
        disk=number,
        name=text(card.name, 100),
        kind="sd",
        state=state,
        total_bytes=_bytes(card.capacity_mb),
        free_bytes=_bytes(card.free_mb),
        progress_percent=float(max(0, min(card.progress or 0, 100))) if formatting else None,
        native_state=text(card.status, 40) or None,
    )


def _bytes(megabytes: int | None) -> int:
    return max(0, min(megabytes or 0, MAX_MB)) * MIB
