"""Live video over both topologies, with answers in every order."""

import asyncio
from itertools import pairwise

import pytest

from cambus.dvrip.errors import ConnectionLost, DeviceError, Refused, RequestTimeout
from cambus.dvrip.frame_queue import FrameQueue
from cambus.dvrip.frames import VideoFrame
from cambus.dvrip.profile import Profile, Topology


class Camera:
    """Scripts both topologies: claims are remembered, a Start sends frames on the claimed connection."""

    def __init__(self, scripted, frames) -> None:
        self.scripted = scripted
        self.frames = frames
        self.claims = {}
        self.logged_in = set()
        self.reply_first = True
        self.reply_at_all = True
        self.start_code = 100
        self.claim_code = 100
        self.media = [frames.key, frames.delta, frames.audio]
        scripted.on[1000] = self.login
        scripted.on[1413] = self.claim
        scripted.on[1410] = self.command

    def login(self, message):
        self.logged_in.add(message.peer)
        self.scripted.accept_login(message)

    def parameter(self, message):
        return message.body["OPMonitor"]["Parameter"]

    def claim(self, message):
        parameter = self.parameter(message)
        self.claims[parameter["Channel"], parameter["StreamType"]] = message.peer
        message.reply({"Ret": self.claim_code})

    def command(self, message):
        parameter = self.parameter(message)
        channel = parameter["Channel"]
        data = self.claims.get((channel, parameter["StreamType"]))
        if message.action == "Stop":
            message.reply()
            if data is not None:
                data.close()
            return
        if self.reply_at_all and self.reply_first:
            message.reply({"Ret": self.start_code})
        if self.start_code == 100 and data is not None:
            data.media(*self.media, channel=channel)
        if self.reply_at_all and not self.reply_first:
            message.reply({"Ret": self.start_code})


@pytest.fixture
def camera(scripted, frames):
    return Camera(scripted, frames)


async def take(stream, count, deadline):
    async with deadline():
        return [await anext(stream) for _ in range(count)]


async def test_two_sockets_the_data_socket_never_logs_in(scripted, camera, client, frames, deadline):
    live = await client.open_live(2, "Extra1")
    assert await take(live, 3, deadline) == [frames.key, frames.delta, frames.audio] == camera.media
    control, data = scripted.peers
    claim = await scripted.hears(1413)
    assert (claim.peer, claim.header.session_id, claim.action) == (data, 0x57, "Claim")
    start = await scripted.hears(1410)
    assert (start.peer, start.action) == (control, "Start")
    expected = {"Channel": 2, "CombinMode": "NONE", "StreamType": "Extra1", "TransMode": "TCP"}
    assert start.body["OPMonitor"]["Parameter"] == expected
    assert camera.logged_in == {control}
    assert client.topology is Topology.TWO_SOCKETS


@pytest.mark.parametrize("case", ["before", "after", "never"])
@pytest.mark.parametrize("topology", [Topology.TWO_SOCKETS, Topology.OWN_SESSION])
async def test_the_answer_to_start_may_come_at_any_time(
    scripted, camera, make_client, deadline, case, topology
):
    camera.reply_first = case == "before"
    camera.reply_at_all = case != "never"
    client = make_client(Profile(topology=topology))
    await client.connect()
    live = await client.open_live(0)
    assert await take(live, 3, deadline) == camera.media
    assert (await client.request(1020, {})).code == 100
    await live.stop()
    assert client.is_online


async def test_the_answer_amid_media_on_the_same_socket_never_becomes_media(
    scripted, camera, make_client, frames, deadline
):
    def command(message):
        if message.action == "Start":
            message.peer.media(frames.key)
            half = frames.delta.serialize()
            message.peer.send(1412, half[:40])
            message.reply({"Ret": 100})
            message.peer.send(1412, half[40:])
        else:
            message.reply()

    scripted.on[1410] = command
    client = make_client(Profile(topology=Topology.OWN_SESSION))
    await client.connect()
    live = await client.open_live(0)
    assert await take(live, 2, deadline) == [frames.key, frames.delta]


