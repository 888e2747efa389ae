"""What only the RTSP connector counts. Labels come from closed lists."""

from typing import Final

from cambus.bus.metrics import Metrics

OUTCOMES: Final = ("answered", "failed")
FAULTS: Final = ("lost", "foreign", "strays", "strangers")


class RtspMetrics:
    """Counters of the connector."""

    def __init__(self, metrics: Metrics) -> None:
        self._looks = metrics.counter(
            "rtsp_looks_total", "Streams looked at to see whether they are there", {"outcome": OUTCOMES}
        )
        self._faults = metrics.counter(
            "rtsp_media_faults_total",
            "Faults in media: gaps in the packets of a track, packets of a type that was not described, frames on "
            "channels nobody set up, datagrams of others",
            {"fault": FAULTS},
        )

    def looked(self, *, answered: bool) -> None:
        """A stream was looked at."""
        self._looks("answered" if answered else "failed").inc()

    def fault(self, fault: str, count: int) -> None:
        """Something was wrong with media."""
        self._faults(fault).inc(count)
