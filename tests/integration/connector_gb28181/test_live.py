"""Live pictures and sound: from a simulated device over the bus into an independent decoder."""

from itertools import pairwise

import av
import pytest
from gb28181_rig import SMALL

from cambus.connector_gb28181.settings import Gb28181Settings
from cambus.gb28181.times import Times
from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Kind
from cambus.schemas.commands import live
from cambus.schemas.errors import DeadlineExceeded, Forbidden, NotFound, Overloaded
from cambus.simulators.gb28181.quirks import Quirks

DECODERS = {Codec.H264: "h264", Codec.H265: "hevc"}
TRANSPORTS = ["udp", "tcp-passive", "tcp-active"]


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


def invites(simulator):
    return {message.call_id for message in simulator.heard("INVITE")}


async def unwatch(bench, device, claimant="viewer", **fields):
    request = live.LiveStopRequest(**{"channel": 0, "stream": "main", "claimant": claimant, **fields})
    await bench.client.call(live.STOP, request, device=device)


def hurry(bench, **times):
    """Shorten the times of the one connector."""
    platform = bench.connectors["replica-1"].service.signalling.platform
    object.__setattr__(platform.settings, "times", Times(**times))  # frozen, and there is no setting for it


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
async def test_pictures_come_over_every_transport_and_decode(bench, device, transport, codec):
    record = {"options": {"media_transport": transport}}
    await bench.online(device, media=SMALL.coded(codec), record=record)
    watched = await bench.view(device)
    frames = pictures(await watched.until(lambda frames: len(pictures(frames)) >= 15))
    assert {frame.codec for frame in frames} == {codec}
    assert frames[0].keyframe
    assert decoded(frames) == [(176, 144)] * len(frames)


@pytest.mark.parametrize("profile", ["dahua_ipc", "hik_nvr", "std_2022"])
async def test_sound_is_in_step_with_the_picture_and_described_at_every_keyframe(bench, device, profile):
    await bench.online(device, profile=profile)
    watched = await bench.view(device)
    frames = await watched.until(lambda frames: sum(frame.keyframe for frame in frames) >= 3)
    configs = [AudioConfig.parse(frame.payload) for frame in frames if frame.kind is Kind.AUDIO_CONFIG]
    assert set(configs) == {AudioConfig(Codec.PCMA, 8000, 1)}
    assert len(configs) >= 3
    first = next(index for index, frame in enumerate(frames) if frame.kind is Kind.AUDIO)
    assert any(frame.kind is Kind.AUDIO_CONFIG for frame in frames[:first])
    for of_kind in (pictures(frames), sound(frames)):
        assert all(before.pts < after.pts for before, after in pairwise(of_kind))
    assert abs(sound(frames)[-1].pts - pictures(frames)[-1].pts) < 90_000 // 2
    assert [frame.seq for frame in frames] == list(range(frames[0].seq, frames[0].seq + len(frames)))


async def test_sound_that_is_not_wanted_is_left_out(bench, device):
    await bench.online(device, record={"options": {"audio": False}})
    watched = await bench.view(device)
    assert not sound(await watched.until(lambda frames: len(pictures(frames)) >= 12))


@pytest.mark.parametrize(
    ("profile", "options", "line"),
    [
        ("std_2022", {}, "a=streamnumber:1"),
        ("dahua_ipc", {}, "a=streamprofile:1"),
        ("hik_nvr", {}, "a=streamnumber:1"),
        ("hik_nvr", {"stream_dialect": "stream-mode"}, "a=streamMode:SUB"),
    ],
)
async def test_the_sub_stream_is_asked_for_in_the_words_of_the_make(bench, device, profile, options, line):
    simulator = await bench.online(device, profile=profile, record={"options": options})
    await bench.view(device)
    watched = await bench.view(device, stream="sub")
    frames = pictures(await watched.until(lambda frames: len(pictures(frames)) >= 5))
    assert set(decoded(frames)) == {(96, 80)}
    main, sub = (message.body.decode() for message in simulator.heard("INVITE"))
    assert line in sub
    assert line not in main


