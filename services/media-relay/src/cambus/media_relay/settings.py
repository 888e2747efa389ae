"""What the relay can be told from outside; secrets come as files."""

import ipaddress
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from aioice.ice import get_host_addresses
from pydantic import Field, StringConstraints, field_validator, model_validator

from cambus.bus.crowd import Crowd
from cambus.bus.settings import BusSettings
from cambus.client.secret_file import read_secret
from cambus.media_relay.hls_segments import HlsLimits
from cambus.media_relay.hub import HubLimits
from cambus.media_relay.pacer import Pacing
from cambus.media_relay.rtc_ice import IceServers
from cambus.media_relay.rtc_limits import RtcLimits
from cambus.media_relay.rtp_over_udp import UdpOptions
from cambus.media_relay.streams import StreamLimits
from cambus.media_relay.viewer import ViewerLimits

Port = Annotated[int, Field(ge=0, le=65535)]
IceServer = Annotated[
    str, StringConstraints(pattern=r"^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])?(:[0-9]{1,5})?$")
]
_ICE_PORT = 3478
_EVERY_ADDRESS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104  # compared, not bound
MIB = 1 << 20


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listening address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class RelaySettings(BusSettings):
    """Environment variables `CAMBUS_RELAY_…`, beside those every service has."""

    relay_host: str = Field(
        default="127.0.0.1", description="Address viewers connect to, HTTP and RTSP; `0.0.0.0` for all."
    )
    relay_http_port: Port = Field(
        default=8080,
        description="Port of the player page and of all that is watched over HTTP; 0 takes a free one.",
    )
    relay_rtsp_port: Port = Field(default=8554, description="Port of RTSP; 0 takes a free one.")
    relay_rtsp_udp: bool = Field(
        default=True,
        description="Whether RTSP players may have RTP over UDP; without it they are told to use TCP.",
    )
    relay_rtp_port: Port = Field(
        default=0,
        description="UDP port RTP leaves from, even; RTCP uses the one above. 0 takes a free pair: set it where a "
        "firewall or a container's port mapping stands between.",
    )
    relay_udp_mbit_s: Annotated[float, Field(ge=1, le=10_000)] = Field(
        default=50.0,
        description="Most a viewer over UDP is sent, in Mbit/s: a keyframe at wire speed would overrun his socket.",
    )
    relay_advertised_host: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:_-]*$")] = Field(
        default="",
        description="Host name or address in the URLs handed out; default: `relay_host`. An address is also "
        "named to players as the source of RTP over UDP.",
    )
    relay_advertised_http_url: str = Field(
        default="",
        description="Base URL viewers reach the HTTP port by, behind a proxy for example (`https://cctv.example`).",
    )
    relay_advertised_rtsp_port: Port = Field(
        default=0, description="RTSP port in the URLs handed out; default: the one listened on."
    )
    relay_access: Literal["open", "shared-token", "token"] | None = Field(
        default=None,
        description="`token`: every stream is opened by a token of its own, once; `shared-token`: viewers show the "
        "token of `relay_token_file`; `open`: anybody may watch. Unset: open on a loopback address, and no start "
        "on any other.",
    )
    relay_token_file: Path | None = Field(
        default=None,
        description="File with the viewers' token, at least 16 characters; with `token` it is what the page asks for.",
    )
    relay_wrong_tokens_per_minute: Annotated[int, Field(ge=0)] = Field(
        default=30,
        description="An address that shows more wrong tokens is refused for the rest of the minute; 0 "
        "for no bound, as behind a proxy.",
    )
    relay_allowed_origins: str = Field(
        default="",
        description="Web origins besides our own page that may use this relay, comma separated "
        "(`https://cctv.example`).",
    )
    relay_max_viewers: Annotated[int, Field(ge=1)] = Field(
        default=2000, description="Most viewers of this process, all streams together."
    )
    relay_max_viewers_per_stream: Annotated[int, Field(ge=1)] = Field(
        default=2000, description="Most viewers of one stream."
    )
    relay_max_connections: Annotated[int, Field(ge=1)] = Field(
        default=4000, description="Most connections at a time, watching or not, of RTSP and of HTTP each."
    )
    relay_max_connections_of_address: Annotated[int, Field(ge=0)] = Field(
        default=2000,
        description="Most connections of one address at a time, of RTSP and of HTTP each; 0 for no bound, as behind "
        "a proxy.",
    )
    relay_start_timeout_s: Annotated[float, Field(gt=0, le=120)] = Field(
        default=10.0, description="How long a viewer waits for the first picture, in seconds."
    )
    relay_claim_ttl_s: Annotated[float, Field(ge=5, le=300)] = Field(
        default=30.0, description="How long a device goes on sending after this process died, in seconds."
    )
    relay_linger_s: Annotated[float, Field(ge=0, le=600)] = Field(
        default=10.0, description="How long a stream is kept after its last viewer left, in seconds."
    )
    relay_source_lost_s: Annotated[float, Field(ge=1, le=3600)] = Field(
        default=30.0, description="Viewers of a stream without frames for so long are closed, in seconds."
    )
    relay_stalled_after_s: Annotated[float, Field(ge=1, le=3600)] = Field(
        default=10.0,
        description="A watched source without frames for so long stands still: counted, and told as an event; "
        "in seconds.",
    )
    relay_gop_bytes: Annotated[int, Field(ge=64 * 1024)] = Field(
        default=8 * MIB, description="Most bytes kept of one group of pictures for new viewers."
    )
    relay_queue_bytes: Annotated[int, Field(ge=64 * 1024)] = Field(
        default=4 * MIB, description="Queued bytes above which a slow viewer skips to the next keyframe."
    )
    relay_hard_bytes: Annotated[int, Field(ge=256 * 1024)] = Field(
        default=24 * MIB, description="Queued bytes above which a viewer is closed."
    )
    relay_stall_s: Annotated[float, Field(gt=0, le=600)] = Field(
        default=10.0, description="A viewer that takes nothing for so long is closed, in seconds."
    )
    relay_send_buffer_bytes: Annotated[int, Field(ge=0)] = Field(
        default=0, description="The kernel's send buffer of each viewer; 0 leaves it to the kernel."
    )
    relay_rtsp_timeout_s: Annotated[float, Field(ge=5, le=3600)] = Field(
        default=60.0,
        description="An RTSP client that is silent for so long is closed, in seconds; not while it plays over TCP.",
    )

    @field_validator("relay_rtp_port")
    @classmethod
    def _is_even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("wanted an even number, RTCP uses the odd one above (RFC 3550 §11)")
        return value

    relay_hls_segment_s: Annotated[float, Field(ge=0.5, le=6)] = Field(
        default=2.0,
        description="HLS: shortest segment, in seconds; it ends with the first keyframe behind that.",
    )
    relay_hls_part_s: Annotated[float, Field(ge=0.1, le=1)] = Field(
        default=0.4, description="HLS: longest part of a segment, in seconds, unless a picture lasts longer."
    )
    relay_hls_segments: Annotated[int, Field(ge=3, le=100)] = Field(
        default=3,
        description="HLS: least segments in a playlist, which is never shorter than three target durations.",
    )
    relay_hls_bytes: Annotated[int, Field(ge=1 * MIB)] = Field(
        default=32 * MIB, description="HLS: most bytes of segments kept for one stream."
    )
    relay_hls_folder: Path | None = Field(
        default=None,
        description="HLS: folder, on a disk, for the complete segments; without one they are kept in memory. The files "
        "have no names, and what can not be written stays in memory.",
    )
    relay_hls_folder_bytes: Annotated[int, Field(ge=0)] = Field(
        default=6 << 30,
        description="HLS: most bytes of all streams' segments in the folder; beyond it they are kept in memory.",
    )
    relay_hls_session_s: Annotated[float, Field(ge=5, le=600)] = Field(
        default=30.0, description="HLS: who asks for nothing for so long watches no more, in seconds."
    )
    relay_webrtc_port: Port = Field(
        default=8189, description="UDP port of all WebRTC viewers; 0 takes a free one."
    )
    relay_max_webrtc_viewers: Annotated[int, Field(ge=0)] = Field(
        default=50,
        description="Most WebRTC viewers at a time, each of whom is encrypted for by himself; 0 switches WebRTC off.",
    )
    relay_webrtc_advertised_host: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:_, -]*$")] = Field(
        default="",
        description="Addresses or names the WebRTC port is reached at, comma separated, where these are not "
        "the machine's own: behind NAT, in a container.",
    )
    relay_webrtc_connect_timeout_s: Annotated[float, Field(ge=1, le=120)] = Field(
        default=15.0, description="How long a WebRTC viewer may take to connect, in seconds."
    )
    relay_webrtc_stun_server: IceServer = Field(
        default="", description="STUN server, `host` or `host:port`; none is asked unless named here."
    )
    relay_webrtc_turn_server: IceServer = Field(
        default="",
        description="TURN server, `host` or `host:port`; needs `relay_webrtc_turn_credentials_file`.",
    )
    relay_webrtc_turn_transport: Literal["udp", "tcp"] = Field(
        default="udp", description="How the TURN server is spoken to."
    )
    relay_webrtc_turn_credentials_file: Path | None = Field(
        default=None, description="File with `user:password` for the TURN server."
    )

    @field_validator("relay_advertised_http_url")
    @classmethod
    def _is_base_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.netloc or parts.query):
            raise ValueError("wanted http://host or https://host, perhaps with a path")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _access_is_decided(self) -> Self:
        if self.relay_access is None and not is_loopback(self.relay_host):
            raise ValueError(
                f"relay_host {self.relay_host} can be reached from elsewhere: set relay_access to "
                "token or shared-token, or to open if anybody there may watch"
            )
        if self.relay_access == "shared-token" and self.relay_token_file is None:
            raise ValueError("relay_access shared-token needs relay_token_file")
        if self.relay_hard_bytes < 2 * self.relay_gop_bytes:
            raise ValueError(
                "relay_hard_bytes must be at least twice relay_gop_bytes, which a new viewer is sent"
            )
        return self

    @model_validator(mode="after")
    def _turn_has_credentials(self) -> Self:
        if self.relay_webrtc_turn_server and self.relay_webrtc_turn_credentials_file is None:
            raise ValueError("relay_webrtc_turn_server needs relay_webrtc_turn_credentials_file")
        return self

    @property
    def allowed_origins(self) -> frozenset[str]:
        """The origins in `relay_allowed_origins`, one by one."""
        return frozenset(each for part in self.relay_allowed_origins.split(",") if (each := part.strip()))

    @property
    def pacing(self) -> Pacing:
        """How fast viewers by datagrams are sent to."""
        return Pacing(self.relay_udp_mbit_s * 1e6 / 8)

    @property
    def udp(self) -> UdpOptions | None:
        """How RTP goes over UDP, None if it does not."""
        if not self.relay_rtsp_udp:
            return None
        try:
            source = str(ipaddress.ip_address(self.relay_advertised_host))
        except ValueError:
            source = None
        return UdpOptions(self.relay_rtp_port, self.pacing, source)

    @property
    def hub_limits(self) -> HubLimits:
        """The bounds of a stream's hub."""
        return HubLimits(gop_bytes=self.relay_gop_bytes)

    @property
    def hls_limits(self) -> HlsLimits:
        """How HLS is cut and kept."""
        return HlsLimits(
            self.relay_hls_segment_s, self.relay_hls_part_s, self.relay_hls_segments, self.relay_hls_bytes
        )

    def crowd(self) -> Crowd:
        """How many connections a port may have."""
        return Crowd(self.relay_max_connections, self.relay_max_connections_of_address)

    @property
    def stream_limits(self) -> StreamLimits:
        """How many may watch."""
        return StreamLimits(
            self.relay_max_viewers, self.relay_max_viewers_per_stream, self.relay_source_lost_s
        )

    @property
    def viewer_limits(self) -> ViewerLimits:
        """How far behind a viewer may fall."""
        return ViewerLimits(self.relay_queue_bytes, self.relay_hard_bytes, self.relay_stall_s)

    @property
    def rtc_limits(self) -> RtcLimits:
        """How many may watch by WebRTC, and how far behind they may fall."""
        return RtcLimits(
            self.relay_max_webrtc_viewers,
            self.relay_webrtc_connect_timeout_s,
            self.relay_start_timeout_s,
            self.viewer_limits,
            self.pacing,
        )

    @property
    def webrtc_advertised(self) -> tuple[str, ...]:
        """The names in `relay_webrtc_advertised_host`, one by one."""
        return tuple(each for part in self.relay_webrtc_advertised_host.split(",") if (each := part.strip()))

    def webrtc_hosts(self) -> list[str]:
        """The addresses WebRTC's port is bound at: `relay_host`, or each of the machine's own."""
        if self.relay_host == "localhost":
            return ["127.0.0.1"]
        if self.relay_host not in _EVERY_ADDRESS:
            return [self.relay_host]
        return get_host_addresses(use_ipv4=True, use_ipv6=self.relay_host != "0.0.0.0") or ["127.0.0.1"]  # noqa: S104

    def ice_servers(self) -> IceServers:
        """STUN and TURN. Raises ValueError or OSError for an unusable file of credentials."""
        username = password = ""
        if self.relay_webrtc_turn_credentials_file is not None:
            text = read_secret(self.relay_webrtc_turn_credentials_file).strip()
            username, colon, password = text.partition(":")
            if not (username and colon and password):
                raise ValueError(f"{self.relay_webrtc_turn_credentials_file}: wanted user:password")
        return IceServers(
            stun=_server(self.relay_webrtc_stun_server),
            turn=_server(self.relay_webrtc_turn_server),
            turn_transport=self.relay_webrtc_turn_transport,
            username=username,
            password=password,
        )


def _server(text: str) -> tuple[str, int] | None:
    parts = urlsplit(f"//{text}")
    return (parts.hostname, parts.port or _ICE_PORT) if parts.hostname else None
