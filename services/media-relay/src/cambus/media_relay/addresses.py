"""The addresses viewers are given."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote

from cambus.media_relay.key import StreamKey
from cambus.schemas.commands.media_relay import LiveUrls

MEDIA: Final = ("rtsp", "flv", "fmp4", "hls", "jpeg", "ws_fmp4", "ws_flv", "ts", "whep")
"""The addresses that open media, by their names in `LiveUrls`."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Builds the URLs of a stream.

    Attributes:
        http: base URL of the HTTP port as viewers reach it, without a slash at the end.
        rtsp: the same of the RTSP port.
        replica: the name of this process.
        webrtc: where WebRTC's media comes from, `udp://host:port`; empty without WebRTC.
    """

    http: str
    rtsp: str
    replica: str
    webrtc: str = ""

    def urls(
        self,
        key: StreamKey,
        tokens: Mapping[str, str],
        *,
        expires_at: datetime | None = None,
    ) -> LiveUrls:
        """Where to watch a stream.

        Args:
            key: the stream.
            tokens: what is put into each address, by its name in `LiveUrls`; nothing where there is none.
            expires_at: when the tokens stop working.
        """
        query = {name: f"?token={quote(token, safe='')}" for name, token in tokens.items() if token}
        websocket = "ws" + self.http.removeprefix("http")
        return LiveUrls(
            rtsp=f"{self.rtsp}/{key}{query.get('rtsp', '')}",
            flv=f"{self.http}/live/{key}.flv{query.get('flv', '')}",
            fmp4=f"{self.http}/live/{key}.mp4{query.get('fmp4', '')}",
            hls=f"{self.http}/hls/{key}/index.m3u8{query.get('hls', '')}",
            jpeg=f"{self.http}/live/{key}.jpg{query.get('jpeg', '')}",
            ws_fmp4=f"{websocket}/ws/{key}.mp4{query.get('ws_fmp4', '')}",
            ws_flv=f"{websocket}/ws/{key}.flv{query.get('ws_flv', '')}",
            ts=f"{self.http}/live/{key}.ts{query.get('ts', '')}",
            whep=f"{self.http}/whep/{key}{query.get('whep', '')}" if self.webrtc else None,
            page=f"{self.http}/{query.get('page', '')}#{key}",
            replica=self.replica,
            expires_at=expires_at,
        )


def url_host(host: str) -> str:
    """A host as it stands in a URL: IPv6 literals in brackets, and a name for "every address"."""
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104  # compared, not bound
        return "localhost"
    return f"[{host}]" if ":" in host else host
