"""The recorder: is everything recorded that should be, and does the disk keep up."""

from grafana.model import BAD, GOOD, WARN, Choice, Dashboard, Panel, Query, Row, process_row, stat

_WHERE = '{service="recorder", instance=~"$instance"}'


def _rate(metric: str, by: str, more: str = "") -> list[Query]:
    where = f'{{service="recorder", instance=~"$instance"{more}}}'
    return [Query(f"sum by ({by}) (rate({metric}{where}[$__rate_interval])) > 0", f"{{{{{by}}}}}")]


def _by_replica(metric: str) -> list[Query]:
    return [Query(f"{metric}{_WHERE}", "{{instance}}")]


_NOW = Row(
    "Now",
    [
        stat("Streams recorded", "Streams being recorded.", f"sum(cambus_recorder_streams{_WHERE})"),
        stat(
            "Lost (1 h)",
            "Seconds that should have been recorded in the last hour and were not, for whatever reason.",
            f"sum(increase(cambus_recorder_lost_seconds_total{_WHERE}[1h]))",
            "s",
            worry=60,
        ),
        stat(
            "Least free",
            "Share of the disk that is free, at the fullest recorder.",
            f"min(cambus_recorder_disk_free_bytes{_WHERE} / cambus_recorder_disk_size_bytes{_WHERE})",
            "percentunit",
        ),
        stat(
            "Disks full",
            "Recorders that have less room than they should and may delete nothing: they record no more.",
            f"sum(cambus_recorder_disk_full{_WHERE})",
            bad=1,
        ),
        stat(
            "Copies pending",
            "Segments that are still to be copied to object storage.",
            f"sum(cambus_recorder_copies_pending{_WHERE})",
        ),
        stat("Playbacks", "Recordings being played.", f"sum(cambus_recorder_playbacks{_WHERE})"),
    ],
)

_RECORDING = Row(
    "Recording",
    [
        Panel("Streams", "Recorded by each replica.", _by_replica("cambus_recorder_streams"), stack=True),
        Panel(
            "Written",
            "Bytes of completed segments; a segment counts when it is complete, every few minutes.",
            [
                Query(
                    f"sum by (instance) (rate(cambus_recorder_written_bytes_total{_WHERE}[10m]))",
                    "{{instance}}",
                )
            ],
            "Bps",
        ),
        Panel(
            "Not recorded",
            "Seconds lost each second, by reason: 1 is one stream that is not recorded. `cambusctl recordings find` "
            "names them.",
            _rate("cambus_recorder_lost_seconds_total", "reason"),
            "short",
            steps=((None, GOOD), (1, WARN)),
            stack=True,
        ),
    ],
)

_DISK = Row(
    "Disk",
    [
        Panel(
            "Free", "On the disk of the recordings.", _by_replica("cambus_recorder_disk_free_bytes"), "bytes"
        ),
        Panel(
            "Time to make a write durable",
            "Of the slowest hundredth. Above a second the disk does not keep up.",
            [
                Query(
                    "histogram_quantile(0.99, sum by (le, instance) (rate(cambus_recorder_sync_seconds_bucket"
                    f"{_WHERE}[$__rate_interval])))",
                    "{{instance}}",
                )
            ],
            "s",
            steps=((None, GOOD), (1, WARN), (5, BAD)),
        ),
        Panel(
            "Writes refused, queues run over",
            "Writes the disk refused, by reason, and times it was too slow for a stream.",
            [
                *_rate("cambus_recorder_write_failures_total", "reason"),
                Query(f"sum(rate(cambus_recorder_overflows_total{_WHERE}[$__rate_interval]))", "too slow"),
            ],
            "ops",
        ),
        Panel(
            "Deleted",
            "Segments, by reason. `disk-full`: the disk is smaller than what is to be kept.",
            _rate("cambus_recorder_deleted_total", "reason"),
            "ops",
        ),
        Panel(
            "Segments", "Completed per second.", _rate("cambus_recorder_segments_total", "instance"), "ops"
        ),
        Panel(
            "Messages that are no frame",
            "On media subjects.",
            _rate("cambus_recorder_bad_frames_total", "instance"),
            "ops",
        ),
    ],
)

_USES = Row(
    "Copies, playbacks and pictures",
    [
        Panel(
            "Copies",
            "To object storage, by outcome. `lost`: deleted before it was copied.",
            _rate("cambus_recorder_copies_total", "outcome"),
            "ops",
        ),
        Panel("Copies pending", "By replica.", _by_replica("cambus_recorder_copies_pending")),
        Panel(
            "Copied",
            "Bytes to object storage.",
            _rate("cambus_recorder_copied_bytes_total", "instance"),
            "Bps",
        ),
        Panel(
            "Playbacks over",
            "By how they ended.",
            _rate("cambus_recorder_playbacks_over_total", "outcome"),
            "ops",
        ),
        Panel(
            "Pictures",
            "Taken by plan and with alarms, by outcome.",
            _rate("cambus_recorder_pictures_total", "outcome"),
            "ops",
        ),
        Panel(
            "Pictures deleted", "By reason.", _rate("cambus_recorder_pictures_deleted_total", "reason"), "ops"
        ),
    ],
)

RECORDER = Dashboard(
    "recorder",
    "Recorder",
    "Streams recorded, gaps by reason, disks, copies, playbacks.",
    [_NOW, _RECORDING, _DISK, _USES, process_row(_WHERE)],
    [Choice("instance", "cambus_recorder_streams", "Recorder")],
)
