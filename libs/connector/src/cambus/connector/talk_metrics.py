"""What is counted of talks, the same for every protocol."""

from typing import Final

from cambus.bus.metrics import Metrics

OUTCOMES: Final = ("taken", "overflow", "late", "unreadable", "foreign")
"""What became of a talker's frame; an overflow means that older sound was left out for it."""

ENDS: Final = ("stopped", "idle", "device", "cut")
"""Why a talk ended: by the talker, because he fell silent, by the device, with the session."""


class TalkMetrics:
    """Counters of the talks of one connector."""

    def __init__(self, metrics: Metrics, protocol: str) -> None:
        labels = {"protocol": (protocol,)}
        self._protocol = protocol
        self._frames = metrics.counter(
            "talk_frames_total", "Frames of talkers, by what became of them", {**labels, "outcome": OUTCOMES}
        )
        self._lost = metrics.counter(
            "talk_frames_lost_total", "Frames of talkers missing in their sequence", labels
        )
        self._running = metrics.gauge("talks", "Talks under way", labels)
        self._ends = metrics.counter(
            "talk_ends_total", "Talks that ended, by why", {**labels, "reason": ENDS}
        )

    def frame(self, outcome: str) -> None:
        """A frame of a talker came."""
        self._frames(self._protocol, outcome).inc()

    def lost(self, count: int) -> None:
        """So many frames are missing."""
        if count:
            self._lost(self._protocol).inc(count)

    def running(self, change: int) -> None:
        """A talk began (1) or ended (-1)."""
        self._running(self._protocol).inc(change)

    def ended(self, reason: str) -> None:
        """A talk ended."""
        self._ends(self._protocol, reason).inc()
