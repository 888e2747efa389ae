"""`cambus-recorder verify` and `reindex`: what they find, what they print, how they end."""

import errno
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cambus.media.frame import Frame
from cambus.recorder import folder_lock
from cambus.recorder.folder_lock import FolderInUseError, FolderLock
from cambus.recorder.index import FILE_NAME, Gap, Index
from cambus.recorder.journal import Journal
from cambus.recorder.layout import StreamKey
from cambus.recorder.maintenance import maintain

Frames = Callable[..., list[Frame]]
Record = Callable[..., list[tuple[int, int]]]
KEY = StreamKey("gate-1", 0, "main")


@pytest.fixture
def files(frames: Frames, record: Record, root: Path) -> list[Path]:
    """Four segments, oldest first."""
    record(frames(400))
    with Index(root) as index:
        return [root / row.name.path() for row in index.all_segments()]


@pytest.fixture
def run(root: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def call(*arguments: str) -> tuple[int, str]:
        code = maintain([*arguments, "--recordings", str(root)])
        return code, capsys.readouterr().out

    return call


def faults(run: Callable[..., tuple[int, str]]) -> tuple[int, list[tuple[str, str]]]:
    code, out = run("verify", "--json")
    found = json.loads(out)
    return code, [(Path(finding["path"]).name, finding["fault"]) for finding in found["findings"]]


def test_what_is_in_order_is_said_to_be(files: list[Path], run: Callable[..., tuple[int, str]]) -> None:
    code, out = run("verify")
    assert (code, "0 faults" in out) == (0, True)
    code, out = run("verify", "--json")
    verdict = json.loads(out)
    assert (code, verdict["files"], verdict["rows"], verdict["findings"]) == (0, 4, 4, [])
    assert verdict["bytes"] == sum(path.stat().st_size for path in files)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("harm", "fault"),
    [
        (flip, {"damaged"}),
        (lambda path: path.write_bytes(path.read_bytes()[:-10]), {"damaged", "wrong-size"}),
        (lambda path: path.write_bytes(b""), {"unreadable", "wrong-size"}),
        (Path.unlink, {"no-file"}),
        (lambda path: path.write_bytes(path.read_bytes() + b"more"), {"damaged", "wrong-size"}),
    ],
    ids=["bit", "truncated", "empty", "missing", "longer"],
)
def test_each_kind_of_damage_is_found_where_it_is(
    files: list[Path],
    run: Callable[..., tuple[int, str]],
    harm: Callable[[Path], object],
    fault: set[str],
) -> None:
    harm(files[1])
    code, found = faults(run)
    assert code == 1
    assert {name for name, _ in found} == {files[1].name}
    assert {kind for _, kind in found} == fault
    code, out = run("verify")
    assert (code, files[1].name in out) == (1, True)


def test_a_file_without_a_row_and_one_still_open_are_found(
    files: list[Path], run: Callable[..., tuple[int, str]], frames: Frames, record: Record, root: Path
) -> None:
    with Index(root) as index:
        index.remove([index.all_segments()[0].id])
    record(frames(50, first=1000), close=False)
    code, found = faults(run)
    assert (code, sorted(kind for _, kind in found)) == (1, ["no-row", "still-open"])


def test_verify_without_a_usable_index_says_what_to_do(
    files: list[Path], run: Callable[..., tuple[int, str]], root: Path
) -> None:
    (root / FILE_NAME).write_bytes(b"not a database" * 1000)
    code, out = run("verify")
    assert (code, "reindex" in out) == (1, True)
    code, out = run("verify", "--json")
    assert (code, "error" in json.loads(out)) == (1, True)
    assert run("reindex") == (
        0,
        "4 segments indexed, 0 files without media removed, 0 unreadable files set aside\n",
    )
    assert run("verify")[0] == 0


