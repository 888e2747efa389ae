"""Recordings on the device (A.2.4.5, A.2.6.7, GB-120 to GB-123)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cambus.gb28181.manscdp.envelope import Root
from cambus.gb28181.manscdp.layout import INT, Body, Part, leaf, listing


@dataclass(frozen=True, slots=True)
class RecordQuery(Body):
    """What is recorded between two instants? Times are local, as `values.write_time` writes them."""

    ROOT: ClassVar = Root.QUERY
    COMMAND: ClassVar = "RecordInfo"

    start: str | None = leaf("StartTime")
    end: str | None = leaf("EndTime")
    file_path: str | None = leaf("FilePath")
    address: str | None = leaf("Address")
    secrecy: int | None = leaf("Secrecy", INT)
    type: str | None = leaf("Type")
    recorder: str | None = leaf("RecorderID")
    indistinct: int | None = leaf("IndistinctQuery", INT)
    stream_number: int | None = leaf("StreamNumber", INT)
    alarm_method: str | None = leaf("AlarmMethod")
    alarm_type: str | None = leaf("AlarmType")

    @property
    def needs_2022(self) -> bool:
        """Whether it asks for what only the edition of 2022 knows."""
        return not (self.stream_number is None and self.alarm_method is None and self.alarm_type is None)


def search(start: str, end: str, type_: str = "all") -> RecordQuery:
    """The usual question: what is recorded in a time, of one type (`time`, `alarm`, `manual`) or all (GB-120)."""
    return RecordQuery(start=start, end=end, file_path="", address="", secrecy=0, type=type_, recorder="")


@dataclass(frozen=True, slots=True)
class RecordItem(Part):
    """One recording; the path is the device's own, and means nothing to us."""

    code: str | None = leaf("DeviceID")
    name: str | None = leaf("Name")
    file_path: str | None = leaf("FilePath")
    address: str | None = leaf("Address")
    start: str | None = leaf("StartTime")
    end: str | None = leaf("EndTime")
    secrecy: int | None = leaf("Secrecy", INT)
    type: str | None = leaf("Type")
    recorder: str | None = leaf("RecorderID")
    size_bytes: int | None = leaf("FileSize", INT)
    location: str | None = leaf("RecordLocation")
    stream_number: int | None = leaf("StreamNumber", INT)


@dataclass(frozen=True, slots=True)
class RecordPart(Body):
    """One message of the answer."""

    ROOT: ClassVar = Root.RESPONSE
    COMMAND: ClassVar = "RecordInfo"

    name: str | None = leaf("Name")
    announced: int | None = leaf("SumNum", INT)
    records: tuple[RecordItem, ...] = listing("RecordList", RecordItem)
