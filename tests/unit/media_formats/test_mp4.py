from __future__ import annotations

from array import array
from dataclasses import replace

import pytest

from cambus.media.errors import ContainerError
from cambus.media.fmp4 import Fmp4Muxer
from cambus.media.fmp4_reader import InitSegment, TrackRun, scan
from cambus.media.mp4 import FaststartMp4, FileRange, RecordedPart
from cambus.media.mp4_boxes import bytes_reader, find_box, iter_boxes
from cambus.media.mp4_tables import SampleTables, needs_wide_offsets


@pytest.fixture
def files(h264, pcma, video, audio) -> dict[str, bytes]:
    """Two recorded files of two GOPs each; the second begins ten seconds after the first one's end."""
    made = {}
    for name in ("a.mp4", "b.mp4"):
        muxer = Fmp4Muxer(h264, pcma)
        data = muxer.init_segment()
        for gop in range(2):
            at = gop * 7200
            frames = [video(at, params=h264, keyframe=True), video(at + 3600, params=h264, slice_bytes=30)]
            sound = [audio(at + packet * 1800) for packet in range(4)]
            data += muxer.fragment([*frames, *sound], next_video_dts=at + 7200)
        made[name] = data
    return made


def parts(files: dict[str, bytes], *, gap: int = 900_000) -> list[RecordedPart]:
    made = []
    for number, (name, data) in enumerate(files.items()):
        found = scan(bytes_reader(data), len(data))
        made.append(RecordedPart(name, found.init, found.fragments, shift=number * (14_400 + gap)))
    return made


def collect(mp4: FaststartMp4, files: dict[str, bytes], start: int = 0, end: int | None = None) -> bytes:
    pieces = mp4.read_range(start, mp4.total_bytes if end is None else end)
    return b"".join(
        piece if isinstance(piece, bytes) else files[piece.path][piece.offset : piece.offset + piece.length]
        for piece in pieces
    )


def numbers(data: bytes, track: int, name: str, width: int = 4) -> list[int]:
    """The table of a sample table box, without version, flags and count."""
    moov = find_box(data, "moov")
    traks = [b for b in iter_boxes(bytes_reader(data), moov.payload, moov.end) if b.kind == b"trak"]
    found = find_box(data, f"mdia/minf/stbl/{name}", traks[track])
    skip = 12 if name == "stsz" else 8
    body = data[found.payload + skip : found.end]
    return [int.from_bytes(body[at : at + width], "big") for at in range(0, len(body), width)]


def test_the_index_stands_before_the_media(files):
    mp4 = FaststartMp4(parts(files))
    data = collect(mp4, files)
    assert len(data) == mp4.total_bytes
    assert [b.kind for b in iter_boxes(bytes_reader(data), 0, len(data))] == [b"ftyp", b"moov", b"mdat"]
    assert find_box(data, "moov/mvex") is None


def test_media_are_ranges_of_the_recorded_files(files):
    mp4 = FaststartMp4(parts(files))
    head, *ranges = mp4.read_range(0, mp4.total_bytes)
    assert isinstance(head, bytes)
    expected = []
    for part in parts(files):
        expected += [FileRange(part.path, f.data_offset, f.data_bytes) for f in part.fragments]
    assert ranges == expected


def test_chunk_offsets_lead_to_the_samples(files):
    data = collect(FaststartMp4(parts(files)), files)
    sizes = numbers(data, 0, "stsz")
    offsets = numbers(data, 0, "stco")
    assert sizes == [44, 34] * 4
    assert len(offsets) == 4
    for offset in offsets:
        assert data[offset : offset + 5] == b"\0\0\0\x28\x65"
        assert data[offset + 44 : offset + 49] == b"\0\0\0\x1e\x41"
    assert numbers(data, 0, "stsc") == [1, 2, 1]
    assert numbers(data, 0, "stss") == [1, 3, 5, 7]
    for offset in numbers(data, 1, "stco"):
        assert data[offset : offset + 640] == b"\x2a" * 640


def test_a_gap_between_files_prolongs_the_last_sample_before_it(files):
    data = collect(FaststartMp4(parts(files)), files)
    assert numbers(data, 0, "stts") == [3, 3600, 1, 903_600, 4, 3600]
    assert numbers(data, 1, "stts") == [7, 1800, 1, 901_800, 8, 1800]


def test_files_that_overlap_do_not_run_backwards(files):
    mp4 = FaststartMp4(parts(files, gap=-5000))
    data = collect(mp4, files)
    assert numbers(data, 0, "stts") == [3, 3600, 1, 1, 1, 3600, 1, 2199, 2, 3600]


def test_a_start_inside_is_an_edit_that_skips_pictures_and_leaves_sound_out(files):
    data = collect(FaststartMp4(parts(files), start=3600, end=910_000), files)
    moov = find_box(data, "moov")
    traks = [b for b in iter_boxes(bytes_reader(data), moov.payload, moov.end) if b.kind == b"trak"]
    for trak, media_time in zip(traks, (3600, 0), strict=True):
        elst = find_box(data, "edts/elst", trak)
        body = data[elst.payload + 4 : elst.end]
        assert int.from_bytes(body[:4], "big") == 1
        assert (int.from_bytes(body[4:12], "big"), int.from_bytes(body[12:20], "big")) == (
            906_400,
            media_time,
        )