def test_reindex_tells_programs_what_it_did(
    files: list[Path], run: Callable[..., tuple[int, str]], root: Path
) -> None:
    files[0].write_bytes(b"\xff" * 1000 + files[0].read_bytes())
    code, out = run("reindex", "--json")
    assert (code, json.loads(out)) == (1, {"indexed": 3, "removed": 0, "broken": 1})


def test_gaps_come_back_from_the_journal_when_the_index_is_deleted(
    files: list[Path], run: Callable[..., tuple[int, str]], root: Path
) -> None:
    gap = Gap(KEY, 5_000_000, 9_000_000, "device-offline")
    with Index(root) as index:
        index.put_gap(gap)
        before = index.all_segments()
    Journal(root).gap(gap)
    for path in root.glob(f"{FILE_NAME}*"):
        path.unlink()
    assert run("reindex")[0] == 0
    with Index(root) as index:
        assert (index.all_segments(), index.all_gaps()) == (before, [gap])


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert maintain(["verify", "--recordings", str(tmp_path / "nowhere")]) == 1
    assert "no such folder" in capsys.readouterr().err


def test_the_index_of_a_folder_in_use_is_not_made_anew(
    files: list[Path], root: Path, run: Callable[..., tuple[int, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    before = (root / FILE_NAME).stat().st_ino
    with FolderLock.to_record(root, "recorder-1"):
        assert maintain(["reindex", "--recordings", str(root)]) == 1
        assert "uses this folder" in capsys.readouterr().err
        code, out = run("reindex", "--json")
        assert (code, "uses this folder" in json.loads(out)["error"]) == (1, True)
        assert (root / FILE_NAME).stat().st_ino == before
        code, out = run("verify", "--json")
        assert (code, json.loads(out)["live"]) == (0, True)
        assert "a recorder uses this folder" in run("verify")[1]
    with FolderLock.to_read(root)[0]:  # another `verify` is no recorder
        assert json.loads(run("verify", "--json")[1])["live"] is False
    assert run("reindex")[0] == 0


def test_no_recorder_starts_while_the_index_is_made_anew(
    root: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_lock, "_PATIENCE_S", 0.0)
    with FolderLock(root, alone=True), pytest.raises(FolderInUseError, match="being made anew"):
        FolderLock.to_record(root, "recorder-1")
    FolderLock.to_record(root, "recorder-1").close()


def test_a_second_recorder_is_told_who_records_into_the_folder(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_lock, "_PATIENCE_S", 0.0)
    root.mkdir(exist_ok=True)
    with FolderLock.to_record(root, "recorder-1 (process 7 on nvr)"):
        for _ in range(2):  # who was refused leaves everything as it was
            with pytest.raises(FolderInUseError, match=r"^.*recorder-1 \(process 7 on nvr\) records into"):
                FolderLock.to_record(root, "recorder-2")
    FolderLock.to_record(root, "recorder-2").close()


def test_a_recorder_that_is_killed_lets_go_of_its_folder(root: Path) -> None:
    root.mkdir(exist_ok=True)
    program = (
        "import pathlib, sys, time; from cambus.recorder.folder_lock import FolderLock; "
        "lock = FolderLock.to_record(pathlib.Path(sys.argv[1]), 'recorder-1'); print('has it', flush=True); "
        "time.sleep(3600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(root)], stdout=subprocess.PIPE, text=True
    ) as recorder:
        assert recorder.stdout is not None
        assert recorder.stdout.readline() == "has it\n"
        live, others = FolderLock.to_read(root)[::-1]
        others.close()
        recorder.kill()
    assert live
    FolderLock.to_record(root, "recorder-2").close()


def test_a_file_system_without_locks_keeps_nobody_out(
    root: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def flock(descriptor: int, mode: int) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(folder_lock.fcntl, "flock", flock)
    with FolderLock(root, alone=True), FolderLock(root, alone=True):
        pass
    with FolderLock.to_record(root, "recorder-1"), FolderLock.to_record(root, "recorder-2"):
        assert "see to it that no second recorder uses this folder" in caplog.text
