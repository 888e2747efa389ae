"""A process that records for ever, and folders on disks of their own where that may be done."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from mounts import MountError, mounted

ENDLESS = Path(__file__).parents[2] / "support" / "endless_recording.py"


@pytest.fixture
def endless() -> Iterator[Callable[[Path], subprocess.Popen[str]]]:
    """Starts a process that records below a folder for ever; killed at the end."""
    with ExitStack() as processes:

        def start(root: Path) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, str(ENDLESS), str(root)], stdout=subprocess.PIPE, text=True, bufsize=1
            )
            processes.enter_context(process)  # waits for its end
            processes.callback(process.kill)  # before that, though it stand still
            return process

        yield start


@pytest.fixture
def mount() -> Iterator[Callable[..., Path]]:
    """Mounts a file system; skips the test where only root could."""
    with ExitStack() as mounts:

        def make(folder: Path, *arguments: str) -> Path:
            if os.geteuid() != 0:
                pytest.skip("only root may mount file systems")
            try:
                return mounts.enter_context(mounted(folder, *arguments))
            except MountError as error:
                pytest.skip(f"no file system can be mounted here: {error}")

        yield make
