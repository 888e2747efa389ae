"""What a WebRTC viewer offers, what becomes of it, and what he is answered."""

from dataclasses import replace

import pytest
from aiortc.sdp import SessionDescription
from webrtc_offers import CHROMIUM

from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec
from cambus.media.parameter_sets import ParameterSetTracker, VideoParams
from cambus.media_relay.output import Sound
from cambus.media_relay.rtc_answer import LocalTransport, build_answer
from cambus.media_relay.rtc_offer import MAX_CANDIDATES, MAX_SECTIONS, parse_offer
from cambus.media_relay.rtc_session import output_with
from cambus.media_relay.rtc_tracks import choose_sound, choose_video
from cambus.media_relay.sounds import sound_of
from cambus.schemas.errors import BadRequest, Unsupported

PCMA = AudioConfig(Codec.PCMA, 8000, 1)
HERE = LocalTransport(
    username="relay",
    password="p" * 22,
    fingerprint=":".join(["CD"] * 32),
    setup="active",
    candidates=("f 1 udp 2130706431 192.0.2.1 8189 typ host",),
)


@pytest.fixture
def picture(keyframe):
    """The parameters of a real picture; with `profile` its SPS says so."""

    def make(codec: Codec = Codec.H264, profile: bytes | None = None) -> VideoParams:
        params = ParameterSetTracker().update(keyframe(codec), codec)
        assert params is not None
        return params if profile is None else replace(params, sps=params.sps[:1] + profile + params.sps[4:])

    return make


def without(name: str) -> str:
    return "\r\n".join(line for line in CHROMIUM.split("\r\n") if not line.startswith(name))


def test_a_browsers_offer_is_understood():
    offer = parse_offer(CHROMIUM)
    assert (offer.username, offer.password, offer.setup) == ("EsAw", "P2uYro0UCOQ4zxjKXaWCBui1", "actpass")
    assert offer.bundle == {"0", "1"}
    assert offer.fingerprints == (("sha-256", ":".join(["AB"] * 32)),)
    video, audio = offer.media
    assert (video.kind, video.mid, video.receives) == ("video", "0", True)
    assert (audio.kind, audio.mid, audio.receives) == ("audio", "1", True)
    h264 = next(codec for codec in video.codecs if codec.payload_type == 39)
    assert (h264.encoding, h264.clock_rate) == ("H264", 90_000)
    assert h264.parameters["profile-level-id"] == "64001f"
    opus = audio.codecs[0]
    assert (opus.encoding, opus.clock_rate, opus.channels) == ("OPUS", 48_000, 2)
    assert [each.host for each in offer.candidates][1:] == ["198.51.100.7"]  # TCP is none of ours
    assert "P2uYro0UCOQ4zxjKXaWCBui1" not in repr(offer)


def test_static_payload_types_need_no_rtpmap():
    offer = parse_offer(without("a=rtpmap:8 "))
    assert (8, "PCMA", 8000) in [
        (each.payload_type, each.encoding, each.clock_rate) for each in offer.media[1].codecs
    ]


@pytest.mark.parametrize("attribute", ["a=ice-ufrag", "a=ice-pwd", "a=fingerprint", "a=setup", "v=0", "m="])
def test_an_offer_that_lacks_what_webrtc_needs_is_refused(attribute):
    with pytest.raises(BadRequest):
        parse_offer(without(attribute))


@pytest.mark.parametrize("body", ["", "{}", "v=0", "v=0\r\nm=video", "v=0\r\n" + "m=video 9 X 1\r\n" * 9])
def test_what_is_no_offer_is_refused(body):
    with pytest.raises(BadRequest):
        parse_offer(body)


def test_sections_and_candidates_are_bounded():
    line = "a=candidate:3 1 udp 1 198.51.100.7 {} typ host\r\n"
    many = CHROMIUM.replace(
        "a=ice-ufrag", "".join(line.format(port) for port in range(1, 99)) + "a=ice-ufrag", 1
    )
    assert len(parse_offer(many).candidates) <= MAX_CANDIDATES
    section = CHROMIUM[CHROMIUM.index("m=audio") :]
    with pytest.raises(BadRequest, match="sections"):
        parse_offer(CHROMIUM + section * MAX_SECTIONS)


@pytest.mark.parametrize(
    ("profile", "chosen"),
    [("42e01e", 109), ("42c01e", 103), ("640028", 39), ("4d0028", 109)],  # Main is not offered
)
def test_the_payload_type_nearest_to_the_streams_profile_is_taken(picture, profile, chosen):
    track = choose_video(parse_offer(CHROMIUM), picture(profile=bytes.fromhex(profile)), [])
    assert track.codec.payload_type == chosen


