"""`cambus-recorder reindex` and `cambus-recorder verify`: the files and their index, while no recorder runs."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from cambus.recorder.index import FILE_NAME, Index
from cambus.recorder.layout import segment_files
from cambus.recorder.recovery import reindex
from cambus.recorder.settings import RecorderSettings

COMMANDS = ("reindex", "verify")


def maintain(argv: Sequence[str]) -> int:
    """Run one of the commands.

    Returns:
        0 when everything is in order, 1 when something was found or could not be read, 2 for a wrong call.
    """
    parser = argparse.ArgumentParser(prog="cambus-recorder", description=__doc__)
    parser.add_argument("command", choices=COMMANDS, help="make the index anew, or compare it with the files")
    parser.add_argument("--recordings", type=Path, help="the folder; as in the settings by default")
    arguments = parser.parse_args(argv)
    root = arguments.recordings or RecorderSettings().recordings
    if not root.is_dir():
        sys.stderr.write(f"{root}: no such folder\n")
        return 1
    try:
        return _reindex(root) if arguments.command == "reindex" else _verify(root)
    except OSError as error:
        sys.stderr.write(f"{error.filename or root}: {error.strerror}\n")
        return 1


def _reindex(root: Path) -> int:
    done = reindex(root)
    sys.stdout.write(
        f"{done.adopted} segments indexed, {done.removed} files without media removed, "
        f"{done.broken} unreadable files set aside\n"
    )
    return 1 if done.broken else 0


def _verify(root: Path) -> int:
    if not (root / FILE_NAME).exists():
        sys.stdout.write("there is no index; make one with: cambus-recorder reindex\n")
        return 1
    with Index(root) as index:
        rows = {segment.name.path(): segment for segment in index.all_segments()}
    files = {path: (root / path).stat().st_size for _, path in segment_files(root)}
    faults = [f"{path}: no row in the index" for path in files.keys() - rows.keys()]
    faults += [f"{path}: in the index, but not on the disk" for path in rows.keys() - files.keys()]
    for path in files.keys() & rows.keys():
        row = rows[path]
        if row.open:
            faults.append(f"{path}: still open; a recorder runs, or has crashed")
        elif row.extent.bytes != files[path]:
            faults.append(f"{path}: {files[path]} bytes, the index says {row.extent.bytes}")
    sys.stdout.write("".join(f"{fault}\n" for fault in sorted(faults)))
    sys.stdout.write(f"{len(files)} files, {len(rows)} rows, {len(faults)} faults\n")
    return 1 if faults else 0
