"""Whatever is posted as an offer: it is refused as a bad request, or answered in a form others can read."""

from aiortc.sdp import SessionDescription
from hypothesis import example, given
from hypothesis import strategies as st
from webrtc_offers import CHROMIUM

from cambus.media_relay.rtc_answer import LocalTransport, build_answer
from cambus.media_relay.rtc_ice import is_reachable
from cambus.media_relay.rtc_offer import parse_offer
from cambus.media_relay.rtc_tracks import Track
from cambus.media_relay.rtc_udp import stun_username
from cambus.schemas.errors import BadRequest

LINES = CHROMIUM.split("\r\n")
HERE = LocalTransport("relay", "p" * 22, ":".join(["CD"] * 32), "active", ())


@st.composite
def mangled(draw: st.DrawFn) -> str:
    """A browser's offer with lines lost, repeated, moved and overwritten."""
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(lines) - 1))
        kind = draw(st.sampled_from(["lose", "repeat", "move", "cut", "write"]))
        line = lines.pop(at)
        if kind == "repeat":
            lines[at:at] = [line, line]
        elif kind == "move":
            lines.insert(draw(st.integers(0, len(lines))), line)
        elif kind == "cut":
            lines.insert(at, line[: draw(st.integers(0, len(line)))])
        elif kind == "write":
            start = draw(st.integers(0, len(line)))
            lines.insert(at, line[:start] + draw(st.text(max_size=12)) + line[start + 3 :])
        if not lines:
            break
    return "\r\n".join(lines)


@given(st.one_of(st.text(max_size=300), mangled()))
@example(CHROMIUM)
def test_an_offer_is_refused_or_answered(text):
    try:
        offer = parse_offer(text)
    except BadRequest:
        return
    for candidate in offer.candidates:
        is_reachable(candidate)
    media = next((each for each in offer.media if each.kind == "video" and each.receives), None)
    codec = next((each for each in media.codecs if each.encoding == "H264"), None) if media else None
    tracks = [(Track(media, codec), 7)] if media is not None and codec is not None else []
    answer = build_answer(offer, HERE, tracks)
    kinds = [line.split()[0] for line in answer.split("\r\n") if line.startswith("m=")]
    assert kinds == [f"m={each.kind}" for each in offer.media]  # nothing of the offer makes a line of its own
    assert len(answer.splitlines()) == answer.count("\r\n")


@given(st.binary(max_size=120))
def test_no_datagram_does_harm(data):
    stun_username(data)


def test_what_a_browser_offers_is_answered():
    offer = parse_offer(CHROMIUM)
    track = Track(offer.media[0], offer.media[0].codecs[1])
    assert len(SessionDescription.parse(build_answer(offer, HERE, [(track, 7)])).media) == 2
