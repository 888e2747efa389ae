"""The segments and parts of one HLS rendition: what is listed, what is still kept, who waits for more.

What is held is what RFC 8216 §6.2.2 demands, within a bound of bytes: a playlist is never shorter than three target
durations, and a segment that has left it is there for as long again as it lasts itself and the longest playlist did
that named it. That makes eight target durations: three listed, four kept, one growing.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from cambus.media.fmp4 import TIMESCALE
from cambus.media_relay.hls_folder import Extent, HlsFolder, SegmentFile

_LEAST_TARGETS: Final = 3
"""Target durations a playlist is never shorter than: a player begins so far behind the end."""

_LEAST_LISTED: Final = 3
"""Segments that stay listed however large they are."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HlsLimits:
    """How a stream is cut, and how much of it is kept.

    Attributes:
        segment_s: shortest regular segment; it ends with the first keyframe behind that.
        part_s: longest part, unless a single frame takes longer.
        segments: complete segments listed at the least; more where three target durations take more.
        bytes: most bytes of segments kept, listed or not.
        epoch_us: when media time is zero, so that what happened at once has one time in all streams of a device;
            microseconds since 1970. None, or later than what a stream shows: its time begins at zero.
    """

    segment_s: float = 2.0
    part_s: float = 0.4
    segments: int = 3
    bytes: int = 32 << 20
    epoch_us: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A partial segment (draft-pantos-hls-rfc8216bis §3.2): one `moof` and `mdat`.

    Attributes:
        number: counts all parts of the rendition, from 0.
        ticks: duration, 90 kHz.
        independent: whether it begins with a keyframe.
        data: the bytes, or where they are.
    """

    number: int
    ticks: int
    independent: bool
    data: bytes | memoryview | Extent

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return self.ticks / TIMESCALE


@dataclass(slots=True)
class Segment:
    """A media segment, complete or still growing.

    Attributes:
        msn: media sequence number, from 0.
        init: number of the initialisation segment it needs.
        discontinuity: whether it does not continue the one before (RFC 8216 §4.3.2.3).
        wall_us: when its first picture came from the device, microseconds since 1970.
        parts: in order.
        data: all parts in one, or where they are, once it is complete.
        longest_ticks: duration of the longest playlist that named it, 90 kHz.
        kept_until: when nobody needs it any more, in ticks of the window; None while it is listed.
    """

    msn: int
    init: int
    discontinuity: bool
    wall_us: int
    parts: list[Part] = field(default_factory=list)
    data: bytes | Extent | None = None
    longest_ticks: int = 0
    kept_until: int | None = None

    @property
    def complete(self) -> bool:
        """Whether nothing will be added."""
        return self.data is not None

    @property
    def ticks(self) -> int:
        """Duration of what there is, 90 kHz."""
        return sum(part.ticks for part in self.parts)

    @property
    def seconds(self) -> float:
        """Duration of what there is, in seconds."""
        return self.ticks / TIMESCALE

    @property
    def independent(self) -> bool:
        """Whether it begins with a keyframe."""
        return self.parts[0].independent

    def close(self) -> None:
        """Nothing is added any more: the parts become views of the whole, which is kept once."""
        whole = b"".join(part.data for part in self.parts if not isinstance(part.data, Extent))
        view, at = memoryview(whole), 0
        for index, part in enumerate(self.parts):
            end = at + len(part.data)
            self.parts[index] = replace(part, data=view[at:end])
            at = end
        self.data = whole

    def move_to(self, file: SegmentFile) -> None:
        """The file holds what `data` was: keep it there alone."""
        at = 0
        for index, part in enumerate(self.parts):
            self.parts[index] = replace(part, data=Extent(file, at, len(part.data)))
            at += len(part.data)
        self.data = Extent(file, 0, at)


class SegmentWindow:
    """The latest segments of a rendition, the last of them perhaps still growing.

    Args:
        limits: see `HlsLimits`.
        folder: where complete segments are kept; in memory without one.

    Attributes:
        inits: initialisation segments by number; those no kept segment needs are dropped.
        discontinuities: how many discontinuities have left the playlist (`EXT-X-DISCONTINUITY-SEQUENCE`).
        version: changes with everything that changes the playlist.
        independent: whether every segment so far has begun with a keyframe.
        ended: nothing will come any more, and the playlist says so.
        abandoned: the stream was closed; who waits need not.
    """

    def __init__(self, limits: HlsLimits, folder: HlsFolder | None = None) -> None:
        self._folder = folder
        self.inits: dict[int, bytes] = {}
        self.discontinuities = 0
        self.version = 0
        self.independent = True
        self.ended = False
        self.abandoned = False
        self._limits = limits
        self._segments: deque[Segment] = deque()
        self._first_listed = 0
        self._bytes = 0
        self._ticks = 0
        self._changed = asyncio.Event()
        self._next_part = 0

    @property
    def listed(self) -> list[Segment]:
        """What the playlist names, the growing one last, if it has a part."""
        return [each for each in self._segments if each.msn >= self._first_listed and each.parts]

    @property
    def size_bytes(self) -> int:
        """Bytes kept."""
        return self._bytes

    @property
    def stored_bytes(self) -> int:
        """Bytes of those that are kept in files."""
        return sum(len(each.data) for each in self._segments if isinstance(each.data, Extent))

    @property
    def open_bytes(self) -> int:
        """Bytes of the growing segment."""
        if not self._segments or self._segments[-1].complete:
            return 0
        return sum(len(part.data) for part in self._segments[-1].parts)

    @property
    def next_part(self) -> int:
        """The number of the part that comes next."""
        return self._next_part

    @property
    def next_msn(self) -> int:
        """The number of the segment that comes after the last one."""
        return self._segments[-1].msn + 1 if self._segments else 0

    def segment(self, msn: int) -> Segment | None:
        """A complete segment, None if it has gone or is not there yet."""
        if not self._segments or not 0 <= (at := msn - self._segments[0].msn) < len(self._segments):
            return None
        found = self._segments[at]
        return found if found.complete else None

    def part(self, number: int) -> Part | None:
        """A part, None if it has gone or is not there yet."""
        for segment in reversed(self._segments):
            if segment.parts and segment.parts[0].number <= number:
                at = number - segment.parts[0].number
                return segment.parts[at] if at < len(segment.parts) else None
        return None

    def reaches(self, msn: int, part: int | None) -> bool:
        """Whether the playlist holds the segment, or its part of that index, or what comes behind (§6.2.5.2)."""
        if not self._segments or self._segments[-1].msn < msn:
            return False
        at = msn - self._segments[0].msn
        if at < 0:
            return True
        segment = self._segments[at]
        if segment.complete and (part is None or part < len(segment.parts)):
            return True
        if part is None or part < len(segment.parts):
            return part is not None
        # An index behind the last part of a complete segment means the first part of the next one.
        return segment.complete and self._segments[-1].msn > msn and bool(self._segments[at + 1].parts)

    def open(self, segment: Segment) -> None:
        """Begin a segment; the one before is complete."""
        self._segments.append(segment)

    def add(self, ticks: int, data: bytes, *, independent: bool) -> None:
        """Add a part to the growing segment, and forget what nobody needs any more."""
        segment = self._segments[-1]
        self.independent &= independent or bool(segment.parts)
        segment.parts.append(Part(self._next_part, ticks, independent, data))
        self._next_part += 1
        self._bytes += len(data)
        self._ticks += ticks
        self._forget()
        self.announce()

    def close_segment(self, target_s: int) -> None:
        """Complete the growing segment and take off the playlist what need not be there.

        Args:
            target_s: the target duration; 0 while it is not known, when there is no playlist yet.
        """
        segment = self._segments[-1]
        segment.close()
        if self._folder is not None and isinstance(segment.data, bytes):
            self._folder.keep(segment.data, segment.move_to)
        if target_s:
            self._shorten(_LEAST_TARGETS * target_s * TIMESCALE)
        self._forget()
        self.announce()

    def announce(self) -> None:
        """Something has changed: let those look who wait."""
        self.version += 1
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def until(self, look: Callable[[], T | None], timeout_s: float) -> T | None:
        """What `look` finds, as soon as it finds something; None when time is up or nothing will come."""
        try:
            async with asyncio.timeout(timeout_s):
                while (found := look()) is None and not (self.ended or self.abandoned):
                    await self._changed.wait()
                return found
        except TimeoutError:
            return None

    def _shorten(self, least_ticks: int) -> None:
        """Take off the playlist what its least length allows, and more if there are too many bytes."""
        listed = deque(each for each in self._segments if each.complete and each.msn >= self._first_listed)
        ticks, size = sum(each.ticks for each in listed), sum(len(each.data or b"") for each in listed)
        while len(listed) > _LEAST_LISTED:
            first = listed[0]
            spare = len(listed) > self._limits.segments and ticks - first.ticks >= least_ticks
            if not (spare or size > self._limits.bytes):
                break
            listed.popleft()
            ticks, size = ticks - first.ticks, size - len(first.data or b"")
            first.kept_until = self._ticks + first.ticks + first.longest_ticks
            self.discontinuities += first.discontinuity
            self._first_listed = first.msn + 1
        for each in listed:
            each.longest_ticks = max(each.longest_ticks, ticks)

    def _forget(self) -> None:
        """Drop the segments that left the playlist long enough ago, or for which there is no room."""
        before = len(self._segments)
        while (until := self._segments[0].kept_until) is not None and (
            until <= self._ticks or self._bytes > self._limits.bytes
        ):
            self._bytes -= len(self._segments.popleft().data or b"")
        if len(self._segments) < before:
            needed = {each.init for each in self._segments}
            self.inits = {number: init for number, init in self.inits.items() if number in needed}
