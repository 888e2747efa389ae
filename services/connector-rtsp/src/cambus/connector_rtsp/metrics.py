"""What only the RTSP connector counts. Labels come from closed lists."""

from typing import Final

from cambus.bus.metrics import Metrics

OUTCOMES: Final = ("answered", "failed")
FAULTS: Final = ("lost", "foreign", "strays", "strangers", "malformed")
WAYS: Final = ("rtsp", "rtmp")
ANSWERS: Final = (
    "accepted",
    "wrong-credentials",
    "not-found",
    "already-published",
    "no-picture",
    "full",
    "held-off",
    "broken",
    "silent",
    "no-tls",
)
"""What becomes of those who want to publish."""


class RtspMetrics:
    """Counters of the connector."""

    def __init__(self, metrics: Metrics) -> None:
        self._looks = metrics.counter(
            "rtsp_looks_total", "Streams looked at to see whether they are there", {"outcome": OUTCOMES}
        )
        self._faults = metrics.counter(
            "rtsp_media_faults_total",
            "Faults in media: gaps in the packets of a track, packets of a type that was not described, frames on "
            "channels nobody set up, datagrams of others, tags that make no sense",
            {"fault": FAULTS},
        )

        self._publishers = metrics.gauge(
            "rtsp_publishers", "Streams that are published to this replica", {"by": WAYS}
        )
        self._attempts = metrics.counter(
            "rtsp_publish_total",
            "Connections of publishers, by what became of them",
            {"by": WAYS, "outcome": ANSWERS},
        )

    def publishers(self, by: str, change: int) -> None:
        """So many streams have come, or gone."""
        self._publishers(by).inc(change)

    def attempt(self, by: str, outcome: str) -> None:
        """Somebody wanted to publish."""
        self._attempts(by, outcome).inc()

    def looked(self, *, answered: bool) -> None:
        """A stream was looked at."""
        self._looks("answered" if answered else "failed").inc()

    def fault(self, fault: str, count: int) -> None:
        """Something was wrong with media."""
        self._faults(fault).inc(count)
