"""Live pictures and sound: from a simulated recorder over the bus into an independent decoder."""

import asyncio
import time
from itertools import pairwise

import av
import pytest

from cambus.dvrip.device_media import Kind as DeviceKind
from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Kind
from cambus.schemas.commands import live, snapshot, talk
from cambus.schemas.errors import NotFound, Offline, Overloaded
from cambus.schemas.subjects import media_subject

DECODERS = {Codec.H264: "h264", Codec.H265: "hevc"}


def pictures(frames):
    return [frame for frame in frames if frame.kind is Kind.VIDEO]


def sound(frames):
    return [frame for frame in frames if frame.kind is Kind.AUDIO]


def decoded(frames):
    """Decode access units with FFmpeg; the sizes of the pictures."""
    decoder = av.CodecContext.create(DECODERS[frames[0].codec], "r")
    found = [picture for frame in frames for picture in decoder.decode(av.Packet(frame.payload))]
    found += decoder.decode(None)
    return [(picture.width, picture.height) for picture in found]


@pytest.mark.parametrize(("channel", "codec"), [(0, Codec.H264), (1, Codec.H265)])
async def test_pictures_decode_without_an_error(bench, simulator, device, channel, codec):
    await bench.online(device, simulator)
    watched = await bench.view(device, channel)
    frames = pictures(await watched.until(lambda frames: len(pictures(frames)) >= 30))
    assert {frame.codec for frame in frames} == {codec}
    assert frames[0].keyframe
    assert decoded(frames) == [(640, 480)] * len(frames)


async def test_time_goes_forward_at_the_pace_of_the_clock(bench, simulator, device):
    await bench.online(device, simulator)
    watched = await bench.view(device)
    frames = await watched.until(lambda frames: len(pictures(frames)) >= 60)
    for of_kind in (pictures(frames), sound(frames)):
        stamps = [frame.pts for frame in of_kind]
        assert all(before < after for before, after in pairwise(stamps))
        spent_us = of_kind[-1].wall_us - of_kind[0].wall_us
        assert abs((stamps[-1] - stamps[0]) / 90_000 - spent_us / 1e6) < 0.3
    assert [frame.seq for frame in frames] == list(range(frames[0].seq, frames[0].seq + len(frames)))


@pytest.mark.parametrize("step_s", [86_400, -86_400])
async def test_setting_the_clock_of_the_host_moves_no_frame(bench, simulator, device, monkeypatch, step_s):
    await bench.online(device, simulator)
    watched = await bench.view(device)
    await watched.until(lambda frames: len(pictures(frames)) >= 20)
    wall_s, wall_ns = time.time, time.time_ns
    monkeypatch.setattr(time, "time", lambda: wall_s() + step_s)
    monkeypatch.setattr(time, "time_ns", lambda: wall_ns() + step_s * 10**9)
    frames = await watched.until(lambda frames: len(pictures(frames)) >= 60)
    for of_kind in (pictures(frames), sound(frames)):
        assert all(0 < after.pts - before.pts < 90_000 * 60 for before, after in pairwise(of_kind))


async def test_sound_is_there_and_described_at_every_keyframe(bench, simulator, device):
    await bench.online(device, simulator)
    watched = await bench.view(device)
    frames = await watched.until(lambda frames: sum(frame.keyframe for frame in frames) >= 3)
    configs = [AudioConfig.parse(frame.payload) for frame in frames if frame.kind is Kind.AUDIO_CONFIG]
    assert set(configs) == {AudioConfig(Codec.PCMA, 8000, 1)}
    assert len(configs) >= 2
    first_sound = next(index for index, frame in enumerate(frames) if frame.kind is Kind.AUDIO)
    assert any(frame.kind is Kind.AUDIO_CONFIG for frame in frames[:first_sound])


async def test_sound_that_is_not_wanted_is_left_out(bench, simulator, device):
    await bench.online(device, simulator, options={"audio": False})
    watched = await bench.view(device)
    frames = await watched.until(lambda frames: len(pictures(frames)) >= 20)
    assert not sound(frames)


