"""Streams of GStreamer's RTSP server: somebody else's descriptions, packets, reports and logins."""

import asyncio
import subprocess
from collections import Counter
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.fifo import AudioFifo

from cambus.media.frame import Codec, Kind
from cambus.media.stamps import LiveStamps
from cambus.media.unit_frames import FrameMaker
from cambus.rtsp.client import PullSettings, describe, open_pull
from cambus.rtsp.client_errors import AuthRefused, ClientError, NotFound
from cambus.rtsp.client_url import parse_source
from cambus.rtsp.login import Login
from cambus.simulators.picture import TestPicture

PYTHON = "/usr/bin/python3"
SERVER = Path(__file__).parents[2] / "support/gst_rtsp_server.py"
USER, PASSWORD = "joe", "p:w 1"
FPS, SECONDS, RATE = 25, 4, 16_000
NEEDED = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"


def has_server():
    try:
        ran = subprocess.run([PYTHON, "-c", NEEDED], capture_output=True, check=False, timeout=30)
    except OSError:
        return False
    return ran.returncode == 0


pytestmark = pytest.mark.skipif(not has_server(), reason="GStreamer's RTSP server is not installed")


def make_file(path, codec):
    """Some seconds of pictures and a tone."""
    picture = TestPicture(320, 240, 1)
    with av.open(path, "w") as made:
        video = made.add_stream({"h264": "libx264", "h265": "libx265"}[codec], rate=FPS)
        video.width, video.height, video.pix_fmt = 320, 240, "yuv420p"
        video.options = {
            "preset": "ultrafast",
            "bf": "0",
            "g": "25",
            "x265-params": "bframes=0:log-level=none",
        }
        sound = made.add_stream("aac", rate=RATE, layout="mono")
        for index in range(FPS * SECONDS):
            frame = av.VideoFrame.from_ndarray(picture.draw(index, FPS), format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            made.mux(video.encode(frame))
        tone = (np.sin(np.arange(RATE * SECONDS) / RATE * 2764) * 8000).astype("<i2")[None]
        whole = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
        whole.sample_rate = RATE
        fifo = AudioFifo()
        fifo.write(whole)
        for frame in fifo.read_many(1024):
            made.mux(sound.encode(frame))
        for stream in (video, sound):
            made.mux(stream.encode(None))


@pytest.fixture(scope="module", params=["h264", "h265"])
def file(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("gst") / f"{request.param}.mp4"
    make_file(path, request.param)
    return path


@pytest.fixture(params=["", USER], ids=["open", "digest"])
async def server(request, file):
    """Where it listens, and how one logs in."""
    process = await asyncio.create_subprocess_exec(
        *(PYTHON, str(SERVER), str(file), request.param, PASSWORD, file.stem),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        port = int(await process.stdout.readline())
        yield f"rtsp://127.0.0.1:{port}", lambda: Login(USER, PASSWORD) if request.param else None
    finally:
        process.kill()
        await process.communicate()


def source(server, path="with-sets"):
    return parse_source(f"{server[0]}/{path}")


async def taken(pull, pictures=30, *, reported=False):
    """Frames of a stream until there are so many pictures and, if `reported`, what its clock is."""
    sound = next((track.sound for track in pull.tracks if track.sound is not None), None)
    maker = FrameMaker(LiveStamps(), described=sound)
    for track in pull.tracks:
        maker.know_sets(track.sets, track.codec)
    frames = []
    while sum(frame.kind is Kind.VIDEO for frame in frames) < pictures or (reported and pull.drift_s is None):
        for unit in await pull.units():
            frames += maker.frames(unit, 1_700_000_000_000_000)
    return frames


def decoded(codec, frames, **context):
    decoder = av.CodecContext.create(codec, "r")
    for name, value in context.items():
        setattr(decoder, name, value)
    return [each for frame in frames for each in decoder.decode(av.Packet(frame.payload))]


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("path", ["with-sets", "without-sets"])
async def test_pictures_and_sound_decode(server, file, transport, path):
    async with asyncio.timeout(60):
        pull = await open_pull(source(server, path), server[1], PullSettings(transport=transport))
        try:
            frames = await taken(pull)
        finally:
            await pull.close()
    video = [frame for frame in frames if frame.kind is Kind.VIDEO]
    sound = [frame for frame in frames if frame.kind is Kind.AUDIO]
    assert video[0].keyframe
    assert {frame.codec for frame in video} == {Codec.H264 if file.stem == "h264" else Codec.H265}
    pictures = decoded("h264" if file.stem == "h264" else "hevc", video)
    assert {(each.width, each.height) for each in pictures} == {(320, 240)}
    assert Counter(after.pts - before.pts for before, after in pairwise(video)).most_common(1)[0][0] == 3600
    config = next(track.sound for track in pull.tracks if track.sound is not None)
    heard = decoded("aac", sound, extradata=config.extradata)
    loudest = max(float(abs(each.to_ndarray()).max()) for each in heard)
    assert loudest > 0.1
    assert {each.sample_rate for each in heard} == {RATE}


async def test_sound_is_in_step_with_the_picture(server, file):
    """Both begin with the file, so the first of each are of one instant, whatever timestamps they bear."""
    async with asyncio.timeout(60):
        pull = await open_pull(source(server), server[1], PullSettings())
        try:
            frames = await taken(pull, 60, reported=True)
        finally:
            await pull.close()
    starts = [next(frame.pts for frame in frames if frame.kind is kind) for kind in (Kind.VIDEO, Kind.AUDIO)]
    last = [max(frame.pts for frame in frames if frame.kind is kind) for kind in (Kind.VIDEO, Kind.AUDIO)]
    lengths = [end - start for start, end in zip(starts, last, strict=True)]
    assert abs(lengths[0] - lengths[1]) < 45_000


async def test_what_there_is_not_is_not_found(server, file):
    with pytest.raises(NotFound):
        await describe(source(server, "nothing"), server[1], PullSettings())


@pytest.mark.parametrize("server", [USER], indirect=True)
async def test_a_wrong_password_is_refused(server, file):
    with pytest.raises(AuthRefused):
        await describe(source(server), lambda: Login(USER, "wrong"), PullSettings())


async def test_the_end_of_the_file_is_the_end_of_the_stream(server, file):
    async with asyncio.timeout(60):
        pull = await open_pull(source(server), server[1], PullSettings(stall_s=3))
        try:
            with pytest.raises(ClientError):
                await taken(pull, 10_000)
        finally:
            await pull.close()
