"""Checksums in the files: every damaged byte is found, and FFmpeg minds none of it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from durability import pictures_in
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cambus.media.frame import Frame
from cambus.recorder.index import Index
from cambus.recorder.seals import SEAL_BYTES, check_file, sealed

Frames = Callable[..., list[Frame]]
Record = Callable[..., list[tuple[int, int]]]


@pytest.fixture
def file(frames: Frames, record: Record, root: Path) -> Path:
    record(frames(75), segment_s=60)
    with Index(root) as index:
        return root / index.all_segments()[0].name.path()


def test_a_whole_file_is_intact_to_its_end_and_plays(file: Path) -> None:
    check = check_file(file)
    assert list(check.faults()) == []
    assert check.intact_bytes == check.size == file.stat().st_size
    assert len(check.parts) == 4  # the head and three fragments
    assert pictures_in(file) == 75


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_flipped_bit_is_found(file: Path, where: float, bit: int) -> None:
    whole = file.read_bytes()
    offset = int(where * len(whole))
    damaged = bytearray(whole)
    damaged[offset] ^= 1 << bit
    file.write_bytes(damaged)
    try:
        check = check_file(file)
        assert list(check.faults()) != []
        assert check.intact_bytes <= offset
    finally:
        file.write_bytes(whole)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(where=st.floats(0, 1, exclude_max=True))
def test_a_file_cut_short_anywhere_is_intact_up_to_a_seal(file: Path, where: float) -> None:
    whole = file.read_bytes()
    ends = [part.end for part in check_file(file).parts]
    cut = int(where * len(whole))
    file.write_bytes(whole[:cut])
    try:
        check = check_file(file)
        assert check.intact_bytes == max((end for end in ends if end <= cut), default=0)
        assert bool(list(check.faults())) == (cut not in {0, *ends})
    finally:
        file.write_bytes(whole)


def test_a_seal_is_a_box_of_its_own() -> None:
    seal = sealed(b"abc")[3:]
    assert (len(seal), seal[:8]) == (SEAL_BYTES, SEAL_BYTES.to_bytes(4, "big") + b"free")
