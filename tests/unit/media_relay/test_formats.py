"""What the outputs are made of; that players accept it is for the integration tests."""

import json
import struct
from dataclasses import replace

import pytest

from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec
from cambus.media.parameter_sets import ParameterSetTracker
from cambus.media_relay.format_rtp import describe
from cambus.media_relay.formats import make_format
from cambus.media_relay.output import Carrier, http_output, rtsp_output, websocket_output
from cambus.media_relay.sounds import sound_of

ALAW = AudioConfig(Codec.PCMA, 8000, 1)
AAC = AudioConfig(Codec.AAC, 16000, 1, b"\x14\x08")


@pytest.fixture
def params(keyframe):
    def of(codec=Codec.H264, width=64):
        return ParameterSetTracker().update(keyframe(codec, width), codec)

    return of


@pytest.fixture
def key(video, keyframe):
    return video(10, key=True, payload=keyframe())


def packets(data):
    """Channel and packet of each interleaved frame."""
    found = []
    while data:
        assert data[0] == 0x24
        size = int.from_bytes(data[2:4])
        found.append((data[1], data[4 : 4 + size]))
        data = data[4 + size :]
    return found


def test_before_a_keyframe_come_the_sender_reports_of_both_tracks(params, key, audio):
    form = make_format(rtsp_output(0, 2), params(), ALAW, 0)
    assert form.opening() == b""
    sent = packets(form.pack([key]))
    assert [channel for channel, _ in sent[:3]] == [1, 3, 0]
    assert [packet[1] for _, packet in sent[:2]] == [200, 200]
    video_info, audio_info = form.rtp_info()
    assert video_info.seq == int.from_bytes(sent[2][1][2:4])
    ((channel, packet),) = packets(form.pack([audio(11)]))
    assert channel == 2
    assert audio_info.seq == int.from_bytes(packet[2:4])


def clock_of(packet):
    """Seconds of the wall clock, and RTP timestamp, in a sender report (RFC 3550 §6.4.1)."""
    whole, part, timestamp = (int.from_bytes(packet[at : at + 4]) for at in (8, 12, 16))
    return whole + part / 2**32, timestamp


def reports(form, key, wall_s, pts_s):
    frame = key._replace(wall_us=int(wall_s * 1e6), pts=int(pts_s * 90_000))
    return [clock_of(packet) for channel, packet in packets(form.pack([frame])) if channel == 1]


def test_sender_reports_are_as_steady_as_the_pictures_however_late_those_come(params, key):
    form = make_format(rtsp_output(0, 2), params(), ALAW, 0)
    late_s = (0.0, 0.3, 0.0, 0.9, 0.1)
    found = [
        report for n, late in enumerate(late_s) for report in reports(form, key, 1000 + 2 * n + late, 2 * n)
    ]
    (first_s, first), *others = found
    assert len(others) == 4
    for wall_s, timestamp in others:
        assert wall_s - first_s == pytest.approx(((timestamp - first) & 0xFFFFFFFF) / 90_000, abs=1e-4)


def test_sender_reports_follow_a_source_that_stood_still_and_never_go_back(params, key):
    form = make_format(rtsp_output(0, 2), params(), ALAW, 0)
    told = [reports(form, key, *at)[0][0] for at in ((1000, 0), (1030, 2), (1032, 4), (1033, 10))]
    assert [round(wall_s - told[0], 3) for wall_s in told] == [0, 30, 32, 38]


