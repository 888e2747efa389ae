"""Playback and download: every ending, every command, and nothing but media in the media."""

import asyncio

import pytest

from cambus.dvrip.errors import ConnectionLost, DeviceError, Refused, WrongRecording
from cambus.dvrip.messages.playback import PlaybackTarget
from cambus.dvrip.playback import Outcome
from cambus.dvrip.profile import Profile, Topology
from cambus.dvrip.values import parse_time

NAME = "/idea0/2026-02-16/001/10.08.41-10.23.30[R][@7cb][0].h264"
BEGIN = parse_time("2026-02-16 10:08:41")


class Archive:
    """Plays `frames` on the claimed connection and ends as told."""

    def __init__(self, scripted, frames) -> None:
        self.scripted = scripted
        self.media = [frames.key, *[frames.delta] * 20, frames.audio]
        self.ending = "end_flag"
        self.data = None
        self.reply = "before"
        scripted.on[1424] = self.claim
        scripted.on[1420] = self.command

    @property
    def raw(self) -> bytes:
        return b"".join(frame.serialize() for frame in self.media)

    def claim(self, message):
        self.data = message.peer
        message.peer.send(1425, {"Name": "OPPlayBack", "Ret": 100})

    def command(self, message):
        if message.action not in ("Start", "DownloadStart"):
            message.reply()
            return
        if self.reply == "before":
            message.reply()
        data_id = 1426 if message.action == "DownloadStart" else 1422
        channel = message.body["OPPlayBack"]["Parameter"]["Channel"]
        half = len(self.media) // 2
        self.data.media(*self.media[:half], message_id=data_id, channel=channel, chunk=500)
        if self.reply == "amid":
            self.data.send(1421, {"Name": "OPPlayBack", "Ret": 100})
        self.data.media(*self.media[half:], message_id=data_id, channel=channel, chunk=500)
        self.end(data_id, channel)
        if self.reply == "after":
            message.reply()

    def end(self, data_id, channel):
        match self.ending:
            case "end_flag":
                self.data.send(data_id, b"", channel=channel, end=True)
            case "zero_length":
                self.data.send(data_id, b"", channel=channel)
            case "1423":
                self.data.send(1423, b"")
            case "1423_json":
                self.data.send(1423, {"Name": "OPPlayBack", "Ret": 100})
            case "1423_on_control":
                self.scripted.peers[0].send(1423, b"")
            case "close":
                self.data.close()


@pytest.fixture
def archive(scripted, frames):
    return Archive(scripted, frames)


async def read_all(playback, deadline):
    async with deadline():
        return [frame async for frame in playback]


ENDINGS = ["end_flag", "zero_length", "1423", "1423_json", "silence"]


def silence_s(ending):
    """Only where nothing else ends a transfer may silence do it within the patience of a test."""
    return 0.2 if ending == "silence" else 60.0


