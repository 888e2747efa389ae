"""A recorder that plays channel 0 whatever was asked for by time (DVRIP §10.1)."""

import asyncio

import pytest

from cambus.dvrip.client import DvripClient
from cambus.dvrip.errors import WrongRecording
from cambus.dvrip.messages.search import FileQuery
from cambus.dvrip.playback import Outcome
from cambus.dvrip.profile import Credentials
from cambus.simulators.dvrip import ArchivePlan, DvripSimulator
from cambus.simulators.dvrip.media_plan import MediaPlan
from cambus.simulators.video_loop import VideoSpec


@pytest.fixture
async def recorder():
    """Three recordings of 10 s on each of two channels, H.264 and H.265."""
    plan = ArchivePlan(files=3, file_s=10)
    media = MediaPlan(main=VideoSpec(width=320, height=240, bitrate=900_000))
    async with DvripSimulator(
        user="admin", password="passw0rd", channels=2, archive=plan, media=media, seed=5
    ) as made:
        await made.prepare()
        yield made


@pytest.fixture
async def client(recorder):
    made = DvripClient("127.0.0.1", recorder.port, credentials=Credentials("admin", "passw0rd"))
    await made.connect()
    yield made
    await made.close()


async def by_time(client, recorder, channel):
    """Download the newest three recordings of a channel by time; expect what the sizes of the search say."""
    archive = recorder.device.archive
    records = await client.files.find(FileQuery(channel, archive.oldest(), archive.end))
    assert len(records) == 3
    expected = sum(record.length_kib for record in records)
    playback = await client.open_playback(
        channel, begin=archive.oldest(), end=archive.end, download=True, raw=True, expected_kib=expected
    )
    try:
        async with asyncio.timeout(30):
            got = sum([len(piece) async for piece in playback.raw()])
        return got, playback.outcome
    finally:
        await playback.close()


@pytest.mark.parametrize("channel", [0, 1])
async def test_what_was_asked_for_is_taken(client, recorder, channel):
    got, outcome = await by_time(client, recorder, channel)
    wanted = recorder.device.recordings(channel, 0, "h264")
    assert (got, outcome) == (sum(map(recorder.device.recording_size, wanted)), Outcome.COMPLETE)


async def test_another_channel_is_found_out_by_its_size(client, recorder):
    """Played for either channel is what the first recorded: less than the second did, or more."""
    recorder.quirks.by_time_first_channel = True
    sizes = [
        sum(map(recorder.device.recording_size, recorder.device.recordings(each, 0, "h264")))
        for each in (0, 1)
    ]
    if sizes[0] > sizes[1]:
        with pytest.raises(WrongRecording, match="channel 1"):
            await by_time(client, recorder, 1)
    else:
        assert (await by_time(client, recorder, 1))[1] is Outcome.TRUNCATED
    assert (await by_time(client, recorder, 0))[1] is Outcome.COMPLETE
