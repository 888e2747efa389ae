"""Streams with B-frames: pictures are decoded in another order than they are shown, in files and in exports alike."""

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from recorded_frames import SOUND, START_US

from cambus.media.frame import Codec, Flag, Frame, Kind
from cambus.media.mp4 import FaststartMp4
from cambus.recorder.exports import Exports, WrittenFile, _read
from cambus.recorder.index import Index
from cambus.recorder.layout import StreamKey
from cambus.recorder.segment_reader import SegmentReader
from cambus.simulators.tone import channel_tone

Record = Callable[..., list[tuple[int, int]]]
KEY = StreamKey("gate-1", 0, "main")
RATE, GOP, COUNT = 25, 25, 200
STEP = 90_000 // RATE
SECOND = 1_000_000
ENCODERS = {
    Codec.H264: (
        "libx264",
        "x264-params",
        "bframes=2:b-adapt=0:keyint=25:min-keyint=25:scenecut=0:threads=1",
    ),
    Codec.H265: (
        "libx265",
        "x265-params",
        "bframes=2:b-adapt=0:keyint=25:min-keyint=25:scenecut=0:open-gop=0:pools=none:frame-threads=1:log-level=none",
    ),
}


def reordered(codec: Codec) -> list[Frame]:
    """Eight seconds with two B-frames in a row and sound, in the order of decoding, as on the bus."""
    name, option, values = ENCODERS[codec]
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = 64, 64, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, RATE), Fraction(RATE)
    encoder.options = {"preset": "ultrafast", option: values}
    pictures = [np.full((96, 64), 40 + number % 160, np.uint8) for number in range(COUNT)]
    packets = []
    for number, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    assert any(packet.pts != packet.dts for packet in packets)
    tone = channel_tone(1)
    frames: list[Frame] = []
    for index, packet in enumerate(packets):
        assert packet.pts is not None
        dts, pts = index * STEP, (packet.pts + 2) * STEP  # nothing is decoded after it is to be shown
        assert pts >= dts
        wall_us = START_US + index * SECOND // RATE
        flags = Flag.KEYFRAME if packet.is_keyframe else Flag.NONE
        frames.append(Frame(Kind.VIDEO, codec, flags, len(frames), pts, dts, wall_us, bytes(packet)))
        if packet.is_keyframe:
            frames.append(
                Frame(
                    Kind.AUDIO_CONFIG,
                    SOUND.codec,
                    Flag.CONFIG,
                    len(frames),
                    dts,
                    dts,
                    wall_us,
                    SOUND.serialize(),
                )
            )
        frames.append(
            Frame(Kind.AUDIO, SOUND.codec, Flag.NONE, len(frames), dts, dts, wall_us, tone[index % len(tone)])
        )
    return frames


@pytest.fixture(scope="module", params=[Codec.H264, Codec.H265], ids=lambda codec: codec.name)
def frames(request: pytest.FixtureRequest) -> list[Frame]:
    return reordered(request.param)


@pytest.fixture
def exports(root: Path) -> Iterator[Exports]:
    with Index(root) as index, ThreadPoolExecutor(2) as threads:
        yield Exports(root, index, threads, ttl_s=60)


def check(body: bytes, count: int) -> None:
    """What FFmpeg makes of a file: every picture, in order, none early, none late."""
    with av.open(io.BytesIO(body)) as opened:
        packets = [packet for packet in opened.demux(video=0) if packet.size]
        decoded = [packet.dts for packet in packets]
        assert decoded == sorted(set(decoded))
        assert any(packet.pts != packet.dts for packet in packets)
        assert all(packet.pts >= packet.dts for packet in packets)
        duration = opened.duration
    with av.open(io.BytesIO(body)) as opened:
        times = [float(picture.time) for picture in opened.decode(video=0)]
    assert len(times) == count
    assert [round((at - times[0]) * RATE, 2) for at in times] == list(range(count))
    assert duration / av.time_base == pytest.approx(count / RATE, abs=0.13)


def test_each_file_has_both_times_of_each_picture(root: Path, record: Record, frames: list[Frame]) -> None:
    record(frames, segment_s=4.0)
    with Index(root) as index:
        rows = index.all_segments()
    assert len(rows) == 2
    for row in rows:
        check((root / row.name.path()).read_bytes(), COUNT // 2)
        assert (row.end_us - row.start_us) / SECOND == pytest.approx(4.0, abs=0.1)


def test_what_is_played_has_both_times_of_each_picture(
    root: Path, record: Record, frames: list[Frame]
) -> None:
    record(frames, segment_s=4.0)
    with Index(root) as index:
        rows = index.all_segments()
    seen = []
    for row in rows:
        with SegmentReader.of(root, row) as reader:
            units = [unit for units in reader.forward(reader.start) for unit in units]
        pictures = [unit for unit in units if unit.codec is frames[0].codec]
        seen += [(unit.at - reader.start, unit.at + unit.cts - reader.start) for unit in pictures]
    half = COUNT // 2
    sent = [frame for frame in frames if frame.kind is Kind.VIDEO]
    wanted = [(at % half * STEP, at % half * STEP + each.pts - each.dts) for at, each in enumerate(sent)]
    assert seen == wanted


@pytest.mark.parametrize("container", ["mp4", "ts"])
async def test_an_export_over_two_files_has_every_picture_once(
    root: Path, record: Record, frames: list[Frame], exports: Exports, container: str
) -> None:
    record(frames, segment_s=4.0)
    export = await exports.create(KEY, START_US, START_US + 9 * SECOND, container=container)
    check(read(export.movie), COUNT)


def read(movie: FaststartMp4 | WrittenFile) -> bytes:
    """All of a prepared file."""
    parts = movie.read_range(0, movie.total_bytes)
    return b"".join(each if isinstance(each, bytes) else _read(each) for each in parts)
