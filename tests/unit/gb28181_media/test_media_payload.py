"""What is in RTP packets, found out by their type, by what was said of it, and by looking."""

import struct

import pytest

from cambus.gb28181 import sdp
from cambus.gb28181.errors import MediaError
from cambus.gb28181.media_payload import MAX_LOOKS, PayloadRouter
from cambus.gb28181.media_tracks import access_units, adts
from cambus.gb28181.sdp import PayloadFormat
from cambus.media.frame import Codec
from cambus.media.mpegps_writer import ProgramStreamMuxer
from cambus.media.rtp import RtpPacketizer
from cambus.media.rtp_input import parse_rtp
from cambus.media.rtp_receiver import RtpRun

UNITS = {
    Codec.H264: b"".join(
        b"\x00\x00\x00\x01" + bytes((head,)) + bytes(range(1, 250)) * count
        for head, count in ((0x67, 1), (0x68, 1), (0x65, 20))
    ),
    Codec.H265: b"".join(
        b"\x00\x00\x00\x01" + bytes((head, 1)) + bytes(range(1, 250)) * count
        for head, count in ((0x40, 1), (0x42, 1), (0x44, 1), (0x26, 20))
    ),
}
NAMES = {Codec.H264: "H264", Codec.H265: "H265"}


def run(payload, number=0, type_=96, *, marker=True):
    return RtpRun(type_, number * 3600, [payload], marker)


def routed(runs, formats=()):
    router = PayloadRouter()
    router.said(formats)
    found = [unit for number, each in enumerate(runs) for unit in router.push(each, number / 25)]
    return found + router.flush(99.0), router


def raw(codec, type_, count=4):
    packetizer = RtpPacketizer(codec, type_, 1, timestamp_offset=0)
    for number in range(count):
        for data in packetizer.packetize(UNITS[codec], number * 3600):
            packet = parse_rtp(bytes(data))
            yield RtpRun(type_, packet.timestamp, [packet.payload], packet.marker)


@pytest.mark.parametrize("codec", list(UNITS))
@pytest.mark.parametrize("type_", [96, 98, 99, 100, 105])
def test_pictures_without_a_container_are_those_the_device_names(codec, type_):
    found, _ = routed(raw(codec, type_), [PayloadFormat(type_, NAMES[codec], 90_000)])
    assert [(each.codec, each.payload) for each in found] == [(codec, UNITS[codec])] * 4
    assert [each.pts for each in found] == [0, 3600, 7200, 10_800]


@pytest.mark.parametrize(
    ("codec", "type_", "formats", "lost"),
    [
        (Codec.H264, 98, [], 1),
        (Codec.H265, 99, [], 1),
        (Codec.H265, 100, [], 1),
        (Codec.H264, 96, [], 1),
        (Codec.H264, 96, [sdp.PS], 2),
        (Codec.H265, 96, [sdp.PS], 2),
    ],
)
def test_pictures_nobody_has_named_are_seen_at_the_start_of_a_frame(codec, type_, formats, lost):
    found, _ = routed(raw(codec, type_), formats)
    assert [(each.codec, each.payload) for each in found] == [(codec, UNITS[codec])] * (4 - lost)


@pytest.mark.parametrize(
    ("codec", "head"), [(Codec.H264, b"\x78"), (Codec.H265, b"\x60\x01")], ids=["STAP-A", "AP"]
)
def test_parameter_sets_in_one_packet_are_the_start_of_a_frame(codec, head):
    first, *others = UNITS[codec].split(b"\x00\x00\x00\x01")[1:]
    together = head + b"".join(struct.pack(">H", len(each)) + each for each in (first, *others[:-1]))
    picture = b"\x00\x00\x00\x01".join((b"", first, *others[:-1]))
    found, _ = routed([run(together, number, 110) for number in range(3)])
    assert [(each.codec, each.payload) for each in found] == [(codec, picture)] * 2


