"""The fleet at a glance: are the devices there, are the services there, is anything going wrong."""

from grafana.model import BAD, GOOD, WARN, Choice, Dashboard, Panel, Query, Row, stat

_HERE = 'protocol=~"$protocol"'
_ONLINE = f'sum by (protocol) (cambus_connector_devices{{{_HERE}, state=~"online|degraded"}})'

_NOW = Row(
    "Now",
    [
        stat(
            "Devices",
            "Devices that are to be, disabled ones included.",
            f"sum(max by (protocol) (cambus_connector_records{{{_HERE}}}))",
        ),
        stat("Online", "Devices with a session.", f"sum({_ONLINE})"),
        stat(
            "Not online",
            "Devices without a session, disabled ones left out. `cambusctl devices --offline` names them.",
            f'sum(cambus_connector_devices{{{_HERE}, state!~"online|degraded|disabled"}})',
            worry=1,
        ),
        stat(
            "Held by nobody",
            "Devices no replica looks after. More than a minute of it: a connector is missing.",
            f"clamp_min(sum(max by (protocol) (cambus_connector_records{{{_HERE}}})) "
            f"- sum(cambus_connector_devices{{{_HERE}}}), 0)",
            worry=1,
            bad=10,
        ),
        stat(
            "Passwords refused",
            "Devices that refuse their password or have locked the account. Correct the devices file.",
            f'sum(cambus_connector_devices{{{_HERE}, state=~"credentials-rejected|locked"}})',
            worry=1,
        ),
        stat(
            "Strangers (1 h)",
            "Devices without a record that dialled in. `cambusctl devices --pending` names those that wait.",
            f"sum(increase(cambus_connector_knocks_total{{{_HERE}}}[1h]))",
        ),
    ],
)

_DEVICES = Row(
    "Devices",
    [
        Panel(
            "Devices by state",
            "All devices, by what is known of them.",
            [Query(f"sum by (state) (cambus_connector_devices{{{_HERE}}}) > 0", "{{state}}")],
            width=12,
            stack=True,
        ),
        Panel(
            "Share online",
            "Of the devices of each protocol that are to be. A step down of many at once is a network, not cameras.",
            [
                Query(
                    f"{_ONLINE} / max by (protocol) (cambus_connector_records{{{_HERE}}})",
                    "{{protocol}}",
                )
            ],
            "percentunit",
            width=12,
            most=1,
        ),
        Panel(
            "Sessions that ended",
            "By reason. `connection-lost` and `keepalive-lost` are networks and power, `forced-logout` is somebody "
            "else with the same account.",
            [
                Query(
                    f"sum by (reason) (rate(cambus_connector_session_ends_total{{{_HERE}}}[$__rate_interval])) > 0",
                    "{{reason}}",
                )
            ],
            "ops",
            width=12,
        ),
        Panel(
            "Attempts",
            "Attempts at a session, by how they went. Refused ones are not repeated for a long time.",
            [
                Query(
                    f"sum by (outcome) (rate(cambus_connector_attempts_total{{{_HERE}}}[$__rate_interval]))",
                    "{{outcome}}",
                )
            ],
            "ops",
            width=12,
        ),
    ],
)

_SERVICES = Row(
    "Services",
    [
        Panel(
            "Ready replicas",
            "Replicas of each service that are ready.",
            [Query("sum by (service) (cambus_ready)", "{{service}}")],
            kind="bargauge",
            steps=((None, BAD), (1, GOOD)),
        ),
        Panel(
            "Versions",
            "Replicas of each version. More than one for longer than an upgrade takes: finish it, or take it back.",
            [Query("count by (version) (cambus_build_info)", "{{version}}")],
            kind="bargauge",
        ),
        Panel(
            "Clocks",
            "How far the clock of each replica is from Prometheus's. Times of recordings and alarms depend on it.",
            [
                Query(
                    "abs(cambus_clock_seconds - timestamp(cambus_clock_seconds))", "{{service}} {{instance}}"
                )
            ],
            "s",
            steps=((None, GOOD), (2, BAD)),
        ),
        Panel(
            "Restarts (1 h)",
            "How often each process was started again.",
            [Query("changes(process_start_time_seconds[1h])", "{{service}} {{instance}}")],
            steps=((None, GOOD), (2, WARN)),
        ),
        Panel(
            "Commands",
            "Commands answered per second, by the service that did.",
            [Query("sum by (service) (rate(cambus_commands_total[$__rate_interval]))", "{{service}}")],
            "ops",
        ),
        Panel(
            "Commands that fail",
            "Share of answers that blame us or the device (5xx), without those of devices that are offline.",
            [
                Query(
                    'sum(rate(cambus_commands_total{code=~"500|502|504"}[$__rate_interval])) '
                    "/ sum(rate(cambus_commands_total[$__rate_interval]))",
                    "failed",
                )
            ],
            "percentunit",
            steps=((None, GOOD), (0.05, WARN)),
        ),
    ],
)

_WORK = Row(
    "Upgrades",
    [
        stat(
            "Campaigns running",
            "Upgrade campaigns under way.",
            "sum(cambus_upgrade_campaigns_running)",
        ),
        stat(
            "Stopped by themselves (24 h)",
            "Campaigns that stopped or paused because too much went wrong. `cambusctl upgrade` says why.",
            "sum(increase(cambus_upgrade_stops_total[24h]))",
            worry=1,
        ),
        Panel(
            "Devices upgraded",
            "Devices whose part in a campaign has ended, by how. `unknown` and `not-back` want a look at the device.",
            [Query("sum by (state) (increase(cambus_upgrade_devices_total[$__rate_interval]))", "{{state}}")],
            width=16,
            stack=True,
        ),
    ],
)

FLEET = Dashboard(
    "fleet",
    "Fleet",
    "Devices by state, services by readiness and version, upgrades. Single devices are in `cambusctl devices`: "
    "a metric never names one.",
    [_NOW, _DEVICES, _SERVICES, _WORK],
    [Choice("protocol", "cambus_connector_records", "Protocol")],
)
