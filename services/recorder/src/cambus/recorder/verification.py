"""Comparing the files with their index and with themselves: every byte is read."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from cambus.media.errors import ContainerError
from cambus.recorder.extent import extent_of, scan_file
from cambus.recorder.index import Index, Segment
from cambus.recorder.layout import BROKEN_SUFFIX, SUFFIX, segment_files
from cambus.recorder.seals import check_file


class Fault(StrEnum):
    """What can be wrong with a recording."""

    NO_ROW = "no-row"
    NO_FILE = "no-file"
    STILL_OPEN = "still-open"
    WRONG_SIZE = "wrong-size"
    DAMAGED = "damaged"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong."""

    path: Path
    fault: Fault
    text: str


@dataclass(slots=True)
class Verdict:
    """What was found.

    Attributes:
        files: how many there are.
        rows: how many the index has.
        bytes: how many were read.
        unsealed: files without checksums, of which the structure alone was checked.
        set_aside: files nobody could read, set aside before.
        findings: what is wrong, by path.
    """

    files: int = 0
    rows: int = 0
    bytes: int = 0
    unsealed: int = 0
    set_aside: int = 0
    findings: list[Finding] = field(default_factory=list)


def verify(root: Path, index: Index) -> Verdict:
    """Read every file to its end, and compare files and rows; changes nothing."""
    verdict = Verdict()
    rows = {segment.name.path(): segment for segment in index.all_segments()}
    verdict.rows = len(rows)
    for _, path in sorted(segment_files(root), key=lambda each: each[1]):
        verdict.files += 1
        verdict.findings += _compared(root, path, rows.pop(path, None))
        verdict.findings += _read(root, path, verdict)
    verdict.findings += [Finding(path, Fault.NO_FILE, "in the index, but not on the disk") for path in rows]
    verdict.set_aside = sum(1 for _ in root.glob(f"*/*/*/*/*{SUFFIX}{BROKEN_SUFFIX}"))
    verdict.findings.sort(key=lambda finding: (finding.path, finding.fault))
    return verdict


def _compared(root: Path, path: Path, row: Segment | None) -> Iterator[Finding]:
    size = (root / path).stat().st_size
    if row is None:
        yield Finding(path, Fault.NO_ROW, "no row in the index")
    elif row.open:
        yield Finding(path, Fault.STILL_OPEN, "still open; a recorder runs, or has crashed")
    elif row.extent.bytes != size:
        yield Finding(path, Fault.WRONG_SIZE, f"{size} bytes, the index says {row.extent.bytes}")


def _read(root: Path, path: Path, verdict: Verdict) -> Iterator[Finding]:
    try:
        check = check_file(root / path)
        verdict.bytes += check.size
        if check.parts:
            yield from (Finding(path, Fault.DAMAGED, text) for text in check.faults())
        else:
            verdict.unsealed += 1
        found = scan_file(root / path)
        if found.fault and not check.parts:
            yield Finding(path, Fault.DAMAGED, found.fault)
        if extent_of(found).duration_us == 0:
            yield Finding(path, Fault.UNREADABLE, "holds no pictures")
    except ContainerError as error:
        yield Finding(path, Fault.UNREADABLE, str(error))
    except OSError as error:
        yield Finding(path, Fault.UNREADABLE, error.strerror or str(error))
