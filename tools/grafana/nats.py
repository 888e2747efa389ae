"""NATS as the services see it: connections, and what JetStream holds.

Only metrics of Cambus: JetStream is asked over the bus by alarm-router and upgrade-manager, so nothing has to run
beside nats-server. What is shown once per stream is the highest of what the two say.
"""

from grafana.model import BAD, GOOD, WARN, Choice, Dashboard, Panel, Query, Row, stat

_STREAM = '{stream=~"$stream"}'

_NOW = Row(
    "Now",
    [
        stat(
            "Not connected",
            "Services that have no connection to NATS.",
            "count(cambus_nats_connected == 0) or vector(0)",
            bad=1,
        ),
        stat("Away", "1: JetStream does not answer.", "1 - max(cambus_jetstream_up)", bad=1),
        stat(
            "Streams that do not answer",
            "They are missing, or have no leader: nothing can be written to them.",
            "count(max by (stream) (cambus_jetstream_stream_up) == 0) or vector(0)",
            bad=1,
        ),
        stat(
            "Copies behind or away",
            "Of all streams. A server of the cluster is away, or catches up.",
            'sum(max by (stream, state) (cambus_jetstream_stream_copies{state=~"behind|away"}))',
            worry=1,
        ),
        stat(
            "Fullest bucket",
            "Of the key-value buckets and object stores, which refuse writes when they are full.",
            'max(cambus_jetstream_stream_bytes{stream=~"KV_.*|OBJ_.*"} / '
            'cambus_jetstream_stream_limit_bytes{stream=~"KV_.*|OBJ_.*"})',
            "percentunit",
            worry=0.8,
            bad=0.9,
        ),
        Panel(
            "Every write is synced",
            "1: yes. 0: a power cut takes acknowledged events and leases. No data: no service has "
            "CAMBUS_NATS_MONITOR_URL.",
            [Query("min(cambus_nats_sync_always)")],
            kind="stat",
            width=4,
            steps=((None, BAD), (1, GOOD)),
        ),
    ],
)

_SERVICES = Row(
    "Connections of services",
    [
        Panel(
            "Connected",
            "Replicas of each service that are connected.",
            [Query("sum by (service) (cambus_nats_connected)", "{{service}}")],
        ),
        Panel(
            "Reconnections",
            "How often services came back to NATS.",
            [
                Query(
                    "sum by (service) (increase(cambus_nats_reconnects_total[$__rate_interval]))",
                    "{{service}}",
                )
            ],
        ),
        Panel(
            "Forbidden by NATS",
            "Publishes and subscriptions NATS refused. Any: users.conf is of another version.",
            [
                Query(
                    "sum by (service, what) (increase(cambus_nats_permission_errors_total[$__rate_interval])) > 0",
                    "{{service}} {{what}}",
                )
            ],
            steps=((None, GOOD), (1, BAD)),
        ),
        Panel(
            "Subscriptions",
            "At NATS, by service: one for each device held, one for each stream relayed or recorded.",
            [Query("sum by (service) (cambus_nats_subscriptions)", "{{service}}")],
        ),
        Panel(
            "Lost to slow subscribers",
            "Messages NATS or the client dropped because a service read too slowly.",
            [
                Query(
                    "sum by (service) (increase(cambus_nats_slow_consumer_drops_total[$__rate_interval]))",
                    "{{service}}",
                )
            ],
            steps=((None, GOOD), (1, BAD)),
        ),
        Panel(
            "Answers nobody may get",
            "Commands dropped because their reply subject is none to publish to: somebody tries something.",
            [
                Query(
                    "sum by (service) (increase(cambus_commands_unroutable_total[$__rate_interval]))",
                    "{{service}}",
                )
            ],
            steps=((None, GOOD), (1, WARN)),
        ),
    ],
)

_JETSTREAM = Row(
    "JetStream",
    [
        Panel(
            "Storage",
            "Bytes of all streams, and what they may take where the account has a limit.",
            [
                Query("max(cambus_jetstream_storage_bytes)", "used"),
                Query("max(cambus_jetstream_storage_limit_bytes) > 0", "limit"),
            ],
            "bytes",
        ),
        Panel(
            "How full",
            "Bytes of each stream, of those it may hold. CAMBUS_EVENTS drops its oldest when full; buckets (KV_) and "
            "object stores (OBJ_) refuse writes.",
            [
                Query(
                    f"max by (stream) (cambus_jetstream_stream_bytes{_STREAM} / "
                    f"cambus_jetstream_stream_limit_bytes{_STREAM})",
                    "{{stream}}",
                )
            ],
            "percentunit",
            most=1,
            steps=((None, GOOD), (0.8, WARN), (0.9, BAD)),
        ),
        Panel(
            "Messages",
            "That each stream holds.",
            [Query(f"max by (stream) (cambus_jetstream_stream_messages{_STREAM})", "{{stream}}")],
        ),
        Panel(
            "Answering",
            "1 for each stream that answers: it is there, and has a leader.",
            [Query(f"max by (stream) (cambus_jetstream_stream_up{_STREAM})", "{{stream}}")],
            most=1,
        ),
        Panel(
            "Copies",
            "Beside those of the leaders, by how they are.",
            [
                Query(
                    f"sum by (state) (max by (stream, state) (cambus_jetstream_stream_copies{_STREAM}))",
                    "{{state}}",
                )
            ],
        ),
        Panel(
            "Consumers of events",
            "Events each durable has not been given, and was given and has not ended.",
            [
                Query("max by (consumer) (cambus_jetstream_consumer_pending_events)", "{{consumer}} pending"),
                Query(
                    "max by (consumer) (cambus_jetstream_consumer_unfinished_events)",
                    "{{consumer}} under way",
                ),
            ],
        ),
    ],
)

NATS = Dashboard(
    "nats",
    "NATS",
    "Connections of the services to NATS, and what JetStream holds: room, copies, leaders, consumers.",
    [_NOW, _SERVICES, _JETSTREAM],
    [Choice("stream", "cambus_jetstream_stream_up", "Stream")],
)