@pytest.mark.parametrize(
    ("topology", "ending"),
    [
        *(
            (topology, ending)
            for topology in (Topology.TWO_SOCKETS, Topology.OWN_SESSION)
            for ending in ENDINGS
        ),
        (Topology.TWO_SOCKETS, "1423_on_control"),
    ],
)
async def test_a_download_is_byte_exact_however_it_ends(archive, make_client, deadline, ending, topology):
    archive.ending = ending
    client = make_client(Profile(topology=topology), media_silence=silence_s(ending))
    await client.connect()
    playback = await client.open_playback(0, NAME, download=True, expected_kib=len(archive.raw) // 1024 + 1)
    got = await read_all(playback, deadline)
    assert b"".join(frame.serialize() for frame in got) == archive.raw
    assert playback.outcome is Outcome.COMPLETE
    assert playback.bytes_received == len(archive.raw)
    await playback.close()


@pytest.mark.parametrize("reply", ["before", "amid", "after", "never"])
@pytest.mark.parametrize("topology", [Topology.TWO_SOCKETS, Topology.OWN_SESSION])
@pytest.mark.parametrize("raw", [False, True])
async def test_control_replies_never_enter_the_media(archive, make_client, deadline, reply, topology, raw):
    archive.reply = reply
    client = make_client(Profile(topology=topology))
    await client.connect()
    playback = await client.open_playback(0, NAME, raw=raw)
    if raw:
        async with deadline():
            assert b"".join([piece async for piece in playback.raw()]) == archive.raw
    else:
        assert await read_all(playback, deadline) == archive.media
    assert playback.bytes_received == len(archive.raw)
    await playback.close()


async def test_the_whole_parameter_block_is_always_sent(scripted, archive, client):
    playback = await client.open_playback(3, NAME, begin=BEGIN, download=True)
    claim, start = await scripted.hears(1424), await scripted.hears(1420)
    expected = {
        "PlayMode": "ByName",
        "FileName": NAME,
        "StreamType": 0,
        "Channel": 3,
        "Value": 0,
        "TransMode": "TCP",
    }
    for message, action in ((claim, "Claim"), (start, "DownloadStart")):
        body = message.body["OPPlayBack"]
        assert body["Parameter"] == expected
        assert (body["Action"], body["StartTime"]) == (action, "2026-02-16 10:08:41")
    assert (claim.peer, start.peer) == (scripted.peers[1], scripted.peers[0])
    await playback.close()


async def test_every_command_of_a_playback_has_the_whole_parameter_block(scripted, archive, client):
    archive.ending = "nothing"
    playback = await client.open_playback(3, NAME, stream=1)
    await playback.pause()
    await playback.resume()
    await playback.seek(BEGIN)
    await playback.stop()
    await playback.restart()
    await playback.close()
    commands = scripted.messages(1420)
    assert [message.action for message in commands] == [
        "Start", "Pause", "Continue", "Seek", "Stop", "Start", "Stop",
    ]  # fmt: skip
    parameters = [message.body["OPPlayBack"]["Parameter"] for message in commands]
    assert parameters == [
        {
            "PlayMode": "ByName",
            "FileName": NAME,
            "StreamType": 1,
            "Channel": 3,
            "Value": 0,
            "TransMode": "TCP",
        }
    ] * len(commands)


async def test_fast_scan_sends_value_2(scripted, archive, make_client):
    client = make_client(Profile(fast_scan=True))
    await client.connect()
    await client.open_playback(0, NAME)
    assert (await scripted.hears(1420)).body["OPPlayBack"]["Parameter"]["Value"] == 2


async def test_a_download_is_never_decimated(scripted, archive, make_client):
    client = make_client(Profile(fast_scan=True))
    await client.connect()
    await client.open_playback(0, NAME, download=True)
    for message_id in (1424, 1420):
        assert (await scripted.hears(message_id)).body["OPPlayBack"]["Parameter"]["Value"] == 0


async def test_silence_with_too_few_bytes_is_truncated(archive, make_client, deadline):
    archive.ending = "silence"
    client = make_client(media_silence=0.2)
    await client.connect()
    playback = await client.open_playback(0, NAME, download=True, expected_kib=1000)
    assert await read_all(playback, deadline) == archive.media
    assert playback.outcome is Outcome.TRUNCATED


async def test_a_connection_that_ends_first_is_interrupted(archive, client, deadline):
    archive.ending = "close"
    playback = await client.open_playback(0, NAME, download=True)
    with pytest.raises(ConnectionLost):
        await read_all(playback, deadline)
    assert playback.outcome is Outcome.INTERRUPTED


async def test_an_empty_recording_ends_at_once(archive, client, deadline):
    archive.media = []
    playback = await client.open_playback(0, NAME)
    assert await read_all(playback, deadline) == []
    assert playback.outcome is Outcome.COMPLETE


async def test_pause_continue_seek_and_stop_are_sent(scripted, archive, client):
    archive.ending = "nothing"
    playback = await client.open_playback(0, NAME)
    await playback.pause()
    await playback.resume()
    await playback.seek(parse_time("2026-02-16 10:15:00"))
    await playback.stop()
    actions = [message.action for message in scripted.messages(1420)]
    assert actions == ["Start", "Pause", "Continue", "Seek", "Stop"]
    seek = scripted.messages(1420)[3].body["OPPlayBack"]
    assert seek["StartTime"] == "2026-02-16 10:15:00"
    assert playback.outcome is Outcome.STOPPED


async def test_downloads_have_actions_of_their_own(scripted, archive, client):
    archive.ending = "nothing"
    playback = await client.open_playback(0, NAME, download=True)
    await playback.pause()
    await playback.resume()
    await playback.close()
    actions = [message.action for message in scripted.messages(1420)]
    assert actions == ["DownloadStart", "DownloadPause", "DownloadContinue", "DownloadStop"]


async def test_a_start_after_stop_reuses_the_data_socket(scripted, archive, client, deadline):
    archive.ending = "nothing"
    playback = await client.open_playback(0, NAME)
    await playback.stop()
    archive.ending = "end_flag"
    await playback.restart(PlaybackTarget("/other.h264", 0))
    assert await read_all(playback, deadline) == archive.media
    assert len(scripted.peers) == 2
    assert len(scripted.messages(1424)) == 1
    assert scripted.messages(1420)[-1].body["OPPlayBack"]["Parameter"]["FileName"] == "/other.h264"


async def test_seek_without_the_ability_is_stop_and_start(scripted, archive, client, deadline):
    archive.ending = "nothing"
    playback = await client.open_playback(0, NAME)
    archive.ending = "end_flag"
    await playback.seek(BEGIN, locate=False)
    assert await read_all(playback, deadline) == archive.media
    commands = scripted.messages(1420)
    assert [message.action for message in commands] == ["Start", "Stop", "Start"]
    assert commands[-1].body["OPPlayBack"]["StartTime"] == "2026-02-16 10:08:41"


async def test_a_pause_is_no_silence(archive, make_client, deadline):
    archive.ending = "nothing"
    client = make_client(media_silence=0.1)
    await client.connect()
    playback = await client.open_playback(0, NAME)
    await playback.pause()
    for _ in archive.media:
        async with deadline():
            await anext(playback)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(playback), 0.4)
    assert playback.outcome is None
    await playback.close()


