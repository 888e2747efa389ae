"""Live streams: opened by claims, right on the bus, opened again when they break."""

from itertools import pairwise

import av
import pytest
from rtsp_rig import SMALL, camera

from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Kind
from cambus.schemas.commands import live
from cambus.schemas.errors import CambusError, DeadlineExceeded, NotFound
from cambus.schemas.events import device as device_events
from cambus.schemas.events import exception as exception_events

FRAMES = 40


def decoded(frames):
    """The sizes of the pictures a decoder finds."""
    decoder = av.CodecContext.create("h264", "r")
    pictures = [picture for frame in frames for picture in decoder.decode(av.Packet(frame.payload))]
    return [(each.width, each.height) for each in pictures + decoder.decode(None)]


def video(watched):
    return [frame for frame in watched.frames if frame.kind is Kind.VIDEO]


async def seen(watched, count=FRAMES):
    await watched.until(lambda frames: len([each for each in frames if each.kind is Kind.VIDEO]) >= count)
    return video(watched)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_pictures_and_sound_come_while_somebody_claims_them(bench, cam, transport):
    await bench.online("hall", cam, options={"transport": transport})
    watched = await bench.view("hall")
    pictures = await seen(watched)
    assert pictures[0].keyframe
    assert set(decoded(pictures)) == {(320, 240)}
    assert all(before.pts < after.pts for before, after in pairwise(pictures))
    sound = [frame for frame in watched.frames if frame.kind is Kind.AUDIO]
    config = next(frame for frame in watched.frames if frame.kind is Kind.AUDIO_CONFIG)
    assert AudioConfig.parse(config.payload) == AudioConfig(Codec.PCMA, 8000, 1)
    assert sound
    assert all(len(frame.payload) == 320 for frame in sound)
    await bench.client.call(
        live.STOP, live.LiveStopRequest(channel=0, stream="main", claimant="viewer"), device="hall"
    )
    await cam.wait_for(lambda: not cam.connections)
    assert cam.methods[-1] == "TEARDOWN"


async def test_one_connection_serves_all_claims(bench, cam):
    await bench.online("hall", cam)
    await seen(await bench.view("hall", claimant="one"), 5)
    await seen(await bench.view("hall", claimant="two"), 5)
    assert cam.methods.count("PLAY") == 1
    assert cam.playing == 1


async def test_h265_comes_as_h265(bench):
    async with camera(media=SMALL.coded(Codec.H265)) as cam:
        await cam.prepare()
        await bench.online("hall", cam)
        pictures = await seen(await bench.view("hall"), 10)
        assert {frame.codec for frame in pictures} == {Codec.H265}


async def test_a_stream_that_breaks_off_is_opened_again_and_told_of(bench, cam):
    await bench.online("breaks", cam)
    heard = await bench.heard("breaks")
    watched = await bench.view("breaks")
    await seen(watched, 10)
    cam.hang_up()
    told = await heard.until(exception_events.REPORTED.name)
    assert (told.code, told.channel, told.detail["reason"]) == ("stream-ended", 0, "connection-lost")
    count = len(video(watched))
    pictures = await seen(watched, count + 10)
    broken = [frame for frame in pictures if frame.discontinuity]
    assert len(broken) == 2
    assert all(frame.keyframe for frame in broken)


async def test_a_stream_that_stalls_is_ended_and_opened_again(bench, cam):
    await bench.online("stalls", cam, options={"stall_s": 1})
    heard = await bench.heard("stalls")
    cam.quirks.stall_after_s = 0.5
    watched = await bench.view("stalls")
    await seen(watched, 5)
    told = await heard.until(exception_events.REPORTED.name)
    assert told.detail["reason"] == "timeout"
    cam.quirks.stall_after_s = 0.0
    await seen(watched, len(video(watched)) + 20)


@pytest.mark.parametrize(
    "quirks", [{"stall_after_s": 1e-9}, {"lose_every": 1}], ids=["nothing", "sound only"]
)
async def test_a_camera_that_plays_and_sends_no_picture_is_told_of_in_time(bench, cam, quirks):
    cam.quirks.update(quirks)
    await bench.online("hall", cam, options={"stall_s": 1})
    with pytest.raises(DeadlineExceeded) as caught:
        await bench.view("hall")
    assert caught.value.reason == "no-media"


