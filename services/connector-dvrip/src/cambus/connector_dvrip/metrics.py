"""What is counted of DVRIP beyond what every connector counts. Labels come from the protocol's own tables."""

from typing import Final

from cambus.bus.metrics import Metrics
from cambus.dvrip.codes import ReturnCode
from cambus.dvrip.ids import MessageId

NO_CODE: Final = "none"
MEDIA_FAULTS: Final = ("resyncs", "skipped_bytes", "foreign_channel", "opaque_audio")
SESSION_FAULTS: Final = (
    "unexpected_replies",
    "foreign_sessions",
    "unknown_messages",
    "fragment_errors",
    "keepalives_missed",
    "malformed_pushes",
    "impossible_time",
    "callback_errors",
)
TIMEOUTS: Final = (
    "connect",
    "login",
    "request",
    "config_root",
    "search",
    "config_import",
    "format",
    "upgrade_ack",
    "upgrade_progress",
    "first_media",
    "media_silence",
    "snapshot",
)
DOWNLOADS: Final = ("complete", "truncated", "interrupted", "refused", "abandoned")
REFUSALS: Final = ("budget", "busy", "out_of_range", "confirm_required", "too_large", "state", "closed")

_REQUESTS: Final = {int(message): message.name.lower() for message in MessageId}
_CODES: Final = {int(code): str(int(code)) for code in ReturnCode}


class DvripMetrics:
    """Counters of all DVRIP devices of this replica."""

    def __init__(self, metrics: Metrics) -> None:
        self._requests = metrics.counter(
            "dvrip_requests_total",
            "Requests to devices, by message and return code",
            {"request": tuple(_REQUESTS.values()), "code": (*_CODES.values(), NO_CODE, "error")},
        )
        self._timeouts = metrics.counter(
            "dvrip_timeouts_total", "Time-outs of devices, by name", {"timeout": TIMEOUTS}
        )
        self._refusals = metrics.counter(
            "dvrip_refusals_total", "Requests we did not send, by our own rule", {"reason": REFUSALS}
        )
        self._bytes = metrics.counter(
            "dvrip_control_bytes_total", "Bytes on control connections", {"direction": ("sent", "received")}
        )
        self._faults = metrics.counter(
            "dvrip_session_faults_total",
            "What devices sent that does not fit their session",
            {"fault": SESSION_FAULTS},
        )
        self._media_faults = metrics.counter(
            "dvrip_media_faults_total",
            "What devices sent that does not fit their media",
            {"fault": MEDIA_FAULTS},
        )
        self._keepalive = metrics.histogram("dvrip_keepalive_seconds", "From a keepalive to its answer")
        self._alarms = metrics.counter(
            "dvrip_alarms_total",
            "Alarm reports of devices, by what became of them",
            {"outcome": ("published", "repeated", "dropped")},
        )
        self._snapshots = metrics.counter(
            "dvrip_snapshots_total",
            "Pictures taken, by where they came from",
            {"source": ("device", "stream")},
        )
        self._downloads = metrics.counter(
            "dvrip_downloads_total", "Downloads of recordings, by how they ended", {"outcome": DOWNLOADS}
        )
        self._download_bytes = metrics.counter(
            "dvrip_download_bytes_total",
            "Bytes of recordings in downloads, what was resumed included",
            {"outcome": DOWNLOADS},
        )

    def request(self, message_id: int, code: int | None) -> None:
        """A request was answered; None: without a return code."""
        known = NO_CODE if code is None else _CODES.get(code, "other")
        self._requests(_REQUESTS.get(message_id, "other"), known).inc()

    def request_failed(self, message_id: int) -> None:
        """A request was not answered."""
        self._requests(_REQUESTS.get(message_id, "other"), "error").inc()

    def timeout(self, name: str) -> None:
        """A time-out ran out."""
        self._timeouts(name).inc()

    def refused(self, reason: str) -> None:
        """A request was not sent."""
        self._refusals(reason).inc()

    def control_bytes(self, sent: int, received: int) -> None:
        """Bytes went over a control connection."""
        self._bytes("sent").inc(sent)
        self._bytes("received").inc(received)

    def session_fault(self, name: str, count: int) -> None:
        """The device sent something that does not fit its session."""
        self._faults(name).inc(count)

    def media_fault(self, name: str, count: int) -> None:
        """The device sent something that does not fit its media."""
        self._media_faults(name).inc(count)

    def keepalive(self, latency_s: float) -> None:
        """A keepalive was answered."""
        self._keepalive().observe(latency_s)

    def alarm(self, outcome: str, count: int = 1) -> None:
        """Alarm reports came: `published`, `repeated` or `dropped`."""
        self._alarms(outcome).inc(count)

    def snapshot(self, source: str) -> None:
        """A picture was taken."""
        self._snapshots(source).inc()

    def download(self, outcome: str, count: int) -> None:
        """A download ended (one of `DOWNLOADS`); it gave so many bytes."""
        self._downloads(outcome).inc()
        self._download_bytes(outcome).inc(count)
