import itertools
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from cambus.media.frame import Codec, Flag, Frame
from cambus.recorder.index import Index
from cambus.recorder.layout import parse_path, segment_files

Frames = Callable[..., list[Frame]]
Record = Callable[..., list[tuple[int, int]]]


def decoded(path: Path) -> tuple[int, int]:
    """Pictures and sound samples FFmpeg finds in a file."""
    pictures = samples = 0
    with av.open(str(path)) as opened:
        for packet in opened.demux():
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    pictures += 1
                else:
                    samples += frame.samples
    return pictures, samples


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_segments_play_in_ffmpeg_with_every_picture_and_the_sound(
    frames: Frames, record: Record, root: Path, codec: Codec
) -> None:
    record(frames(300, codec=codec))
    files = sorted(path for _, path in segment_files(root))
    totals = [decoded(root / path) for path in files]
    assert len(files) == 3
    assert sum(pictures for pictures, _ in totals) == 300
    assert sum(samples for _, samples in totals) == 300 * 320


def test_segments_of_an_unbroken_stream_lie_end_to_end(frames: Frames, record: Record, root: Path) -> None:
    record(frames(300))
    with Index(root) as index:
        rows = index.all_segments()
    assert [row.start_us for row in rows[1:]] == [row.end_us for row in rows[:-1]]
    assert rows[-1].end_us - rows[0].start_us == 12_000_000
    assert not any(row.open for row in rows)


def test_durable_spans_are_reported_as_they_grow(frames: Frames, record: Record) -> None:
    spans = record(frames(100), segment_s=60)
    assert [end - start for start, end in spans] == [1_000_000] * 4
    assert all(before[1] == after[0] for before, after in itertools.pairwise(spans))


def test_a_change_of_codec_begins_a_new_segment(frames: Frames, record: Record, root: Path) -> None:
    record([*frames(50), *frames(50, codec=Codec.H265, first=50)], segment_s=60)
    with Index(root) as index:
        assert [(row.extent.codec, row.extent.duration_us) for row in index.all_segments()] == [
            ("h264", 2_000_000),
            ("h265", 2_000_000),
        ]


def test_a_discontinuity_begins_a_new_segment_at_its_own_time(
    frames: Frames, record: Record, root: Path
) -> None:
    record([*frames(50), *frames(50, first=500, flag_first=Flag.DISCONTINUITY)], segment_s=60)
    with Index(root) as index:
        first, second = index.all_segments()
    assert second.start_us - first.start_us == 500 * 40_000


def test_what_comes_before_the_first_keyframe_is_left_out(frames: Frames, record: Record, root: Path) -> None:
    record(frames(120)[3:], segment_s=60)
    with Index(root) as index:
        (row,) = index.all_segments()
    assert row.extent.duration_us < 120 * 40_000
    assert decoded(root / row.name.path())[0] * 40_000 == row.extent.duration_us


def test_names_of_files_say_everything_needed_to_find_them_again(
    frames: Frames, record: Record, root: Path
) -> None:
    record(frames(50))
    ((name, path),) = segment_files(root)
    assert parse_path(path) == name
    assert (name.key.device, name.key.channel, name.key.stream) == ("gate-1", 0, "main")


@pytest.mark.parametrize(
    "path",
    [
        "gate-1/0/main/20260202/x.mp4",
        "gate-1/zero/main/20260202/20260202T121722.123456Z-01KGE5C8QXG1Z5X0N3V7M4T2RB.mp4",
        "gate-1/0/main/20260203/20260202T121722.123456Z-01KGE5C8QXG1Z5X0N3V7M4T2RB.mp4",
        "gate-1/0/main/20260232/20260232T121722.123456Z-01KGE5C8QXG1Z5X0N3V7M4T2RB.mp4",
        "index.sqlite3",
    ],
)
def test_other_files_are_not_taken_for_segments(path: str) -> None:
    assert parse_path(Path(path)) is None


def test_a_hole_in_the_stream_ends_the_segment_and_is_told(
    frames: Frames, record: Record, root: Path
) -> None:
    """Or the last picture before it would be shown as long as the hole is."""
    spans = record([*frames(50), *frames(50, first=200)], segment_s=60)
    with Index(root) as index:
        rows = index.all_segments()
    assert [row.extent.duration_us for row in rows] == [2_000_000, 2_000_000]
    assert rows[1].start_us - rows[0].end_us == 6_000_000
    assert spans[2][0] - spans[1][1] == 6_000_000


def test_a_source_that_stood_still_leaves_a_hole_in_the_spans(frames: Frames, record: Record) -> None:
    """Nothing is missing of the stream, so what comes can be shown without a keyframe."""
    standstill = frames(110, first=0)
    late = [frame._replace(pts=frame.pts + 450_000, dts=frame.dts + 450_000) for frame in standstill]
    half = next(i for i, frame in enumerate(standstill) if frame.dts >= 60 * 3600)
    spans = record([*standstill[:half], *late[half:]], segment_s=60)
    holes = [after[0] - before[1] for before, after in itertools.pairwise(spans)]
    assert [hole for hole in holes if hole] == [pytest.approx(5_000_000, abs=40_000)]


def test_few_pictures_a_second_are_no_holes(frames: Frames, record: Record, root: Path) -> None:
    slow = [
        frame._replace(pts=frame.pts * 40, dts=frame.dts * 40, wall_us=frame.wall_us)
        for frame in frames(60, sound=False)
    ]
    record(slow, segment_s=600)
    with Index(root) as index:
        assert len(index.all_segments()) == 1
