"""What a segment holds, told from its bytes: the same for one that grows and for one found on the disk."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from cambus.media.errors import ContainerError, MediaError
from cambus.media.fmp4_reader import Fragment, InitSegment, Scan, scan
from cambus.media.mp4_entry_reader import read_audio_entry, read_video_entry

TICKS_PER_S = 90_000


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of a segment is there, and what it is.

    Attributes:
        bytes: length of the file up to the end of its last whole fragment.
        duration_us: from its first picture to the end of its last.
        codec: `h264` or `h265`.
        width: pixels.
        height: pixels.
        audio_codec: `pcma` or `pcmu`; None without sound.
    """

    bytes: int
    duration_us: int
    codec: str
    width: int
    height: int
    audio_codec: str | None

    def grown(self, bytes_: int, duration_us: int) -> "Extent":
        """The same segment with more in it."""
        return replace(self, bytes=bytes_, duration_us=duration_us)


def ticks_to_us(ticks: int) -> int:
    """Microseconds of 90 kHz ticks, rounded down."""
    return ticks * 1_000_000 // TICKS_PER_S


def video_end_ticks(init: InitSegment, fragment: Fragment) -> int:
    """Where the pictures of a fragment end, on the segment's time line; 0 if it has none."""
    track = init.track(video=True)
    run = fragment.run(track.track_id) if track is not None else None
    return run.end_dts if run is not None else 0


def describe(init: InitSegment) -> Extent:
    """What the head of a file says: an extent without media.

    Raises:
        ContainerError: there is no video track, or one nobody here can read.
    """
    video, audio = init.track(video=True), init.track(video=False)
    if video is None:
        raise ContainerError("no video track")
    params = read_video_entry(video.entry)
    sound = read_audio_entry(audio.entry).codec.name.lower() if audio is not None else None
    return Extent(init.size, 0, params.codec.name.lower(), params.width, params.height, sound)


def extent_of(found: Scan) -> Extent:
    """What a scanned file holds, its whole fragments alone.

    Raises:
        ContainerError: it cannot be played at all.
    """
    try:
        head = describe(found.init)
    except ContainerError:
        raise
    except MediaError as error:
        raise ContainerError(str(error)) from error
    end = max((video_end_ticks(found.init, fragment) for fragment in found.fragments), default=0)
    return head.grown(found.valid_bytes, ticks_to_us(end))


def scan_file(path: Path, *, limit: int | None = None) -> Scan:
    """List the fragments of a file, or of its first `limit` bytes.

    Raises:
        ContainerError: its head is missing or broken.
        OSError: it cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        end = size if limit is None else min(size, limit)
        return scan(lambda offset, count: os.pread(descriptor, min(count, max(end - offset, 0)), offset), end)
    finally:
        os.close(descriptor)
