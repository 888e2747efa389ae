"""The recordings of a stream as one sequence, whatever files and gaps it lies in."""

from pathlib import Path

import pytest
from recorded_frames import keyframe_first

from cambus.media.frame import Codec, Kind
from cambus.media.parameter_sets import annexb_to_length_prefixed
from cambus.recorder import segment_reader
from cambus.recorder.cutting import Cutter
from cambus.recorder.index import Index
from cambus.recorder.layout import StreamKey
from cambus.recorder.recorded_source import RecordedSource, Way
from cambus.recorder.segment_reader import from_ticks, to_ticks
from cambus.recorder.stream_writer import StreamWriter

OPEN_FILES = Path("/proc/self/fd")
KEY = StreamKey("gate-1", 0, "main")
START_US = 1_770_000_000_000_000
FRAME_US = 40_000


@pytest.fixture
def source(root):
    with Index(root) as index:
        yield RecordedSource(root, index, KEY)


def at(picture):
    return START_US + picture * FRAME_US


def units(source, at_us, way=Way.ALL):
    return [unit for batch in source.read(at_us, way) for unit in batch]


def pictures(found):
    """The numbers of the pictures, told from when they were received."""
    return [round((from_ticks(unit.at) - START_US) / FRAME_US) for unit in found if unit.codec.is_video]


def keyframes(recorded):
    return [
        round((frame.wall_us - START_US) / FRAME_US)
        for frame in recorded
        if frame.kind is Kind.VIDEO and frame.keyframe
    ]


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_what_was_recorded_comes_back_over_the_borders_of_files(frames, record, source, codec):
    recorded = frames(250, codec=codec)
    record(recorded, segment_s=2.0)
    found = units(source, START_US)
    assert pictures(found) == list(range(250))
    shown = [unit for unit in found if unit.codec is codec]
    for unit, frame in zip(shown, (each for each in recorded if each.kind is Kind.VIDEO), strict=True):
        assert unit.keyframe == frame.keyframe
        assert annexb_to_length_prefixed(unit.payload, codec) == annexb_to_length_prefixed(
            frame.payload, codec
        )
    first = shown[0]
    assert first.sound is not None
    assert first.sound.sample_rate == 8000
    sound = b"".join(unit.payload for unit in found if unit.codec.is_audio)
    assert len(sound) >= 248 * 320
    assert sound in b"".join(frame.payload for frame in recorded if frame.kind is Kind.AUDIO)
    assert [unit.at for unit in found] == sorted(unit.at for unit in found)
    assert not any(unit.gap for unit in found)


def test_it_begins_with_the_keyframe_before(frames, record, source):
    recorded = frames(200)
    record(recorded, segment_s=2.0)
    every = keyframes(recorded)
    for wanted in (0, 1, every[1] - 1, every[1], every[1] + 1, every[-1], 199):
        assert pictures(units(source, at(wanted)))[0] == max(each for each in every if each <= wanted)


def test_keyframes_alone_and_backwards_are_the_same_pictures(frames, record, source):
    recorded = frames(250)
    record(recorded, segment_s=2.0)
    every = keyframes(recorded)
    assert len(every) > 3
    forwards = units(source, START_US, Way.KEYFRAMES)
    assert pictures(forwards) == every
    assert all(unit.keyframe for unit in forwards)
    assert pictures(units(source, at(250), Way.BACKWARDS)) == every[::-1]
    assert pictures(units(source, at(every[2]), Way.BACKWARDS)) == every[1::-1]
    assert pictures(units(source, from_ticks(forwards[2].at), Way.BACKWARDS)) == every[1::-1]
    assert pictures(units(source, from_ticks(forwards[2].at), Way.KEYFRAMES)) == every[2:]


def with_gap(frames, record, pause=250):
    """100 pictures, a pause, 100 pictures."""
    recorded, later = frames(100), keyframe_first(frames(100, first=100, pause=pause))
    record([*recorded, *later])
    return recorded, later


def test_a_gap_is_said_with_the_first_picture_behind_it(frames, record, source):
    _, later = with_gap(frames, record)
    found = units(source, START_US)
    (behind,) = [unit for unit in found if unit.gap]
    begin, end = behind.gap
    assert from_ticks(behind.at) == pytest.approx(later[0].wall_us, abs=20)
    assert from_ticks(begin) == pytest.approx(at(100), abs=FRAME_US)
    assert end == behind.at
    backwards = units(source, at(10_000), Way.BACKWARDS)
    (before,) = [unit for unit in backwards if unit.gap]
    assert before.gap[0] == pytest.approx(begin, abs=1)
    assert before.gap[1] == pytest.approx(end, abs=1)


def test_an_instant_without_recording_goes_on_with_the_next(frames, record, source):
    _, later = with_gap(frames, record)
    assert source.locate(at(50)) == at(50)
    assert source.locate(at(200)) == later[0].wall_us
    assert source.locate(at(10_000)) is None
    assert source.locate(START_US - 5) == START_US
    assert source.locate(START_US, backwards=True) is None
    assert source.locate(at(200), backwards=True) == pytest.approx(at(100), abs=FRAME_US)
    assert pictures(units(source, at(200)))[0] == round((later[0].wall_us - START_US) / FRAME_US)


def test_files_that_vanish_are_passed_over(frames, record, source, root):
    recorded = frames(250)
    record(recorded, segment_s=2.0)
    files = sorted(root.rglob("*.mp4"))
    assert len(files) >= 3
    files[1].unlink()
    found = units(source, START_US)
    shown = pictures(found)
    assert shown[0] == 0
    assert shown[-1] == 249
    (gap,) = [unit.gap for unit in found if unit.gap]
    assert gap[1] - gap[0] > to_ticks(1_000_000)
    files[0].write_bytes(b"no film at all")
    assert pictures(units(source, START_US))[-1] == 249


def test_a_file_that_grows_is_read_on(frames, root):
    recorded = frames(200, sound=False)
    cutter = Cutter(segment_s=60.0, fragment_s=1.0)
    with Index(root) as index:
        writer = StreamWriter(
            KEY, root, index, on_durable=lambda start, end: None, on_closed=lambda segment: None
        )
        for frame in recorded[:100]:
            writer.write(cutter.push(frame))
        reading = RecordedSource(root, index, KEY).read(START_US, Way.ALL)
        found = next(reading)
        for frame in recorded[100:]:
            writer.write(cutter.push(frame))
        writer.write(cutter.finish())
        found += [unit for batch in reading for unit in batch]
    assert pictures(found) == list(range(200))


def test_what_is_read_at_a_time_is_bounded(frames, record, source, monkeypatch):
    monkeypatch.setattr(segment_reader, "PIECE_BYTES", 4000)
    recorded = frames(100)
    record(recorded)
    batches = list(source.read(START_US, Way.ALL))
    assert pictures([unit for batch in batches for unit in batch]) == list(range(100))
    largest = max(len(unit.payload) for batch in batches for unit in batch)
    assert all(
        sum(len(unit.payload) for unit in batch if unit.codec.is_video) <= 4000 + largest for batch in batches
    )
    assert len(batches) > 10


def test_files_are_closed_whenever_reading_ends(frames, record, source):
    record(frames(100))
    before = len(list(OPEN_FILES.iterdir()))
    reading = source.read(START_US, Way.ALL)
    next(reading)
    assert len(list(OPEN_FILES.iterdir())) == before + 1
    reading.close()
    assert len(list(OPEN_FILES.iterdir())) == before
