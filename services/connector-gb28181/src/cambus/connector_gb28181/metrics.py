"""What is counted of GB/T 28181 beyond what every connector counts. Labels come from the libraries' own lists."""

from collections import Counter
from typing import Any, Final

from cambus.bus.metrics import Family, Metrics
from cambus.gb28181.media_session import MediaSessions
from cambus.gb28181.platform import Gb28181Platform
from cambus.gb28181.sdp import Purpose
from cambus.gb28181.signing import OBJECTIONS

REFUSALS: Final = (
    "blocked",
    "disabled",
    "foreign-nonce",
    "malformed",
    "other-server",
    "pending",
    *sorted(OBJECTIONS.values()),
    "stale-nonce",
    "unbound",
    "unknown",
    "wrong-password",
)
DROPS: Final = (
    "foreign-in-dialog",
    "ignored",
    "malformed",
    "overload",
    "rate-limited",
    "stray-answer",
    "unbound-invite",
)
SIP: Final = (
    "answer-too-long",
    "broken",
    "connection-limit",
    "empty",
    "garbage",
    "icmp",
    "keepalive",
    "malformed",
    "message-timeout",
    "not-admitted",
    "overload",
    "peer-does-not-read",
    "repeated-request",
    "resent",
    "screened",
    "stray-ack",
    "stray-response",
    "udp-congested",
    "unanswerable",
    "unknown-method",
    "unsent",
)
PURPOSES: Final = tuple(purpose.value.lower() for purpose in Purpose)


class Gb28181Metrics:
    """Counters and gauges of the platform of this replica.

    The libraries count by themselves and know no metrics: what has been added since the last look is added here.

    Args:
        metrics: the service's registry.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._registered = metrics.gauge("gb28181_registered", "Devices registered here")
        self._refusals = metrics.counter(
            "gb28181_refusals_total", "REGISTERs and messages refused by who sent them", {"reason": REFUSALS}
        )
        self._drops = metrics.counter(
            "gb28181_drops_total", "Messages of devices dropped, by reason", {"reason": DROPS}
        )
        self._sip = metrics.counter(
            "gb28181_sip_faults_total", "What does not go smoothly in SIP, by kind", {"fault": SIP}
        )
        self._sessions = metrics.gauge(
            "gb28181_media_sessions", "Media sessions open with devices", {"purpose": PURPOSES}
        )
        self._seen: dict[str, Counter[str]] = {}

    def look(self, platform: Gb28181Platform, media: MediaSessions, registered: int) -> None:
        """Take over what the platform has counted since the last time."""
        self._registered().set(registered)
        self._add("refusals", self._refusals, platform.registrar.counts)
        self._add("drops", self._drops, platform.counts)
        self._add("endpoint", self._sip, platform.endpoint.counts)
        self._add("layer", self._sip, platform.endpoint.layer.counts)
        purposes = Counter(session.order.purpose.value.lower() for session in media.open_sessions)
        for purpose in PURPOSES:
            self._sessions(purpose).set(purposes[purpose])

    def _add(self, what: str, family: Family[Any], counts: Counter[str]) -> None:
        before = self._seen.get(what, Counter())
        for reason, count in (counts - before).items():
            family(reason).inc(count)
        self._seen[what] = counts.copy()
