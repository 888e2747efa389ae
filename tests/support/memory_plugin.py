"""Keeps the files of a test run in memory, where there is plenty of it.

Services and NATS sync what they promise to keep, thousands of times in a run. On a disk that others use as well
every one of these may take seconds, and none of the tests is about that. `TMPDIR` set to a folder of your own leaves
everything there.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

import pytest

MEMORY: Final = Path("/dev/shm")  # the file system that Linux keeps in memory
PREFIX: Final = "cambus-tests-"
ENOUGH_BYTES: Final = 6 << 30
_FOLDER: Final = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Before workers start, which take `TMPDIR` over."""
    if "TMPDIR" in os.environ or hasattr(config, "workerinput") or not _is_plenty():
        return
    for left in MEMORY.glob(f"{PREFIX}*"):  # by a run that failed or was killed
        if not Path("/proc", left.name.removeprefix(PREFIX)).exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = MEMORY / f"{PREFIX}{os.getpid()}"
    folder.mkdir(mode=0o700)
    config.stash[_FOLDER] = folder
    os.environ["TMPDIR"] = str(folder)
    tempfile.tempdir = None  # asked for anew


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """What a failed run wrote is left to be looked at, until the next run."""
    folder = session.config.stash.get(_FOLDER, None)
    if folder is not None and exitstatus == pytest.ExitCode.TESTS_FAILED:
        del session.config.stash[_FOLDER]
        print(f"\nwhat the tests wrote is in {folder} until they run again")


def pytest_unconfigure(config: pytest.Config) -> None:
    """After everything that was started has ended."""
    folder = config.stash.get(_FOLDER, None)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
        del os.environ["TMPDIR"]
        tempfile.tempdir = None


def _is_plenty() -> bool:
    try:
        free = shutil.disk_usage(MEMORY).free
        meminfo = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        available = int(meminfo["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError, IndexError):
        return False
    return min(free, available) >= ENOUGH_BYTES and os.access(MEMORY, os.W_OK)