def test_a_codec_the_player_does_not_offer_is_said_to_be_unsupported(picture):
    offer = parse_offer(CHROMIUM)
    with pytest.raises(Unsupported) as refusal:
        choose_video(offer, picture(Codec.H265), [])
    assert refusal.value.reason == "codec-not-offered"
    mode_0 = parse_offer(CHROMIUM.replace("packetization-mode=1", "packetization-mode=0"))
    with pytest.raises(Unsupported):
        choose_video(mode_0, picture(), [])


def test_h265_is_sent_to_a_player_that_offers_it(picture):
    offer = parse_offer(CHROMIUM.replace("a=rtpmap:96 VP8", "a=rtpmap:96 H265"))
    assert choose_video(offer, picture(Codec.H265), []).codec.payload_type == 96


def test_b_frames_are_refused_since_players_stop_at_them(picture, video):
    group = [video(1, key=True), video(2)._replace(pts=99_000)]
    with pytest.raises(Unsupported) as refusal:
        choose_video(parse_offer(CHROMIUM), picture(), group)
    assert refusal.value.reason == "b-frames"


@pytest.mark.parametrize("line", ["a=recvonly", "a=rtcp-mux"])
def test_a_viewer_has_to_want_a_picture_on_one_port(picture, line):
    with pytest.raises(BadRequest):
        choose_video(parse_offer(CHROMIUM.replace(line, "a=sendonly", 1)), picture(), [])


def sound_of_stream(source):
    return lambda form: sound_of(output_with(form), source)


@pytest.mark.parametrize(
    ("source", "wanted", "chosen"),
    [
        (PCMA, Sound.ANY, (8, Sound.G711)),
        (AudioConfig(Codec.PCMU, 8000, 1), Sound.ANY, (0, Sound.G711)),
        (AudioConfig(Codec.PCMA, 16000, 1), Sound.ANY, (111, Sound.OPUS)),  # not the payload type's rate
        (AudioConfig(Codec.AAC, 16000, 1, bytes.fromhex("1408")), Sound.ANY, (111, Sound.OPUS)),
        (AudioConfig(Codec.AAC, 16000, 1, bytes.fromhex("1408")), Sound.G711, (8, Sound.G711)),
        (PCMA, Sound.OPUS, (111, Sound.OPUS)),
        (PCMA, Sound.NONE, None),
        (None, Sound.ANY, None),
        (AudioConfig(Codec.OPAQUE, 8000, 1), Sound.ANY, None),
    ],
)
def test_sound_goes_as_it_is_or_as_opus(picture, source, wanted, chosen):
    offer = parse_offer(CHROMIUM)
    video = choose_video(offer, picture(), [])
    got = choose_sound(offer, source, sound_of_stream(source), wanted, beside=video)
    assert (got and (got[0].codec.payload_type, got[1])) == chosen


def test_sound_is_left_out_where_it_had_a_port_of_its_own(picture):
    apart = parse_offer(CHROMIUM.replace("BUNDLE 0 1", "BUNDLE 0"))
    video = choose_video(apart, picture(), [])
    assert choose_sound(apart, PCMA, sound_of_stream(PCMA), Sound.ANY, beside=video) is None


def test_the_answer_is_one_another_implementation_understands(picture):
    offer = parse_offer(CHROMIUM)
    video = choose_video(offer, picture(profile=bytes.fromhex("640028")), [])
    sound = choose_sound(offer, PCMA, sound_of_stream(PCMA), Sound.ANY, beside=video)
    assert sound is not None
    answer = SessionDescription.parse(build_answer(offer, HERE, [(video, 111), (sound[0], 222)]))
    assert answer.group[0].items == ["0", "1"]
    picture_section, sound_section = answer.media
    assert [codec.name for codec in picture_section.rtp.codecs] == ["H264"]
    assert picture_section.rtp.codecs[0].parameters["profile-level-id"] == "64001f"
    assert [str(each.type) for each in picture_section.rtp.codecs[0].rtcpFeedback] == [
        "nack"
    ]  # all 39 offers
    assert [codec.payloadType for codec in sound_section.rtp.codecs] == [8]
    assert [each.ssrc[0].ssrc for each in answer.media] == [111, 222]
    for section in answer.media:
        assert section.direction == "sendonly"
        assert section.dtls is not None
        assert section.dtls.role == "client"
        assert section.ice.usernameFragment == "relay"
        assert [(each.ip, each.port) for each in section.ice_candidates] == [("192.0.2.1", 8189)]
        assert section.ice_candidates_complete
    assert "p" * 22 not in repr(HERE)


def test_a_section_that_is_not_sent_is_refused_in_its_place(picture):
    offer = parse_offer(CHROMIUM)
    video = choose_video(offer, picture(), [])
    answer = SessionDescription.parse(build_answer(offer, HERE, [(video, 1)]))
    assert [each.kind for each in answer.media] == ["video", "audio"]
    assert answer.media[1].port == 0
    assert answer.group[0].items == ["0"]