def test_a_track_that_begins_later_has_an_empty_edit(h264, pcma, video, audio):
    muxer = Fmp4Muxer(h264, pcma)
    data = muxer.init_segment() + muxer.fragment([video(0, params=h264, keyframe=True), audio(45_000)])
    found = scan(bytes_reader(data), len(data))
    mp4 = FaststartMp4([RecordedPart("x", found.init, found.fragments)])
    whole = collect(mp4, {"x": data})
    moov = find_box(whole, "moov")
    trak = [b for b in iter_boxes(bytes_reader(whole), moov.payload, moov.end) if b.kind == b"trak"][1]
    elst = find_box(whole, "edts/elst", trak)
    body = whole[elst.payload + 8 : elst.end]
    assert int.from_bytes(body[:8], "big") == 45_000
    assert int.from_bytes(body[8:16], "big", signed=True) == -1
    assert mp4.duration_s == (45_000 + 1800) / 90_000


def test_the_duration_is_that_of_what_is_presented(files):
    assert FaststartMp4(parts(files)).duration_s == (14_400 + 900_000 + 14_400) / 90_000
    assert FaststartMp4(parts(files), start=3600, end=12_600).duration_s == 0.1
    assert FaststartMp4(parts(files), end=10**9).duration_s == FaststartMp4(parts(files)).duration_s


def test_another_sample_entry_is_added_and_its_chunks_refer_to_it(files, h264, video):
    muxer = Fmp4Muxer(replace(h264, width=320, height=240))
    files["c.mp4"] = muxer.init_segment() + muxer.fragment([video(0, params=h264, keyframe=True)])
    data = collect(FaststartMp4(parts(files)), files)
    assert numbers(data, 0, "stsc") == [1, 2, 1, 5, 1, 2]
    stsd = find_box(data, "moov/trak/mdia/minf/stbl/stsd")
    entries = list(iter_boxes(bytes_reader(data), stsd.payload + 8, stsd.end))
    assert len(entries) == 2
    tkhd = find_box(data, "moov/trak/tkhd")
    assert data[tkhd.end - 8 : tkhd.end] == (320 << 16).to_bytes(4, "big") + (240 << 16).to_bytes(4, "big")


def test_a_part_may_lack_sound(files, h264, video):
    muxer = Fmp4Muxer(h264)
    silent = muxer.init_segment() + muxer.fragment([video(0, params=h264, keyframe=True)])
    data = collect(FaststartMp4(parts(files | {"b.mp4": silent})), files | {"b.mp4": silent})
    assert len(numbers(data, 0, "stsz")) == 5
    assert len(numbers(data, 1, "stsz")) == 8


def test_reordering_is_kept(h264, video):
    muxer = Fmp4Muxer(h264)
    frames = [video(0, params=h264, keyframe=True, pts=7200), video(3600, params=h264, pts=3600)]
    data = muxer.init_segment() + muxer.fragment(frames)
    found = scan(bytes_reader(data), len(data))
    whole = collect(FaststartMp4([RecordedPart("x", found.init, found.fragments)]), {"x": data})
    assert numbers(whole, 0, "ctts") == [1, 7200, 1, 0]


def test_the_same_arguments_give_the_same_bytes(files):
    first, second = (collect(FaststartMp4(parts(files), created_s=5), files) for _ in range(2))
    assert first == second


def test_any_range_is_a_slice_of_the_whole(files):
    mp4 = FaststartMp4(parts(files))
    whole = collect(mp4, files)
    head = len(whole) - sum(f.data_bytes for part in parts(files) for f in part.fragments)
    edges = [0, 1, head - 1, head, head + 1, head + 700, head + 718, head + 719, len(whole) - 1, len(whole)]
    for start in edges:
        for end in edges:
            if start <= end:
                assert collect(mp4, files, start, end) == whole[start:end]


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (5, 4), (0, 10**9)])
def test_ranges_outside_are_refused(files, start, end):
    with pytest.raises(ValueError, match="no range"):
        list(FaststartMp4(parts(files)).read_range(start, end))


def test_nothing_to_present_is_refused(files):
    with pytest.raises(ContainerError):
        FaststartMp4([])
    with pytest.raises(ContainerError):
        FaststartMp4(parts(files), start=10**9)
    made = parts(files)
    other = InitSegment(made[0].init.size, tuple(replace(t, timescale=1000) for t in made[0].init.tracks))
    with pytest.raises(ContainerError, match="1000 ticks"):
        FaststartMp4([replace(made[0], init=other)])


def test_offsets_beyond_4_gib_take_64_bits():
    assert not needs_wide_offsets((1 << 32) - 101, 100)
    assert needs_wide_offsets((1 << 32) - 100, 100)
    tables = SampleTables(is_video=True)
    run = TrackRun(1, 0, 0, array("I", [8]), array("I", [3600]), array("i"), b"\1")
    tables.add(run, dts=0, position=1 << 33, entry=1)
    last = tables.boxes(16, wide=True)[-1]
    assert last[4:8] == b"co64"
    assert int.from_bytes(last[16:24], "big") == (1 << 33) + 16


def test_a_movie_above_4_gib_has_wide_offsets_and_a_wide_mdat(files):
    part = parts(files)[0]
    huge = replace(part.fragments[0], data_bytes=5 << 30)
    mp4 = FaststartMp4([replace(part, fragments=[huge, part.fragments[1]])])
    head = next(iter(mp4.read_range(0, 4096)))
    assert b"co64" in head
    assert head[-16:-12] == b"\0\0\0\1"
    assert mp4.total_bytes > 5 << 30


def test_a_gap_that_no_sample_can_bridge_is_refused(files):
    with pytest.raises(ContainerError, match="gap"):
        FaststartMp4(parts(files, gap=1 << 31))
    assert FaststartMp4(parts(files, gap=(1 << 31) - 3601)).duration_s > 6 * 3600