async def test_media_that_looks_like_json_is_media(scripted, camera, client, frames, deadline):
    data = frames.key.serialize() + frames.delta.serialize()
    pieces = [data[:100], b'{"Ret":104}', b"[1,2,3]", data[100:]]
    body = b"\x00\x00\x00\x01\x67" + pieces[1] + pieces[2]
    odd = VideoFrame(frames.key.codec, True, body, 640, 480, 25)
    raw = odd.serialize()

    def command(message):
        message.reply()
        if message.action == "Start":
            peer = camera.claims[0, "Main"]
            peer.send(1412, raw[:21])
            peer.send(1412, raw[21 : 21 + len(pieces[1])])
            peer.send(1412, raw[21 + len(pieces[1]) :])

    scripted.on[1410] = command
    live = await client.open_live(0)
    assert await take(live, 1, deadline) == [odd]


@pytest.mark.parametrize("code", [103, 105])
async def test_a_refused_claim_falls_back_to_an_own_session_and_is_remembered(
    scripted, camera, client, deadline, code
):
    def claim(message):
        camera.claims[0, "Main"] = message.peer
        message.reply({"Ret": 100 if message.peer in camera.logged_in else code})

    scripted.on[1413] = claim
    live = await client.open_live(0)
    assert await take(live, 3, deadline) == camera.media
    assert client.topology is Topology.OWN_SESSION
    assert len(scripted.messages(1000)) == 2
    await live.stop()
    claims = len(scripted.messages(1413))
    again = await client.open_live(0)
    assert await take(again, 1, deadline)
    assert len(scripted.messages(1413)) == claims + 1


async def test_no_media_falls_back_to_an_own_session(scripted, camera, make_client, deadline):
    def command(message):
        if message.action == "Start" and message.peer is scripted.peers[0]:
            message.reply()  # and never any media
        else:
            camera.command(message)

    scripted.on[1410] = command
    client = make_client(first_media=0.2, release=0.2)
    await client.connect()
    live = await client.open_live(0)
    assert await take(live, 3, deadline) == camera.media
    assert client.topology is Topology.OWN_SESSION
    assert client.is_online
    assert client.budget.used == 2


async def test_no_media_at_all_is_a_named_timeout(scripted, camera, make_client):
    camera.media = []
    client = make_client(first_media=0.1, release=0.1)
    await client.connect()
    with pytest.raises(RequestTimeout) as caught:
        await client.open_live(0)
    assert caught.value.name == "first_media"
    assert client.is_online
    assert client.budget.used == 1


async def test_121_is_the_channel_not_the_device(scripted, camera, client):
    camera.start_code = 121
    with pytest.raises(DeviceError) as caught:
        await client.open_live(0)
    assert caught.value.code == 121
    assert client.is_online
    assert len(scripted.messages(1000)) == 1  # another topology would not help
    assert client.budget.used == 1


async def test_several_channels_and_streams_run_together_unmixed(scripted, camera, client, frames, deadline):
    def command(message):
        message.reply()
        if message.action == "Start":
            parameter = camera.parameter(message)
            key = parameter["Channel"], parameter["StreamType"]
            mark = f"{key[0]}{key[1]}".encode()
            frame = frames.key._replace(payload=frames.key.payload + mark)
            camera.claims[key].media(frame, channel=key[0])

    scripted.on[1410] = command
    wanted = [(0, "Main"), (1, "Main"), (0, "Extra1"), (3, "Extra1")]
    streams = await asyncio.gather(*(client.open_live(*key) for key in wanted))
    for key, stream in zip(wanted, streams, strict=True):
        (frame,) = await take(stream, 1, deadline)
        assert frame.payload.endswith(f"{key[0]}{key[1]}".encode())


async def test_a_stream_that_runs_is_not_opened_twice(camera, client):
    live = await client.open_live(0)
    with pytest.raises(Refused) as caught:
        await client.open_live(0)
    assert caught.value.reason == "busy"
    await live.stop()
    again = await client.open_live(0)
    await again.stop()


