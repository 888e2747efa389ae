"""The answer to a WebRTC viewer's offer (RFC 8829 §5.3): one transport, at most one picture and one sound."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from cambus.media_relay.rtc_offer import Offer, OfferedMedia
from cambus.media_relay.rtc_tracks import Track

CNAME: Final = "cambus"
_STREAM: Final = "cambus"
_NOWHERE: Final = "0.0.0.0"  # noqa: S104  # nothing is bound to it: the candidates say where (RFC 8840 §4.1.1)
_FEEDBACK: Final = ("nack", "nack pli", "ccm fir")


@dataclass(frozen=True, slots=True)
class LocalTransport:
    """This side of the transport, as the viewer must know it.

    Attributes:
        username, password: of ICE.
        fingerprint: SHA-256 of the certificate, hexadecimal with colons.
        setup: `active` or `passive`: this side's part in the DTLS handshake.
        candidates: the values of `a=candidate` lines; all there will ever be.
    """

    username: str
    password: str = field(repr=False)
    fingerprint: str
    setup: str
    candidates: Sequence[str]


def build_answer(offer: Offer, transport: LocalTransport, tracks: Sequence[tuple[Track, int]]) -> str:
    """The answer that sends these tracks, each with its SSRC, and refuses every other section."""
    sent = {track.media: (track, ssrc) for track, ssrc in tracks}
    grouped = [media.mid for media in offer.media if media in sent and media.mid in offer.bundle]
    lines = ["v=0", f"o=- {secrets.randbits(62)} 1 IN IP4 {_NOWHERE}", "s=-", "t=0 0"]
    if grouped:
        lines.append(f"a=group:BUNDLE {' '.join(grouped)}")
    lines.append(f"a=msid-semantic:WMS {_STREAM}")
    for media in offer.media:
        lines += _sent(*sent[media], transport) if media in sent else _refused(media)
    return "\r\n".join(lines) + "\r\n"


def _sent(track: Track, ssrc: int, transport: LocalTransport) -> Iterable[str]:
    media, codec = track.media, track.codec
    kind = codec.payload_type
    channels = f"/{codec.channels}" if codec.channels > 1 else ""
    yield f"m={media.kind} 9 {media.profile} {kind}"
    yield f"c=IN IP4 {_NOWHERE}"
    yield f"a=rtcp:9 IN IP4 {_NOWHERE}"
    yield f"a=ice-ufrag:{transport.username}"
    yield f"a=ice-pwd:{transport.password}"
    yield f"a=fingerprint:sha-256 {transport.fingerprint}"
    yield f"a=setup:{transport.setup}"
    if media.mid:
        yield f"a=mid:{media.mid}"
    yield "a=sendonly"
    yield f"a=msid:{_STREAM} {media.kind}"
    yield "a=rtcp-mux"
    yield f"a=rtpmap:{kind} {codec.name}/{codec.clock_rate}{channels}"
    yield from (f"a=rtcp-fb:{kind} {each}" for each in _FEEDBACK if media.gives(codec, each))
    if codec.format:
        yield f"a=fmtp:{kind} {codec.format}"
    yield f"a=ssrc:{ssrc} cname:{CNAME}"
    yield f"a=ssrc:{ssrc} msid:{_STREAM} {media.kind}"
    yield from (f"a=candidate:{each}" for each in transport.candidates)
    yield "a=end-of-candidates"


def _refused(media: OfferedMedia) -> Iterable[str]:
    yield f"m={media.kind} 0 {media.profile} {media.formats}"
    yield f"c=IN IP4 {_NOWHERE}"
    if media.mid:
        yield f"a=mid:{media.mid}"
    yield "a=inactive"
