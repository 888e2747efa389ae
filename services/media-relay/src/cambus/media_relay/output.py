"""The outputs of a stream: which container, which sound, which framing."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cambus.media_relay.framing import Framing
from cambus.schemas.errors import BadRequest


class Container(StrEnum):
    """What the bytes are."""

    RTP = "rtp"
    FLV = "flv"
    FMP4 = "fmp4"


class Carrier(StrEnum):
    """What RTP is put into: the RTSP connection, or datagrams beside it."""

    INTERLEAVED = "interleaved"
    DATAGRAMS = "datagrams"


class Sound(StrEnum):
    """What becomes of the audio: as the device sends it, as FLAC where it is G.711 (browsers), or nothing."""

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
        channels: RTSP only: the channel of the video's and of the audio's RTP packets, None for a track that is not
            wanted; RTCP uses the channel above each.
        carrier: RTSP only: what the packets are put into.
    """

    name: str
    container: Container
    framing: Framing = Framing.RAW
    sound: Sound = Sound.G711
    channels: tuple[int | None, int | None] = (None, None)
    carrier: Carrier = Carrier.INTERLEAVED


OUTPUT_NAMES: Final = ("rtsp", "rtsp-udp", "http-flv", "http-fmp4", "ws-fmp4")


def http_output(suffix: str, sound: str | None, *, chunked: bool) -> Output:
    """The output behind `/live/….flv` or `.mp4`; `sound` is the query's `audio`.

    Raises:
        BadRequest: no such sound.
    """
    framing = Framing.CHUNKED if chunked else Framing.RAW
    wanted = _sound(sound, Sound.G711)
    if suffix == "flv":
        if wanted is Sound.FLAC:
            raise BadRequest("audio: FLV carries g711 or none")
        return Output("http-flv", Container.FLV, framing, wanted)
    return Output("http-fmp4", Container.FMP4, framing, wanted)


def websocket_output(sound: str | None) -> Output:
    """The output behind `/ws/…`, FLAC unless the query's `audio` says otherwise. Raises BadRequest."""
    return Output("ws-fmp4", Container.FMP4, Framing.WEBSOCKET, _sound(sound, Sound.FLAC))


def rtsp_output(
    video_channel: int | None, audio_channel: int | None, carrier: Carrier = Carrier.INTERLEAVED
) -> Output:
    """The output of an RTSP session with these channels."""
    name = "rtsp" if carrier is Carrier.INTERLEAVED else "rtsp-udp"
    return Output(name, Container.RTP, channels=(video_channel, audio_channel), carrier=carrier)


def _sound(text: str | None, default: Sound) -> Sound:
    if text is None:
        return default
    try:
        return Sound(text)
    except ValueError:
        raise BadRequest(f"audio: wanted one of {', '.join(Sound)}") from None
