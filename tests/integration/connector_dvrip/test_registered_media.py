"""Recordings and talk of recorders that dial in, and their end: on the bus as of those that are dialled (DVRIP §11)."""

from datetime import timedelta

import pytest

from cambus.client.transfer_reader import TransferReader
from cambus.connector_dvrip.options import DvripOptions
from cambus.dvrip import session as dvrip_session
from cambus.dvrip.timeouts import Timeouts
from cambus.media.frame import Codec, Flag, Frame, Kind, encode_frame
from cambus.schemas.commands import recording, talk
from cambus.schemas.errors import Conflict
from cambus.schemas.transfer import TransferOutcome
from cambus.simulators.dvrip import ArchivePlan, DvripSimulator
from cambus.simulators.dvrip.media_plan import MediaPlan
from cambus.simulators.dvrip.sources import PlaybackSource
from cambus.simulators.tone import channel_tone
from cambus.simulators.video_loop import VideoSpec

USER, PASSWORD = "admin", "c4nary-passw0rd"
CHANNELS = 5
PIECE = 320
WORDS = bytes((position * 7 + position // 256) % 256 for position in range(PIECE * 10))


@pytest.fixture
async def recorder():
    """A recorder of five small cameras, each with two recordings of a minute."""
    media = MediaPlan(VideoSpec(width=160, height=128, bitrate=64_000), alternate=None)
    async with DvripSimulator(
        user=USER, password=PASSWORD, channels=CHANNELS, media=media, archive=ArchivePlan(2, 60), seed=1
    ) as made:
        await made.prepare()
        yield made


@pytest.fixture(params=["dialled", "registered"])
async def call(bench, recorder, device, request):
    """Commands a recorder that is reached either way."""
    await (bench.online if request.param == "dialled" else bench.registered)(device, recorder)

    async def send(spec, **fields):
        return await bench.client.call(spec, spec.request(**fields), device=device)

    return send


def first_recording(recorder, channel):
    return recorder.device.recordings(channel, 0, "h264")[0]


async def test_four_recordings_play_on_one_connection_and_no_fifth(bench, call, recorder, device):
    zone = bench.session(device).zone
    watched = []
    for channel in range(4):
        begin = zone.to_utc(first_recording(recorder, channel).begin)
        span = {"channel": channel, "start": begin, "end": begin + timedelta(seconds=50)}
        reply = await call(recording.PLAY, **span, on_touch=True)
        watched.append(await bench.watch(reply.subject))
        await call(recording.TOUCH, session=reply.session)
    claims = list(recorder.streams)
    assert sorted(claim.channel for claim in claims) == [0, 1, 2, 3]
    assert len({id(claim.connection) for claim in claims}) == 1
    with pytest.raises(Conflict):
        await call(recording.PLAY, **{**span, "channel": 4})
    for channel, watch in enumerate(watched):
        frames = await watch.until(lambda frames: sum(frame.kind is Kind.VIDEO for frame in frames) > 5)
        loop = recorder.device.loop_of(first_recording(recorder, channel))
        shown = [frame.payload for frame in frames if frame.kind is Kind.VIDEO]
        assert shown == [loop.unit(index).data for index in range(len(shown))]
    assert len({watch.frames[0].payload for watch in watched}) == 4


async def test_a_recording_is_fetched_to_the_byte(bench, call, recorder):
    wanted = first_recording(recorder, 2)
    reply = await call(recording.DOWNLOAD, channel=2, recording=wanted.file_name)
    reader = TransferReader(bench.bus, reply.subject, offset=reply.offset)
    got = b"".join([chunk async for chunk in reader.chunks()])
    source = PlaybackSource([wanted], recorder.device.loop_of)
    assert got == b"".join(bytes(frame.head) + bytes(frame.body) for frame in iter(source.next_frame, None))
    assert reader.end.outcome is TransferOutcome.COMPLETE


async def test_talk_goes_both_ways(bench, call, recorder):
    reply = await call(talk.START)
    watched = await bench.watch(reply.listen_subject)
    for number, at in enumerate(range(0, len(WORDS), PIECE)):
        spoken = Frame(
            Kind.AUDIO,
            Codec.PCMA,
            Flag.NONE,
            number,
            number * 3600,
            number * 3600,
            number,
            WORDS[at : at + PIECE],
        )
        for message in encode_frame(spoken, bench.bus.max_payload):
            await bench.bus.publish(reply.subject, message)
    frames = await watched.until(lambda frames: sum(frame.kind is Kind.AUDIO for frame in frames) > 5)
    said = b"".join(frame.payload for frame in frames if frame.kind is Kind.AUDIO)
    assert said in b"".join(channel_tone(0)) * 20
    await call(talk.STOP, session=reply.session)
    recent = bytes(recorder.device.talk.recent)
    assert b"".join(recent[at + 8 : at + PIECE + 8] for at in range(0, len(recent), PIECE + 8)) == WORDS
    assert recorder.role.media.talker is None


@pytest.mark.parametrize("claim", ["normal", "early"])
async def test_the_claim_may_come_before_the_answer_to_the_request(bench, recorder, device, claim):
    recorder.quirks.das_claim = claim
    await bench.registered(device, recorder)
    watched = await bench.view(device)
    frames = await watched.until(lambda frames: len(frames) > 5)
    assert frames[0].payload


async def test_one_that_answers_no_keepalive_is_offline_and_its_pictures_end(
    bench, recorder, device, monkeypatch
):
    monkeypatch.setattr(dvrip_session, "REGISTERED_KEEPALIVE_S", 0.5)
    monkeypatch.setattr(DvripOptions, "timeouts", lambda options, request_s: Timeouts(keepalive=1.0))
    await bench.registered(device, recorder)
    watched = await bench.view(device)
    await watched.until(lambda frames: len(frames) > 5)
    heard = await bench.heard(device)
    recorder.quirks.das_login_id = 1002  # it does not get in again
    recorder.quirks.silent_ids = {1006}
    assert (await heard.until("device.offline")).reason == "keepalive-lost"
    await recorder.wait_for(lambda: not recorder.streams)
