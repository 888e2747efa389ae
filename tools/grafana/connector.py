"""Connectors: who holds what, sessions, commands, media, and what each protocol counts of itself."""

from grafana.model import GOOD, WARN, Choice, Dashboard, Panel, Query, Row, process_row, quantiles

_WHERE = '{service=~"$service", instance=~"$instance"}'
_AND = 'service=~"$service", instance=~"$instance"'


def _rate(metric: str, by: str, more: str = "") -> list[Query]:
    where = f"{{{_AND}{more}}}"
    return [Query(f"sum by ({by}) (rate({metric}{where}[$__rate_interval])) > 0", f"{{{{{by}}}}}")]


_OWNERSHIP = Row(
    "Ownership",
    [
        Panel(
            "Devices held",
            "By each replica. Replicas of one protocol hold about as many each.",
            [Query(f"sum by (instance) (cambus_connector_devices{_WHERE})", "{{instance}}")],
            stack=True,
        ),
        Panel(
            "Leases held",
            "A lease is a share of the devices that are called, or a device that dialled in.",
            [Query(f"cambus_leases_held{_WHERE}", "{{instance}}")],
            stack=True,
        ),
        Panel(
            "Leases lost, and renewals that failed",
            "Renewals fail while NATS finds a new leader. Lost ones mean that devices changed hands.",
            _rate("cambus_leases_total", "what", ', what=~"lost|failed"'),
            "ops",
        ),
    ],
)

_SESSIONS = Row(
    "Sessions",
    [
        Panel(
            "Devices by state",
            "As this selection of replicas sees them.",
            [Query(f"sum by (state) (cambus_connector_devices{_WHERE}) > 0", "{{state}}")],
            stack=True,
        ),
        Panel(
            "Sessions that ended",
            "By reason, attempts that did not come up included.",
            _rate("cambus_connector_session_ends_total", "reason"),
            "ops",
        ),
        Panel(
            "Time to connect",
            "From the first packet to a session that is online.",
            quantiles("cambus_connector_connect_seconds", _WHERE),
            "s",
        ),
    ],
)

_COMMANDS = Row(
    "Commands",
    [
        Panel(
            "Commands by answer",
            "503: offline. 429: too many wait. 504: the device was too slow. 422: it refused.",
            [
                Query(
                    f'sum by (code) (rate(cambus_commands_total{{{_AND}, command=~"$command"}}[$__rate_interval])) > 0',
                    "{{code}}",
                )
            ],
            "ops",
        ),
        Panel(
            "Latency of commands",
            "From the turn of a command to its answer, of the slowest twentieth; the ten slowest commands.",
            [
                Query(
                    "topk(10, histogram_quantile(0.95, sum by (le, command) (rate("
                    f'cambus_command_duration_seconds_bucket{{{_AND}, command=~"$command"}}[$__rate_interval]))))',
                    "{{command}}",
                )
            ],
            "s",
            steps=((None, GOOD), (5, WARN)),
        ),
        Panel(
            "Commands that fail",
            "Share of the answers of each command that blame us or the device.",
            [
                Query(
                    f'sum by (command) (rate(cambus_commands_total{{{_AND}, command=~"$command", '
                    'code=~"500|502|504"}[$__rate_interval])) / sum by (command) '
                    f'(rate(cambus_commands_total{{{_AND}, command=~"$command"}}[$__rate_interval]))',
                    "{{command}}",
                )
            ],
            "percentunit",
            most=1,
        ),
    ],
)

_MEDIA = Row(
    "Media",
    [
        Panel(
            "Open streams and claims",
            "Streams opened on devices, and how many viewers and recordings hold them open.",
            [
                Query(f"sum(cambus_media_streams{_WHERE})", "streams"),
                Query(f"sum(cambus_media_claims{_WHERE})", "claims"),
            ],
        ),
        Panel(
            "Frames published",
            "Access units and packets of sound per second, by codec.",
            _rate("cambus_media_frames_total", "codec"),
            "ops",
        ),
        Panel("Media published", "By kind.", _rate("cambus_media_bytes_total", "kind"), "Bps", stack=True),
        Panel(
            "Frames left out",
            "By reason. `backlog` and `bus`: NATS does not take as much. `corrupt`: the device or the network.",
            _rate("cambus_media_frames_dropped_total", "reason"),
            "ops",
            steps=((None, GOOD), (1, WARN)),
        ),
        Panel(
            "Streams opened again",
            "Streams that broke off and were opened again.",
            _rate("cambus_media_stream_restarts_total", "instance"),
            "ops",
        ),
        Panel(
            "Talks",
            "Talks under way, and frames of talkers by what became of them.",
            [
                Query(f"sum(cambus_talks{_WHERE})", "talks"),
                *_rate("cambus_talk_frames_total", "outcome"),
            ],
        ),
    ],
)

