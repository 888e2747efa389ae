"""Recordings played onto the bus: which pictures come, in which order, with which times, whatever is asked for.

Each picture of a recording here differs from the others, so that a payload tells where in a recording it is from.
"""

import itertools
from datetime import UTC, datetime, timedelta

import av
import pytest

from cambus.connector_dvrip import playback_session
from cambus.media.frame import Kind
from cambus.schemas.commands import recording
from cambus.schemas.errors import BadRequest, Conflict, NotFound, Unsupported
from cambus.simulators.dvrip import ArchivePlan, DvripSimulator
from cambus.simulators.dvrip.media_plan import MediaPlan
from cambus.simulators.video_loop import VideoSpec

USER, PASSWORD = "admin", "c4nary-passw0rd"
FPS, FILE_S = 25, 4
FILE = FPS * FILE_S
STEP = 90_000 // FPS


@pytest.fixture
async def recorder():
    """A recorder with twelve recordings of 4 s; a keyframe each second."""
    media = MediaPlan(main=VideoSpec(width=320, height=240, bitrate=300_000, gop_s=1.0, loop_s=float(FILE_S)))
    plan = ArchivePlan(files=12, file_s=FILE_S)
    async with DvripSimulator(
        user=USER, password=PASSWORD, channels=1, archive=plan, media=media, seed=3
    ) as made:
        await made.prepare()
        yield made


class Stage:
    """Plays recordings of one device, and says which pictures came."""

    def __init__(self, bench, recorder, device):
        self.bench, self.sim, self.device = bench, recorder.device, device
        self.files = self.sim.recordings(0, 0, "h264")
        loop = self.sim.loop_of(self.files[0])
        self._places = {loop.unit(index).data: index for index in range(FILE)}
        assert len(self._places) == FILE
        self.watched = None
        self.name = ""

    def utc(self, local):
        return self.bench.session(self.device).zone.to_utc(local)

    def at(self, seconds):
        """An instant, in seconds from the begin of the first recording."""
        return self.utc(self.files[0].begin + timedelta(seconds=seconds))

    async def play(self, begin_s, end_s, **fields):
        self.watched = await self.bench.watch(f"cambus.v1.media.{self.device}.0.*")
        request = recording.RecordingPlayRequest(
            **{"channel": 0, "start": self.at(begin_s), "end": self.at(end_s), "ttl_s": 60.0, **fields}
        )
        reply = await self.bench.client.call(recording.PLAY, request, device=self.device)
        assert reply.subject == f"cambus.v1.media.{self.device}.0.s-{reply.session}"
        self.name = reply.session

    async def tell(self, spec, **fields):
        request = spec.request(session=self.name, **fields)
        return await self.bench.client.call(spec, request, device=self.device)

    @property
    def video(self):
        return [frame for frame in self.watched.frames if frame.kind is Kind.VIDEO]

    @property
    def places(self):
        """Which pictures have come, by their place in their recording."""
        return [self._places[frame.payload] for frame in self.video]

    async def pictures(self, count):
        """Wait until so many pictures have come in all."""
        await self.watched.until(lambda _: len(self.video) >= count)

    async def jumped_to(self, place, since):
        """Wait until a jump behind the first `since` pictures leads to a place; its index."""

        def landings(_=None):
            video, places = self.video, self.places
            return [at for at in range(since, len(video)) if places[at] == place and video[at].discontinuity]

        await self.watched.until(landings)
        return landings()[0]

    async def ended(self):
        await self.watched.until(lambda frames: frames and frames[-1].end)


@pytest.fixture
async def stage(bench, recorder, device):
    await bench.online(device, recorder)
    return Stage(bench, recorder, device)


def steps(frames):
    return {after.pts - before.pts for before, after in itertools.pairwise(frames)}


