"""Recordings and talk of a recorder, which we dialled or which dialled us: there is no difference to be seen."""

import asyncio

import pytest

from cambus.dvrip.client import DvripClient
from cambus.dvrip.device_media import Kind
from cambus.dvrip.errors import Refused
from cambus.dvrip.messages.search import FileQuery
from cambus.dvrip.playback import Outcome
from cambus.dvrip.profile import Credentials
from cambus.dvrip.registered import RegisteredDevice
from cambus.dvrip.registration import RegistrationListener, RegistrationSettings, Verdict
from cambus.simulators.dvrip import DvripSimulator
from cambus.simulators.dvrip.archive import ArchivePlan
from cambus.simulators.dvrip.media_plan import MediaPlan
from cambus.simulators.tone import channel_tone
from cambus.simulators.video_loop import VideoSpec

CHANNELS = 5
PATIENT_S = 30.0
SMALL = MediaPlan(VideoSpec(width=160, height=128, bitrate=64_000), alternate=None)


async def all_of(stream):
    async with asyncio.timeout(PATIENT_S):
        return [frame async for frame in stream]


async def recordings(device):
    """The first recording of each channel."""
    day = await device.machine.time()
    span = day.replace(year=day.year - 1), day.replace(year=day.year + 1)
    return [(await device.files.find(FileQuery(channel, *span)))[0] for channel in range(CHANNELS)]


@pytest.fixture
async def simulator():
    simulator = DvripSimulator(
        user="admin", password="admin", channels=CHANNELS, media=SMALL, archive=ArchivePlan(2, 60), seed=1
    )
    async with simulator:
        yield simulator


@pytest.fixture(params=["dialled", "registered"])
async def device(simulator, request):
    """The simulated recorder, reached either way."""
    if request.param == "dialled":
        client = DvripClient("127.0.0.1", simulator.port, credentials=Credentials("admin", "admin"))
        await client.connect()
        yield client
        await client.close()
        return
    online: asyncio.Future[RegisteredDevice] = asyncio.get_running_loop().create_future()
    listener = RegistrationListener(
        RegistrationSettings(host="127.0.0.1", port=0),
        lambda login, _address: Verdict(login.check_password("secret")),
        online.set_result,
    )
    await listener.start()
    simulator.register_with("127.0.0.1", listener.port, user="device", password="secret", device_id="77")
    async with asyncio.timeout(PATIENT_S):
        registered = await online
    yield registered
    await listener.close()


async def test_the_recorder_plays_four_channels_on_one_socket(simulator, device):
    files = await recordings(device)
    playbacks = [
        await device.open_playback(channel, files[channel].name, expected_kib=files[channel].length_kib)
        for channel in range(4)
    ]
    playing = [claim for claim in simulator.streams if claim.kind is Kind.PLAYBACK]
    assert sorted(claim.channel for claim in playing) == [0, 1, 2, 3]
    assert len({id(claim.connection) for claim in playing}) == 1
    with pytest.raises(Refused):
        await device.open_playback(4, files[4].name)
    simulator.quirks.pace = 0  # seen enough at their own pace
    for channel, playback in enumerate(playbacks):
        frames = await all_of(playback)
        assert playback.outcome is Outcome.COMPLETE
        assert frames[0].keyframe
        assert sum(len(frame.serialize()) for frame in frames) == playback.bytes_received
        assert playback.bytes_received > (files[channel].length_kib - 1) * 1024
        assert playback.counters["resyncs"] == 0
        await playback.close()


async def test_a_download_has_every_byte(simulator, device):
    recording = (await recordings(device))[2]
    download = await device.open_playback(2, recording.name, expected_kib=recording.length_kib, download=True)
    frames = await all_of(download)
    assert download.outcome is Outcome.COMPLETE
    assert sum(len(frame.serialize()) for frame in frames) == download.bytes_received
    assert recording.length_kib - 1 < download.bytes_received / 1024 <= recording.length_kib
    await download.close()


async def test_talk_goes_both_ways(simulator, device):
    words = bytes(range(256)) * 10  # 2560 bytes are 8 pieces
    talk = await device.open_talk()
    async with asyncio.timeout(PATIENT_S):
        heard = [await anext(talk) for _ in range(3)]
        await talk.send(words)
    assert [frame.payload for frame in heard] == list(channel_tone(0)[:3])
    await simulator.wait_for(lambda: simulator.device.talk.packets >= 8, PATIENT_S)
    assert simulator.role.media.talker is not None
    spoken = bytes(simulator.device.talk.recent)
    assert b"".join(spoken[at + 8 : at + 328] for at in range(0, len(spoken), 328)) == words
    await talk.stop()
    await simulator.wait_for(lambda: simulator.role.media.talker is None, PATIENT_S)
