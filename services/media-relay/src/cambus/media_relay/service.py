"""The service: the relay on the bus."""

import logging
from typing import ClassVar
from urllib.parse import urlsplit

from cambus.bus.service import Runtime, Service
from cambus.media_relay.access import Access
from cambus.media_relay.addresses import Addresses, url_host
from cambus.media_relay.alarm_ticker import AlarmTicker
from cambus.media_relay.directory import Directory
from cambus.media_relay.exports_api import ExportsApi
from cambus.media_relay.guesses import Guesses
from cambus.media_relay.handlers import Handlers
from cambus.media_relay.page_api import PageApi
from cambus.media_relay.page_sessions import PageSessions
from cambus.media_relay.playback_api import PlaybackApi
from cambus.media_relay.ptz_api import PtzApi
from cambus.media_relay.recordings_api import RecordingsApi
from cambus.media_relay.relay import Relay
from cambus.media_relay.settings import RelaySettings
from cambus.media_relay.talk_socket import TalkSocket
from cambus.media_relay.tokens import Tokens
from cambus.schemas.commands import media_relay

log = logging.getLogger(__name__)

LISTENING = "viewers"


class MediaRelay(Service[RelaySettings]):
    """Serves live pictures over RTSP, HTTP-FLV and fragmented MP4."""

    name: ClassVar[str] = media_relay.SERVICE
    summary: ClassVar[str] = "Serves the streams of the bus over RTSP, HTTP-FLV and fragmented MP4."

    def __init__(self, runtime: Runtime[RelaySettings]) -> None:
        super().__init__(runtime)
        settings = runtime.settings
        guesses = Guesses(settings.relay_wrong_tokens_per_minute)
        tokens = Tokens(runtime.bus, runtime.metrics, guesses)
        self._access = Access.of(settings, tokens, PageSessions(runtime.bus, tokens), guesses)
        self._directory = Directory(runtime.bus, self._on_online)
        self._alarms = AlarmTicker(runtime.bus)
        api = PageApi(runtime.bus, self._directory, self._alarms, self._access)
        ptz = PtzApi(runtime.client, self._directory, self._access)
        recordings = RecordingsApi(runtime.client, self._access)
        exports = ExportsApi(runtime.client, self._access)
        talks = TalkSocket(runtime.bus, runtime.client, self._directory, self._access)
        playbacks = PlaybackApi(runtime.client, self._directory, self._access)
        self.relay = Relay(
            runtime.bus,
            runtime.client,
            settings,
            runtime.metrics,
            self._access,
            known=self._directory.known,
            streams_of=self._directory.streams_of,
            routes=[
                route for part in (api, ptz, recordings, exports, playbacks, talks) for route in part.routes()
            ],
        )
        runtime.health.set(LISTENING, ok=False, detail="not listening yet")

    async def start(self) -> None:
        """Follow the registry, listen for viewers, answer commands."""
        await self._alarms.start()
        await self.relay.start()
        self.runtime.spawn(self._directory.run(), name="directory")
        self.runtime.spawn(self.relay.run(), name="relay")
        addresses = self.addresses()
        self.runtime.endpoints.metadata |= {
            "viewers": addresses.http,
            "rtsp": addresses.rtsp,
            "webrtc": addresses.webrtc,
        }
        handlers = Handlers(self.relay.streams, self._directory, self._access, addresses)
        self.runtime.endpoints.add(media_relay.LIVE_OPEN, handlers.live_open)
        self.runtime.endpoints.add(media_relay.TOKEN_ISSUE, handlers.token_issue)
        self.runtime.endpoints.add(media_relay.STREAMS_LIST, handlers.streams_list)
        self.runtime.health.set(LISTENING, ok=True)
        log.info(
            "viewers may come",
            extra={
                "viewer_http_port": self.relay.http_port,
                "rtsp_port": self.relay.rtsp_port,
                "webrtc_port": self.relay.webrtc_port,
            },
        )

    async def stop(self) -> None:
        """Close the viewers and give up the claims."""
        await self.relay.stop()
        await self._alarms.stop()

    def addresses(self) -> Addresses:
        """How viewers reach this process."""
        settings = self.runtime.settings
        http = settings.relay_advertised_http_url
        named = settings.relay_advertised_host or (urlsplit(http).hostname or "" if http else "")
        host = url_host(named or settings.relay_host)
        rtsp_port = settings.relay_advertised_rtsp_port or self.relay.rtsp_port
        return Addresses(
            http=http or f"http://{host}:{self.relay.http_port}",
            rtsp=f"rtsp://{host}:{rtsp_port}",
            replica=settings.instance,
            webrtc=f"udp://{host}:{self.relay.webrtc_port}" if self.relay.webrtc_port else "",
        )

    def _on_online(self, device: str) -> None:
        self.relay.streams.wake(device)
