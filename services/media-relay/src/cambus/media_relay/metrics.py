"""What the relay counts: viewers, bytes and frames by output; never a device, a viewer or an address."""

from collections.abc import Iterable
from typing import Final

from cambus.bus.metrics import Metrics
from cambus.media.transcoder import TARGETS
from cambus.media_relay.keyframe_requests import Asked
from cambus.media_relay.output import OUTPUT_NAMES
from cambus.media_relay.stream import RelayedStream
from cambus.media_relay.streams import Streams
from cambus.media_relay.viewer import Closed, Viewer

_START_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


_TARGETS: Final = {codec: codec.name.lower() for codec in sorted(TARGETS)}


class RelayMetrics:
    """The relay's metrics; hubs and viewers count by themselves, `collect` carries their counts over."""

    def __init__(self, metrics: Metrics) -> None:
        by_output = {"output": OUTPUT_NAMES}
        self.viewers = metrics.gauge("relay_viewers", "Viewers watching", by_output)
        self.limit = metrics.gauge("relay_viewers_limit", "Viewers this replica takes at most")
        self.streams = metrics.gauge("relay_streams", "Streams relayed")
        self.gop_bytes = metrics.gauge("relay_gop_bytes", "Bytes kept so that new viewers start at once")
        self.hls_bytes = metrics.gauge("relay_hls_bytes", "Bytes of HLS segments kept")
        self.hls_stored_bytes = metrics.gauge(
            "relay_hls_stored_bytes", "Bytes of HLS segments kept in files, of those kept"
        )
        self.hls_files = metrics.gauge("relay_hls_files", "Files HLS segments are kept in, each an open one")
        self.hls_unwritten = metrics.counter(
            "relay_hls_unwritten_segments_total",
            "HLS segments that stayed in memory because they could not be written",
        )
        self.sent = metrics.counter("relay_sent_bytes_total", "Bytes the viewers' sockets took", by_output)
        self.transcoding = metrics.gauge(
            "relay_sounds_transcoded",
            "Sounds of streams that are transcoded, by the codec they are transcoded to",
            {"codec": tuple(_TARGETS.values())},
        )
        self.sounds_lost = metrics.counter(
            "relay_sound_packets_lost_total",
            "Packets of sound that were to be transcoded and were not: malformed, too late, or too many",
        )
        self.frames = metrics.counter(
            "relay_frames_total", "Frames received from the bus", {"kind": ("video", "audio")}
        )
        self.gaps = metrics.counter("relay_sequence_gaps_total", "Gaps in the sequence of a stream's frames")
        self.dropped = metrics.counter(
            "relay_frames_dropped_total", "Frames not relayed: after a gap, incomplete or malformed"
        )
        self.skips = metrics.counter(
            "relay_viewer_skips_total", "Times a slow viewer skipped to the next keyframe", by_output
        )
        self.closed = metrics.counter(
            "relay_viewers_closed_total",
            "Viewers gone, by output and reason",
            {**by_output, "reason": tuple(Closed)},
        )
        self.stalled = metrics.gauge("relay_stalled_streams", "Watched streams whose source stands still")
        self.stalls = metrics.counter(
            "relay_source_stalls_total", "Times a watched source came to stand still"
        )
        self.keyframes = metrics.counter(
            "relay_keyframe_requests_total",
            "Keyframes asked for because a viewer would have seen nothing",
            {"outcome": tuple(Asked)},
        )
        self.lost = metrics.counter(
            "relay_udp_lost_packets_total", "RTP packets that viewers over UDP report as lost"
        )
        self.refused = metrics.counter(
            "relay_refusals_total",
            "Viewers who got no picture, by what they were told",
            {
                "code": (
                    "400",
                    "401",
                    "403",
                    "404",
                    "409",
                    "422",
                    "429",
                    "500",
                    "501",
                    "502",
                    "503",
                    "504",
                )
            },
        )
        self.start = metrics.histogram(
            "relay_start_seconds",
            "From a viewer's request to the first picture on its way",
            by_output,
            _START_BUCKETS,
        )
        self._webrtc_sessions = metrics.counter(
            "relay_webrtc_sessions_total",
            "WebRTC sessions that were answered and have ended, by how far they came",
            {"outcome": ("connected", "timeout", "failed", "left")},
        )
        self._seen: dict[RelayedStream, tuple[int, ...]] = {}

    def viewer_left(self, output: str, viewer: Viewer) -> None:
        """Count a viewer who has gone."""
        self.closed(output, viewer.closed or Closed.LEFT).inc()
        self._collect_viewers(output, (viewer,))

    def webrtc_ended(self, outcome: str) -> None:
        """Count a WebRTC session: `connected` if it ever was, else why not."""
        self._webrtc_sessions(outcome).inc()

    def collect(self, streams: Streams) -> None:
        """Carry over what has been counted since the last time; called about once a second."""
        running = tuple(streams.running.values())
        self.streams().set(len(running))
        self.stalled().set(sum(stream.stall.stalled for stream in running))
        self.gop_bytes().set(sum(stream.hub.gop_bytes for stream in running))
        viewers = dict.fromkeys(OUTPUT_NAMES, 0)
        for stream in running:
            for rendition in stream.hub.renditions.values():
                viewers[rendition.name] += len(rendition.viewers)
                self._collect_viewers(rendition.name, rendition.viewers)
            self._collect_stream(stream)
        for name, count in viewers.items():
            self.viewers(name).set(count)
        for codec, label in _TARGETS.items():
            self.transcoding(label).set(sum(codec in stream.hub.transcoding for stream in running))
        for stream in [each for each in self._seen if each.closing]:
            self._collect_stream(stream)
            del self._seen[stream]

    def _collect_viewers(self, output: str, viewers: Iterable[Viewer]) -> None:
        sent_bytes = skips = 0
        for viewer in viewers:
            counts = viewer.take_counts()
            sent_bytes += counts[0]
            skips += counts[1]
        self.sent(output).inc(sent_bytes)
        if skips:
            self.skips(output).inc(skips)

    def _collect_stream(self, stream: RelayedStream) -> None:
        counts = stream.hub.counts
        now = (
            counts.video_frames,
            counts.audio_frames,
            counts.gaps,
            counts.dropped + counts.malformed,
            counts.sounds_lost,
            stream.stall.stalls,
            *stream.keyframes.counts.values(),
        )
        before = self._seen.get(stream, (0,) * len(now))
        series = (
            self.frames("video"),
            self.frames("audio"),
            self.gaps(),
            self.dropped(),
            self.sounds_lost(),
            self.stalls(),
            *(self.keyframes(outcome) for outcome in stream.keyframes.counts),
        )
        for each, new, old in zip(series, now, before, strict=True):
            each.inc(new - old)
        self._seen[stream] = now
