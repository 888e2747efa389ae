"""Opening the index: one that is damaged is set aside and made anew from the files and the journals."""

import logging
import sqlite3
import time
from pathlib import Path

from cambus.recorder.disk import DISK, Disk
from cambus.recorder.index import FILE_NAME, Index
from cambus.recorder.journal import Journal

logger = logging.getLogger(__name__)

DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def open_index(root: Path, disk: Disk = DISK) -> Index:
    """The index of the recordings below `root`; a new one holds the gaps of the journals, and no segments yet.

    Raises:
        sqlite3.Error: It cannot be opened for another reason than being damaged.
        OSError: The disk fails.
    """
    try:
        index = Index(root)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF not in DAMAGED:
            raise  # locked, not writable, full: not damaged
        set_aside(root, disk)
        logger.error("the index is damaged and is made anew", extra={"reason": str(error)})
        index = Index(root)
    index.make_room()
    if index.is_new:
        read_journals(index, Journal(root, disk))
    return index


def set_aside(root: Path, disk: Disk = DISK) -> Path:
    """Give the index another name, for a person to look at; its log goes, nobody else could read it.

    Raises:
        OSError: The disk fails.
    """
    aside = root / f"{FILE_NAME}.damaged-{time.time_ns()}"
    disk.rename(root / FILE_NAME, aside)
    for suffix in ("-wal", "-shm"):
        disk.remove(root / f"{FILE_NAME}{suffix}")
    disk.sync_folder(root)
    return aside


def read_journals(index: Index, journal: Journal) -> None:
    """Write the gaps the journals hold into the index.

    Raises:
        OSError: The disk fails.
    """
    for key in journal.streams():
        index.put_gaps(journal.read(key).gaps.values())