async def test_main_and_extra_streams_of_both_cameras_run_side_by_side(bench, simulator, device):
    await bench.online(device, simulator)
    keys = [(0, "main"), (0, "sub"), (1, "main"), (1, "sub")]
    views = {key: await bench.view(device, *key) for key in keys}
    for (channel, stream), watched in views.items():
        frames = pictures(await watched.until(lambda frames: len(pictures(frames)) >= 5))
        size = (640, 480) if stream == "main" else (320, 240)
        assert set(decoded(frames)) == {size}
        assert frames[0].codec is (Codec.H265 if (channel, stream) == (1, "main") else Codec.H264)


async def test_cameras_on_one_connection_are_told_apart(bench, simulator, device):
    await bench.online(device, simulator, options={"combine_mode": "CONNECT_ALL"})
    views = [await bench.view(device, channel) for channel in (0, 1)]
    for watched, codec in zip(views, (Codec.H264, Codec.H265), strict=True):
        frames = pictures(await watched.until(lambda frames: len(pictures(frames)) >= 30))
        assert {frame.codec for frame in frames} == {codec}
        assert decoded(frames) == [(640, 480)] * len(frames)
    assert simulator.connection_count == 2


async def test_any_number_of_viewers_cost_the_device_one_stream(bench, simulator, device, eventually):
    await bench.online(device, simulator)
    for number in range(5):
        await bench.view(device, claimant=f"viewer-{number}")
    assert len(simulator.streams) == 1
    for number in range(5):
        assert len(simulator.streams) == 1
        stop = live.LiveStopRequest(channel=0, stream="main", claimant=f"viewer-{number}")
        await bench.client.call(live.STOP, stop, device=device)
    await eventually(lambda: not simulator.streams)


async def test_the_end_of_a_stream_is_marked(bench, simulator, device):
    await bench.online(device, simulator)
    watched = await bench.view(device)
    await watched.until(pictures)
    stop = live.LiveStopRequest(channel=0, stream="main", claimant="viewer")
    await bench.client.call(live.STOP, stop, device=device)
    frames = await watched.until(lambda frames: frames[-1].end)
    assert frames[-1].kind is Kind.DATA


async def test_a_device_that_takes_media_in_sessions_of_their_own_is_remembered(bench, simulator, device):
    simulator.quirks.topology = "one_socket"
    await bench.online(device, simulator)
    watched = await bench.view(device)
    await watched.until(pictures)
    first = bench.session(device)
    assert first.client.topology == "own_session"
    simulator.drop()
    await bench.shown(
        device, lambda presence: presence.online and bench_session(bench, device) not in (None, first)
    )
    assert bench.session(device).client.profile.topology == "own_session"


def bench_session(bench, device):
    try:
        return bench.session(device)
    except AssertionError:
        return None


async def test_a_stream_that_breaks_off_comes_back_as_a_discontinuity(bench, simulator, device):
    await bench.online(device, simulator)
    simulator.quirks.break_at_s, simulator.quirks.break_how = 0.5, "rst"
    watched = await bench.view(device, ttl_s=300)
    frames = await watched.until(
        lambda frames: sum(frame.discontinuity and frame.kind is Kind.VIDEO for frame in frames) >= 2
    )
    again = next(frame for frame in pictures(frames)[1:] if frame.discontinuity)
    assert again.keyframe


@pytest.mark.parametrize("fault", ["wrong_flag", "huge_length"])
async def test_a_stream_whose_framing_is_lost_is_opened_again_and_the_session_goes_on(
    bench, simulator, device, fault
):
    presence = await bench.online(device, simulator)
    watched = await bench.view(device, ttl_s=300)
    await watched.until(lambda frames: len(pictures(frames)) >= 3)
    (before,) = simulator.streams
    assert simulator.inject(fault, DeviceKind.LIVE) == 1
    frames = await watched.until(lambda frames: sum(frame.discontinuity for frame in pictures(frames)) >= 2)
    again = next(frame for frame in pictures(frames)[1:] if frame.discontinuity)
    assert again.keyframe
    (after,) = simulator.streams
    assert after is not before
    assert (await bench.shown(device)).since == presence.since
    metrics = bench.connectors["replica-1"].service.runtime.metrics.render().decode()
    assert 'cambus_media_stream_restarts_total{protocol="dvrip"} 1.0' in metrics


