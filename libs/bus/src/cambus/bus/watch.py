"""What a connection and its consumers tell, as metrics and as conditions of readiness."""

from collections.abc import Callable
from typing import Final

from cambus.bus.health import Health
from cambus.bus.metrics import Metrics
from cambus.client.watch import ConsumerWatch, Outcome, Watch

CONNECTED: Final = "nats"
PERMISSIONS: Final = "nats-permissions"


class MeteredWatch(Watch):
    """Counts, and states whether NATS is there.

    Args:
        metrics: where to count.
        health: where to state.
    """

    def __init__(self, metrics: Metrics, health: Health) -> None:
        self._metrics = metrics
        self._health = health
        self._connected = metrics.gauge("nats_connected", "1 while the connection to NATS is up")
        self._subscriptions = metrics.gauge("nats_subscriptions", "Subscriptions at NATS")
        self._reconnects = metrics.counter("nats_reconnects_total", "Reconnections to NATS")
        self._permission_errors = metrics.counter(
            "nats_permission_errors_total",
            "Publishes and subscriptions NATS refused; they show nowhere else than as time-outs",
            {"what": ("publish", "subscription")},
        )
        self._dropped = metrics.counter(
            "nats_slow_consumer_drops_total", "Messages lost because a subscriber was too slow"
        )
        self._connected().set(0)
        health.set(CONNECTED, ok=False, detail="not connected yet")

    def subscriptions(self, count: Callable[[], int]) -> None:
        """Have the number of subscriptions exported."""
        self._subscriptions().set_function(count)

    def connected(self) -> None:
        """Ready, as far as NATS goes."""
        self._connected().set(1)
        self._health.set(CONNECTED, ok=True)
        self._health.set(PERMISSIONS, ok=True)  # a new connection: what was wrong shows again at once

    def disconnected(self, detail: str) -> None:
        """Not ready."""
        self._connected().set(0)
        self._health.set(CONNECTED, ok=False, detail=detail)

    def reconnected(self) -> None:
        """Count it."""
        self._reconnects().inc()

    def dropped(self) -> None:
        """Count it."""
        self._dropped().inc()

    def forbidden(self, what: str, subject: str, *, ours: bool) -> None:
        """Count it; not ready if the permissions are wrong."""
        self._permission_errors(what).inc()
        if ours:
            self._health.set(PERMISSIONS, ok=False, detail=f"NATS forbids a {what} to {subject}")

    def consumer(self) -> ConsumerWatch:
        """Return what counts the events of a consumer."""
        return MeteredConsumerWatch(self._metrics)


class MeteredConsumerWatch(ConsumerWatch):
    """Counts what becomes of events."""

    def __init__(self, metrics: Metrics) -> None:
        self._count = metrics.counter(
            "consumer_events_total",
            "Events handled, tried again, given up",
            {"outcome": ("handled", "retried", "dead")},
        )
        self._recreated = metrics.counter("consumer_recreated_total", "Subscriptions that had gone deaf")
        self._lag = metrics.gauge("consumer_pending_events", "Events this durable has not been given yet")()

    def outcome(self, what: Outcome) -> None:
        """Count it."""
        self._count(what).inc()

    def recreated(self) -> None:
        """Count it."""
        self._recreated().inc()

    def lag(self, pending: int) -> None:
        """Show it."""
        self._lag.set(pending)
