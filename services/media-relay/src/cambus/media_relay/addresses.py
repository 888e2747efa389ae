"""The addresses viewers are given."""

from dataclasses import dataclass
from urllib.parse import quote

from cambus.media_relay.key import StreamKey
from cambus.schemas.commands.media_relay import LiveUrls


@dataclass(frozen=True, slots=True)
class Addresses:
    """Builds the URLs of a stream.

    Attributes:
        http: base URL of the HTTP port as viewers reach it, without a slash at the end.
        rtsp: the same of the RTSP port.
        replica: the name of this process.
        webrtc: whether there is WebRTC.
    """

    http: str
    rtsp: str
    replica: str
    webrtc: bool = True

    def urls(self, key: StreamKey, token: str) -> LiveUrls:
        """Where to watch a stream; `token` is put into every address unless it is empty."""
        query = f"?token={quote(token, safe='')}" if token else ""
        websocket = "ws" + self.http.removeprefix("http")
        return LiveUrls(
            rtsp=f"{self.rtsp}/{key}{query}",
            flv=f"{self.http}/live/{key}.flv{query}",
            fmp4=f"{self.http}/live/{key}.mp4{query}",
            hls=f"{self.http}/hls/{key}/index.m3u8{query}",
            jpeg=f"{self.http}/live/{key}.jpg{query}",
            ws_fmp4=f"{websocket}/ws/{key}.mp4{query}",
            ws_flv=f"{websocket}/ws/{key}.flv{query}",
            ts=f"{self.http}/live/{key}.ts{query}",
            whep=f"{self.http}/whep/{key}{query}" if self.webrtc else None,
            page=f"{self.http}/{query}#{key}",
            replica=self.replica,
        )


def url_host(host: str) -> str:
    """A host as it stands in a URL: IPv6 literals in brackets, and a name for "every address"."""
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104  # compared, not bound
        return "localhost"
    return f"[{host}]" if ":" in host else host