async def test_a_stream_that_falls_silent_is_opened_again(bench, simulator, device):
    await bench.online(device, simulator, options={"media_timeout_s": 0.5})
    simulator.quirks.break_at_s, simulator.quirks.break_how = 0.4, "silent"
    watched = await bench.view(device, ttl_s=300)
    await watched.until(
        lambda frames: sum(frame.discontinuity and frame.kind is Kind.VIDEO for frame in frames) >= 2
    )


async def test_claims_outlast_a_lost_session(bench, simulator, device):
    await bench.online(device, simulator)
    watched = await bench.view(device, ttl_s=300)
    await watched.until(lambda frames: len(pictures(frames)) >= 5)
    simulator.drop()
    seen = len(watched.frames)
    frames = await watched.until(lambda frames: len(pictures(frames[seen:])) >= 5)
    assert any(frame.discontinuity for frame in frames[seen:])


async def test_a_stream_that_begins_in_mid_gop_begins_with_a_keyframe(bench, simulator, device):
    simulator.quirks.mid_gop_start = True
    await bench.online(device, simulator)
    watched = await bench.view(device)
    frames = await watched.until(lambda frames: len(pictures(frames)) >= 3)
    assert pictures(frames)[0].keyframe
    assert frames[0].kind is not Kind.AUDIO


async def test_a_channel_without_a_camera_is_offline_and_the_device_is_not(bench, simulator, device):
    simulator.quirks.offline_channels = {1}
    await bench.online(device, simulator)
    with pytest.raises(Offline) as refused:
        await bench.view(device, 1)
    assert (refused.value.reason, refused.value.device_code) == ("channel-offline", "121")
    await (await bench.view(device, 0)).until(pictures)


async def test_a_stream_the_protocol_has_not_is_404(bench, simulator, device):
    await bench.online(device, simulator)
    with pytest.raises(NotFound):
        await bench.view(device, 0, "fourth")


async def test_more_streams_than_connections_are_refused_typed(bench, simulator, device):
    await bench.online(device, simulator, options={"connections": 2})
    await bench.view(device, 0, "main")
    with pytest.raises(Overloaded) as refused:
        await bench.view(device, 1, "main")
    assert refused.value.reason == "budget"


async def test_whatever_is_wanted_at_once_the_device_has_no_connection_too_many(
    bench, simulator, device, monkeypatch
):
    made, open_at_once = simulator.role.connection_made, []

    def counted(host, now):
        connection = made(host, now)
        open_at_once.append(len(simulator.role.connections))
        return connection

    monkeypatch.setattr(simulator.role, "connection_made", counted)
    await bench.online(device, simulator, options={"connections": 3, "snapshots": "device"})
    take = snapshot.SnapshotTakeRequest(channel=0)

    async def ask(*channels):
        """Ask for more than there can be; what was refused."""
        results = await asyncio.gather(
            *(bench.view(device, channel, stream) for channel in channels for stream in ("main", "sub")),
            *(bench.client.call(snapshot.TAKE, take, device=device) for _ in range(3)),
            bench.client.call(talk.START, talk.TalkStartRequest(), device=device),
            return_exceptions=True,
        )
        refused = [result for result in results if isinstance(result, BaseException)]
        assert {type(error) for error in refused} == {Overloaded}
        assert {error.reason for error in refused} == {"budget"}
        return len(refused)

    for stream in ("main", "sub"):
        await bench.view(device, 0, stream)
    assert await ask(1) == 6  # no more than was asked for
    assert max(open_at_once) == 3
    for number in range(3):
        await bench.view(device, 0, "main", claimant=f"viewer-{number}")
    for stream in ("main", "sub"):
        for claimant in ("viewer", "viewer-0", "viewer-1", "viewer-2"):
            stop = live.LiveStopRequest(channel=0, stream=stream, claimant=claimant)
            await bench.client.call(live.STOP, stop, device=device)
    await simulator.wait_for(lambda: simulator.connection_count == 1)
    await ask(0, 1)
    assert max(open_at_once) == 3


