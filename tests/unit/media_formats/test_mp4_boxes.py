from __future__ import annotations

import pytest

from cambus.media.errors import ContainerError
from cambus.media.mp4_boxes import (
    Box,
    box,
    box_header,
    bytes_reader,
    children,
    find_box,
    full_box,
    iter_boxes,
    read_box,
)


def walk(data: bytes) -> list[Box]:
    return list(iter_boxes(bytes_reader(data), 0, len(data)))


def test_a_box_is_size_kind_and_parts():
    assert box(b"free", b"ab", b"c") == b"\0\0\0\x0bfreeabc"
    assert full_box(b"mfhd", 1, 0x20, b"x") == b"\0\0\0\x0dmfhd\x01\0\0\x20x"


def test_large_boxes_have_a_64_bit_size():
    assert box_header(b"mdat", 10) == b"\0\0\0\x12mdat"
    assert box_header(b"mdat", (1 << 32) - 8) == b"\0\0\0\x01mdat" + ((1 << 32) + 8).to_bytes(8, "big")
    data = b"\0\0\0\x01mdat" + (18).to_bytes(8, "big") + b"ab" + box(b"free")
    first, second = walk(data)
    assert (first.payload, first.payload_bytes, first.end) == (16, 2, 18)
    assert second.kind == b"free"


def test_boxes_are_found_by_path():
    data = box(b"ftyp", b"x") + box(b"moov", box(b"mvhd"), box(b"trak", box(b"tkhd", b"yz")))
    found = find_box(data, "moov/trak/tkhd")
    assert found is not None
    assert data[found.payload : found.end] == b"yz"
    assert find_box(data, "moov/trak/mdia") is None
    trak = find_box(data, "moov/trak")
    assert find_box(data, "tkhd", trak) == found
    assert [child.kind for child in children(data, trak)] == [b"tkhd"]


@pytest.mark.parametrize(
    "broken",
    [
        b"\0\0\0",
        b"\0\0\0\x07free",
        b"\0\0\0\0free",  # to the end of the file
        b"\0\0\0\x0dfreeabc",
        b"\0\0\0\x01mdat\0\0\0\0",
        b"\0\0\0\x01mdat" + (15).to_bytes(8, "big"),
        b"\0\0\0\x01mdat" + ((1 << 64) - 1).to_bytes(8, "big"),
    ],
)
def test_a_broken_box_is_reported_with_its_place(broken):
    good = box(b"free", b"1234")
    data = good + broken
    with pytest.raises(ContainerError) as caught:
        walk(data)
    assert caught.value.offset == len(good)


def test_reading_a_box_never_asks_for_bytes_behind_the_end():
    asked: list[tuple[int, int]] = []

    def read_at(offset: int, size: int) -> bytes:
        asked.append((offset, size))
        return box(b"free")[offset : offset + size]

    assert read_box(read_at, 0, 8).kind == b"free"
    assert asked == [(0, 8)]
