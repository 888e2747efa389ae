"""Where a segment lies and what its name says, so that the index can be made anew from the files alone.

    <root>/<device>/<channel>/<stream>/<YYYYMMDD>/<YYYYMMDDTHHMMSS.ffffffZ>-<ULID>[-<trigger>].mp4

The instant is the receive time of the segment's first picture, UTC to the microsecond; the ULID is the
segment's id; the trigger says why it was recorded, nothing means around the clock. An empty file of the same
name with `.lock` behind it keeps the segment from being deleted. Every part was checked to be a token before it
became part of a path.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cambus.schemas.ids import is_token
from cambus.schemas.spans import RecordingTrigger

SUFFIX = ".mp4"
BROKEN_SUFFIX = ".broken"
LOCK_SUFFIX = ".lock"
_NAME = re.compile(r"(\d{8}T\d{6}\.\d{6})Z-([0-7][0-9A-HJKMNP-TV-Z]{25})(?:-(schedule|alarm|manual))?\.mp4")
_INSTANT = "%Y%m%dT%H%M%S.%f"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, order=True)
class StreamKey:
    """A recorded stream."""

    device: str
    channel: int
    stream: str

    def __str__(self) -> str:
        return f"{self.device}/{self.channel}/{self.stream}"

    def folder(self, root: Path) -> Path:
        """Where its segments lie.

        Raises:
            ValueError: A part is no token, and must not become part of a path.
        """
        if not (is_token(self.device) and is_token(self.stream) and self.channel >= 0):
            raise ValueError(f"{self!s} cannot be part of a path")
        return root / self.device / str(self.channel) / self.stream


@dataclass(frozen=True, slots=True)
class SegmentName:
    """What the path of a segment says."""

    key: StreamKey
    id: str
    start_us: int
    trigger: RecordingTrigger = RecordingTrigger.CONTINUOUS

    def path(self) -> Path:
        """The segment's path below the root."""
        start = _EPOCH + timedelta(microseconds=self.start_us)
        why = "" if self.trigger is RecordingTrigger.CONTINUOUS else f"-{self.trigger.value}"
        return self.key.folder(Path()) / f"{start:%Y%m%d}" / f"{start:{_INSTANT}}Z-{self.id}{why}{SUFFIX}"

    def lock_path(self) -> Path:
        """The path below the root of the file that is there while the segment is locked."""
        path = self.path()
        return path.with_name(path.name + LOCK_SUFFIX)


def parse_path(path: Path) -> SegmentName | None:
    """What a path below the root says; None if it is no segment's."""
    parts = path.parts
    match = _NAME.fullmatch(path.name)
    if match is None or len(parts) != 5 or not parts[1].isdecimal():
        return None
    try:
        start = datetime.strptime(match[1], _INSTANT).replace(tzinfo=UTC)
        trigger = RecordingTrigger(match[3] or RecordingTrigger.CONTINUOUS)
        name = SegmentName(StreamKey(parts[0], int(parts[1]), parts[2]), match[2], to_us(start), trigger)
        return name if name.path() == path else None
    except ValueError:  # no such instant, or a folder whose name is no token
        return None


def segment_files(root: Path) -> Iterator[tuple[SegmentName, Path]]:
    """Every segment below `root` with its path below it, in no particular order."""
    for path in root.glob(f"*/*/*/*/*{SUFFIX}"):
        relative = path.relative_to(root)
        name = parse_path(relative)
        if name is not None:
            yield name, relative


def to_us(at: datetime) -> int:
    """Microseconds since 1970 of an instant with a zone, exactly."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def from_us(at_us: int) -> datetime:
    """The instant, in UTC."""
    return _EPOCH + timedelta(microseconds=at_us)
