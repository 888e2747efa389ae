"""Which of a stream's tracks a WebRTC viewer is sent, under which of the payload types he offered."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Frame, Kind
from cambus.media.parameter_sets import VideoParams
from cambus.media_relay.output import Sound
from cambus.media_relay.rtc_offer import Offer, OfferedCodec, OfferedMedia
from cambus.media_relay.sounds import G711
from cambus.schemas.errors import BadRequest, Unsupported

_ENCODINGS: Final = {
    Codec.H264: "H264",
    Codec.H265: "H265",
    Codec.PCMA: "PCMA",
    Codec.PCMU: "PCMU",
    Codec.OPUS: "OPUS",
}
_CONSTRAINED_BASELINE: Final = "42E0"


@dataclass(frozen=True, slots=True)
class Track:
    """A track that is sent: where in the offer it belongs, and as what."""

    media: OfferedMedia
    codec: OfferedCodec


def choose_video(offer: Offer, video: VideoParams, group: Iterable[Frame]) -> Track:
    """The section and payload type for the picture.

    H.264 may use any profile its receiver can decode; what he offered is matched as well as it can be (RFC 6184
    §8.1), and browsers decode High where they offer Constrained Baseline alone.

    Args:
        offer: the viewer's.
        video: the picture.
        group: some frames of it, a whole group at best.

    Raises:
        BadRequest: the viewer wants no picture.
        Unsupported: he offers no way to send this codec, or the stream has B frames.
    """
    sections = [each for each in offer.media if each.kind == "video" and each.receives]
    if not sections:
        raise BadRequest("the offer has no video section that receives", reason="no-video-wanted")
    encoding = _ENCODINGS[video.codec]
    fitting = [
        Track(media, codec)
        for media in sections
        for codec in media.codecs
        if codec.encoding == encoding and _can_carry(codec)
    ]
    if not fitting:
        raise Unsupported(
            f"the stream is {encoding}, which this player does not take by WebRTC", reason="codec-not-offered"
        )
    if any(each.pts != each.dts for each in group if each.kind is Kind.VIDEO):
        # RTP carries no decoding time, and the receivers of WebRTC show pictures in the order they come.
        raise Unsupported("the stream has B frames, which WebRTC can not play", reason="b-frames")
    if video.codec is Codec.H264:
        profile = video.sps[1:4].hex().upper()
        return min(fitting, key=lambda each: _distance(each.codec, profile))
    return fitting[0]


def choose_sound(
    offer: Offer,
    source: AudioConfig | None,
    sound_as: Callable[[Sound], AudioConfig | None],
    wanted: Sound,
    *,
    beside: Track,
) -> tuple[Track, Sound] | None:
    """The section, payload type and form of the sound; None when it is left out.

    G.711 goes as it is where the viewer takes it so, all else as Opus. It shares the transport of the picture, so
    only a section bundled with that will do.

    Args:
        offer: the viewer's.
        source: the sound of the stream.
        sound_as: what the stream's sound is in a form, None if it can not be had.
        wanted: the form the viewer asks for, `ANY` if he leaves it to us.
        beside: the picture.
    """
    if source is None:
        return None
    usual = (Sound.G711, Sound.OPUS) if source.codec in G711 else (Sound.OPUS, Sound.G711)
    forms = usual if wanted is Sound.ANY else (wanted,)
    sections = [
        media
        for media in offer.media
        if media.kind == "audio" and media.receives and {media.mid, beside.media.mid} <= offer.bundle
    ]
    for form in forms:
        sound = sound_as(form)
        for media in sections if sound is not None else ():
            for codec in media.codecs:
                if (codec.encoding, codec.clock_rate, codec.channels) == _rtp_form(sound):
                    return Track(media, codec), form
    return None


def _rtp_form(sound: AudioConfig | None) -> tuple[str, int, int] | None:
    """Encoding, clock rate and channels as `a=rtpmap` has them."""
    if sound is None or sound.codec not in _ENCODINGS:
        return None
    if sound.codec is Codec.OPUS:
        return "OPUS", 48_000, 2  # whatever is inside (RFC 7587 §7)
    return _ENCODINGS[sound.codec], sound.sample_rate, sound.channels


def _can_carry(codec: OfferedCodec) -> bool:
    """Whether pictures larger than a packet can be sent (RFC 6184 §6.3: not in packetization mode 0)."""
    return codec.encoding != "H264" or codec.parameters.get("packetization-mode") == "1"


def _distance(codec: OfferedCodec, profile: str) -> int:
    """How far an offered H.264 profile is from the stream's; `profile` is its profile-level-id."""
    offered = codec.parameters.get("profile-level-id", "420010").upper()
    if offered[:4] == profile[:4]:
        return 0
    if offered[:2] == profile[:2]:
        return 1
    return 2 if offered[:4] == _CONSTRAINED_BASELINE else 3