_DVRIP = Row(
    "DVRIP",
    [
        Panel(
            "Keepalives",
            "From a keepalive to its answer. Rising: the device, or the way to it, is busy.",
            quantiles("cambus_dvrip_keepalive_seconds", _WHERE),
            "s",
        ),
        Panel("Time-outs", "By what was waited for.", _rate("cambus_dvrip_timeouts_total", "timeout"), "ops"),
        Panel(
            "Faults",
            "What devices sent that does not fit, in sessions and in media.",
            [
                *_rate("cambus_dvrip_session_faults_total", "fault"),
                *_rate("cambus_dvrip_media_faults_total", "fault"),
            ],
            "ops",
        ),
        Panel(
            "Requests to devices",
            "By the device's return code; 100 is success.",
            _rate("cambus_dvrip_requests_total", "code"),
            "ops",
        ),
        Panel(
            "Alarms of devices",
            "Reports, by what became of them.",
            _rate("cambus_dvrip_alarms_total", "outcome"),
            "ops",
        ),
        Panel(
            "The port devices dial",
            "Logins, refusals and garbage there.",
            _rate("cambus_dvrip_registration_total", "what"),
            "ops",
        ),
    ],
)

_GB28181 = Row(
    "GB/T 28181",
    [
        Panel(
            "Registered",
            "Devices registered, and links to upper platforms by state.",
            [
                Query(f"sum by (instance) (cambus_gb28181_registered{_WHERE})", "{{instance}}"),
                Query(f"sum by (state) (cambus_cascade_links{_WHERE})", "links {{state}}"),
            ],
        ),
        Panel(
            "Refused",
            "REGISTERs and messages refused, by reason. Many `wrong-password` from one moment on: somebody tries.",
            _rate("cambus_gb28181_refusals_total", "reason"),
            "ops",
        ),
        Panel(
            "SIP faults and drops",
            "What does not go smoothly in SIP.",
            [
                *_rate("cambus_gb28181_sip_faults_total", "fault"),
                *_rate("cambus_gb28181_drops_total", "reason"),
            ],
            "ops",
        ),
        Panel(
            "Media sessions",
            "Open with devices, by purpose.",
            [Query(f"sum by (purpose) (cambus_gb28181_media_sessions{_WHERE})", "{{purpose}}")],
        ),
        Panel(
            "Questions of upper platforms",
            "By how they were answered.",
            _rate("cambus_cascade_questions_total", "outcome"),
            "ops",
        ),
        Panel(
            "Uploads of devices",
            "HTTP requests of devices for pictures and firmware, by status.",
            _rate("cambus_gb28181_web_requests_total", "status"),
            "ops",
        ),
    ],
)

_RTSP = Row(
    "RTSP and published streams",
    [
        Panel(
            "Looks",
            "Streams looked at to see whether they are there.",
            _rate("cambus_rtsp_looks_total", "outcome"),
            "ops",
        ),
        Panel(
            "Faults in media",
            "Gaps, foreign packets, nonsense.",
            _rate("cambus_rtsp_media_faults_total", "fault"),
            "ops",
        ),
        Panel(
            "Publishers",
            "Streams published to us, and connections by what became of them.",
            [
                Query(f"sum by (by) (cambus_rtsp_publishers{_WHERE})", "{{by}}"),
                *_rate("cambus_rtsp_publish_total", "outcome"),
            ],
        ),
    ],
)

CONNECTOR = Dashboard(
    "connector",
    "Connectors",
    "Ownership, sessions, commands and media of connectors, and what each protocol counts of itself.",
    [_OWNERSHIP, _SESSIONS, _COMMANDS, _MEDIA, _DVRIP, _GB28181, _RTSP, process_row(_WHERE)],
    [
        Choice("service", "cambus_connector_devices", "Connector"),
        Choice("instance", 'cambus_connector_devices{service=~"$service"}', "Replica"),
        Choice("command", 'cambus_commands_total{service=~"$service"}', "Command"),
    ],
)
