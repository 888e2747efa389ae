"""The metrics of recorder."""

from cambus.bus.metrics import Metrics


class RecorderMetrics:
    """Counts what the recorder does; no label names a device."""

    def __init__(self, metrics: Metrics) -> None:
        self._streams = metrics.gauge("recorder_streams", "Streams being recorded by this replica")()
        self._bytes = metrics.counter("recorder_written_bytes_total", "Bytes of segments completed")()
        self._segments = metrics.counter("recorder_segments_total", "Segments completed")()
        self._overflows = metrics.counter(
            "recorder_overflows_total", "Times a disk was too slow for a stream"
        )()
        self._failures = metrics.counter("recorder_write_failures_total", "Writes the disk refused")()
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
        self._free = metrics.gauge("recorder_disk_free_bytes", "Bytes free on the disk of the recordings")()

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

    def write_failed(self) -> None:
        """A write was refused."""
        self._failures.inc()

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

    def free(self, size: int) -> None:
        """So much of the disk is free."""
        self._free.set(size)
