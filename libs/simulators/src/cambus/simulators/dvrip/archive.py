"""Recordings on the device's disk: a list that follows from a few numbers, and bytes that follow from the loops.

No file exists. A recording's name says its channel, stream and times; its content is the channel's loop from its
first picture on, so that its size is known without producing it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from cambus.dvrip.frames import HEADER_SIZES, FrameType
from cambus.dvrip.messages.search import parse_file_name
from cambus.dvrip.values import format_hex, format_time
from cambus.simulators.tone import PACKET_SAMPLES, PACKETS_PER_S
from cambus.simulators.video_loop import VideoLoop

#: What a minute was recorded for, by event letter (DVRIP §7.4, search by time).
MINUTE_CODES: Final = {"R": 1, "A": 2, "M": 3, "K": 4, "H": 5}
MINUTES_PER_DAY: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording; times are device local, the end is exclusive."""

    channel: int
    stream: int
    begin: datetime
    end: datetime
    letter: str
    serial: int
    extension: str = "h264"

    @property
    def file_name(self) -> str:
        """As devices name them: partition, date, channel + 1, times, event, number, stream."""
        return (
            f"/idea0/{self.begin:%Y-%m-%d}/{self.channel + 1:03d}/{self.begin:%H.%M.%S}-{self.end:%H.%M.%S}"
            f"[{self.letter}][@{self.serial:x}][{self.stream}].{self.extension}"
        )

    @property
    def seconds(self) -> int:
        """Length."""
        return round((self.end - self.begin).total_seconds())

    def as_json(self, size_bytes: int) -> dict[str, Any]:
        """A record of a search; FileLength is KiB, rounded up."""
        return {
            "BeginTime": format_time(self.begin),
            "DiskNo": 0,
            "EndTime": format_time(self.end),
            "FileLength": format_hex(-(-size_bytes // 1024)),
            "FileName": self.file_name,
            "SerialNo": 0,
        }


@dataclass(frozen=True, slots=True)
class ArchivePlan:
    """What is on the disk.

    Attributes:
        files: recordings per channel and stream, one after the other up to ``end``.
        file_s: length of each, seconds.
        end: device time at which the newest ends; None: the full minute before the device was started.
    """

    files: int = 90
    file_s: int = 60
    end: datetime | None = None


class Archive:
    """The recordings of a device with ``channels`` channels; ``started`` is its clock at the start."""

    def __init__(self, plan: ArchivePlan, channels: int, started: datetime) -> None:
        self.plan = plan
        self.channels = channels
        self.end = plan.end or started.replace(second=0, microsecond=0)

    def files(
        self, channel: int, stream: int, *, count: int = 0, equal_begin: bool = False, extension: str = "h264"
    ) -> list[Recording]:
        """The recordings of one channel, oldest first; pictures are one for each ten recordings."""
        count = count or self.plan.files
        step = timedelta(seconds=self.plan.file_s)
        slots = -(-count // 3) if equal_begin else count
        recordings = []
        for index in range(count):
            slot = index // 3 if equal_begin else index
            begin = self.end - step * (slots - slot)
            letter = "RMA"[index % 3] if equal_begin else _letter(index)
            serial = (channel << 16 | stream << 15) + index
            recordings.append(Recording(channel, stream, begin, begin + step, letter, serial, extension))
        if extension != "jpg":
            return recordings
        return [
            Recording(each.channel, each.stream, each.begin, each.begin, each.letter, each.serial, "jpg")
            for each in recordings[::10]
        ]

    def find(self, name: str, *, count: int = 0, equal_begin: bool = False) -> Recording | None:
        """The recording with this file name."""
        parsed = parse_file_name(name)
        if parsed is None:
            return None
        for stream in (0, 1):
            for extension in ("h264", "jpg"):
                for each in self.files(
                    parsed.channel, stream, count=count, equal_begin=equal_begin, extension=extension
                ):
                    if each.file_name == name:
                        return each
        return None

    def minutes(self, recordings: list[Recording], day: datetime) -> bytes:
        """The 720 bytes of a day: four bits per minute, the low nibble the even one (DVRIP §7.4)."""
        nibbles = bytearray(MINUTES_PER_DAY)
        midnight = day.replace(hour=0, minute=0, second=0, microsecond=0)
        for each in recordings:
            first = int((each.begin - midnight).total_seconds() // 60)
            last = int(-(-(each.end - midnight).total_seconds() // 60))
            for minute in range(max(0, first), min(MINUTES_PER_DAY, last)):
                nibbles[minute] = MINUTE_CODES.get(each.letter, 1)
        return bytes(nibbles[at] | nibbles[at + 1] << 4 for at in range(0, MINUTES_PER_DAY, 2))

    def month_mask(self, recordings: list[Recording], year: int, month: int) -> int:
        """Bit d-1 for every day of the month with a recording."""
        mask = 0
        for each in recordings:
            if (each.begin.year, each.begin.month) == (year, month):
                mask |= 1 << each.begin.day - 1
        return mask

    def oldest(self) -> datetime:
        """Begin of the oldest recording."""
        return self.end - timedelta(seconds=self.plan.file_s * self.plan.files)


def recording_size(recording: Recording, loop: VideoLoop) -> int:
    """Bytes of a recording as a download carries it: video, sound and all frame headers."""
    pictures = recording.seconds * loop.spec.fps
    video, keys = loop.size_of(pictures)
    sounds = recording.seconds * PACKETS_PER_S
    heads = keys * HEADER_SIZES[FrameType.KEY] + (pictures - keys) * HEADER_SIZES[FrameType.DELTA]
    return video + heads + sounds * (HEADER_SIZES[FrameType.AUDIO] + PACKET_SAMPLES)


def _letter(index: int) -> str:
    """Mostly regular recordings, now and then motion, alarm and manual ones."""
    if index % 16 == 7:
        return "A"
    if index % 32 == 15:
        return "H"
    return "M" if index % 8 == 3 else "R"


def matching(recordings: list[Recording], begin: datetime, end: datetime, events: str) -> Iterator[Recording]:
    """The recordings that overlap a range and have one of the event letters; ``*`` takes all."""
    for each in recordings:
        inside = each.begin < end and (each.end > begin or each.begin >= begin)
        if inside and ("*" in events or not events or each.letter in events):
            yield each


def event_letters(query: Mapping[str, Any]) -> str:
    """``Event`` of a query; a missing one means all."""
    return str(query.get("Event") or "*")
