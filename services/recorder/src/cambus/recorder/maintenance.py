"""`cambus-recorder reindex`, `verify` and `copies`: files, their index and copies, while no recorder runs."""

import argparse
import json
import sqlite3
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from cambus.recorder.copy_marks import COPIED, PENDING
from cambus.recorder.folder_lock import FolderInUseError, FolderLock
from cambus.recorder.index import FILE_NAME, Index
from cambus.recorder.layout import SUFFIX
from cambus.recorder.recovery import reindex
from cambus.recorder.settings import RecorderSettings
from cambus.recorder.verification import Verdict, verify

COMMANDS = ("reindex", "verify", "copies")


def maintain(argv: Sequence[str]) -> int:
    """Run one of the commands.

    Returns:
        0 when everything is in order, 1 when something was found or could not be read, 2 for a wrong call.
    """
    parser = argparse.ArgumentParser(prog="cambus-recorder", description=__doc__)
    parser.add_argument(
        "command",
        choices=COMMANDS,
        help="make the index anew, read every file and compare, or tell what is to be copied",
    )
    parser.add_argument("--recordings", type=Path, help="the folder; as in the settings by default")
    parser.add_argument("--json", action="store_true", help="one JSON object on the output")
    arguments = parser.parse_args(argv)
    root = arguments.recordings or RecorderSettings().recordings
    if not root.is_dir():
        sys.stderr.write(f"{root}: no such folder\n")
        return 1
    try:
        return _WORK[arguments.command](root, as_json=arguments.json)
    except OSError as error:
        if arguments.json and isinstance(error, FolderInUseError):
            sys.stdout.write(json.dumps({"error": error.strerror}) + "\n")
        sys.stderr.write(f"{error.filename or root}: {error.strerror}\n")
        return 1


def _reindex(root: Path, *, as_json: bool) -> int:
    with FolderLock(root, alone=True):
        done = reindex(root)
    facts = {"indexed": done.adopted, "removed": done.removed, "broken": done.broken}
    text = (
        f"{done.adopted} segments indexed, {done.removed} files without media removed, "
        f"{done.broken} unreadable files set aside\n"
    )
    sys.stdout.write(json.dumps(facts) + "\n" if as_json else text)
    return 1 if done.broken else 0


def _verify(root: Path, *, as_json: bool) -> int:
    if not (root / FILE_NAME).exists():
        return _no_index("there is no index", as_json=as_json)
    lock, live = FolderLock.to_read(root)
    try:
        with lock, Index(root) as index:
            verdict = verify(root, index)
    except sqlite3.DatabaseError as error:
        return _no_index(f"the index cannot be read: {error}", as_json=as_json)
    sys.stdout.write(_as_json(verdict, live=live) if as_json else _as_text(verdict, live=live))
    return 1 if verdict.findings else 0


def _copies(root: Path, *, as_json: bool) -> int:
    pending, copied = (
        sorted(root.glob(f"*/*/*/*/*{SUFFIX}{PENDING}")),
        list(root.glob(f"*/*/*/*/*{SUFFIX}{COPIED}")),
    )
    names = [str(path.relative_to(root).with_suffix("")) for path in pending]
    if as_json:
        sys.stdout.write(json.dumps({"pending": names, "copied": len(copied)}) + "\n")
    else:
        sys.stdout.write("".join(f"{name}: to be copied\n" for name in names))
        sys.stdout.write(f"{len(names)} files to be copied, {len(copied)} were\n")
    return 0


_WORK = {"reindex": _reindex, "verify": _verify, "copies": _copies}


def _no_index(text: str, *, as_json: bool) -> int:
    if as_json:
        sys.stdout.write(json.dumps({"error": text}) + "\n")
    else:
        sys.stdout.write(f"{text}; make one with: cambus-recorder reindex\n")
    return 1


def _as_json(verdict: Verdict, *, live: bool) -> str:
    return json.dumps({**asdict(verdict), "live": live}, default=str) + "\n"


def _as_text(verdict: Verdict, *, live: bool) -> str:
    lines = [f"{finding.path}: {finding.text}\n" for finding in verdict.findings]
    counts = f"{verdict.files} files, {verdict.rows} rows, {verdict.bytes} bytes read"
    notes = (f", {verdict.unsealed} without checksums" if verdict.unsealed else "") + (
        f", {verdict.set_aside} set aside before" if verdict.set_aside else ""
    )
    used = (
        "a recorder uses this folder: what it writes or deletes meanwhile may show as a fault\n"
        if live
        else ""
    )
    return "".join(lines) + f"{counts}{notes}, {len(verdict.findings)} faults\n{used}"
