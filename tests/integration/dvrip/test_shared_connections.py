"""Several channels on one data connection: playbacks of a session, and live video with CONNECT_ALL."""

import asyncio

import pytest

from cambus.dvrip.connection import Connection
from cambus.dvrip.errors import Refused
from cambus.dvrip.playback import Outcome
from cambus.dvrip.profile import Profile
from cambus.dvrip.transfer_queue import HIGH_WATER_BYTES

PATIENT_S = 30.0


def numbered(frames, channel, number):
    """A key frame that says where it belongs."""
    return frames.key._replace(payload=frames.key.payload + bytes([channel, number]))


async def take(stream, count):
    async with asyncio.timeout(PATIENT_S):
        return [await anext(stream) for _ in range(count)]


async def all_of(stream):
    async with asyncio.timeout(PATIENT_S):
        return [frame async for frame in stream]


class Recorder:
    """Scripts claims of any kind on any connection; what was claimed can be sent to."""

    def __init__(self, scripted) -> None:
        self.scripted = scripted
        self.sockets = {}
        self.refuse_sharing = False
        self.commands = []
        for claim, command in ((1413, 1410), (1424, 1420)):
            scripted.on[claim] = self.claim
            scripted.on[command] = self.command
        self.on_start = lambda channel, peer: None

    def parameter(self, message):
        return next(body["Parameter"] for body in message.body.values() if isinstance(body, dict))

    def claim(self, message):
        if self.refuse_sharing and message.peer in self.sockets.values():
            message.reply({"Ret": 103})
            return
        self.sockets[self.parameter(message)["Channel"]] = message.peer
        message.reply()

    def command(self, message):
        channel = self.parameter(message)["Channel"]
        self.commands.append((message.action, channel))
        message.reply()
        if message.action.endswith("Start"):
            self.on_start(channel, self.sockets[channel])

    async def heard(self, action, channel, count=1):
        async with asyncio.timeout(PATIENT_S):
            while self.commands.count((action, channel)) < count:
                self.scripted.heard.clear()
                await self.scripted.heard.wait()


@pytest.fixture
def recorder(scripted):
    return Recorder(scripted)


@pytest.fixture
def unread(monkeypatch):
    """Set once a socket is left unread."""
    event, pause = asyncio.Event(), Connection.pause_reading
    monkeypatch.setattr(Connection, "pause_reading", lambda each: (pause(each), event.set()))
    return event


async def four_playbacks(client, **options):
    return await asyncio.gather(
        *(client.open_playback(channel, f"/{channel}.h264", **options) for channel in range(4))
    )


async def test_four_playbacks_share_a_socket_and_their_media_is_told_apart(
    scripted, recorder, client, frames
):
    def start(channel, peer):
        peer.media(numbered(frames, channel, 0), message_id=1422, channel=channel)

    recorder.on_start = start
    playbacks = await four_playbacks(client)
    assert len(scripted.peers) == 2
    assert len(scripted.messages(1424)) == 4
    for number in range(1, 20):  # packets of 100 bytes in turn: no frame comes in one piece
        data = [numbered(frames, channel, number).serialize() for channel in range(4)]
        for at in range(0, len(data[0]), 100):
            for channel in range(4):
                scripted.peers[1].send(1422, data[channel][at : at + 100], channel=channel)
    for channel in (2, 0, 3, 1):
        scripted.peers[1].send(1422, b"", channel=channel, end=True)
    for channel, playback in enumerate(playbacks):
        assert await all_of(playback) == [numbered(frames, channel, number) for number in range(20)]
        assert playback.outcome is Outcome.COMPLETE


async def test_a_fifth_is_refused_and_the_last_to_leave_closes_the_socket(
    scripted, recorder, client, frames, deadline
):
    recorder.on_start = lambda channel, peer: peer.media(frames.key, message_id=1422, channel=channel)
    playbacks = await four_playbacks(client)
    with pytest.raises(Refused) as caught:
        await client.open_playback(4, "/4.h264")
    assert caught.value.reason == "busy"
    for playback in playbacks[:3]:
        await playback.close()
    scripted.peers[1].media(frames.delta, message_id=1422, channel=3)
    assert await take(playbacks[3], 2) == [frames.key, frames.delta]
    assert client.budget.used == 2
    again = await client.open_playback(0, "/0.h264")
    assert len(scripted.peers) == 2
    await again.close()
    await playbacks[3].close()
    async with deadline():
        await scripted.peers[1].closed.wait()
    assert client.budget.used == 1


async def test_a_device_that_refuses_to_share_gets_a_socket_for_each(scripted, recorder, client, frames):
    recorder.refuse_sharing = True
    recorder.on_start = lambda channel, peer: peer.media(frames.key, message_id=1422, channel=channel)
    playbacks = [await client.open_playback(channel, f"/{channel}.h264") for channel in range(3)]
    assert len(scripted.peers) == 4
    for playback in playbacks:
        assert await take(playback, 1) == [frames.key]
        await playback.close()
    assert client.budget.used == 1


