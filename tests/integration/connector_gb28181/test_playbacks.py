"""Recordings played onto the bus by the device, which is told by INFO what to do."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import av
import pytest
from gb28181_rig import SMALL

from cambus.connector_gb28181 import playback_session
from cambus.media.frame import Codec, Kind
from cambus.schemas.commands import recording
from cambus.schemas.errors import BadRequest, CambusError, NotFound, Overloaded, Unsupported
from cambus.simulators.gb28181.archive import ArchivePlan
from cambus.simulators.gb28181.quirks import Quirks

EPOCH = 1_714_800_000
FILES, FILE_S, FPS = 3, 20, 10
PLAN = ArchivePlan(FILES, FILE_S, EPOCH)
BEGIN = datetime.fromtimestamp(EPOCH - FILES * FILE_S, UTC)


def at(seconds):
    """An instant, in seconds from the begin of the first recording."""
    return BEGIN + timedelta(seconds=seconds)


class Stage:
    """Plays recordings of one device, and says what came."""

    def __init__(self, bench, device, simulator):
        self.bench, self.device, self.simulator = bench, device, simulator
        self.watched = None
        self.name = ""

    async def play(self, begin_s=0, end_s=10, **fields):
        self.watched = await self.bench.watch(f"cambus.v1.media.{self.device}.0.*")
        values = {"channel": 0, "start": at(begin_s), "end": at(end_s), "ttl_s": 60.0, **fields}
        request = recording.RecordingPlayRequest(**values)
        reply = await self.bench.client.call(recording.PLAY, request, device=self.device)
        assert reply.subject == f"cambus.v1.media.{self.device}.0.s-{reply.session}"
        self.name = reply.session

    async def tell(self, spec, **fields):
        request = spec.request(session=self.name, **fields)
        return await self.bench.client.call(spec, request, device=self.device)

    @property
    def video(self):
        return [frame for frame in self.watched.frames if frame.kind is Kind.VIDEO]

    async def pictures(self, count):
        await self.watched.until(lambda _: len(self.video) >= count)

    async def ended(self):
        await self.watched.until(lambda frames: frames and frames[-1].end)

    @property
    def controls(self):
        """What the device was told, in order."""
        return [message.body for message in self.simulator.heard("INFO")]


@pytest.fixture
def stage(bench, device):
    async def begin(**options):
        record = options.pop("record", None)
        return Stage(
            bench, device, await bench.online(device, archive=PLAN, media=SMALL, record=record, **options)
        )

    return begin


@pytest.mark.parametrize("profile", ["hik_nvr", "dahua_ipc", "std_2022"])
async def test_a_span_is_played_to_its_end(stage, profile):
    play = await stage(profile=profile)
    await play.play(0, 3)
    await play.ended()
    assert len(play.video) == 3 * FPS
    assert {after.pts - before.pts for before, after in pairwise(play.video)} == {90_000 // FPS}
    assert [frame.discontinuity for frame in play.video] == [True] + [False] * (3 * FPS - 1)
    decoder = av.CodecContext.create("h264", "r")
    assert sum(len(decoder.decode(av.Packet(frame.payload))) for frame in play.video) >= 3 * FPS - 3
    sound = [frame for frame in play.watched.frames if frame.kind is Kind.AUDIO]
    assert abs(sound[-1].pts - play.video[-1].pts) < 90_000 // 2
    with pytest.raises(NotFound):
        await play.tell(recording.PAUSE)
    (invite,) = (message.body.decode() for message in play.simulator.heard("INVITE"))
    begin = EPOCH - FILES * FILE_S
    assert f"t={begin} {begin + 3}" in invite
    assert f"u={play.simulator.channels[0]}:0" in invite
    await play.simulator.wait_for(lambda: not play.simulator.sessions)


async def test_a_recording_that_was_found_is_played_by_its_name(bench, stage):
    play = await stage()
    request = recording.RecordingFindRequest(channel=0, start=at(0), end=at(60), event="alarm")
    (found,) = (await bench.client.call(recording.FIND, request, device=play.device)).recordings
    await play.play(recording=found.id, start=None, end=found.start + timedelta(seconds=2))
    await play.ended()
    assert len(play.video) == 2 * FPS
    (invite,) = (message.body.decode() for message in play.simulator.heard("INVITE"))
    assert f"u={play.simulator.channels[0]}:2" in invite  # what was asked for were alarms
    with pytest.raises(BadRequest):
        await play.play(recording="/var/video/1.dav")


@pytest.mark.parametrize("legacy", [False, True])
async def test_a_pause_holds_the_picture_and_says_that_it_does(stage, legacy, monkeypatch):
    monkeypatch.setattr(playback_session, "HEARTBEAT_S", 0.05)
    play = await stage(record={"options": {"legacy_control": legacy}})
    await play.play(0, 10)
    await play.pictures(5)
    await play.tell(recording.PAUSE)
    since = len(play.watched.frames)

    def beats(frames):
        return sum(frame.codec is Codec.OPAQUE for frame in frames[since:]) >= 3

    await play.watched.until(beats)
    held = len(play.video)
    assert held < 10 * FPS
    await play.tell(recording.RESUME)
    await play.pictures(held + 10)
    assert {after.pts - before.pts for before, after in pairwise(play.video)} == {90_000 // FPS}
    assert [body.split()[0] for body in play.controls] == [b"PAUSE", b"PLAY"]
    assert (b"Scale" in play.controls[1]) is legacy


async def test_a_jump_goes_on_from_there_at_once(stage):
    play = await stage()
    await play.play(0, 60)
    await play.pictures(5)
    since, seen = len(play.video), len(play.watched.frames)
    await play.tell(recording.SEEK, at=at(55))
    await play.ended()
    assert b"Range: npt=55-" in play.controls[0]
    assert len(play.video) - since <= 5 * FPS + 5
    after = play.watched.frames[seen:]
    landing = next(index for index, frame in enumerate(after) if frame.discontinuity)  # it may be sound
    assert next(frame for frame in after[landing:] if frame.kind is Kind.VIDEO).keyframe
    steps = [after.pts - before.pts for before, after in pairwise(play.video)]
    assert all(0 < step < 3 * 90_000 for step in steps)
    with pytest.raises(NotFound):
        await play.tell(recording.SEEK, at=at(1))


async def test_a_jump_to_where_nothing_is_played_is_refused_and_nothing_is_sent(stage):
    play = await stage()
    await play.play(10, 20)
    with pytest.raises(NotFound) as refused:
        await play.tell(recording.SEEK, at=at(20))
    assert refused.value.reason == "beyond-the-end"
    with pytest.raises(BadRequest):
        await play.tell(recording.SEEK, at=at(5))
    assert not play.controls


async def test_at_another_speed_time_on_the_bus_is_that_of_the_viewer(stage):
    play = await stage()
    await play.play(0, 20)
    await play.pictures(3)
    reply = await play.tell(recording.SPEED, speed=4.0)
    assert reply.speed == 4.0
    since = len(play.watched.frames)
    await play.ended()
    fast = [frame for frame in play.watched.frames[since + 5 :] if frame.kind is Kind.VIDEO]
    assert not [frame for frame in play.watched.frames[since + 5 :] if frame.kind is Kind.AUDIO]
    spent_s = (fast[-1].wall_us - fast[0].wall_us) / 1e6
    assert abs((fast[-1].pts - fast[0].pts) / 90_000 - spent_s) < 0.5  # a fourth of the media's own time
    assert len(fast) / FPS > 2 * spent_s


async def test_the_speed_is_what_the_device_makes_of_it(stage):
    play = await stage(quirks=Quirks(scale_limit=2.0))
    await play.play(0, 20, speed=8.0)
    assert b"Scale: 8" in play.controls[0]
    assert (await play.tell(recording.SPEED, speed=4.0)).speed == 2.0


async def test_backwards_is_for_devices_of_2022(stage):  # GB-132
    play = await stage(profile="std_2022")
    await play.play(0, 20)
    await play.pictures(40)
    assert (await play.tell(recording.SPEED, speed=-1.0)).speed == -1.0
    since = len(play.video)
    await play.ended()
    assert all(frame.keyframe for frame in play.video[since + 1 :])
    assert all(before.pts < after.pts for before, after in pairwise(play.video))


async def test_backwards_goes_from_one_instant_to_an_earlier_one(stage):  # GB-132
    play = await stage(profile="std_2022", quirks=Quirks(scale_limit=4.0))
    await play.play(0, 20)
    await play.pictures(5)
    since = len(play.video)
    settled = await play.tell(recording.SPEED, speed=-8.0, at=at(15), until=at(10))
    assert b"Scale: -8.0\r\nRange: npt=15-10\r\n" in play.controls[0]
    assert (settled.speed, settled.until) == (-4.0, at(10))  # what the device made of it
    assert at(14) <= settled.at <= at(15)
    await play.ended()
    back = play.video[since:]
    assert back[0].discontinuity
    assert 2 <= len(back) <= 6  # a picture a second, and there it ends
    assert all(before.pts < after.pts for before, after in pairwise(play.video))


async def test_backwards_from_or_to_one_instant_alone(stage):
    play = await stage(profile="std_2022")
    await play.play(0, 20)
    await play.tell(recording.SPEED, speed=-1.0, until=at(2))
    await play.tell(recording.SPEED, speed=-2.0, at=at(20))
    assert b"Range: npt=now-2\r\n" in play.controls[0]
    assert b"Range: npt=20-\r\n" in play.controls[1]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"speed": -1.0, "at": at(5), "until": at(5)}, BadRequest),
        ({"speed": -1.0, "at": at(-1)}, BadRequest),
        ({"speed": -1.0, "until": at(21)}, NotFound),
        ({"speed": 1.0, "at": at(5)}, BadRequest),
    ],
)
async def test_instants_nothing_can_be_played_backwards_between_are_refused(stage, fields, error):
    play = await stage(profile="std_2022")
    await play.play(0, 20)
    with pytest.raises(error):
        await play.tell(recording.SPEED, **fields)
    assert not play.controls


async def test_older_devices_are_not_asked_to_play_backwards(stage):
    play = await stage(profile="hik_nvr")
    await play.play(0, 20)
    for fields in ({}, {"until": at(0)}):
        with pytest.raises(Unsupported):
            await play.tell(recording.SPEED, speed=-1.0, **fields)
    with pytest.raises(BadRequest):
        await play.tell(recording.SPEED, speed=0)
    assert not play.controls


@pytest.mark.parametrize("how", ["rtsp_error", "sip_error"])
async def test_what_the_device_refuses_ends_that_command_and_not_the_playback(stage, how):  # GB-126
    play = await stage(quirks=Quirks(info=how))
    await play.play(0, 20)
    for spec, fields in (
        (recording.PAUSE, {}),
        (recording.SEEK, {"at": at(5)}),
        (recording.SPEED, {"speed": 2.0}),
    ):
        with pytest.raises(CambusError):
            await play.tell(spec, **fields)
    since = len(play.video)
    await play.pictures(since + 10)


async def test_a_busy_device_and_a_span_without_recordings_are_told_apart(stage):
    play = await stage(quirks=Quirks(invite="busy"))
    with pytest.raises(Overloaded) as refused:
        await play.play(0, 10)
    assert refused.value.device_code == "486"
    play.simulator.quirks.invite = "accept"
    with pytest.raises(NotFound) as nothing:
        await play.play(100_000, 100_010)
    assert nothing.value.reason == "no-recording"


async def test_stopping_tears_down_and_says_bye(bench, stage):  # GB-130
    play = await stage()
    await play.play(0, 20)
    await play.pictures(3)
    await play.tell(recording.STOP)
    await play.ended()
    assert play.controls[-1].startswith(b"TEARDOWN")
    assert len(play.simulator.heard("BYE")) == 1
    assert not bench.session(play.device).media.open_sessions
    await play.tell(recording.STOP)  # over already


async def test_nothing_is_shown_before_the_first_touch_and_nothing_is_lost_by_that(stage):
    play = await stage()
    await play.play(0, 3, on_touch=True)
    await play.simulator.wait_for(lambda: any(session.sent_bytes for session in play.simulator.sessions))
    assert not play.watched.frames
    await play.tell(recording.TOUCH)
    await play.ended()
    assert len(play.video) == 3 * FPS


async def test_a_playback_nobody_touches_lapses(stage):
    play = await stage()
    await play.play(0, 60, ttl_s=5.0)
    await play.ended()
    assert len(play.video) < 20 * FPS
    await play.simulator.wait_for(lambda: not play.simulator.sessions)


async def test_playbacks_end_with_the_device(bench, stage):
    play = await stage()
    await play.play(0, 60)
    await play.pictures(3)
    await asyncio.wait_for(play.simulator.restart(unregister=True), 30)
    await play.ended()
    media = bench.connectors["replica-1"].service.signalling.media
    assert not [session for session in media.open_sessions if session.order.history]