def test_reports_are_repeated_where_keyframes_are_rare_and_say_where_the_group_began_no_less(
    params, key, video
):
    form = make_format(rtsp_output(0, 2), params(), ALAW, 0)
    first = [clock_of(packet) for channel, packet in packets(form.pack([key])) if channel % 2]
    begins = form.rtp_info()
    later = key.pts + 5 * 90_000
    slice_ = b"\0\0\0\1\x41slice"
    early = packets(form.pack([video(11, dts=later - 1, payload=slice_)]))
    assert [channel for channel, _ in early] == [0]
    sent = packets(
        form.pack([video(12, dts=later, payload=slice_)._replace(wall_us=key.wall_us + 5_000_000)])
    )
    assert [channel for channel, _ in sent] == [1, 3, 0]
    for (wall_s, stamp), (channel, packet), rate in zip(first, sent, (90_000, 8000), strict=False):
        again_s, again = clock_of(packet)
        assert (again_s - wall_s, (again - stamp) & 0xFFFFFFFF) == (pytest.approx(5, abs=1e-4), 5 * rate), (
            channel
        )
    assert form.rtp_info() == begins


def test_the_end_is_a_bye_of_each_track_behind_its_last_report(params, key):
    form = make_format(rtsp_output(0, 2), params(), ALAW, 0)
    reported = [packet for channel, packet in packets(form.pack([key])) if channel % 2]
    ends = packets(form.parting())
    assert [channel for channel, _ in ends] == [1, 3]
    for before, (_, packet) in zip(reported, ends, strict=True):
        assert clock_of(packet) == clock_of(before)
        assert packet[-8:] == b"\x81\xcb\x00\x01" + before[4:8]


def test_datagrams_and_interleaved_packets_are_the_same(params, keyframe, video):
    picture = video(10, key=True, payload=keyframe() + b"\x55" * 5000)
    connection = replace(rtsp_output(0, None), mtu=1400)
    interleaved = packets(make_format(connection, params(), None, 0).pack([picture]))
    data = make_format(rtsp_output(0, None, Carrier.DATAGRAMS), params(), None, 0).pack([picture])
    cut = []
    while data:
        channel, segment, size = struct.unpack_from(">BHI", data)
        cut += [(channel, data[at : min(at + segment, 7 + size)]) for at in range(7, 7 + size, segment)]
        data = data[7 + size :]
    assert [(channel, len(packet), packet[12:]) for channel, packet in cut if not channel] == [
        (channel, len(packet), packet[12:]) for channel, packet in interleaved if not channel
    ]
    assert max(len(packet) for _, packet in cut) <= 1400


def test_packets_in_a_connection_are_as_large_as_old_players_take(params, keyframe, video):
    picture = video(10, key=True, payload=keyframe() + b"\x55" * 50_000)
    sizes = [
        len(packet)
        for channel, packet in packets(make_format(rtsp_output(0, None), params(), None, 0).pack([picture]))
        if not channel
    ]
    assert max(sizes) == 8192
    assert sizes.count(8192) == 6


def test_a_viewer_of_the_sound_alone_can_start_at_every_keyframe(params, key, audio):
    form = make_format(rtsp_output(None, 0), params(), ALAW, 0)
    assert [channel for channel, _ in packets(form.pack([key]))] == [1]
    assert [channel for channel, _ in packets(form.pack([audio(11)]))] == [0]
    assert len(form.rtp_info()) == 1


def test_a_viewer_of_the_picture_alone_gets_no_sound(params, audio):
    form = make_format(rtsp_output(0, None), params(), ALAW, 0)
    assert form.pack([audio(11)]) == b""


def test_rtp_follows_a_new_resolution_but_not_a_new_codec(params):
    form = make_format(rtsp_output(0, 2), params(), ALAW, 0)
    assert form.reopen(params(width=96), ALAW) == b""
    assert form.reopen(params(Codec.H265), ALAW) is None
    assert form.reopen(params(), None) is None


def test_sound_without_a_payload_format_is_not_described(params):
    assert describe(params(), ALAW, "x").count("m=") == 2
    assert describe(params(), AAC, "x").count("m=") == 2
    assert describe(params(), AudioConfig(Codec.G726, 8000, 1), "x").count("m=") == 1
    assert describe(params(), None, "x").count("m=") == 1


def test_flv_follows_a_new_resolution_with_a_configuration_tag(params, key):
    form = make_format(http_output("flv", None, chunked=False), params(), ALAW, key.dts)
    assert form.opening().startswith(b"FLV\x01\x05")
    form.pack([key])
    wide = params(width=96)
    assert wide.sps in form.reopen(wide, ALAW)
    assert form.reopen(params(Codec.H265), ALAW) is None
    assert form.reopen(params(), None) is None