async def test_a_recorder_that_says_channel_0_for_all_is_understood_while_it_plays_one(
    recorder, client, frames
):
    recorder.on_start = lambda channel, peer: peer.media(frames.key, message_id=1422, channel=0)
    playback = await client.open_playback(3, "/3.h264")
    assert await take(playback, 1) == [frames.key]


@pytest.mark.parametrize("heeds", [True, False])
async def test_a_slow_reader_holds_up_its_own_channel_only(scripted, recorder, client, frames, unread, heeds):
    """Until a device that heeds no Pause leaves no choice; even then nothing is lost."""
    big = frames.key._replace(payload=frames.key.payload + b"\x01" * 500_000)
    recorder.on_start = lambda channel, peer: peer.media(frames.key, message_id=1422, channel=channel)
    slow, other = [await client.open_playback(channel, f"/{channel}.h264") for channel in range(2)]
    peer, sent = scripted.peers[1], HIGH_WATER_BYTES // 500_000 + 2
    for _ in range(sent):
        peer.media(big, message_id=1422, channel=0, chunk=65536)
    await recorder.heard("Pause", 0)
    peer.media(frames.delta, message_id=1422, channel=1)
    assert await take(other, 2) == [frames.key, frames.delta]
    if not heeds:
        sent += 40
        for _ in range(40):
            peer.media(big, message_id=1422, channel=0, chunk=65536)
        async with asyncio.timeout(PATIENT_S):
            await unread.wait()
        assert slow.bytes_received < 3 * HIGH_WATER_BYTES  # the rest waits on the device's side
    assert unread.is_set() is not heeds
    for frame in await take(slow, 1 + sent):
        assert frame.payload in (frames.key.payload, big.payload)
    await recorder.heard("Continue", 0)
    peer.send(1422, b"", channel=0, end=True)
    assert await all_of(slow) == []
    assert slow.outcome is Outcome.COMPLETE


async def test_a_reader_that_holds_the_socket_lets_go_when_another_comes(
    scripted, recorder, client, frames, unread
):
    big = frames.key._replace(payload=frames.key.payload + b"\x01" * 500_000)
    recorder.on_start = lambda channel, peer: peer.media(frames.key, message_id=1422, channel=channel)
    await client.open_playback(0, "/0.h264")
    for _ in range(HIGH_WATER_BYTES // 500_000 + 2):
        scripted.peers[1].media(big, message_id=1422, channel=0, chunk=65536)
    async with asyncio.timeout(PATIENT_S):
        await unread.wait()
    other = await client.open_playback(1, "/1.h264")
    await recorder.heard("Pause", 0)
    assert await take(other, 1) == [frames.key]


async def test_an_end_mark_without_a_channel_ends_the_only_one_that_runs(scripted, recorder, client, frames):
    recorder.on_start = lambda channel, peer: peer.media(frames.key, message_id=1422, channel=channel)
    first, second = [await client.open_playback(channel, f"/{channel}.h264") for channel in range(2)]
    scripted.peers[1].send(1422, b"", channel=0, end=True)
    assert await all_of(first) == [frames.key]
    scripted.peers[1].send(1423, b"")
    assert await all_of(second) == [frames.key]
    assert second.outcome is Outcome.COMPLETE


async def test_connect_all_splits_live_video_by_channel(scripted, recorder, make_client, frames):
    recorder.on_start = lambda channel, peer: peer.media(numbered(frames, channel, 0), channel=channel)
    client = make_client(Profile(combine_mode="CONNECT_ALL"))
    await client.connect()
    streams = await asyncio.gather(*(client.open_live(channel) for channel in range(3)))
    assert len(scripted.peers) == 2
    claims = [message.body["OPMonitor"]["Parameter"] for message in scripted.messages(1413)]
    assert {parameter["CombinMode"] for parameter in claims} == {"CONNECT_ALL"}
    for number in range(1, 10):
        for channel in (2, 7, 0, 1):  # nobody asked for 7
            scripted.peers[1].media(numbered(frames, channel, number), channel=channel, chunk=150)
    for channel, stream in enumerate(streams):
        assert await take(stream, 10) == [numbered(frames, channel, number) for number in range(10)]
    extra = await client.open_live(0, "Extra1")  # the header does not tell it from the main stream
    assert len(scripted.peers) == 3
    await extra.stop()
    for stream in streams:
        await stream.stop()
    assert client.budget.used == 1


async def test_with_connect_all_a_stranger_on_the_socket_is_not_taken_for_the_channel(
    scripted, recorder, make_client, frames
):
    def start(channel, peer):
        peer.media(numbered(frames, 7, 0), channel=7)
        peer.media(numbered(frames, channel, 1), channel=channel)

    recorder.on_start = start
    client = make_client(Profile(combine_mode="CONNECT_ALL"))
    await client.connect()
    stream = await client.open_live(1)
    assert await take(stream, 1) == [numbered(frames, 1, 1)]
