"""What is counted of media, the same for every protocol."""

from typing import Final

from prometheus_client import Counter

from cambus.bus.metrics import Metrics
from cambus.media.frame import Codec, Kind

DROP_REASONS: Final = ("backlog", "bus", "oversize", "queue", "waiting", "corrupt", "service-block")
"""Why a frame was left out: bus too slow, bus away, beyond the bounds of a frame, consumer too slow, before the first
keyframe, damaged, not video at all."""

_KINDS: Final = tuple(kind.name.lower() for kind in Kind)
_CODECS: Final = tuple(codec.name.lower() for codec in Codec)
_KIND_NAMES: Final = {kind: kind.name.lower() for kind in Kind}
_CODEC_NAMES: Final = {codec: codec.name.lower() for codec in Codec}


class MediaMetrics:
    """Counters of the frames of one connector."""

    def __init__(self, metrics: Metrics, protocol: str) -> None:
        labels = {"protocol": (protocol,)}
        self._protocol = protocol
        self._frames = metrics.counter(
            "media_frames_total",
            "Frames published on media subjects",
            {**labels, "kind": _KINDS, "codec": _CODECS},
        )
        self._bytes = metrics.counter(
            "media_bytes_total", "Payload bytes published on media subjects", {**labels, "kind": _KINDS}
        )
        self._dropped = metrics.counter(
            "media_frames_dropped_total",
            "Frames left out, by reason",
            {**labels, "kind": _KINDS, "reason": DROP_REASONS},
        )
        self._streams = metrics.gauge("media_streams", "Live streams open on devices", labels)
        self._claims = metrics.gauge("media_claims", "Claims on live streams", labels)
        self._sent: dict[tuple[Kind, Codec], tuple[Counter, Counter]] = {}
        self._restarts = metrics.counter(
            "media_stream_restarts_total", "Live streams opened again after they broke off", labels
        )

    def sent(self, kind: Kind, codec: Codec, size_bytes: int) -> None:
        """Count a frame that was published."""
        series = self._sent.get((kind, codec))
        if series is None:
            name = _KIND_NAMES[kind]
            frames = self._frames(self._protocol, name, _CODEC_NAMES[codec])
            series = self._sent[kind, codec] = frames, self._bytes(self._protocol, name)
        series[0].inc()
        series[1].inc(size_bytes)

    def dropped(self, kind: Kind, reason: str, count: int = 1) -> None:
        """Count frames that were left out."""
        self._dropped(self._protocol, _KIND_NAMES[kind], reason).inc(count)

    def streams(self, change: int) -> None:
        """A live stream was opened (1) or closed (-1)."""
        self._streams(self._protocol).inc(change)

    def claims(self, change: int) -> None:
        """Claims were made (positive) or ended (negative)."""
        self._claims(self._protocol).inc(change)

    def restarted(self) -> None:
        """A live stream was opened again."""
        self._restarts(self._protocol).inc()