async def test_channel_base_1_is_honoured(scripted, camera, make_client):
    client = make_client(Profile(channel_base=1))
    await client.connect()
    await client.open_live(0)
    assert camera.parameter(await scripted.hears(1413))["Channel"] == 1


async def test_nothing_comes_before_the_first_key_frame_and_one_is_asked_for(
    scripted, camera, client, frames, deadline
):
    camera.media = [frames.delta, frames.audio, frames.delta]
    live = await client.open_live(0)
    await scripted.hears(1562)
    camera.claims[0, "Main"].media(frames.key, frames.delta)
    assert await take(live, 2, deadline) == [frames.key, frames.delta]


@pytest.mark.parametrize("answer", [102, 103, None])
async def test_a_device_that_forces_no_key_frame_sends_its_next_one(
    scripted, camera, client, frames, deadline, answer
):
    scripted.on[1562] = lambda message: message.reply({"Ret": answer}) if answer else None
    camera.media = [frames.delta]
    live = await client.open_live(0)
    await scripted.hears(1562)
    camera.claims[0, "Main"].media(frames.key, frames.delta)
    assert await take(live, 2, deadline) == [frames.key, frames.delta]
    assert client.is_online


async def test_silence_to_the_request_for_a_key_frame_does_not_end_the_session(
    scripted, camera, make_client, frames
):
    scripted.login_body["AliveInterval"] = 4  # a keepalive after 3 s
    scripted.on[1562] = lambda message: None
    camera.media = [frames.delta]
    client = make_client(request=2.5)
    await client.connect()
    await client.open_live(0)
    await scripted.hears(1562)
    await scripted.hears(1006)  # by now the answer to any other request would be overdue
    assert client.is_online
    assert (await client.request(1020, {})).code == 100


async def test_a_stream_that_begins_with_a_key_frame_is_left_alone(scripted, camera, client, deadline):
    live = await client.open_live(0)
    await take(live, 3, deadline)
    assert scripted.messages(1562) == []


async def test_stop_is_sent_before_the_connection_is_closed(scripted, camera, client, deadline):
    live = await client.open_live(0)
    await live.stop()
    stop = await scripted.hears(1410, 2)
    assert (stop.action, stop.peer) == ("Stop", scripted.peers[0])
    async with deadline():
        await scripted.peers[1].closed.wait()
    assert client.budget.used == 1
    await live.stop()  # twice is fine
    assert len(scripted.messages(1410)) == 2


async def test_a_device_that_ignores_stop_is_closed_all_the_same(scripted, camera, make_client, deadline):
    client = make_client(release=0.1)
    await client.connect()
    live = await client.open_live(0)
    scripted.on[1410] = lambda message: None
    async with deadline():
        await live.stop()
        await scripted.peers[1].closed.wait()
    assert client.is_online


async def test_close_stops_streams_then_logs_out(scripted, camera, client):
    await client.open_live(0)
    await client.open_live(1)
    await client.close()
    actions = [(message.id, message.action) for message in scripted.received if message.id in (1410, 1002)]
    assert actions[-1] == (1002, "")
    assert sorted(actions[:-1]) == sorted([(1410, "Start"), (1410, "Stop")] * 2)


async def test_a_pause_is_no_silence_and_goes_on_at_a_key_frame(
    scripted, camera, make_client, frames, deadline
):
    scripted.login_body["AliveInterval"] = 1
    client = make_client(media_silence=0.3)
    await client.connect()
    stream = await client.open_live(0)
    await take(stream, 3, deadline)
    camera.media = []
    await stream.pause()
    await scripted.hears(1006, 1 + len(scripted.messages(1006)))  # that is longer than the silence allowed
    assert stream.is_running
    await stream.resume()
    data = camera.claims[0, "Main"]
    data.media(frames.delta, frames.audio, frames.key, frames.delta)
    assert await take(stream, 2, deadline) == [frames.key._replace(discontinuity=True), frames.delta]
    assert [message.action for message in scripted.messages(1410)] == ["Start", "Pause", "Continue"]
    await scripted.hears(1562)
    await stream.stop()
    with pytest.raises(Refused):
        await stream.pause()


