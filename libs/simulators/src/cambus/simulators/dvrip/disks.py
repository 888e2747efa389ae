"""Disks and partitions (DVRIP §7.1 StorageInfo, §7.5 disk management)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from cambus.dvrip.codes import ReturnCode
from cambus.dvrip.values import as_object, format_hex, format_time, parse_number

#: ``DirverType`` of a partition by the ``Type`` of a request.
_TYPES: Final = {"ReadWrite": 0, "ReadOnly": 1, "Redundant": 3, "SnapShot": 4}


@dataclass(slots=True)
class Partition:
    """One partition; sizes in MiB."""

    number: int
    total_mib: int
    remain_mib: int
    driver_type: int = 0
    status: int = 0
    current: bool = False


@dataclass(slots=True)
class Disk:
    """One disk."""

    number: int
    partitions: list[Partition] = field(default_factory=list)


class Disks:
    """The disks of a device: by default one of 1 TB in two partitions.

    Attributes:
        operations: what was done to them, in words, newest last.
    """

    def __init__(self, count: int = 1) -> None:
        self.operations: list[str] = []
        self.disks = [
            Disk(
                index,
                [Partition(0, 953344, 411648, current=index == 0), Partition(1, 512, 498, driver_type=4)],
            )
            for index in range(count)
        ]

    def as_json(self, oldest: datetime, newest: datetime) -> list[dict[str, Any]]:
        """StorageInfo; the times are those of the recordings."""
        return [
            {
                "PartNumber": len(disk.partitions),
                "PlysicalNo": disk.number,
                "Partition": [
                    {
                        "DirverType": part.driver_type,
                        "IsCurrent": part.current,
                        "LogicSerialNo": part.number,
                        "NewEndTime": format_time(newest),
                        "NewStartTime": format_time(oldest),
                        "OldEndTime": format_time(newest),
                        "OldStartTime": format_time(oldest),
                        "RemainSpace": format_hex(part.remain_mib),
                        "Status": part.status,
                        "TotalSpace": format_hex(part.total_mib),
                    }
                    for part in disk.partitions
                ],
            }
            for disk in self.disks
        ]

    def manage(self, request: Mapping[str, Any]) -> int:
        """Carry out an ``OPStorageManager``; the return code."""
        action = str(request.get("Action", ""))
        number = parse_number(request.get("SerialNo"))
        if not 0 <= number < len(self.disks):
            return ReturnCode.OBJECT_MISSING
        disk = self.disks[number]
        part_number = parse_number(request.get("PartNo"))
        part = next((each for each in disk.partitions if each.number == part_number), None)
        kind = str(request.get("Type", ""))
        if action == "Partition":
            self._partition(disk, request)
        elif part is None:
            return ReturnCode.OBJECT_MISSING
        elif action == "SetType" and kind in _TYPES:
            part.driver_type = _TYPES[kind]
        elif action == "Clear":
            part.remain_mib = part.total_mib
        elif action == "Recover":
            part.status = 0
        else:
            return ReturnCode.BAD_INPUT
        self.operations.append(f"{action} disk {number} partition {part_number} {kind}".rstrip())
        return ReturnCode.OK

    def _partition(self, disk: Disk, request: Mapping[str, Any]) -> None:
        sizes = request.get("PartitionSize")
        wanted = [as_object(each) for each in sizes] if isinstance(sizes, list) else []
        record = next((parse_number(each["Record"]) for each in wanted if "Record" in each), 953856)
        snapshot = next((parse_number(each["SnapShot"]) for each in wanted if "SnapShot" in each), 0)
        disk.partitions = [Partition(0, record, record, current=True)]
        if snapshot:
            disk.partitions.append(Partition(1, snapshot, snapshot, driver_type=4))
