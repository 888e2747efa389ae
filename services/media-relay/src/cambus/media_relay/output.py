"""The outputs of a stream: which container, which sound, which framing."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cambus.media_relay.datagrams import DATAGRAM_BYTES
from cambus.media_relay.framing import Framing
from cambus.schemas.errors import BadRequest


class Container(StrEnum):
    """What the bytes are."""

    RTP = "rtp"
    FLV = "flv"
    FMP4 = "fmp4"
    TS = "ts"
    HLS = "hls"


class Carrier(StrEnum):
    """What RTP is put into: the RTSP connection, or datagrams beside it."""

    INTERLEAVED = "interleaved"
    DATAGRAMS = "datagrams"


class Sound(StrEnum):
    """What becomes of the audio; `sounds.sound_of` says what that means for a stream.

    ANY: as the device sends it where the container carries that, else AAC. BROWSER: as ANY, but G.711 as FLAC. The
    others are what a viewer may ask for: transcoded where the device sends something else.
    """

    ANY = "any"
    BROWSER = "browser"
    AAC = "aac"
    OPUS = "opus"
    G711 = "g711"
    FLAC = "flac"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Output:
    """One form of a stream; equal outputs share every byte.

    Attributes:
        name: label of the metrics, of a closed list.
        container: what the bytes are.
        framing: how the transport delimits them.
        sound: what becomes of the audio.
        channels: RTP only: the channel of the video's and of the audio's packets, None for a track that is not
            wanted; RTCP uses the channel above each.
        carrier: RTP only: what the packets are put into.
        mtu: RTP only: the most bytes of a packet.
    """

    name: str
    container: Container
    framing: Framing = Framing.RAW
    sound: Sound = Sound.ANY
    channels: tuple[int | None, int | None] = (None, None)
    carrier: Carrier = Carrier.INTERLEAVED
    mtu: int = DATAGRAM_BYTES


OUTPUT_NAMES: Final = (
    "rtsp",
    "rtsp-udp",
    "http-flv",
    "http-fmp4",
    "http-ts",
    "ws-fmp4",
    "ws-flv",
    "hls",
    "jpeg",
    "webrtc",
)

_FLV_SOUNDS: Final = (Sound.AAC, Sound.G711, Sound.NONE)
_MP4_SOUNDS: Final = (Sound.AAC, Sound.OPUS, Sound.G711, Sound.FLAC, Sound.NONE)
_HLS_SOUNDS: Final = (Sound.AAC, Sound.NONE)
_TS_SOUNDS: Final = (Sound.AAC, Sound.NONE)
_RTP_SOUNDS: Final = (Sound.AAC, Sound.OPUS, Sound.G711, Sound.NONE)
_WEBRTC_SOUNDS: Final = (Sound.OPUS, Sound.G711, Sound.NONE)
_HTTP: Final = {
    "flv": ("http-flv", Container.FLV, _FLV_SOUNDS),
    "mp4": ("http-fmp4", Container.FMP4, _MP4_SOUNDS),
    "ts": ("http-ts", Container.TS, _TS_SOUNDS),
}
_INTERLEAVED_MTU: Final = 8192
"""In a connection nothing forces packets to be small, and each costs as much as any other. Players take at least so
much: FFmpeg ten times that, old versions of live555 20,000 bytes."""

_WEBRTC_MTU: Final = 1200
"""Room for SRTP, TURN and a tunnel below the 1280 bytes of IPv6."""


def http_output(suffix: str, sound: str | None, *, chunked: bool) -> Output:
    """The output behind `/live/….flv`, `.mp4` or `.ts`; `sound` is the query's `audio`.

    Raises:
        BadRequest: no such sound, or none that this output carries.
    """
    name, container, sounds = _HTTP[suffix]
    framing = Framing.CHUNKED if chunked else Framing.RAW
    return Output(name, container, framing, wanted_sound(sound, sounds))


def websocket_output(suffix: str, sound: str | None) -> Output:
    """The output behind `/ws/…` (fragmented MP4) and `/ws/….flv`.

    Its sound is one that browsers play, unless another is asked for.

    Raises:
        BadRequest: no such sound, or none that this output carries.
    """
    if suffix == "flv":
        wanted = wanted_sound(sound, _FLV_SOUNDS, default=Sound.AAC)
        return Output("ws-flv", Container.FLV, Framing.WEBSOCKET_BINARY, wanted)
    wanted = wanted_sound(sound, _MP4_SOUNDS, default=Sound.BROWSER)
    return Output("ws-fmp4", Container.FMP4, Framing.WEBSOCKET, wanted)


def hls_output(sound: str | None) -> Output:
    """The output behind `/hls/…`; `sound` is the query's `audio`. Raises BadRequest if it is neither AAC nor none."""
    return Output("hls", Container.HLS, sound=wanted_sound(sound, _HLS_SOUNDS, default=Sound.AAC))


def rtsp_output(
    video_channel: int | None,
    audio_channel: int | None,
    carrier: Carrier = Carrier.INTERLEAVED,
    *,
    sound: Sound = Sound.ANY,
) -> Output:
    """The output of an RTSP session with these channels."""
    channels = video_channel, audio_channel
    if carrier is Carrier.DATAGRAMS:
        return Output("rtsp-udp", Container.RTP, channels=channels, carrier=carrier, sound=sound)
    return Output("rtsp", Container.RTP, channels=channels, sound=sound, mtu=_INTERLEAVED_MTU)


def webrtc_output(video_channel: int, audio_channel: int | None, *, sound: Sound = Sound.NONE) -> Output:
    """The output of WebRTC viewers, packets as in RTSP: each viewer's wire makes them his own."""
    channels = video_channel, audio_channel
    return Output("webrtc", Container.RTP, channels=channels, sound=sound, mtu=_WEBRTC_MTU)


def webrtc_sound(text: str | None) -> Sound:
    """The sound that the `audio` of a WHEP address asks for. Raises BadRequest if WebRTC carries none such."""
    return wanted_sound(text, _WEBRTC_SOUNDS)


def rtsp_sound(text: str | None) -> Sound:
    """The sound that the `audio` of an RTSP URL asks for. Raises BadRequest if RTP carries none such."""
    return wanted_sound(text, _RTP_SOUNDS)


def wanted_sound(text: str | None, sounds: tuple[Sound, ...], *, default: Sound = Sound.ANY) -> Sound:
    """The sound that a query asks for.

    Args:
        text: what it says, None if nothing.
        sounds: what the output carries.
        default: what it has unless asked for another.

    Raises:
        BadRequest: none of `sounds`.
    """
    if text is None:
        return default
    if text not in sounds:
        raise BadRequest(f"audio: this output carries {', '.join(sounds)}", reason="audio")
    return Sound(text)
