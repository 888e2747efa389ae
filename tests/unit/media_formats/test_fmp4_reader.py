from __future__ import annotations

import pytest

from cambus.media.errors import ContainerError
from cambus.media.fmp4 import Fmp4Muxer
from cambus.media.fmp4_reader import read_fragment, read_init, scan
from cambus.media.mp4_boxes import box, bytes_reader, full_box


@pytest.fixture
def recording(h264, pcma, video, audio) -> list[bytes]:
    """Init segment and three fragments of two frames and a packet."""
    muxer = Fmp4Muxer(h264, pcma)
    pieces = [muxer.init_segment()]
    for number in range(3):
        at = number * 7200
        frames = [video(at, params=h264, keyframe=True), audio(at), video(at + 3600, params=h264)]
        pieces.append(muxer.fragment(frames, next_video_dts=at + 7200))
    return pieces


def scan_bytes(data: bytes):
    return scan(bytes_reader(data), len(data))


def test_a_scan_lists_every_fragment_with_its_place_and_times(recording):
    found = scan_bytes(b"".join(recording))
    assert (found.fault, found.valid_bytes) == ("", sum(map(len, recording)))
    assert [fragment.sequence for fragment in found.fragments] == [1, 2, 3]
    at = len(recording[0])
    for number, (fragment, piece) in enumerate(zip(found.fragments, recording[1:], strict=True)):
        assert (fragment.offset, fragment.size, fragment.end) == (at, len(piece), at + len(piece))
        track = found.init.track(video=True)
        run = fragment.run(track.track_id)
        assert (run.dts, run.duration, run.end_dts) == (number * 7200, 7200, number * 7200 + 7200)
        at += len(piece)
    assert found.fragments[0].run(99) is None


def test_a_file_cut_anywhere_keeps_every_fragment_before_the_cut(recording):
    whole = b"".join(recording)
    ends = [len(recording[0])]
    for piece in recording[1:]:
        ends.append(ends[-1] + len(piece))
    for size in range(ends[0], len(whole) + 1):
        found = scan_bytes(whole[:size])
        sound = [end for end in ends if end <= size]
        assert found.valid_bytes == sound[-1]
        assert len(found.fragments) == len(sound) - 1
        assert bool(found.fault) == (size not in ends)


def test_a_file_cut_inside_its_init_segment_cannot_be_played(recording):
    for size in range(len(recording[0])):
        with pytest.raises(ContainerError):
            scan_bytes(recording[0][:size])


def test_a_tail_of_zeros_is_not_part_of_the_recording(recording):
    whole = b"".join(recording)
    found = scan_bytes(whole + bytes(4096))
    assert found.valid_bytes == len(whole)
    assert "0 bytes" in found.fault


def test_scanning_reads_the_headers_and_not_the_media(h264, video):
    muxer = Fmp4Muxer(h264)
    init = muxer.init_segment()
    data = init + muxer.fragment([video(0, params=h264, slice_bytes=1_000_000)])
    read = 0

    def read_at(offset: int, size: int) -> bytes:
        nonlocal read
        read += size
        return data[offset : offset + size]

    assert len(scan(read_at, len(data)).fragments) == 1
    assert read < 2000


def broken_fragments() -> dict[str, bytes]:
    base = (0x020000).to_bytes(3, "big")
    tfhd = box(b"tfhd", b"\0" + base, (1).to_bytes(4, "big"))
    tfdt = full_box(b"tfdt", 1, 0, bytes(8))
    trun = full_box(
        b"trun", 0, 0x201, (1).to_bytes(4, "big"), (1000).to_bytes(4, "big"), (4).to_bytes(4, "big")
    )
    mdat = box(b"mdat", b"data")

    def fragment(*inside: bytes, data: bytes = mdat) -> bytes:
        return box(b"moof", full_box(b"mfhd", 0, 0, bytes(4)), box(b"traf", *inside)) + data

    return {
        "no moof": mdat,
        "no mdat": fragment(tfhd, tfdt, trun, data=box(b"free", b"data")),
        "samples outside": fragment(tfhd, tfdt, trun),
        "no tfdt": fragment(tfhd, trun),
        "two truns": fragment(tfhd, tfdt, trun, trun),
        "other base": fragment(box(b"tfhd", b"\0\0\0\0", (1).to_bytes(4, "big")), tfdt, trun),
        "no offset": fragment(tfhd, tfdt, full_box(b"trun", 0, 0x200, (1).to_bytes(4, "big"), bytes(4))),
        "no columns": fragment(tfhd, tfdt, full_box(b"trun", 0, 1, (1).to_bytes(4, "big"), bytes(4))),
        "short trun": fragment(tfhd, tfdt, full_box(b"trun", 0, 0x201, b"\xff" * 4, bytes(8))),
        "empty trun": fragment(tfhd, tfdt, box(b"trun")),
        "short tfhd": fragment(box(b"tfhd", b"\0" + base), tfdt, trun),
    }


@pytest.mark.parametrize("name", broken_fragments())
def test_a_broken_fragment_is_an_error(name):
    data = broken_fragments()[name]
    with pytest.raises(ContainerError):
        read_fragment(bytes_reader(data), 0, len(data))


def test_defaults_of_the_track_fragment_stand_in_for_columns():
    tfhd = full_box(
        b"tfhd",
        0,
        0x02003B,
        (7).to_bytes(4, "big"),
        bytes(8),  # base data offset
        (1).to_bytes(4, "big"),  # sample description
        (100).to_bytes(4, "big"),
        (4).to_bytes(4, "big"),
        (0x10000).to_bytes(4, "big"),
    )
    tfdt = full_box(b"tfdt", 0, 0, (5).to_bytes(4, "big"))

    def build(offset: int) -> bytes:
        trun = full_box(
            b"trun",
            1,
            0x805,
            (2).to_bytes(4, "big"),
            offset.to_bytes(4, "big"),
            (0x02000000).to_bytes(4, "big"),  # flags of the first sample
            (50).to_bytes(4, "big"),
            (-20).to_bytes(4, "big", signed=True),
        )
        return box(b"moof", full_box(b"mfhd", 0, 0, bytes(4)), box(b"traf", tfhd, tfdt, trun))

    moof = build(0)
    data = build(len(moof) + 8) + box(b"mdat", b"aaaabbbb")
    fragment = read_fragment(bytes_reader(data), 0, len(data))
    first, second = fragment.runs[0].samples()
    assert (first.dts, first.pts, first.duration, first.size, first.sync) == (5, 55, 100, 4, True)
    assert (second.dts, second.pts, second.duration, second.size, second.sync) == (105, 85, 100, 4, False)
    assert data[second.offset : second.offset + second.size] == b"bbbb"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        box(b"mdat", b"x"),
        box(b"ftyp", b"x"),
        box(b"moov"),
        box(b"moov", box(b"trak")),
        box(b"moov", box(b"x" * 4, bytes(2 << 20))),
    ],
)
def test_a_file_without_a_usable_moov_is_an_error(data):
    with pytest.raises(ContainerError):
        read_init(bytes_reader(data), len(data))
