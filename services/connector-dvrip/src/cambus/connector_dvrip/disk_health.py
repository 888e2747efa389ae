"""Disks that fail, vanish, come back or are exchanged: one report for each change, however often it is looked at."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cambus.dvrip.messages.system import Disk

GONE: Final = "gone"
OK: Final = "ok"


@dataclass(frozen=True, slots=True)
class DiskChange:
    """What has changed since the last look.

    Attributes:
        text: in words, one part for each partition.
        failed: whether anything is worse than it was.
        partitions: how each partition that changed was and is; None: it was not there.
    """

    text: str
    failed: bool
    partitions: list[dict[str, int | str | None]]


class DiskHealth:
    """Remembers how the partitions of a device were, over its sessions."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], str] | None = None

    def look(self, disks: Iterable[Disk]) -> DiskChange | None:
        """Take the disks as they are now; return what is news. At the first look that is what is broken.

        A partition that is full, or is written anew, is no news: recorders overwrite.
        """
        now = {
            (disk.number, number): OK if partition.is_healthy else partition.status
            for disk in disks
            for number, partition in enumerate(disk.partitions)
        }
        before = self._known if self._known is not None else dict.fromkeys(now, OK)
        self._known = now
        changed = [
            (place, before.get(place), now.get(place, GONE))
            for place in sorted(before.keys() | now.keys())
            if before.get(place) != now.get(place, GONE)
        ]
        if not changed:
            return None
        return DiskChange(
            text="; ".join(
                f"disk {disk} partition {number}: {'new, ' if was is None else ''}{is_now}"
                for (disk, number), was, is_now in changed
            ),
            failed=any(is_now != OK for _, _, is_now in changed),
            partitions=[
                {"disk": disk, "partition": number, "before": was, "now": is_now}
                for (disk, number), was, is_now in changed
            ],
        )
