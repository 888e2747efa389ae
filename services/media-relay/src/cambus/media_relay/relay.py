"""The relay put together: streams, viewers' ports and the once-a-second round."""

import asyncio
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from cambus.bus.connection import Bus
from cambus.bus.metrics import Metrics
from cambus.client.calling import BusClient
from cambus.media_relay.access import Access
from cambus.media_relay.descriptors import for_segments, limit
from cambus.media_relay.formats import make_format
from cambus.media_relay.hls_folder import FolderLimits, HlsFolder
from cambus.media_relay.hls_session import HlsSessions
from cambus.media_relay.http_hls import HlsHandlers, StreamsOf
from cambus.media_relay.http_live import LiveHandlers
from cambus.media_relay.http_server import ViewerServer
from cambus.media_relay.http_snapshot import SnapshotHandlers
from cambus.media_relay.key import StreamKey
from cambus.media_relay.metrics import RelayMetrics
from cambus.media_relay.page import Page
from cambus.media_relay.rtc_sessions import RtcSessions
from cambus.media_relay.rtc_udp import UdpPorts
from cambus.media_relay.rtsp_connection import RtspConnection
from cambus.media_relay.rtsp_door import RtspDoor
from cambus.media_relay.rtsp_server import RtspServer
from cambus.media_relay.rtsp_tunnel import Tunnels
from cambus.media_relay.settings import RelaySettings
from cambus.media_relay.snapshots import Snapshots
from cambus.media_relay.stalls import StallReports
from cambus.media_relay.stream import Known, RelayedStream
from cambus.media_relay.streams import Streams
from cambus.media_relay.whep import WhepHandlers
from cambus.schemas.ids import new_ulid

_ROUND_S: Final = 1.0
_SOUND_THREADS: Final = 2
_DISK_THREADS: Final = 1


class Relay:
    """What serves viewers.

    Args:
        bus: the connection the frames come over.
        client: calls the devices' commands.
        settings: see `RelaySettings`.
        metrics: the service's registry.
        access: who may watch.
        known: whether a device exists at all.
        streams_of: the streams a device's channel is known to have.
        routes: further HTTP routes.
    """

    def __init__(
        self,
        bus: Bus,
        client: BusClient,
        settings: RelaySettings,
        metrics: Metrics,
        access: Access,
        *,
        known: Known,
        streams_of: StreamsOf,
        routes: Iterable[web.AbstractRouteDef] = (),
    ) -> None:
        self._bus = bus
        self._client = client
        self._settings = settings
        self._known = known
        self.metrics = RelayMetrics(metrics)
        self.metrics.limit().set(settings.relay_max_viewers)
        # Of all streams: what transcodes sound lets the event loop run meanwhile.
        self._sound_threads = ThreadPoolExecutor(_SOUND_THREADS, thread_name_prefix="sound")
        self._disk_threads = ThreadPoolExecutor(_DISK_THREADS, thread_name_prefix="hls")
        folder = settings.relay_hls_folder
        sockets = settings.relay_max_viewers + settings.relay_max_connections
        folder_limits = FolderLimits(for_segments(limit(), sockets), settings.relay_hls_folder_bytes)
        self._hls_folder = (
            HlsFolder(folder, self._disk_threads, folder_limits) if folder is not None else None
        )
        self._hls_limits = replace(settings.hls_limits, epoch_us=time.time_ns() // 1000)
        self._stalls = StallReports(bus)
        self.streams = Streams(self._make_stream, settings.stream_limits, self._stalls.report)
        live = LiveHandlers(
            self.streams,
            access,
            self.metrics,
            viewer_limits=settings.viewer_limits,
            start_timeout_s=settings.relay_start_timeout_s,
            send_buffer_bytes=settings.relay_send_buffer_bytes,
        )
        self._hls = HlsSessions(
            self.streams,
            self.metrics,
            start_timeout_s=settings.relay_start_timeout_s,
            idle_s=settings.relay_hls_session_s,
            folder=self._hls_folder,
        )
        hls = HlsHandlers(self._hls, access, streams_of)
        self._snapshots = Snapshots(self.streams, start_timeout_s=settings.relay_start_timeout_s)
        pictures = SnapshotHandlers(self._snapshots, access, self.metrics)
        self.webrtc = RtcSessions(
            self.streams,
            UdpPorts(settings.webrtc_hosts, settings.relay_webrtc_port),
            self.metrics,
            servers=settings.ice_servers(),
            advertised=settings.webrtc_advertised,
            limits=settings.rtc_limits,
        )
        whep = WhepHandlers(
            self.webrtc, access, prefix=urlsplit(settings.relay_advertised_http_url).path.rstrip("/")
        )
        outputs = (live, hls, pictures, whep, Page())
        self._http = ViewerServer(
            [*(each for output in outputs for each in output.routes()), *routes],
            self.metrics,
            access,
            settings.crowd(),
        )
        self._rtsp = RtspServer(
            self.streams,
            access,
            self.metrics,
            viewer_limits=settings.viewer_limits,
            crowd=settings.crowd(),
            start_timeout_s=settings.relay_start_timeout_s,
            session_timeout_s=settings.relay_rtsp_timeout_s,
            send_buffer_bytes=settings.relay_send_buffer_bytes,
            udp=settings.udp,
        )

    @property
    def http_port(self) -> int:
        """Port of the page, HTTP-FLV, fMP4 and WebSocket."""
        return self._http.port

    @property
    def rtsp_port(self) -> int:
        """Port of RTSP."""
        return self._rtsp.port

    @property
    def rtp_ports(self) -> tuple[int, int] | None:
        """UDP ports of RTP and RTCP, None without RTP over UDP."""
        return self._rtsp.rtp_ports

    @property
    def webrtc_port(self) -> int:
        """UDP port of WebRTC, 0 where it is switched off."""
        return self.webrtc.port

    async def start(self) -> None:
        """Listen. Raises OSError when an address is taken."""
        settings = self._settings
        self.webrtc.start()
        await self._http.start(settings.relay_host, settings.relay_http_port)
        tunnels = Tunnels[RtspConnection]()
        await self._rtsp.start(
            lambda server: RtspDoor(RtspConnection(server), tunnels),
            settings.relay_host,
            settings.relay_rtsp_port,
        )

    async def run(self) -> None:
        """Once a second: close who stalls, is silent or has lost the source; carry the counts over. Tell of stalls."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._stalls.run())
            while True:
                await asyncio.sleep(_ROUND_S)
                self.check()

    def check(self) -> None:
        """One round of `run`."""
        self.streams.check()
        self._rtsp.check()
        self._hls.check()
        self.metrics.collect(self.streams)

    async def stop(self) -> None:
        """Close every viewer, give every claim up, listen no more."""
        self._hls.close()
        await self._snapshots.close()
        await self.webrtc.stop()
        await self.streams.close()
        await self._rtsp.stop()
        await self._http.stop()
        await asyncio.to_thread(self._sound_threads.shutdown)
        await asyncio.to_thread(self._disk_threads.shutdown)

    def _make_stream(self, key: StreamKey) -> RelayedStream:
        return RelayedStream(
            self._bus,
            self._client,
            key,
            # A new name for every claim: the stop of an old one must not end it.
            f"relay-{new_ulid()}",
            make_format=partial(make_format, hls=self._hls_limits, hls_folder=self._hls_folder),
            limits=self._settings.hub_limits,
            known=self._known,
            claim_ttl_s=self._settings.relay_claim_ttl_s,
            linger_s=self._settings.relay_linger_s,
            executor=self._sound_threads,
            stalled_after_s=self._settings.relay_stalled_after_s,
        )
