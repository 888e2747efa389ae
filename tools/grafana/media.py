"""The relay: viewers, how soon they see something, and what they lose."""

from grafana.model import BAD, GOOD, WARN, Choice, Dashboard, Panel, Query, Row, process_row, quantiles, stat

_WHERE = '{service="media-relay", instance=~"$instance"}'
_OUTPUTS = '{service="media-relay", instance=~"$instance", output=~"$output"}'


def _rate(metric: str, by: str, where: str = _WHERE) -> list[Query]:
    return [Query(f"sum by ({by}) (rate({metric}{where}[$__rate_interval])) > 0", f"{{{{{by}}}}}")]


_NOW = Row(
    "Now",
    [
        stat("Viewers", "Viewers watching, all outputs.", f"sum(cambus_relay_viewers{_OUTPUTS})"),
        stat(
            "Streams", "Streams relayed, each taken from the bus once.", f"sum(cambus_relay_streams{_WHERE})"
        ),
        stat(
            "Fullest relay",
            "Viewers of the fullest replica, of those it takes (CAMBUS_RELAY_MAX_VIEWERS).",
            f"max(sum by (instance) (cambus_relay_viewers{_WHERE}) / sum by (instance) "
            f"(cambus_relay_viewers_limit{_WHERE}))",
            "percentunit",
            worry=0.8,
            bad=0.95,
        ),
        stat(
            "Standing still",
            "Watched streams whose source sends nothing at present.",
            f"sum(cambus_relay_stalled_streams{_WHERE})",
            worry=1,
        ),
        stat(
            "First picture",
            "From a request to the first picture on its way, of the slowest twentieth.",
            "histogram_quantile(0.95, sum by (le) (rate(cambus_relay_start_seconds_bucket"
            f"{_OUTPUTS}[$__rate_interval])))",
            "s",
            worry=2,
            bad=5,
        ),
        stat(
            "Sent",
            "All viewers together.",
            f"sum(rate(cambus_relay_sent_bytes_total{_OUTPUTS}[$__rate_interval]))",
            "Bps",
        ),
    ],
)

_VIEWERS = Row(
    "Viewers",
    [
        Panel(
            "Viewers by output",
            "Who watches how.",
            [Query(f"sum by (output) (cambus_relay_viewers{_OUTPUTS}) > 0", "{{output}}")],
            stack=True,
        ),
        Panel(
            "First picture",
            "From a request to the first picture on its way. Streams that are open already start at once; others wait "
            "for the device.",
            quantiles("cambus_relay_start_seconds", _OUTPUTS, "output"),
            "s",
            steps=((None, GOOD), (5, WARN)),
        ),
        Panel(
            "Sent by output",
            "Bytes the viewers' sockets took.",
            _rate("cambus_relay_sent_bytes_total", "output", _OUTPUTS),
            "Bps",
            stack=True,
        ),
        Panel(
            "Viewers gone",
            "By reason. `stalled` and `overflow`: they were too slow. `source-lost`: the device sent nothing more.",
            _rate("cambus_relay_viewers_closed_total", "reason", _OUTPUTS),
            "ops",
        ),
        Panel(
            "Skips of slow viewers",
            "Times a viewer that could not keep up went on with the next keyframe.",
            _rate("cambus_relay_viewer_skips_total", "output", _OUTPUTS),
            "ops",
        ),
        Panel(
            "Viewers who got no picture",
            "By what they were told. 401: no token. 404: no such stream. 429: the relay is full. 503: offline. "
            "504: no picture came in time.",
            _rate("cambus_relay_refusals_total", "code"),
            "ops",
        ),
        Panel(
            "Tokens",
            "Issued, accepted, refused. Many `unknown` or `limited`: somebody tries.",
            _rate("cambus_relay_tokens_total", "outcome"),
            "ops",
        ),
        Panel(
            "WebRTC sessions",
            "By how far they came. `timeout`: the viewer's network lets none of our addresses through.",
            _rate("cambus_relay_webrtc_sessions_total", "outcome"),
            "ops",
        ),
        Panel(
            "Lost on the way by UDP",
            "RTP packets that viewers over UDP report as lost.",
            [
                Query(
                    f"sum by (instance) (rate(cambus_relay_udp_lost_packets_total{_WHERE}[$__rate_interval]))",
                    "{{instance}}",
                )
            ],
            "pps",
        ),
    ],
)