async def test_a_refused_start_is_the_devices_error(scripted, archive, client):
    scripted.on[1420] = lambda message: message.reply({"Ret": 109})
    with pytest.raises(DeviceError) as caught:
        await client.open_playback(0, NAME)
    assert caught.value.code == 109
    assert client.budget.used == 1


async def test_a_fifth_playback_and_a_second_download_are_refused(archive, make_client):
    archive.ending = "nothing"
    client = make_client(Profile(connections=10))
    await client.connect()
    playbacks = [await client.open_playback(i, NAME, download=i == 0) for i in range(3)]
    with pytest.raises(Refused):
        await client.open_playback(4, NAME, download=True)
    playbacks.append(await client.open_playback(3, NAME))
    with pytest.raises(Refused):
        await client.open_playback(4, NAME)
    for playback in playbacks:
        await playback.close()
    assert client.budget.used == 1


async def test_a_slow_reader_slows_the_device_and_loses_nothing(scripted, archive, frames, client, deadline):
    big = frames.key._replace(payload=frames.key.payload + bytes(range(1, 256)) * 4000)
    archive.media = [big] * 60  # 60 MB

    async def command(message):
        message.reply()
        if message.action == "DownloadStart":
            archive.data.writer.transport.set_write_buffer_limits(high=100_000)
            for frame in archive.media:
                archive.data.media(frame, message_id=1426, chunk=65536)
                await archive.data.writer.drain()
            archive.data.send(1426, b"", end=True)

    tasks = []
    scripted.on[1420] = lambda message: tasks.append(asyncio.create_task(command(message)))
    playback = await client.open_playback(0, NAME, download=True)
    async with deadline():
        while not playback._queue.is_paused:
            await client.request(1020, {})
    assert playback.bytes_received < 20_000_000
    got = await read_all(playback, deadline)
    assert len(got) == 60
    assert playback.outcome is Outcome.COMPLETE
    await asyncio.gather(*tasks)


@pytest.mark.parametrize("ending", ENDINGS)
async def test_raw_bytes_are_what_the_device_sent_to_the_last(archive, make_client, deadline, ending):
    archive.ending = ending
    client = make_client(media_silence=silence_s(ending))
    await client.connect()
    playback = await client.open_playback(
        0, NAME, download=True, raw=True, expected_kib=len(archive.raw) // 1024 + 1
    )
    async with deadline():
        got = b"".join([piece async for piece in playback.raw()])
    assert got == archive.raw
    assert playback.outcome is Outcome.COMPLETE
    await playback.close()


async def test_a_restart_may_turn_a_playback_into_a_download(scripted, archive, client, deadline):
    playback = await client.open_playback(0, NAME)
    await read_all(playback, deadline)
    await playback.restart(download=True)
    assert await read_all(playback, deadline) == archive.media
    assert (await scripted.hears(1420)).action == "Start"
    assert (await scripted.hears(1420, 2)).action == "DownloadStart"
    assert playback.is_download
    await playback.close()


@pytest.mark.parametrize(
    ("expected_kib", "outcome"), [(0, Outcome.COMPLETE), (100, Outcome.COMPLETE), (5000, Outcome.TRUNCATED)]
)
async def test_the_size_of_what_was_played_by_time_is_compared(
    archive, frames, client, deadline, expected_kib, outcome
):
    archive.media = [frames.key._replace(payload=frames.key.payload + bytes(100_000))]
    playback = await client.open_playback(2, begin=BEGIN, end=BEGIN, expected_kib=expected_kib)
    assert await read_all(playback, deadline) == archive.media
    assert playback.outcome is outcome


async def test_more_than_was_recorded_is_another_channels(archive, frames, client, deadline):
    archive.media = [frames.key._replace(payload=frames.key.payload + bytes(500_000))]
    playback = await client.open_playback(2, begin=BEGIN, end=BEGIN, expected_kib=100)
    with pytest.raises(WrongRecording, match="channel 2"):
        await read_all(playback, deadline)
    assert playback.outcome is Outcome.INTERRUPTED