def test_type_98_is_h264_whatever_its_frames_begin_with():
    found, _ = routed([run(b"\x41 a picture", number, 98) for number in range(3)])
    assert [(each.codec, each.payload) for each in found] == [
        (Codec.H264, b"\x00\x00\x00\x01\x41 a picture")
    ] * 2


def test_we_may_come_in_the_middle_of_a_frame():
    muxer = ProgramStreamMuxer(Codec.H264)
    pack = muxer.picture(UNITS[Codec.H264], 3600, keyframe=True)
    runs = [run(b"\x7c\x85 of a frame before", marker=False), run(b"the end of it"), run(pack, 1)]
    found, _ = routed(runs, [sdp.PS])
    assert [each.payload for each in found] == [UNITS[Codec.H264]]


@pytest.mark.parametrize("codec", list(UNITS))
def test_what_an_encoder_writes_may_come_without_anything(codec):
    pieces = [RtpRun(96, n * 3600, [UNITS[codec][:700], UNITS[codec][700:]], marker=True) for n in range(3)]
    found, _ = routed(pieces, [sdp.PS])
    assert [(each.codec, each.payload) for each in found] == [(codec, UNITS[codec])] * 3


def test_mpeg_4_is_recognised():
    picture = b"\x00\x00\x01\xb0\x01\x00\x00\x01\xb5\x09\x00\x00\x01\xb6" + b"p" * 90
    found, _ = routed([run(picture, n, 97) for n in range(2)], [sdp.MPEG4])
    assert [(each.codec, each.payload) for each in found] == [(Codec.MPEG4, picture)] * 2


@pytest.mark.parametrize("name", ["DAHUA", "HIKVISION"])
def test_a_private_name_is_looked_behind(name):
    formats = [PayloadFormat(96, name, 90_000)]
    muxer = ProgramStreamMuxer(Codec.H264)
    packs = [run(muxer.picture(UNITS[Codec.H264], n * 3600, keyframe=True), n) for n in range(2)]
    assert len(routed(packs, formats)[0]) == 2
    with pytest.raises(MediaError) as caught:
        routed([run(b"IMKHprivate"), run(b"more of it", 1)], formats)
    assert caught.value.reason == "unsupported-payload"
    with pytest.raises(MediaError) as caught:
        routed([run(b"something else"), run(b"\x67 not even H.264", 1)], formats)
    assert caught.value.reason == "unsupported-payload"


@pytest.mark.parametrize("head", [b"DHAV", b"IMKH"])
def test_a_private_head_is_refused_whatever_was_said(head):
    with pytest.raises(MediaError) as caught:
        routed([run(head + b"\xfd" * 20)], [sdp.PS])
    assert caught.value.reason == "unsupported-payload"


def test_what_nobody_can_read_is_refused_in_the_end():
    with pytest.raises(MediaError) as caught:
        routed(run(b"\xff\xff\xff", number) for number in range(MAX_LOOKS + 2))
    assert caught.value.reason == "unsupported-payload"


def untimed(pack):
    """A pack whose picture has no PTS."""
    at = pack.index(b"\x00\x00\x01\xe0") + 7
    return pack[:at] + b"\x00" + pack[at + 1 :]


@pytest.mark.parametrize("kind", ["ps", "pictures", "elementary", "sound"])
def test_times_of_rtp_go_on_over_their_wrap(kind):
    """Nothing else tells the time: all come at once, and without a PTS."""
    unit, formats, type_, step = UNITS[Codec.H264], [sdp.PS], 96, 3600
    payload = untimed(ProgramStreamMuxer(Codec.H264).picture(unit, 0, keyframe=True))
    if kind == "pictures":
        payload, formats = b"\x67one unit", [PayloadFormat(96, "H264", 90_000)]
    elif kind == "elementary":
        payload = unit
    elif kind == "sound":
        payload, type_, step = b"\xd5" * 160, 8, 320
    router = PayloadRouter()
    router.said(formats)
    stamps = [(n * step - 2 * step) % (1 << 32) for n in range(5)]
    found = [unit for at in stamps for unit in router.push(RtpRun(type_, at, [payload], True), 1.0)]
    found += router.flush(1.0)
    assert [each.pts - found[0].pts for each in found] == [3600 * n for n in range(5)]


