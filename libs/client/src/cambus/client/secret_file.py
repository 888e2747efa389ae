"""Secrets come from files, read when they are needed, so that a rotated one is taken at the next connection."""

from pathlib import Path
from typing import Final

MAX_SECRET_BYTES: Final = 64 * 1024


def read_secret(path: Path) -> str:
    """Return the text of a secret's file without the newline an editor leaves.

    Raises:
        ValueError: the file is empty or larger than 64 KiB; the message names the file, never its content.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(MAX_SECRET_BYTES + 1)
    if not data.strip() or len(data) > MAX_SECRET_BYTES:
        raise ValueError(f"{path}: wanted a secret of 1 to {MAX_SECRET_BYTES} bytes")
    return data.decode("utf-8").rstrip("\r\n")
