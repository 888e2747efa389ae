"""Whom to ask for what, and what comes of it."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded_frames import START_US, keyframe_first, real_frames, write_recordings
from recordings import pictures_of

from cambus.media.mp4 import FaststartMp4
from cambus.recorder.borrowed import piece_of
from cambus.recorder.borrowing import LEAST_US, _Files, shares
from cambus.recorder.export_movie import Laid, movie_of
from cambus.recorder.index import Index
from cambus.recorder.layout import StreamKey, to_us
from cambus.schemas.commands.recorder import RecordedFindReply
from cambus.schemas.errors import Internal
from cambus.schemas.spans import RecordedSpan

NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)
NOON_US = to_us(NOON)
KEY = StreamKey("gate-1", 0, "main")
SECOND_US = 1_000_000


def reply(name: str, spans: list[tuple[float, float]]) -> RecordedFindReply:
    return RecordedFindReply(
        replica=name,
        spans=[
            RecordedSpan(
                start=NOON + timedelta(seconds=start),
                end=NOON + timedelta(seconds=end),
                channel=0,
                stream="main",
                bytes=1,
            )
            for start, end in spans
        ],
    )


def asked(
    replies: list[RecordedFindReply], end: float, here: str = "here"
) -> dict[str, list[tuple[float, float]]]:
    found = shares(replies, here, NOON_US, NOON_US + round(end * SECOND_US))
    return {
        name: [((a - NOON_US) / SECOND_US, (b - NOON_US) / SECOND_US) for a, b in each]
        for name, each in found
    }


def test_what_is_here_is_asked_of_nobody() -> None:
    here = reply("here", [(0, 20), (50, 70)])
    assert asked([here, reply("b", [(18, 52)])], 70) == {"b": [(20, 50)]}
    assert asked([here, reply("b", [(0, 20.2)])], 70) == {}  # a scrap
    assert asked([reply("here", [(0, 70)]), reply("b", [(0, 70)])], 70) == {}


def test_who_holds_most_is_asked_first_and_others_for_the_rest() -> None:
    replies = [reply("b", [(0, 30)]), reply("c", [(20, 90)]), reply("d", [(0, 90)])]
    assert asked(replies, 90) == {"d": [(0, 90)]}
    assert asked(replies[:2], 90) == {"c": [(20, 90)], "b": [(0, 20)]}


spans = st.lists(st.integers(0, 100), max_size=8, unique=True).map(
    lambda ends: [(float(a), float(b)) for a, b in pairwise(sorted(ends))][::2]
)


@given(st.dictionaries(st.sampled_from(["here", "b", "c", "d"]), spans))
def test_whatever_anybody_holds_is_had_once(held: dict[str, list[tuple[float, float]]]) -> None:
    shared = asked([reply(name, each) for name, each in held.items()], 100)
    seconds = [
        {second for start, end in each for second in range(int(start), int(end))}
        for each in [held.get("here", []), *shared.values()]
    ]
    there = {
        second for each in held.values() for start, end in each for second in range(int(start), int(end))
    }
    assert sum(map(len, seconds)) == len(set().union(*seconds)) == len(there)
    assert LEAST_US < SECOND_US


def pictures(movie: FaststartMp4) -> list[float]:
    parts = [
        piece if isinstance(piece, bytes) else Path(piece.path).read_bytes()[piece.offset :][: piece.length]
        for piece in movie.read_range(0, movie.total_bytes)
    ]
    return pictures_of(b"".join(parts))


def laid(*roots: Path, end_s: float = 100) -> Laid:
    pieces = []
    for root in roots:
        with Index(root) as index:
            pieces += [piece_of(root, each) for each in index.all_segments()]
    return movie_of(pieces, START_US, START_US + round(end_s * SECOND_US))


@pytest.mark.parametrize("first", [50, 75, 100])
def test_what_two_recorders_hold_of_the_same_time_is_in_it_once(tmp_path: Path, first: int) -> None:
    write_recordings(tmp_path / "a", KEY, real_frames(150))
    write_recordings(tmp_path / "b", KEY, keyframe_first(real_frames(200 - first, first=first)))
    for roots in (("a", "b"), ("b", "a")):
        made = laid(*(tmp_path / each for each in roots))
        times = pictures(made.movie)
        assert len(times) == 200
        assert {round(after - before, 2) for before, after in pairwise(times)} == {0.04}
        assert made.spans == [(START_US, START_US + 8 * SECOND_US)]


def test_what_is_contained_in_another_is_left_out(tmp_path: Path) -> None:
    write_recordings(tmp_path / "a", KEY, real_frames(200), segment_s=60.0)
    write_recordings(tmp_path / "b", KEY, keyframe_first(real_frames(50, first=50)), segment_s=60.0)
    assert len(pictures(laid(tmp_path / "a", tmp_path / "b").movie)) == 200


def test_a_transfer_is_cut_into_its_files(tmp_path: Path) -> None:
    files = _Files(tmp_path, [(3, 7), (4, 8)])
    for part in (b"ab", b"cde", b"fg"):
        assert not files.complete
        files.write(part)
    assert files.complete
    with pytest.raises(Internal):
        files.write(b"!")
    files.close()
    assert [piece.path.read_bytes() for piece in files.pieces] == [b"abc", b"defg"]
    assert [piece.origin_us for piece in files.pieces] == [7, 8]