_SOURCES = Row(
    "Sources",
    [
        Panel("Frames from the bus", "By kind.", _rate("cambus_relay_frames_total", "kind"), "ops"),
        Panel(
            "Gaps and frames not relayed",
            "A gap means that frames were lost on the bus; what follows is left out up to the next keyframe.",
            [
                Query(f"sum(rate(cambus_relay_sequence_gaps_total{_WHERE}[$__rate_interval]))", "gaps"),
                Query(f"sum(rate(cambus_relay_frames_dropped_total{_WHERE}[$__rate_interval]))", "frames"),
            ],
            "ops",
            steps=((None, GOOD), (1, WARN)),
        ),
        Panel(
            "Sources that stand still",
            "Now, and how often it began.",
            [
                Query(f"sum(cambus_relay_stalled_streams{_WHERE})", "now"),
                Query(f"sum(increase(cambus_relay_source_stalls_total{_WHERE}[$__rate_interval]))", "began"),
            ],
            steps=((None, GOOD), (1, WARN)),
        ),
        Panel(
            "Keyframes asked for",
            "For viewers who would have seen nothing until the next.",
            _rate("cambus_relay_keyframe_requests_total", "outcome"),
            "ops",
        ),
        Panel(
            "Sound transcoded",
            "Sounds transcoded now by codec, and packets that were not.",
            [
                Query(f"sum by (codec) (cambus_relay_sounds_transcoded{_WHERE}) > 0", "{{codec}}"),
                Query(
                    f"sum(rate(cambus_relay_sound_packets_lost_total{_WHERE}[$__rate_interval]))",
                    "lost per second",
                ),
            ],
        ),
        Panel(
            "Kept for viewers",
            "Pictures kept so that viewers start at once, and segments of HLS, in memory or in files.",
            [
                Query(f"sum by (instance) (cambus_relay_gop_bytes{_WHERE})", "pictures {{instance}}"),
                Query(
                    "sum by (instance) "
                    f"(cambus_relay_hls_bytes{_WHERE} - cambus_relay_hls_stored_bytes{_WHERE})",
                    "HLS {{instance}}",
                ),
                Query(
                    f"sum by (instance) (cambus_relay_hls_stored_bytes{_WHERE})", "HLS in files {{instance}}"
                ),
            ],
            "bytes",
        ),
    ],
)

_CONNECTORS = Row(
    "From devices",
    [
        Panel(
            "Streams open on devices",
            "By protocol.",
            [Query("sum by (protocol) (cambus_media_streams)", "{{protocol}}")],
            stack=True,
        ),
        Panel(
            "Media onto the bus",
            "By protocol.",
            _rate("cambus_media_bytes_total", "protocol", ""),
            "Bps",
            stack=True,
        ),
        Panel(
            "Lost to slow subscribers",
            "Messages NATS dropped because a service read too slowly. Any is one too many.",
            [
                Query(
                    "sum by (service) (increase(cambus_nats_slow_consumer_drops_total[$__rate_interval])) > 0",
                    "{{service}}",
                )
            ],
            steps=((None, GOOD), (1, BAD)),
        ),
    ],
)

MEDIA = Dashboard(
    "media",
    "Media",
    "Viewers, first pictures, bytes sent, what is lost on the way from devices to viewers.",
    [_NOW, _VIEWERS, _SOURCES, _CONNECTORS, process_row(_WHERE)],
    [
        Choice("instance", "cambus_relay_viewers", "Relay"),
        Choice("output", "cambus_relay_viewers", "Output"),
    ],
)
