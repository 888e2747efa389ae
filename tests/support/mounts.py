"""File systems of their own, for tests that run as root."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class MountError(Exception):
    """It cannot be mounted, or made."""


def run(*command: str) -> None:
    """Run a command of the system.

    Raises:
        MountError: it is not there, or fails.
    """
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise MountError(f"{command[0]} is not installed") from error
    except subprocess.CalledProcessError as error:
        raise MountError(error.stderr.strip()) from error


@contextmanager
def mounted(folder: Path, *arguments: str) -> Iterator[Path]:
    """Mount at a folder until the end.

    Raises:
        MountError: it cannot be mounted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run("mount", *arguments, str(folder))
    try:
        yield folder
    finally:
        run("umount", "--lazy", str(folder))
