"""The media relay: pictures for viewers."""

from pydantic import Field

from cambus.schemas.encoding import AudioCodec, VideoCodec
from cambus.schemas.ids import ChannelNo, DeviceId, MediaStream, ReplicaId
from cambus.schemas.model import Empty, Instant, Message, Secret, example
from cambus.schemas.spec import CommandSpec
from cambus.schemas.state.relay_tokens import TokenPurpose

SERVICE = "media-relay"


class LiveOpenRequest(Message):
    """Ask how to watch a stream."""

    model_config = example(device="gate-1", channel=0, stream="main")

    device: DeviceId = Field(description="The device.")
    channel: ChannelNo = Field(default=0, description="The channel, counted from 0.")
    stream: MediaStream = Field(
        default="main", description="An encoder stream, or a playback as `s-<session>`."
    )


class LiveUrls(Message):
    """Where to watch a stream; None where that output is off. The addresses may hold a token: keep them."""

    model_config = example(
        rtsp="rtsp://relay.example.org:8554/gate-1/0/main",
        flv="http://relay.example.org:8080/live/gate-1/0/main.flv",
        fmp4="http://relay.example.org:8080/live/gate-1/0/main.mp4",
        jpeg="http://relay.example.org:8080/live/gate-1/0/main.jpg",
        hls="http://relay.example.org:8080/hls/gate-1/0/main/index.m3u8",
        ws_fmp4="ws://relay.example.org:8080/ws/gate-1/0/main.mp4",
        ws_flv="ws://relay.example.org:8080/ws/gate-1/0/main.flv",
        ts="http://relay.example.org:8080/live/gate-1/0/main.ts",
        whep="http://relay.example.org:8080/whep/gate-1/0/main",
        page="http://relay.example.org:8080/watch/gate-1/0/main",
        replica="media-relay-0",
        expires_at=None,
    )

    rtsp: str | None = Field(default=None, description="RTSP, over TCP.", repr=False)
    flv: str | None = Field(default=None, description="FLV over HTTP.", repr=False)
    fmp4: str | None = Field(default=None, description="Fragmented MP4 over HTTP.", repr=False)
    jpeg: str | None = Field(default=None, description="The newest key frame, as JPEG.", repr=False)
    hls: str | None = Field(default=None, description="HLS, low latency for who can.", repr=False)
    ws_fmp4: str | None = Field(
        default=None, description="Fragmented MP4 over WebSocket, for players.", repr=False
    )
    ws_flv: str | None = Field(
        default=None, description="FLV over WebSocket, for flv.js and mpegts.js.", repr=False
    )
    ts: str | None = Field(default=None, description="An MPEG transport stream over HTTP.", repr=False)
    whep: str | None = Field(default=None, description="WebRTC, by WHEP.", repr=False)
    page: str | None = Field(
        default=None, description="A page that plays it in a browser, and opens all the others.", repr=False
    )
    replica: ReplicaId | None = Field(default=None, description="The relay these addresses are of.")
    expires_at: Instant | None = Field(
        default=None, description="When they stop working; None if they do not."
    )


class TokenIssueRequest(Message):
    """Ask for a token that opens one stream once."""

    model_config = example(device="gate-1", channel=0, stream="main", purpose="live")

    device: DeviceId = Field(description="The device.")
    channel: ChannelNo = Field(default=0, description="The channel, counted from 0.")
    stream: MediaStream = Field(
        default="main", description="An encoder stream, or a playback as `s-<session>`."
    )
    purpose: TokenPurpose = Field(
        default="live",
        description="What it is for: `playback` for `s-<session>`, `live` for any other stream, `snapshot` for a "
        "JPEG of either, `talk` to speak, `page` for the page and whatever can be done there.",
    )


class IssuedToken(Message):
    """A token: whoever has it opens that stream, once. Keep it."""

    model_config = example(token="q83vEjRWeJC83vEjRWeJCg", expires_at="2026-02-01T12:18:22.100Z")  # noqa: S106  # an example

    token: Secret = Field(description="Shown as `?token=…` or `Authorization: Bearer …`.")
    expires_at: Instant = Field(description="When it stops opening.")


class RelayedStream(Message):
    """One stream a relay holds."""

    model_config = example(
        device="gate-1",
        channel=0,
        stream="main",
        codec="h265",
        width=2560,
        height=1440,
        audio_codec="pcma",
        since="2026-02-01T12:17:22.100Z",
        viewers={"rtsp": 2, "http-flv": 1},
        bitrate_kbps=4100,
        gaps=0,
        dropped=0,
    )

    device: DeviceId = Field(description="The device.")
    channel: ChannelNo = Field(description="The channel, counted from 0.")
    stream: MediaStream = Field(description="The stream.")
    codec: VideoCodec | None = Field(
        default=None, description="The video codec; None before the first key frame."
    )
    width: int | None = Field(default=None, gt=0, description="Width in pixels.")
    height: int | None = Field(default=None, gt=0, description="Height in pixels.")
    audio_codec: AudioCodec | None = Field(
        default=None, description="The codec of its sound; None without sound."
    )
    since: Instant = Field(description="Since when the relay holds it.")
    viewers: dict[str, int] = Field(default_factory=dict, description="How many watch, by output.")
    bitrate_kbps: int | None = Field(default=None, ge=0, description="Present bit rate in kbit/s.")
    gaps: int = Field(default=0, ge=0, description="How often frames were missing on the bus.")
    dropped: int = Field(
        default=0, ge=0, description="How many frames were left out until the next key frame."
    )


class StreamsListReply(Message):
    """The streams one relay holds."""

    model_config = example(
        replica="media-relay-0",
        streams=[{"device": "gate-1", "channel": 0, "stream": "main", "since": "2026-02-01T12:17:22.100Z"}],
    )

    replica: ReplicaId = Field(description="The relay.")
    streams: list[RelayedStream] = Field(description="Its streams.")


LIVE_OPEN = CommandSpec(
    "live", "open", LiveOpenRequest, LiveUrls, "Ask how to watch a stream.", service=SERVICE, idempotent=True
)
TOKEN_ISSUE = CommandSpec(
    "token",
    "issue",
    TokenIssueRequest,
    IssuedToken,
    "Get a token that opens one stream once, at any relay.",
    service=SERVICE,
)
STREAMS_LIST = CommandSpec(
    "streams",
    "list",
    Empty,
    StreamsListReply,
    "List the streams the relays hold.",
    service=SERVICE,
    broadcast=True,
    timeout_s=2.0,
    idempotent=True,
)
