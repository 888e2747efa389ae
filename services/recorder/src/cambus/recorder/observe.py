"""The metrics of recorder."""

from cambus.bus.metrics import Metrics
from cambus.schemas.spans import GapReason


class RecorderMetrics:
    """Counts what the recorder does; no label names a device."""

    def __init__(self, metrics: Metrics) -> None:
        self._streams = metrics.gauge("recorder_streams", "Streams being recorded by this replica")()
        self._bytes = metrics.counter("recorder_written_bytes_total", "Bytes of segments completed")()
        self._segments = metrics.counter("recorder_segments_total", "Segments completed")()
        self._overflows = metrics.counter(
            "recorder_overflows_total", "Times a disk was too slow for a stream"
        )()
        self._failures = metrics.counter(
            "recorder_write_failures_total",
            "Writes the disk refused, by reason",
            {"reason": (GapReason.DISK_FULL.value, GapReason.DISK_ERROR.value)},
        )
        self._syncs = metrics.histogram(
            "recorder_sync_seconds", "Time the disk takes to make a write durable"
        )()
        self._lost = metrics.counter(
            "recorder_lost_seconds_total",
            "Seconds that should have been recorded and were not, by reason",
            {"reason": tuple(reason.value for reason in GapReason)},
        )
        self._full = metrics.gauge(
            "recorder_disk_full", "1 while less is free than should be and nothing may be deleted"
        )()
        self._bad_frames = metrics.counter(
            "recorder_bad_frames_total", "Messages on media subjects that are no frame"
        )()
        self._deleted = metrics.counter(
            "recorder_deleted_total", "Segments deleted, by reason", {"reason": ("age", "size", "disk-full")}
        )
        self._playbacks = metrics.gauge("recorder_playbacks", "Recordings being played by this replica")()
        self._played = metrics.counter(
            "recorder_playbacks_over_total",
            "Playbacks that are over, by how they ended",
            {"outcome": ("ended", "lapsed", "stopped", "handed-over", "failed")},
        )
        self._pictures = metrics.counter(
            "recorder_pictures_total",
            "Pictures taken by plan and with alarms",
            {"cause": ("schedule", "alarm"), "outcome": ("taken", "failed", "skipped")},
        )
        self._pictures_deleted = metrics.counter(
            "recorder_pictures_deleted_total",
            "Pictures deleted as they were too old or too many",
            {"reason": ("age", "size")},
        )
        self._copies = metrics.counter(
            "recorder_copies_total",
            "Copies to the object storage, by outcome; `there` was there already, `lost` deleted before",
            {"outcome": ("copied", "there", "failed", "lost")},
        )
        self._copied_bytes = metrics.counter(
            "recorder_copied_bytes_total", "Bytes of segments copied to the object storage"
        )()
        self._copies_pending = metrics.gauge(
            "recorder_copies_pending", "Segments that are still to be copied to the object storage"
        )()
        self._free = metrics.gauge("recorder_disk_free_bytes", "Bytes free on the disk of the recordings")()
        self._size = metrics.gauge("recorder_disk_size_bytes", "Size of the disk of the recordings")()

    def streams(self, count: int) -> None:
        """So many streams are being recorded."""
        self._streams.set(count)

    def closed(self, size: int) -> None:
        """A segment is complete."""
        self._segments.inc()
        self._bytes.inc(size)

    def overflow(self) -> None:
        """A stream's queue ran over."""
        self._overflows.inc()

    def write_failed(self, reason: GapReason) -> None:
        """A write was refused."""
        self._failures(reason.value).inc()

    def synced(self, seconds: float) -> None:
        """A sync took so long."""
        self._syncs.observe(seconds)

    def lost(self, reason: str, seconds: float) -> None:
        """So much was not recorded."""
        self._lost(reason).inc(seconds)

    def full(self, full: bool) -> None:
        """Whether the disk is full."""
        self._full.set(full)

    def bad_frame(self) -> None:
        """A message was no frame."""
        self._bad_frames.inc()

    def deleted(self, reason: str) -> None:
        """A segment was deleted."""
        self._deleted(reason).inc()

    def playbacks(self, count: int) -> None:
        """So many recordings are being played."""
        self._playbacks.set(count)

    def played(self, outcome: str) -> None:
        """A playback is over."""
        self._played(outcome).inc()

    def picture(self, cause: str, outcome: str) -> None:
        """A picture was taken, could not be, or was left out as too many were being taken."""
        self._pictures(cause, outcome).inc()

    def picture_deleted(self, reason: str) -> None:
        """A picture was too old, or of too many."""
        self._pictures_deleted(reason).inc()

    def space(self, free: int, size: int) -> None:
        """So much of the disk is free, and so large it is."""
        self._free.set(free)
        self._size.set(size)

    def copied(self, outcome: str, size: int = 0) -> None:
        """A segment was copied, or not; `size` bytes went over the network."""
        self._copies(outcome).inc()
        self._copied_bytes.inc(size)

    def copies_pending(self, count: int) -> None:
        """So many segments are still to be copied."""
        self._copies_pending.set(count)