async def test_a_refused_pause_changes_nothing(scripted, camera, make_client, deadline):
    client = make_client(media_silence=0.3)
    await client.connect()
    stream = await client.open_live(0)
    await take(stream, 3, deadline)
    camera.start_code = 103
    with pytest.raises(DeviceError):
        await stream.pause()
    async with deadline():
        with pytest.raises(RequestTimeout, match="media_silence"):
            await anext(stream)


async def test_silence_ends_the_stream_with_its_name(scripted, camera, make_client, deadline):
    client = make_client(media_silence=0.1)
    await client.connect()
    live = await client.open_live(0)
    await take(live, 3, deadline)
    async with deadline():
        with pytest.raises(RequestTimeout) as caught:
            await anext(live)
    assert caught.value.name == "media_silence"
    await live.stop()


@pytest.mark.parametrize("how", ["close", "abort"])
async def test_the_end_of_the_data_socket_ends_the_stream_only(scripted, camera, client, deadline, how):
    live = await client.open_live(0)
    await take(live, 3, deadline)
    getattr(scripted.peers[1], how)()
    async with deadline():
        with pytest.raises(ConnectionLost):
            await anext(live)
    assert client.is_online
    await live.stop()
    assert client.budget.used == 1


async def test_the_end_of_the_session_ends_its_streams(scripted, camera, client, deadline):
    live = await client.open_live(0)
    await take(live, 3, deadline)
    scripted.peers[0].abort()
    async with deadline():
        with pytest.raises(ConnectionLost):
            await anext(live)
        await scripted.peers[1].closed.wait()
    await live.stop()


async def test_a_stalled_consumer_loses_whole_groups_and_slows_nobody(
    scripted, camera, client, frames, deadline
):
    numbered = [
        source._replace(payload=source.payload + number.to_bytes(4, "big"))
        for number, source in enumerate([frames.key, *[frames.delta] * 9] * 50)
    ]
    camera.media = []
    opening = asyncio.create_task(client.open_live(0, queue=FrameQueue(max_frames=25)))
    await scripted.hears(1410)
    peer = camera.claims[0, "Main"]
    peer.media(*numbered, chunk=8192)
    live = await opening
    camera.media = [frames.key]
    other = await client.open_live(1)
    assert await take(other, 1, deadline) == [frames.key]  # somebody else is served
    async with deadline():
        while live.counters["frames"] < 500:
            await client.request(1020, {})  # and so are requests
    peer.media(frames.key)
    peer.close()
    got = []
    async with deadline():
        await collect(live, got)
    assert live.counters["dropped"] == 501 - len(got) > 0
    numbers = [int.from_bytes(frame.payload[-4:], "big") for frame in got[:-1]]
    for (before, number), frame in zip(pairwise(numbers), got[1:], strict=False):
        assert number == before + 1 or (frame.keyframe and frame.discontinuity)
    await live.stop()
    await other.stop()


async def collect(live, got):
    """Read until the device ends the stream."""
    try:
        async for frame in live:
            got.append(frame)
    except ConnectionLost:
        return
    raise AssertionError("the stream ended without an error")


async def test_another_channel_on_the_socket_is_not_mixed_in(scripted, camera, client, frames, deadline):
    live = await client.open_live(0)
    await take(live, 3, deadline)
    camera.claims[0, "Main"].media(frames.delta, channel=5)
    camera.claims[0, "Main"].media(frames.key, channel=0)
    assert await take(live, 1, deadline) == [frames.key]
    assert live.counters["foreign_channel"] == 1


@pytest.mark.parametrize("chunk", [1, 17, 8192, 65536])
async def test_any_packet_size_gives_the_same_frames(scripted, camera, client, frames, deadline, chunk):
    def command(message):
        message.reply()
        if message.action == "Start":
            camera.claims[0, "Main"].media(frames.key, frames.audio, frames.delta, chunk=chunk)

    scripted.on[1410] = command
    live = await client.open_live(0)
    assert await take(live, 3, deadline) == [frames.key, frames.audio, frames.delta]
