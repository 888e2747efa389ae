"""Writing files so that a name never stands for half of one."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cambus.cli.failures import UsageError


def check_target(path: Path, *, overwrite: bool) -> None:
    """Make sure that a file may be written.

    Raises:
        UsageError: it exists already, or its folder does not.
    """
    if not path.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {path.absolute().parent}")
    if path.is_dir():
        raise UsageError(f"{path} is a folder")
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists already", hint="--overwrite replaces it")


@contextmanager
def replacing(path: Path, *, mode: int = 0o666) -> Iterator[IO[bytes]]:
    """A file that gets its name once all of it is written and on the disk; on a failure nothing stays.

    Args:
        path: its name.
        mode: who may read it, less what the process's mask takes away; 0o600 for what is secret.
    """
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)  # one that was left over might be readable
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    part.replace(path)


async def pieces_of(file: IO[bytes], piece_bytes: int = 256 * 1024) -> AsyncIterator[bytes]:
    """The content of an open file, piece by piece."""
    while piece := file.read(piece_bytes):
        yield piece
