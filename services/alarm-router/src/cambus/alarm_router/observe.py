"""The metrics of alarm-router."""

from cambus.alarm_router.rules import PHASES
from cambus.bus.metrics import Metrics
from cambus.schemas.state.alarm_actions import ACTION_KINDS, ActionOutcome
from cambus.schemas.state.alarm_sinks import SINK_KINDS

OUTCOMES = ("delivered", "failed")


class RouterMetrics:
    """Counts what the router does; labels come from closed sets."""

    def __init__(self, metrics: Metrics) -> None:
        self._unmatched = metrics.counter(
            "alarms_unmatched_total", "Alarms that no rule sends anywhere", {"phase": PHASES}
        )
        self._deliveries = metrics.counter(
            "alarms_deliveries_total",
            "Attempts to deliver an alarm",
            {"sink": SINK_KINDS, "outcome": OUTCOMES},
        )
        self._seconds = metrics.histogram(
            "alarms_delivery_seconds", "How long a sink took to accept an alarm", {"sink": SINK_KINDS}
        )
        self._suppressed = metrics.counter(
            "alarms_suppressed_total", "Beginnings kept back by a rule's interval"
        )
        self._acted = metrics.counter(
            "alarms_actions_total",
            "Actions of rules",
            {"action": ACTION_KINDS, "outcome": tuple(each.value for each in ActionOutcome)},
        )
        self._escalated = metrics.counter("alarms_escalated_total", "Steps of escalations that were done")
        self._given_back = metrics.counter(
            "alarms_given_back_total", "Alarms given back to NATS because too many wait for sinks"
        )
        self._waiting = metrics.gauge(
            "alarms_waiting", "Alarms that wait for a sink that does not take them at present"
        )()

    def unmatched(self, phase: str) -> None:
        """No rule sends it anywhere."""
        self._unmatched(phase).inc()

    def delivered(self, sink: str, seconds: float) -> None:
        """A sink took an alarm."""
        self._deliveries(sink, "delivered").inc()
        self._seconds(sink).observe(seconds)

    def failed(self, sink: str) -> None:
        """A sink did not take an alarm, this time."""
        self._deliveries(sink, "failed").inc()

    def given_back(self) -> None:
        """An alarm is left to later."""
        self._given_back().inc()

    def waiting(self, count: int) -> None:
        """So many alarms wait for sinks now."""
        self._waiting.set(count)

    def suppressed(self) -> None:
        """A beginning was kept back."""
        self._suppressed().inc()

    def acted(self, action: str, outcome: str) -> None:
        """An action came out like this."""
        self._acted(action, outcome).inc()

    def escalated(self) -> None:
        """Others are told of an alarm."""
        self._escalated().inc()
