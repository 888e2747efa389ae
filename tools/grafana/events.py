"""Events: from the outbox of a connector to whoever handles them, and alarms to their receivers."""

from grafana.model import BAD, GOOD, WARN, Choice, Dashboard, Panel, Query, Row, quantiles, stat

_WHERE = '{service=~"$service"}'
_SINKS = '{sink=~"$sink"}'


def _rate(metric: str, by: str, where: str = "") -> list[Query]:
    return [Query(f"sum by ({by}) (rate({metric}{where}[$__rate_interval])) > 0", f"{{{{{by}}}}}")]


_PENDING = "max by (consumer) (cambus_jetstream_consumer_pending_events)"

_NOW = Row(
    "Now",
    [
        stat(
            "Events",
            "Stored per second.",
            "sum(rate(cambus_events_published_total[$__rate_interval]))",
            "ops",
        ),
        stat(
            "In outboxes",
            "Events that wait on the disks of services because NATS does not take them.",
            "sum(cambus_outbox_events)",
            worry=100,
            bad=10000,
        ),
        stat(
            "Behind",
            "Events the consumer that is furthest behind has not been given.",
            f"max({_PENDING})",
            worry=1000,
            bad=10000,
        ),
        stat(
            "Dead letters",
            "Messages consumers gave up. `cambusctl deadletters` shows them.",
            'max(cambus_jetstream_stream_messages{stream="CAMBUS_DEAD_LETTERS"})',
            worry=1,
        ),
        stat(
            "Waiting for a receiver",
            "Alarms that wait for a receiver that does not take them at present.",
            "sum(cambus_alarms_waiting)",
            worry=1,
            bad=1000,
        ),
        stat(
            "Dropped (24 h)",
            "Events that did not fit the outbox, or that JetStream will never take. They are lost.",
            "sum(increase(cambus_events_overflow_total[24h])) + sum(increase(cambus_events_rejected_total[24h]))",
            bad=1,
        ),
    ],
)

_PUBLISHING = Row(
    "Publishing",
    [
        Panel(
            "Events stored",
            "By what happened.",
            _rate("cambus_events_published_total", "event", _WHERE),
            "ops",
            width=12,
        ),
        Panel(
            "Outboxes",
            "Events that wait on disk. Each holds up to 100 000.",
            [Query(f"cambus_outbox_events{_WHERE}", "{{service}} {{instance}}")],
            width=12,
        ),
        Panel(
            "Publishes repeated",
            "Publishes NATS did not acknowledge, which are repeated.",
            _rate("cambus_events_publish_failures_total", "service", _WHERE),
            "ops",
        ),
        Panel(
            "Lost: the outbox was full",
            "Events that did not fit.",
            _rate("cambus_events_overflow_total", "service", _WHERE),
            "ops",
            steps=((None, GOOD), (0.001, BAD)),
        ),
        Panel(
            "Lost: too large",
            "Events JetStream will never take.",
            _rate("cambus_events_rejected_total", "service", _WHERE),
            "ops",
            steps=((None, GOOD), (0.001, BAD)),
        ),
    ],
)

_CONSUMING = Row(
    "Consuming",
    [
        Panel(
            "Behind",
            "Events each durable has not been given yet. Growing: its service is away or too slow.",
            [Query(_PENDING, "{{consumer}}")],
            steps=((None, GOOD), (10000, WARN)),
        ),
        Panel(
            "Under way",
            "Events each durable was given and has not ended; alarms that wait for a receiver are among them.",
            [Query("max by (consumer) (cambus_jetstream_consumer_unfinished_events)", "{{consumer}}")],
        ),
        Panel(
            "Handled, tried again, given up",
            "`dead` ones are in the dead letters.",
            _rate("cambus_consumer_events_total", "outcome"),
            "ops",
        ),
        Panel(
            "Seen by the services themselves",
            "The same backlog as the service knows it from the last event it got.",
            [Query("cambus_consumer_pending_events", "{{service}} {{instance}}")],
        ),
        Panel(
            "Subscriptions made anew",
            "Because they had gone deaf.",
            _rate("cambus_consumer_recreated_total", "service"),
            "ops",
        ),
        Panel(
            "Dead letters",
            "Messages kept because nobody could handle them.",
            [Query('max(cambus_jetstream_stream_messages{stream="CAMBUS_DEAD_LETTERS"})', "messages")],
        ),
    ],
)

_ALARMS = Row(
    "Alarms",
    [
        Panel(
            "Deliveries",
            "Attempts to deliver, by kind of receiver and outcome. A failed one is tried again.",
            [
                Query(
                    f"sum by (sink, outcome) (rate(cambus_alarms_deliveries_total{_SINKS}[$__rate_interval])) > 0",
                    "{{sink}} {{outcome}}",
                )
            ],
            "ops",
        ),
        Panel(
            "How long receivers take",
            "To accept an alarm.",
            quantiles("cambus_alarms_delivery_seconds", _SINKS, "sink"),
            "s",
            steps=((None, GOOD), (5, WARN)),
        ),
        Panel(
            "Waiting for receivers",
            "Alarms that wait, and how many were given back to NATS because too many do.",
            [
                Query("sum(cambus_alarms_waiting)", "waiting"),
                Query("sum(rate(cambus_alarms_given_back_total[$__rate_interval]))", "given back per second"),
            ],
        ),
        Panel(
            "Kept back and unmatched",
            "Beginnings kept back by a rule's interval, and alarms no rule sends anywhere.",
            [
                Query("sum(rate(cambus_alarms_suppressed_total[$__rate_interval]))", "kept back"),
                Query("sum(rate(cambus_alarms_unmatched_total[$__rate_interval]))", "unmatched"),
            ],
            "ops",
        ),
        Panel(
            "Actions of rules",
            "By outcome. `unknown`: cut off by a restart.",
            [
                Query(
                    "sum by (action, outcome) (rate(cambus_alarms_actions_total[$__rate_interval])) > 0",
                    "{{action}} {{outcome}}",
                )
            ],
            "ops",
        ),
        Panel(
            "Escalations, and alarms to upper platforms",
            "Steps done, and what upper platforms answered.",
            [
                Query("sum(rate(cambus_alarms_escalated_total[$__rate_interval]))", "escalated"),
                *_rate("cambus_cascade_alarms_total", "outcome"),
            ],
            "ops",
        ),
    ],
)

EVENTS = Dashboard(
    "events",
    "Events and alarms",
    "Events from the outbox of a connector to whoever handles them, alarms to their receivers, dead letters.",
    [_NOW, _PUBLISHING, _CONSUMING, _ALARMS],
    [
        Choice("service", "cambus_outbox_events", "Service"),
        Choice("sink", "cambus_alarms_deliveries_total", "Receiver"),
    ],
)