async def test_a_span_over_several_recordings_is_one_stream_without_a_gap(stage):
    await stage.play(0, 3 * FILE_S, speed=4.0)
    await stage.ended()
    assert stage.places == [*range(FILE)] * 3
    assert steps(stage.video) == {STEP // 4}
    assert [frame.discontinuity for frame in stage.video] == [True] + [False] * (3 * FILE - 1)
    decoder = av.CodecContext.create("h264", "r")
    assert sum(len(decoder.decode(av.Packet(frame.payload))) for frame in stage.video) >= 3 * FILE - 3
    with pytest.raises(NotFound):
        await stage.tell(recording.PAUSE)


async def test_at_real_time_the_border_of_two_recordings_does_not_show(stage):
    await stage.play(FILE_S - 1, FILE_S + 1)
    await stage.ended()
    assert stage.places == [*range(FILE - FPS, FILE), *range(FPS)]
    assert steps(stage.video) == {STEP}
    sound = [frame for frame in stage.watched.frames if frame.kind is Kind.AUDIO]
    assert steps(sound) == {STEP}
    assert abs(sound[-1].pts - stage.video[-1].pts) <= STEP


async def test_a_recording_that_overlaps_another_is_not_shown_twice(stage, recorder):
    recorder.quirks.equal_begin = True
    stage.files = stage.sim.recordings(0, 0, "h264")
    await stage.play(0, 2 * FILE_S, speed=4.0)
    await stage.ended()
    assert stage.places == [*range(FILE)] * 2


async def test_a_pause_holds_the_picture_and_resuming_misses_none(stage, monkeypatch):
    monkeypatch.setattr(playback_session, "HEARTBEAT_S", 0.05)
    await stage.play(0, FILE_S)
    await stage.pictures(10)
    await stage.tell(recording.PAUSE)
    beats = len([frame for frame in stage.watched.frames if frame.kind is Kind.DATA])
    await stage.watched.until(
        lambda frames: len([frame for frame in frames if frame.kind is Kind.DATA]) >= beats + 2
    )
    held = len(stage.video)
    await stage.watched.until(
        lambda frames: len([frame for frame in frames if frame.kind is Kind.DATA]) >= beats + 6
    )
    assert len(stage.video) == held < FILE
    await stage.tell(recording.RESUME)
    await stage.ended()
    assert stage.places == [*range(FILE)]
    assert steps(stage.video) == {STEP}


@pytest.mark.parametrize("locate", [True, False])
async def test_seeking_goes_there_forwards_and_back_in_this_and_in_other_recordings(
    bench, recorder, device, monkeypatch, locate
):
    actions = []
    control = recorder.role.media.control

    def noted(kind, request):
        actions.append(request.section(kind.body_name)["Action"])
        control(kind, request)

    monkeypatch.setattr(recorder.role.media, "control", noted)
    if not locate:
        recorder.quirks.absent_abilities.add("SystemFunction")
    await bench.online(device, recorder)
    stage = Stage(bench, recorder, device)
    await stage.play(0, 3 * FILE_S)
    await stage.pictures(5)
    seeks = [
        (3.0, 75),  # further on in the same recording
        (1.5, 25),  # back in it: from the keyframe before
        (2 * FILE_S + 2.0, 50),  # another recording
        (FILE_S + 1.0, 25),  # back to one between
    ]
    for at_s, place in seeks:
        before = len(stage.video)
        await stage.tell(recording.SEEK, at=stage.at(at_s))
        found = await stage.jumped_to(place, since=before)
        assert stage.video[found].keyframe
        await stage.pictures(found + 5)
        assert stage.places[found : found + 5] == [*range(place, place + 5)]
    assert all(step > 0 for step in steps(stage.video))
    assert ("Seek" in actions) is locate
    if not locate:  # each is a stop and a start, unless a recording just ended by itself
        assert set(actions) == {"Stop", "Start"}
        assert actions.count("Start") >= 5
    with pytest.raises(NotFound) as beyond:
        await stage.tell(recording.SEEK, at=stage.at(3 * FILE_S + 1))
    assert beyond.value.reason == "beyond-the-end"
    await stage.tell(recording.STOP)
    await stage.ended()


async def test_seeking_while_it_is_held_goes_on_from_there(stage):
    await stage.play(0, 2 * FILE_S)
    await stage.pictures(5)
    for at_s, place in ((3.0, 75), (FILE_S + 1.0, 25)):  # in the same recording, and in another
        await stage.tell(recording.PAUSE)
        before = len(stage.video)
        await stage.tell(recording.SEEK, at=stage.at(at_s))
        found = await stage.jumped_to(place, since=before)
        await stage.pictures(found + 5)
        assert stage.places[found : found + 5] == [*range(place, place + 5)]


async def test_faster_and_slower_the_same_pictures_come_in_another_time(stage):
    await stage.play(0, 12 * FILE_S)
    await stage.pictures(5)
    for speed, fast in ((4.0, True), (0.5, False), (2.0, True), (1.0, False)):
        reply = await stage.tell(recording.SPEED, speed=speed)
        assert reply.speed == speed
        playback = stage.bench.session(stage.device).playbacks.get(stage.name)
        assert playback._playback.is_download is fast
        before = len(stage.video)
        await stage.pictures(before + 2 * FPS)
        new = stage.video[before + 4 :]
        assert steps(new) == {round(STEP / speed)}
        assert all(frame.kind is not Kind.AUDIO for frame in _behind(stage, new[0])) is (speed != 1)
    places = stage.places
    jumps = [(a, b) for a, b in itertools.pairwise(places) if b != (a + 1) % FILE]
    assert all(
        b % FPS == 0 and (a - b) % FILE < FPS for a, b in jumps
    )  # back to the keyframe before, at most
    assert len(jumps) <= 4


def _behind(stage, frame):
    frames = stage.watched.frames
    return frames[frames.index(frame) :]


async def test_very_fast_only_keyframes_come(stage):
    await stage.play(0, 12 * FILE_S, speed=16.0)
    await stage.ended()
    assert stage.places == [0, FPS, 2 * FPS, 3 * FPS] * 12
    assert all(frame.keyframe for frame in stage.video)
    assert {round(step / 90, -1) for step in steps(stage.video)} == {60}  # a second in a sixteenth


async def test_backwards_and_standing_still_are_no_speeds(stage):
    await stage.play(0, FILE_S)
    with pytest.raises(Unsupported):
        await stage.tell(recording.SPEED, speed=-1.0)
    with pytest.raises(BadRequest):
        await stage.tell(recording.SPEED, speed=0.0)
    with pytest.raises(BadRequest):
        await stage.tell(recording.SPEED, speed=2.0, at=stage.at(1))
    for speed, error in ((-1.0, Unsupported), (0.0, BadRequest)):
        with pytest.raises(error):
            await stage.play(0, FILE_S, speed=speed)


async def test_faster_than_real_time_and_a_download_exclude_each_other(stage):
    async def download():
        request = recording.RecordingDownloadRequest(channel=0, recording=stage.files[0].file_name)
        return await stage.bench.client.call(recording.DOWNLOAD, request, device=stage.device)

    await stage.play(0, 12 * FILE_S, speed=2.0)
    with pytest.raises(Conflict) as busy:
        await download()
    assert busy.value.reason == "download-under-way"
    await stage.tell(recording.SPEED, speed=1.0)
    session = (await download()).session
    with pytest.raises(Conflict):
        await stage.tell(recording.SPEED, speed=2.0)
    request = recording.RecordingSessionRequest(session=session)
    await stage.bench.client.call(recording.STOP, request, device=stage.device)
    before = len(stage.video)
    await stage.pictures(before + 5)  # the refusal did it no harm


async def test_two_viewers_play_one_channel_each_at_a_place_of_their_own(stage, bench, recorder, device):
    other = Stage(bench, recorder, device)
    await stage.play(0, 2 * FILE_S)
    await other.play(FILE_S + 1, 2 * FILE_S)
    assert {claim.session.session_id for claim in recorder.streams} == {
        session.session_id for session in recorder.sessions
    }
    for each in (stage, other):
        each.watched = await bench.watch(f"cambus.v1.media.{device}.0.s-{each.name}")
        await each.pictures(20)
    for each in (stage, other):
        assert all(b == (a + 1) % FILE for a, b in itertools.pairwise(each.places[:20]))
    await stage.tell(recording.STOP)
    before = len(other.video)
    await other.pictures(before + 5)


async def test_it_may_begin_with_the_first_touch(stage):
    await stage.play(0, FILE_S, on_touch=True, speed=4.0)
    await stage.bench.bus.flush()
    assert not stage.watched.frames
    await stage.tell(recording.TOUCH)
    await stage.ended()
    assert stage.places == [*range(FILE)]


async def test_a_playback_nobody_touches_ends(stage):
    await stage.play(0, 12 * FILE_S, ttl_s=5.0)
    await stage.ended()
    assert len(stage.video) < 11 * FILE
    with pytest.raises(NotFound):
        await stage.tell(recording.TOUCH)


async def test_a_span_without_recordings_and_one_turned_round_are_refused(stage):
    past = datetime(2001, 1, 1, tzinfo=UTC)
    for begin, end, error in ((past, past + timedelta(hours=1), NotFound), (past, past, BadRequest)):
        request = recording.RecordingPlayRequest(channel=0, start=begin, end=end)
        with pytest.raises(error):
            await stage.bench.client.call(recording.PLAY, request, device=stage.device)
