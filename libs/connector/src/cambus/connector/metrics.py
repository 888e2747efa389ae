"""What is counted of devices and their sessions, the same for every protocol."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from cambus.bus.metrics import Metrics
from cambus.connector.errors import EndReason
from cambus.schemas.state.presence import DeviceState

_STATES: Final = tuple(state.value for state in DeviceState)
_REASONS: Final = tuple(reason.value for reason in EndReason)


class SessionMetrics:
    """Counters of the device sessions of one connector."""

    def __init__(self, metrics: Metrics, protocol: str) -> None:
        labels = {"protocol": (protocol,)}
        self._protocol = protocol
        self._in_state: Counter[str] = Counter()
        self._devices = metrics.gauge(
            "connector_devices", "Devices held by this replica, by state", {**labels, "state": _STATES}
        )
        self._records = metrics.gauge(
            "connector_records", "Devices of this protocol that are to be, whoever holds them", labels
        )
        self._attempts = metrics.counter(
            "connector_attempts_total",
            "Attempts at a session, by how they went",
            {**labels, "outcome": ("online", "failed", "refused")},
        )
        self._ends = metrics.counter(
            "connector_session_ends_total",
            "Sessions, and attempts at one, that ended, by reason",
            {**labels, "reason": _REASONS},
        )
        self._connect = metrics.histogram(
            "connector_connect_seconds", "From the first packet to a session that is online", labels
        )
        self._online = metrics.histogram(
            "connector_session_duration_seconds",
            "How long sessions lasted",
            labels,
            buckets=(1, 10, 60, 600, 3600, 21600, 86400, 604800),
        )

    def wanted(self, count: Callable[[], int]) -> None:
        """Where the number of all devices of the protocol comes from."""
        self._records(self._protocol).set_function(count)

    def moved(self, before: DeviceState | None, after: DeviceState | None) -> None:
        """A device went from one state to another; None: it was not, or is no longer, held here."""
        for state, change in ((before, -1), (after, 1)):
            if state is not None:
                self._in_state[state.value] += change
                self._devices(self._protocol, state.value).set(self._in_state[state.value])

    def connected(self, duration_s: float) -> None:
        """A session came up."""
        self._attempts(self._protocol, "online").inc()
        self._connect(self._protocol).observe(duration_s)

    def failed(self, reason: EndReason) -> None:
        """An attempt did not come up."""
        refused = reason is EndReason.CREDENTIALS_REFUSED
        self._attempts(self._protocol, "refused" if refused else "failed").inc()
        self._ends(self._protocol, reason.value).inc()

    def ended(self, reason: EndReason, lasted_s: float) -> None:
        """A session that was up ended."""
        self._ends(self._protocol, reason.value).inc()
        self._online(self._protocol).observe(lasted_s)

    @property
    def states(self) -> Mapping[str, int]:
        """How many devices are in each state."""
        return dict(self._in_state)
