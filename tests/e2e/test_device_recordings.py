"""What a device recorded itself: found, fetched to the byte whoever dies, and watched, judged by FFmpeg and a browser.

Each picture of a recording differs from the others, so that the end of a packet tells where in a recording it is from.
"""

import asyncio
import itertools
import signal
import threading
from datetime import timedelta
from fractions import Fraction

import av
import pytest
import pytest_asyncio
from suite import recorder_device, running_suite, until

from cambus.schemas.commands import recording
from cambus.simulators.dvrip import ArchivePlan
from cambus.simulators.dvrip.media_plan import MediaPlan
from cambus.simulators.dvrip.sources import PlaybackSource
from cambus.simulators.video_loop import VideoSpec

pytestmark = pytest.mark.asyncio(loop_scope="module")

NVR, LONG = "archive-nvr", "long-nvr"
FPS, FILE_S = 25, 20
FILE = FPS * FILE_S
PLAN = MediaPlan(
    main=VideoSpec(width=320, height=240, bitrate=300_000, gop_s=1.0, loop_s=float(FILE_S)), alternate=None
)
RATE = 800_000
"""Bytes per second: slow enough to be interrupted."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nvr():
    async with recorder_device(
        channels=1, media=PLAN, archive=ArchivePlan(files=8, file_s=FILE_S)
    ) as simulator:
        yield simulator


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(folder, nvr):
    async with running_suite(folder, "connector-dvrip", "media-relay") as running:
        await running.add(NVR, nvr.port, options={"download_rate_bytes_s": RATE, "time_zone": "UTC"})
        await running.online(NVR)
        yield running


def files(simulator):
    return simulator.device.recordings(0, 0, "h264")


def content(simulator, *recordings):
    source = PlaybackSource(recordings, simulator.device.loop_of)
    return b"".join(bytes(frame.head) + bytes(frame.body) for frame in iter(source.next_frame, None))


def stamp(local, seconds=0.0):
    """A time of the device, whose zone is UTC."""
    return (local + timedelta(seconds=seconds)).isoformat() + "Z"


def span(recordings):
    return "--from", stamp(recordings[0].begin), "--to", stamp(recordings[-1].end)


async def test_what_is_on_the_device_is_found(suite, nvr):
    ran = await suite.cambusctl("recordings", "find", NVR, "0", "--on-device", *span(files(nvr)), "--json")
    assert ran.code == 0
    assert [each["id"] for each in ran.json["recordings"]] == [each.file_name for each in files(nvr)]


async def test_a_recording_is_fetched_to_the_byte(suite, nvr, tmp_path):
    wanted = files(nvr)[3]
    target = tmp_path / "gate.h264"
    ran = await suite.cambusctl(
        "recordings", "download", NVR, "0", wanted.file_name, "-o", str(target), "--json"
    )
    assert ran.code == 0, ran.err
    assert target.read_bytes() == content(nvr, wanted)
    assert ran.json["outcome"] == "complete"


async def begin_download(suite, target, *arguments):
    """Begin a download, and wait until some of it is there."""
    process = await suite.begin_cambusctl("recordings", "download", *arguments, "-o", str(target))
    part = target.with_name(target.name + ".part")
    await until(lambda: part.exists() and part.stat().st_size > 500_000, what="half a megabyte")
    return process, part


async def test_a_killed_connector_costs_a_download_nothing_but_time(suite, nvr, tmp_path):
    wanted, target = files(nvr)[:4], tmp_path / "span.h264"
    process, part = await begin_download(suite, target, NVR, "0", *span(wanted))
    await suite.kill_and_back("connector-dvrip")
    assert part.exists()
    _, err = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, err.decode()
    assert b"trying again" in err
    assert target.read_bytes() == content(nvr, *wanted)
    assert [path.name for path in tmp_path.iterdir()] == ["span.h264"]
    await suite.online(NVR)


@pytest.mark.parametrize(
    ("how", "code"),
    [
        (signal.SIGINT, 130),
        # Of a reader that says nothing any more the connector waits half a minute for a word.
        pytest.param(signal.SIGKILL, -signal.SIGKILL, marks=pytest.mark.slow),
    ],
)
async def test_an_interrupted_download_is_taken_up_by_the_same_command(suite, nvr, tmp_path, how, code):
    wanted, target = files(nvr)[:4], tmp_path / "span.h264"
    process, part = await begin_download(suite, target, NVR, "0", *span(wanted))
    process.send_signal(how)
    await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == code
    have = part.read_bytes()
    assert content(nvr, *wanted).startswith(have)
    ran = await suite.cambusctl(
        "recordings", "download", NVR, "0", *span(wanted), "-o", str(target), "--wait", "100", within_s=160
    )
    assert ran.code == 0, ran.err
    assert "going on with what was begun" in ran.err
    assert target.read_bytes() == content(nvr, *wanted)


async def test_as_mp4_a_span_plays_without_a_hole(suite, nvr, tmp_path):
    wanted, target = files(nvr)[:3], tmp_path / "gate.mp4"
    ran = await suite.cambusctl("recordings", "download", NVR, "0", *span(wanted), "--mp4", "-o", str(target))
    assert ran.code == 0, ran.err
    with av.open(str(target)) as movie:
        times = [frame.pts * frame.time_base for frame in movie.decode(video=0)]
    assert len(times) == 3 * FILE
    assert {round(after - before, 3) for before, after in itertools.pairwise(times)} == {Fraction("0.04")}
    with av.open(str(target)) as movie:
        assert sum(frame.samples for frame in movie.decode(audio=0)) == pytest.approx(
            3 * FILE_S * 8000, abs=800
        )


async def test_a_reader_that_stands_still_holds_the_device_back(suite, tmp_path):
    plan = ArchivePlan(files=1, file_s=600)
    async with recorder_device(channels=1, media=PLAN, archive=plan) as recorder:
        await suite.add(LONG, recorder.port)
        await suite.online(LONG)
        (wanted,), target = files(recorder), tmp_path / "long.h264"
        process, _ = await begin_download(suite, target, LONG, "0", wanted.file_name)
        process.send_signal(signal.SIGSTOP)
        (claim,) = recorder.streams
        await until(lambda: claim.sender in claim.connection.blocked, what="a full socket")
        frames = claim.sender.frames_sent
        assert frames < 600 * (FPS + FPS)
        process.send_signal(signal.SIGCONT)
        _, err = await asyncio.wait_for(process.communicate(), 120)
        assert process.returncode == 0, err.decode()
        assert target.read_bytes() == content(recorder, wanted)
        await suite.remove(LONG)


# --- watching -----------------------------------------------------------------------------------------------


def _last_unit(picture):
    """The last NAL unit of a picture, which every container leaves as it is."""
    return picture[picture.rindex(b"\x00\x00\x01") + 3 :]


class Viewer(threading.Thread):
    """Watches an address with FFmpeg: which pictures came, when they are to be shown, and how it ended."""

    def __init__(self, nvr, address):
        super().__init__(daemon=True)
        loop = nvr.device.loop_of(files(nvr)[0])
        self._places = {}
        for index in range(FILE):
            self._places.setdefault(_last_unit(loop.unit(index).data), []).append(index)
        assert len(self._places) > 0.9 * FILE  # a few pictures in which nothing moves are the same
        self._address = address
        self.pictures = []
        self.decoded = 0
        self.failure = None

    def run(self):
        options = {"rtsp_transport": "tcp"} if self._address.startswith("rtsp") else {}
        try:
            with av.open(self._address, options=options, timeout=30.0) as opened:
                video = opened.streams.video[0]
                for packet in opened.demux(video):
                    if packet.size:
                        at = None if packet.pts is None else packet.pts * packet.time_base
                        self.pictures.append((self._place(bytes(packet)), at))
                    self.decoded += len(packet.decode())
        except Exception as error:  # noqa: BLE001 - told to the test
            self.failure = error

    def _place(self, packet):
        """Where in its recording a picture is from; of several the one that is next."""
        size = next(size for size in range(len(packet), 0, -1) if packet[-size:] in self._places)
        possible = self._places[packet[-size:]]
        following = (self.pictures[-1][0] + 1) % FILE if self.pictures else None
        return following if following in possible else possible[0]

    @property
    def places(self):
        return [place for place, _ in self.pictures]

    async def have(self, count):
        await until(lambda: len(self.pictures) >= count or self.failure, what=f"{count} pictures")
        assert self.failure is None

    async def jumped(self, place, since):
        """Wait until a picture has come by a jump behind the first `since`, not in its turn; its index."""

        def index():
            pairs = itertools.pairwise(self.places[since - 1 :])
            steps = enumerate(pairs, since)
            return next(
                (at for at, (before, after) in steps if after == place and not onward((before, after))), 0
            )

        await until(index, what=f"a jump to picture {place}; {len(self.pictures)} came, {self.places[-5:]}")
        return index()

    async def ended(self):
        await until(lambda: not self.is_alive(), what="the end")
        assert self.failure is None


def onward(places):
    """Whether each picture is one that comes soon after the one before: a busy machine may leave some out."""
    return all(0 < (after - before) % FILE <= 2 * FPS for before, after in itertools.pairwise(places))


async def play(suite, *arguments):
    ran = await suite.cambusctl("recordings", "play", NVR, "0", "--on-device", *arguments, "--json")
    assert ran.code == 0, ran.err
    return ran.json


async def tell(suite, session, verb, *arguments):
    ran = await suite.cambusctl("recordings", verb, NVR, session, *arguments)
    assert ran.code == 0, ran.err


async def pause(suite, session, nvr):
    """Hold a playback; which picture of its recording the device would send next."""
    await tell(suite, session, "pause")
    (claim,) = nvr.streams
    await nvr.wait_for(lambda: claim.sender._paused)
    return claim.sender.source._index


@pytest.mark.parametrize("output", ["flv", "fmp4", "rtsp"])
async def test_a_playback_shows_every_picture_from_the_first_to_a_clean_end(suite, nvr, output):
    first, second = files(nvr)[:2]
    over_the_border = "--from", stamp(first.end, -3.0), "--to", stamp(second.begin, 2.0)
    urls = await play(suite, *over_the_border)
    viewer = Viewer(nvr, urls[output])
    viewer.start()
    await viewer.ended()
    assert viewer.places == [*range(FILE - 3 * FPS, FILE), *range(2 * FPS)]
    assert viewer.decoded >= 5 * FPS - 2


async def test_pause_seek_and_speed_are_seen_by_the_viewer(suite, nvr):
    recordings = files(nvr)
    urls = await play(suite, *span(recordings))  # for longer than a busy machine needs for what follows
    session = urls["session"]
    viewer = Viewer(nvr, urls["rtsp"])
    viewer.start()
    await viewer.have(10)

    held = await pause(suite, session, nvr)
    assert held
    before = len(viewer.pictures)
    await tell(suite, session, "resume")
    await viewer.have(before + 2 * FPS)
    assert onward(viewer.places)

    # Where it is held is known: what comes of a place half a recording away did not come in its turn.
    away_s = (await pause(suite, session, nvr) // FPS + FILE_S // 2) % FILE_S
    before = len(viewer.pictures)
    await tell(suite, session, "seek", stamp(recordings[2].begin, away_s))
    found = await viewer.jumped(away_s * FPS, before)
    await viewer.have(found + FPS)
    assert onward(viewer.places[found : found + FPS])

    await tell(suite, session, "speed", "4")
    start = len(viewer.pictures) + 2 * FPS
    await viewer.have(start + 2 * FPS)
    (first, began), *_, (last, ended) = viewer.pictures[start : start + 2 * FPS]
    assert ended - began == pytest.approx((last - first) % FILE / FPS / 4, rel=0.1)

    known = [at for _, at in viewer.pictures if at is not None]
    assert all(before < after for before, after in itertools.pairwise(known))
    await tell(suite, session, "stop")
    await viewer.ended()


async def test_a_playback_that_nobody_watches_lapses(suite, nvr):
    urls = await play(suite, *span(files(nvr)))
    viewer = Viewer(nvr, urls["flv"])
    viewer.start()
    await viewer.have(5)
    request = recording.RecordingSessionRequest(session=urls["session"])
    await suite.client.call(recording.PAUSE, request, device=NVR)
    await suite.client.call(recording.STOP, request, device=NVR)
    await viewer.ended()
    await until(lambda: not nvr.streams, what="the device is left alone")
    urls = await play(suite, *span(files(nvr)), "--ttl", "15")
    await until(lambda: nvr.streams, what="the device plays")
    await until(lambda: not nvr.streams, what="the device is left alone again")


async def test_the_words_of_a_refusal_reach_the_user(suite, nvr, tmp_path):
    for arguments, words in (
        (
            (
                "download",
                NVR,
                "0",
                "--from",
                "2001-01-01T00:00:00Z",
                "--to",
                "2001-01-01T00:01:00Z",
                "-o",
                str(tmp_path / "x"),
            ),
            "nothing was recorded",
        ),
        (("play", NVR, "0", "--on-device", *span(files(nvr)), "--speed", "-1"), "forwards only"),
        (("pause", NVR, "no-such-session"), "no such playback"),
    ):
        ran = await suite.cambusctl("recordings", *arguments)
        assert (ran.code, words in ran.err) == (3, True), ran.err