# --- sound ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "codec", "step"),
    [
        (8, Codec.PCMA, 1800),
        (0, Codec.PCMU, 1800),
        (4, Codec.OPAQUE, 1800),
        (9, Codec.OPAQUE, 1800),
        (18, Codec.OPAQUE, 1800),
        (20, Codec.OPAQUE, 1800),
    ],
)
def test_sound_is_known_by_its_number(type_, codec, step):
    runs = [RtpRun(type_, 160 * n, [bytes((n,)) * 160], marker=False) for n in range(3)]
    found, _ = routed(runs)
    assert [(each.codec, each.payload) for each in found] == [(codec, bytes((n,)) * 160) for n in range(3)]
    assert [each.pts - found[0].pts for each in found] == [0, step, 2 * step]


def test_sound_is_known_by_its_name():
    found, _ = routed([run(b"\xd5" * 160, 0, 110)], [PayloadFormat(110, "PCMA", 8000)])
    assert found[0].codec is Codec.PCMA


def test_ps_may_have_the_number_of_sound():
    pack = ProgramStreamMuxer(Codec.H264).picture(UNITS[Codec.H264], 0, keyframe=True)
    found, _ = routed([run(pack, 0, 8)], [PayloadFormat(8, "PS", 90_000)])
    assert [each.codec for each in found] == [Codec.H264]


def aac(*units):
    heads = b"".join(struct.pack(">H", len(unit) << 3) for unit in units)
    return struct.pack(">H", len(heads) * 8) + heads + b"".join(units)


@pytest.mark.parametrize(
    ("type_", "formats", "rate"),
    [
        (102, [], 8000),
        (102, [PayloadFormat(102, "MPEG4-GENERIC", 16_000)], 16_000),
        (97, [PayloadFormat(97, "MPEG4-GENERIC", 44_100)], 44_100),
    ],
)
def test_aac_is_made_into_adts(type_, formats, rate):
    units = (b"first unit", b"second", b"third one")
    runs = [RtpRun(type_, 0, [aac(*units[:2])], True), RtpRun(type_, 2048, [aac(units[2])], True)]
    found, _ = routed(runs, formats)
    assert [each.payload for each in found] == [adts(len(unit), rate, 1) + unit for unit in units]
    assert {each.codec for each in found} == {Codec.AAC}
    step = 1024 * 90_000 // rate
    assert [each.pts for each in found] == [0, step, 2048 * 90_000 // rate]


def test_adts_passes_as_it_is():
    frame = adts(20, 8000, 1) + b"a" * 20
    assert routed([run(frame, 0, 102)])[0][0].payload == frame


@pytest.mark.parametrize(
    "payload",
    [b"", b"\x00", b"\x00\x10", b"\x00\x10\x00\x50short", b"\x00\x0b\x00\x08xx", b"\xfe\xff" + b"x" * 9],
)
def test_aac_that_does_not_add_up_is_nothing(payload):
    assert access_units(payload) == []


def test_sound_beside_ps_is_a_track_of_its_own():
    muxer = ProgramStreamMuxer(Codec.H264)
    runs = []
    for number in range(3):
        pack = muxer.picture(UNITS[Codec.H264], number * 3600, keyframe=True)
        runs += [
            RtpRun(96, number * 3600, [pack], True),
            RtpRun(8, 5_000 + number * 320, [b"\xd5" * 320], False),
        ]
    found, router = routed(runs)
    assert [each.codec for each in found] == [Codec.H264, Codec.PCMA] * 3
    assert len(router._tracks) == 2


def test_no_more_than_four_types():
    runs = [RtpRun(type_, 0, [b"\xd5" * 160], False) for type_ in (0, 8, 4, 9, 18, 18)]
    found, router = routed(runs)
    assert len(found) == 4
    assert router.counts["payload-types"] == 2
