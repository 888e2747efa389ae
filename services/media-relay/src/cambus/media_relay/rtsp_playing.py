"""The media of one RTSP session from PLAY to PAUSE, TEARDOWN or the end: in the connection or in datagrams."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import cast

from cambus.media.rtcp import receptions
from cambus.media_relay.format_rtp import AUDIO_TRACK, VIDEO_TRACK, RtpFormat
from cambus.media_relay.hub import StreamHub
from cambus.media_relay.metrics import RelayMetrics
from cambus.media_relay.output import Carrier, Output, Sound, rtsp_output
from cambus.media_relay.rtp_over_udp import RtpOverUdp
from cambus.media_relay.viewer import Closed, Viewer, ViewerLimits
from cambus.rtsp import Lower, RtpInfo, Transport

_KEEP_QUIET = frozenset({Closed.LEFT, Closed.ENDED})
"""Ends of which the client need not be told: he made it, or has been told in the stream."""


def output_of(tracks: Mapping[int, Transport], sound: Sound = Sound.ANY) -> Output:
    """The output of a session with these tracks, all of one lower transport.

    Sound that no track is set up for is not wanted, and so must not be transcoded.
    """
    udp = any(transport.lower is Lower.UDP for transport in tracks.values())
    channels = {
        track: 2 * track if transport.channels is None else transport.channels[0]
        for track, transport in tracks.items()
    }
    carrier = Carrier.DATAGRAMS if udp else Carrier.INTERLEAVED
    wanted = sound if AUDIO_TRACK in channels else Sound.NONE
    return rtsp_output(channels.get(VIDEO_TRACK), channels.get(AUDIO_TRACK), carrier, sound=wanted)


def start_of(hub: StreamHub, output: Output) -> tuple[RtpInfo, ...]:
    """Where each track begins for who joins now, empty while no group of pictures is cached."""
    rendition = hub.rendition(output)
    return cast(RtpFormat, rendition.form).rtp_info() if rendition.group_bytes else ()


class Playing:
    """One viewer of a hub, from `start` to `end`.

    Args:
        hub: the stream's.
        output: what of it.
        viewer: takes it; of its own with datagrams, the connection's otherwise.
        metrics: told when the viewer has gone.
    """

    def __init__(self, hub: StreamHub, output: Output, viewer: Viewer, metrics: RelayMetrics) -> None:
        self.output = output
        self._hub = hub
        self._viewer = viewer
        self._metrics = metrics

    def start(self) -> None:
        """Join. The viewer may be closed within, so that `end` is called before this returns."""
        self._viewer.restart()
        self._hub.join(self.output, self._viewer)
        if self._viewer.closed is not None:
            self._hub.leave(self._viewer)

    def end(self, reason: Closed) -> None:
        """Send no more; a viewer of its own is closed."""
        self._hub.leave(self._viewer)
        if self.output.carrier is Carrier.DATAGRAMS:
            self._viewer.close(reason)
        self._metrics.viewer_left(self.output.name, self._viewer)


class Losses:
    """What a viewer by datagrams has reported as lost so far.

    Args:
        ssrcs: our senders; what is said about others is not heard.
    """

    def __init__(self, ssrcs: frozenset[int]) -> None:
        self._lost = dict.fromkeys(ssrcs, 0)

    def heard(self, report: bytes) -> int:
        """Packets newly lost, by an RTCP packet of the viewer."""
        fresh = 0
        for ssrc, lost in receptions(report):
            before = self._lost.get(ssrc)
            if before is not None and lost > before:
                self._lost[ssrc] = lost
                fresh += lost - before
        return fresh


def datagram_viewer(
    udp: RtpOverUdp,
    transport: asyncio.BaseTransport,
    tracks: Mapping[int, Transport],
    limits: ViewerLimits,
    *,
    form: RtpFormat,
    heard: Callable[[bytes], None],
    closed: Callable[[Closed], None],
) -> Viewer:
    """A viewer that is sent datagrams.

    Args:
        udp: the server's ports.
        transport: the connection of the client.
        tracks: with the client's ports.
        limits: how far behind he may fall.
        form: says goodbye where the relay ends it.
        heard: given the client's RTCP.
        closed: told when the viewer has been closed, and why.
    """
    ports = {}
    for track, agreed in tracks.items():
        if agreed.client_ports is not None:
            ports[2 * track], ports[2 * track + 1] = agreed.client_ports
    wire = udp.wire(transport, ports, heard)

    def on_closed(viewer: Viewer, reason: Closed) -> None:
        del viewer
        if reason not in _KEEP_QUIET:
            with contextlib.suppress(BlockingIOError):
                wire.send(form.parting())
        closed(reason)

    return Viewer(wire, limits, on_closed)