async def test_a_stream_the_channel_has_not_is_not_asked_for(bench, device):
    simulator = await bench.online(device)
    with pytest.raises(NotFound) as refused:
        await bench.view(device, stream="fourth")
    assert refused.value.reason == "no-such-stream"
    with pytest.raises(NotFound):
        await bench.view(device, channel=9)
    assert not simulator.heard("INVITE")


async def test_any_number_of_viewers_are_one_session_that_lingers_after_the_last(bench, device):  # GB-149
    await bench.connector(live_linger_s=1.0)
    simulator = await bench.online(device)
    for number in range(5):
        await bench.view(device, claimant=f"viewer-{number}")
    for number in range(5):
        assert not simulator.heard("BYE")
        await unwatch(bench, device, f"viewer-{number}")
    watched = await bench.view(device, claimant="again")  # within the linger
    await watched.until(lambda frames: len(pictures(frames)) >= 15)
    assert len(invites(simulator)) == 1
    assert not simulator.heard("BYE")
    await unwatch(bench, device, "again")
    frames = await watched.until(lambda frames: frames[-1].end)
    await simulator.wait_for(lambda: not simulator.sessions)
    assert frames[-1].kind is Kind.DATA
    assert {message.call_id for message in simulator.heard("BYE")} == invites(simulator)
    assert not bench.session(device).media.open_sessions


def test_a_stream_nobody_watches_lingers_for_15_s():
    assert Gb28181Settings(nats_url="nats://127.0.0.1:1").live_linger_s == 15.0


async def test_where_media_may_be_fetched_from_is_set(bench, device):  # GB-143
    await bench.connector(
        gb28181_media_allow_loopback=False, gb28181_media_allowed_hosts="198.51.100.8, 198.51.100.9"
    )
    media = bench.connectors["replica-1"].service.signalling.media
    assert media.settings.target("198.51.100.9", "127.0.0.1") == "198.51.100.9"
    simulator = await bench.online(device, record={"options": {"media_transport": "tcp-active"}})
    with pytest.raises(Forbidden) as refused:
        await bench.view(device)
    assert refused.value.reason == "address-refused"
    await simulator.wait_for(lambda: simulator.heard("BYE"))


async def test_a_busy_device_says_so(bench, device):
    await bench.online(device, quirks=Quirks(invite="busy"))
    with pytest.raises(Overloaded) as refused:
        await bench.view(device)
    assert (refused.value.reason, refused.value.device_code) == ("busy", "486")


async def test_a_device_that_takes_no_tcp_is_asked_once_more_for_udp(bench, device):
    simulator = await bench.online(device, quirks=Quirks(invite="no_tcp"))
    watched = await bench.view(device)
    await watched.until(lambda frames: len(pictures(frames)) >= 5)
    assert len(invites(simulator)) == 2


async def test_a_device_that_hangs_up_is_told_of_once_and_invited_again(bench, device):  # GB-151
    simulator = await bench.online(device, quirks=Quirks(hang_up=True, stop_at_s=1.0))
    heard = await bench.heard(device)
    watched = await bench.view(device)
    event = await heard.until("exception.reported")
    assert (event.code, event.channel, event.detail["reason"]) == ("stream-ended", 0, "bye")
    simulator.quirks.hang_up = False
    await simulator.wait_for(lambda: len(invites(simulator)) >= 2)
    since = len(watched.frames)
    frames = await watched.until(lambda frames: len(pictures(frames[since:])) >= 15)
    await unwatch(bench, device)
    names = [(await heard.next())[0]]
    while names[-1] != "live.stopped":
        names.append((await heard.next())[0])
    assert "exception.reported" not in names  # it was told of once
    opened_anew = [frame for frame in pictures(frames) if frame.discontinuity]
    assert len(opened_anew) >= 2
    assert all(before.pts < after.pts for before, after in pairwise(pictures(frames)))


