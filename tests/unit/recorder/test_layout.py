"""Where segments lie: nothing but tokens becomes part of a path, and nothing but a segment is one."""

from pathlib import Path

import pytest

from cambus.recorder.layout import StreamKey, parse_path, segment_files

ROOT = Path("/recordings")
GOOD = "gate-1/0/main/20260201/20260201T120000.000000Z-01KGE5C8QXG1Z5X0N3V7M4T2RB.mp4"


@pytest.mark.parametrize("part", ["..", ".", "", "a/b", "/etc", "a\x00", "a b", "*", "ä", "\n", "a" * 65])
def test_what_is_no_token_never_becomes_part_of_a_path(part):
    for key in (StreamKey(part, 0, "main"), StreamKey("gate-1", 0, part)):
        with pytest.raises(ValueError, match="cannot be part of a path"):
            key.folder(ROOT)
    with pytest.raises(ValueError, match="cannot be part of a path"):
        StreamKey("gate-1", -1, "main").folder(ROOT)
    assert StreamKey("gate-1", 0, "main").folder(ROOT) == ROOT / "gate-1/0/main"


@pytest.mark.parametrize(
    "path",
    [
        GOOD.replace("gate-1", ".."),
        GOOD.replace("gate-1", "a b"),
        GOOD.replace("/0/", "/-1/"),
        GOOD.replace("main", "..", 1),
        GOOD.replace("20260201/", "20260202/"),
        "x/" + GOOD,
    ],
)
def test_a_file_that_is_no_segment_is_none(path):
    assert parse_path(Path(GOOD)) is not None
    assert parse_path(Path(path)) is None


def test_only_segments_are_found(tmp_path):
    for name in (GOOD, GOOD.replace("main", "a b"), GOOD + ".broken", "other.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [str(path) for _, path in segment_files(tmp_path)] == [GOOD]