@pytest.mark.parametrize(("channel", "stream"), [(3, "main"), (0, "third")])
async def test_what_there_is_not_is_404(bench, cam, channel, stream):
    await bench.online("hall", cam)
    with pytest.raises(NotFound):
        await bench.view("hall", channel, stream)


async def test_a_camera_that_refuses_the_transport_is_asked_for_the_other_if_that_is_allowed(bench, cam):
    cam.quirks.transport = "udp"
    heard = await bench.heard("choosy")
    await bench.online("choosy", cam)
    await heard.until(device_events.ONLINE.name)
    with pytest.raises(CambusError) as caught:
        await bench.view("choosy")
    assert caught.value.reason == "transport-refused"
    await bench.add("choosy", cam, options={"transport": "auto"})
    await heard.until(device_events.ONLINE.name)  # with the new record
    await seen(await bench.view("choosy"), 5)


@pytest.mark.parametrize(
    "quirks",
    [
        {"marker": "never"},
        {"marker": "each", "sdp": "bare"},
        {"sets_in_stream": False},
        {"sdp": "odd"},
        {"sdp": "absolute"},
        {"sdp": "bare"},
        {"login": "sha256"},
        {"login": "both"},
        {"lowercase": True},
        {"stale_every": 2},
        {"new_nonce_every": 2},
        {"channels_from": 10},
        {"stray_frames": True},
        {"no_cseq": True},
        {"options": 501},
        {"timestamps": "still"},
        {"reports": False},
        {"session_s": 4, "signs_of_life": "options"},
        {"session_s": 4, "signs_of_life": "unanswered"},
        {"sound": "pcmu"},
        {"sound": "none"},
    ],
    ids=str,
)
async def test_cameras_with_quirks_are_watched_all_the_same(bench, cam, quirks):
    cam.quirks.update(quirks)
    await bench.online("hall", cam)
    watched = await bench.view("hall")
    pictures = await seen(watched, 100 if "session_s" in quirks else 15)
    assert set(decoded(pictures)) == {(320, 240)}
    assert cam.expired == 0
    assert sum(frame.discontinuity for frame in watched.frames) == 1


async def test_lost_packets_cost_pictures_but_not_the_stream(bench, cam):
    cam.quirks.lose_every = 20
    await bench.online("hall", cam)
    pictures = await seen(await bench.view("hall"), 20)
    assert sum(frame.discontinuity for frame in pictures) > 1
    assert cam.playing == 1


async def test_sound_that_comes_late_is_shown_with_its_picture(bench, cam):
    cam.quirks.sound_late_s = 0.8
    cam.quirks.clock_s = 86_400.0
    await bench.online("hall", cam)
    watched = await bench.view("hall")
    await watched.until(lambda frames: sum(frame.kind is Kind.AUDIO for frame in frames) > 10)
    starts = [
        next(frame for frame in watched.frames if frame.kind is kind) for kind in (Kind.VIDEO, Kind.AUDIO)
    ]
    assert starts[1].wall_us - starts[0].wall_us > 500_000
    assert abs(starts[1].pts - starts[0].pts) < 4500
    presence = await bench.shown("hall", lambda presence: presence.drift_s is not None)
    assert abs(presence.drift_s - 86_400) < 60


async def test_what_goes_wrong_in_media_is_counted(bench, cam):
    cam.quirks.update({"lose_every": 10, "stray_frames": True})
    await bench.online("hall", cam)
    await seen(await bench.view("hall"), 20)
    text = bench.connectors["replica-1"].runtime.metrics.render().decode()
    counted = {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("cambus_rtsp_")
    }
    assert counted['cambus_rtsp_media_faults_total{fault="lost"}'] > 0
    assert counted['cambus_rtsp_media_faults_total{fault="strays"}'] > 0
    assert counted['cambus_rtsp_looks_total{outcome="answered"}'] == 1


async def test_a_session_that_is_closed_leaves_no_socket_behind(bench, cam):
    await bench.online("hall", cam)
    await seen(await bench.view("hall"), 5)
    await bench.devices.delete("hall")
    await cam.wait_for(lambda: not cam.connections)
    assert cam.methods[-1] == "TEARDOWN"