async def test_a_device_at_its_limit_is_reported_as_such(bench, simulator, device):
    await bench.online(device, simulator)
    heard = await bench.heard(device)
    simulator.quirks.max_connections, simulator.quirks.over_limit = 1, "code"
    with pytest.raises((Overloaded, Offline)):
        await bench.view(device)
    limit = await heard.until("exception.reported", lambda event: event.code == "connection-limit")
    assert "123" in limit.text


async def test_service_blocks_are_no_pictures_and_are_counted(bench, simulator, device):
    simulator.quirks.service_blocks = True
    await bench.online(device, simulator)
    watched = await bench.view(device, 1)
    frames = pictures(await watched.until(lambda frames: sum(frame.keyframe for frame in frames) >= 3))
    assert len(decoded(frames)) == len(frames)
    metrics = bench.connectors["replica-1"].service.runtime.metrics.render().decode()
    assert 'reason="service-block"' in metrics


async def test_a_change_of_codec_and_size_is_told_and_what_follows_decodes(bench, simulator, device):
    await bench.online(device, simulator)
    heard = await bench.heard(device)
    simulator.quirks.change_codec_at_s = 1.0
    watched = await bench.view(device)
    changed = await heard.until("exception.reported", lambda event: event.code == "format-changed")
    assert (changed.channel, changed.detail) == (0, {"stream": "main", "codec": "h265"})
    frames = pictures(
        await watched.until(lambda frames: sum(f.codec is Codec.H265 for f in pictures(frames)) >= 30)
    )
    border = next(index for index, frame in enumerate(frames) if frame.codec is Codec.H265)
    assert (frames[border].keyframe, frames[border].discontinuity) == (True, True)
    assert decoded(frames[:border]) == [(640, 480)] * border
    assert decoded(frames[border:]) == [(320, 240)] * (len(frames) - border)


async def test_information_frames_pass_as_data(bench, simulator, device):
    simulator.quirks.info_frames = True
    await bench.online(device, simulator)
    watched = await bench.view(device)
    frames = await watched.until(lambda frames: any(frame.kind is Kind.DATA for frame in frames))
    assert next(frame for frame in frames if frame.kind is Kind.DATA).payload


async def test_the_dates_in_the_video_show_the_devices_clock(bench, simulator, device):
    await bench.online(device, simulator)
    await bench.shown(device, lambda p: p.drift_s is not None and abs(p.drift_s) < 3)
    heard = await bench.heard(device)
    simulator.device.clock.set_offset(-600)
    await bench.view(device)
    presence = await bench.shown(device, lambda p: p.drift_s < -590)
    assert presence.drift_s > -610
    drift = await heard.until("exception.reported", lambda event: event.code == "clock-drift")
    assert drift.detail["drift_s"] < -590


async def test_a_keyframe_can_be_asked_for(bench, simulator, device):
    await bench.online(device, simulator)
    await bench.view(device)
    request = live.LiveKeyframeRequest(channel=0, stream="main")
    await bench.client.call(live.KEYFRAME, request, device=device)


async def test_the_subject_of_a_stream_is_the_one_everybody_expects(bench, simulator, device):
    await bench.online(device, simulator)
    request = live.LiveStartRequest(channel=1, stream="sub", claimant="viewer")
    reply = await bench.client.call(live.START, request, device=device)
    assert reply.subject == media_subject(device, 1, "sub")