def test_flv_begins_at_zero_wherever_the_stream_is(params, key):
    form = make_format(http_output("flv", None, chunked=False), params(), None, key.dts)
    assert form.pack([key])[4:8] == bytes(4)


@pytest.mark.parametrize(
    ("config", "sound", "codecs"),
    [
        (ALAW, None, "alaw"),
        (ALAW, "flac", "flac"),
        (ALAW, "none", ""),
        (AAC, None, "mp4a"),
        (ALAW, "aac", "mp4a"),
        (ALAW, "opus", "opus"),
        (AAC, "g711", "alaw"),
        (AAC, "flac", "flac"),
        (AudioConfig(Codec.G726, 8000, 1), None, "mp4a"),
        (AudioConfig(Codec.PCMA, 8000, 2), "flac", "flac"),
        (AudioConfig(Codec.OPAQUE, 8000, 1), None, ""),
        (None, None, ""),
    ],
)
def test_mp4_carries_the_sound_it_can(params, config, sound, codecs):
    output = http_output("mp4", sound, chunked=False)
    init = make_format(output, params(), sound_of(output, config), 0).opening()
    assert init[4:8] == b"ftyp"
    for kind in (b"alaw", b"fLaC", b"mp4a", b"Opus"):
        assert (kind in init) == (kind.decode().lower() == codecs)


@pytest.mark.parametrize(
    "config", [AAC, AudioConfig(Codec.PCMA, 8000, 2), AudioConfig(Codec.PCMU, 11_025, 1)], ids=str
)
def test_flac_has_the_rate_and_the_channels_of_its_source(config):
    sound = sound_of(http_output("mp4", "flac", chunked=False), config)
    assert (sound.codec, sound.sample_rate, sound.channels) == (
        Codec.FLAC,
        config.sample_rate,
        config.channels,
    )


def test_mp4_over_http_cannot_change(params):
    form = make_format(http_output("mp4", None, chunked=True), params(), ALAW, 0)
    assert form.reopen(params(width=96), ALAW) is None


def text(data):
    """The text message at the start of WebSocket data, and the rest."""
    assert data[0] == 0x81
    size, start = (data[1], 2) if data[1] < 126 else (int.from_bytes(data[2:4]), 4)
    return json.loads(data[start : start + size]), data[start + size :]


def test_over_websocket_a_description_precedes_and_a_clock_accompanies(params, video, keyframe):
    form = make_format(websocket_output("", None), params(), ALAW, 10 * 3600)
    about, init = text(form.opening())
    assert about == {
        "type": "open",
        "mime": f'video/mp4; codecs="{about["codecs"]}"',
        "codecs": f"{params().codec_string},flac",
        "width": 64,
        "height": 64,
    }
    assert init[0] == 0x82
    clock, fragment = text(form.pack([video(35, key=True, payload=keyframe())]))
    assert (clock["type"], clock["media_s"], clock["wall_ms"]) == ("clock", 1.0, 0)
    assert fragment[0] == 0x82
    assert form.pack([video(36, payload=b"\0\0\0\1\x41abc")])[0] == 0x82


def test_over_websocket_a_change_begins_with_a_new_description(params):
    form = make_format(websocket_output("", None), params(), ALAW, 0)
    about, init = text(form.reopen(params(width=96), None))
    assert about["width"] == 96
    assert "flac" not in about["codecs"]
    assert b"ftyp" in init


def test_mp4_goes_on_in_silence_when_a_microphone_stops(params, video, keyframe):
    """Players wait for both tracks."""
    form = make_format(websocket_output("", None), params(), ALAW, 0)
    for seq in range(50):
        sent = form.pack([video(seq, key=seq == 0, payload=keyframe())])
        if sent.count(b"traf") == 2:
            return
    pytest.fail("two seconds of pictures and no sound track")