async def test_a_device_that_goes_ends_its_streams_and_brings_them_back_with_it(bench, device):
    simulator = await bench.online(device)
    heard = await bench.heard(device)
    watched = await bench.view(device)
    await watched.until(lambda frames: len(pictures(frames)) >= 5)
    await simulator.restart(unregister=True)
    names = []
    while "device.offline" not in names:
        names.append((await heard.next())[0])
    assert "exception.reported" not in names
    since = len(watched.frames)
    await watched.until(lambda frames: len(pictures(frames[since:])) >= 5)
    await unwatch(bench, device)
    names = [(await heard.next())[0]]
    while names[-1] != "live.stopped":
        names.append((await heard.next())[0])
    assert not {"device.offline", "exception.reported"} & {*names}  # it was told of once


async def test_media_that_never_comes_is_an_error_and_leaves_nothing_open(bench, device):  # GB-150
    simulator = await bench.online(device, quirks=Quirks(media="never"))
    hurry(bench, first_media_s=1.0)
    with pytest.raises(DeadlineExceeded) as failed:
        await bench.view(device)
    assert failed.value.reason == "no-media"
    await simulator.wait_for(lambda: not simulator.sessions)
    assert not bench.session(device).media.open_sessions


async def test_media_that_stops_ends_the_session_with_one_event(bench, device):
    simulator = await bench.online(device, quirks=Quirks(media="stops", stop_at_s=0.5))
    hurry(bench, media_loss_s=1.0)
    heard = await bench.heard(device)
    await bench.view(device)
    event = await heard.until("exception.reported")
    assert event.detail["reason"] == "media-lost"
    await simulator.wait_for(lambda: simulator.heard("BYE"))


@pytest.mark.parametrize(("profile", "spelling"), [("dahua_ipc", "IFameCmd"), ("std_2022", "IFrameCmd")])
async def test_a_keyframe_is_asked_for_in_the_spelling_of_the_edition(bench, device, profile, spelling):
    simulator = await bench.online(device, profile=profile)
    await bench.view(device)
    await bench.client.call(live.KEYFRAME, live.LiveKeyframeRequest(channel=0, stream="main"), device=device)
    bodies = [message.body.decode("gb18030") for message in simulator.heard("DeviceControl")]
    assert any(f"<{spelling}>Send</{spelling}>" in body for body in bodies)


async def test_what_is_lost_is_marked_and_a_keyframe_is_asked_for(bench, device):
    simulator = await bench.online(
        device, quirks=Quirks(loss_percent=3.0), record={"options": {"media_transport": "udp"}}
    )
    watched = await bench.view(device)
    await watched.until(lambda frames: sum(frame.discontinuity for frame in pictures(frames)) >= 3)
    await simulator.wait_for(lambda: simulator.device.keyframes > 0)


async def test_the_media_address_of_a_device_is_offered_to_it_alone(bench, device):  # GB-155
    await bench.connector(gb28181_media_host="0.0.0.0", gb28181_media_advertised="127.0.0.3")
    other, code = f"{device}-2", "34020000001320000002"
    simulators = [
        await bench.online(device, record={"options": {"media_address": "127.0.0.2"}}),
        await bench.online(other, code),
    ]
    for name in (device, other):
        watched = await bench.view(name)
        await watched.until(lambda frames: len(pictures(frames)) >= 3)
    offers = [each.heard("INVITE")[0].body.decode() for each in simulators]
    assert "c=IN IP4 127.0.0.2" in offers[0]
    assert "c=IN IP4 127.0.0.3" in offers[1]


async def test_a_line_of_ones_own_names_the_stream_where_no_dialect_fits(bench, device):  # GB-154
    record = {"options": {"stream_template": "a=x-encoder:{}"}}
    simulator = await bench.online(device, profile="hik_nvr", record=record)
    await bench.view(device)
    await bench.view(device, stream="third")
    main, third = (message.body.decode() for message in simulator.heard("INVITE"))
    assert "a=x-encoder:0" in main
    assert "a=x-encoder:2" in third


async def test_an_encoder_the_catalog_does_not_list_is_not_asked_for(bench, device):  # GB-154
    simulator = await bench.online(device)
    item = bench.session(device).channels.item(simulator.channels[0])
    item.info["StreamNumberList"] = "0/2"
    with pytest.raises(NotFound) as refused:
        await bench.view(device, stream="sub")
    assert refused.value.reason == "no-such-stream"
    assert not simulator.heard("INVITE")
    await bench.view(device, stream="third")
