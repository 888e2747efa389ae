"""Room inside an SQLite database, so that rows can still be written when nothing is free on the disk.

A database in WAL mode needs room in two files: free pages in the database, and a log that was once as long. Both
are made by writing that much and deleting it again; SQLite keeps the pages, and overwrites the log from its beginning.
"""

import sqlite3
from contextlib import suppress


def make_room(db: sqlite3.Connection, size: int) -> bool:
    """Let `size` bytes be written later without taking any of the disk; false if there is no room now.

    Call it outside of a transaction, with a connection in autocommit mode and WAL; it writes as much as it makes
    room for, to the database and to the log.
    """
    try:
        db.execute("CREATE TABLE IF NOT EXISTS room (data BLOB)")
        db.execute("DELETE FROM room")
        db.execute("INSERT INTO room VALUES (zeroblob(?))", (size,))
        _checkpoint(db)  # the pages are in the database now, not only in the log
        db.execute("DELETE FROM room")
        _checkpoint(db)
    except sqlite3.OperationalError:
        if db.in_transaction:
            with suppress(sqlite3.Error):
                db.execute("ROLLBACK")
        return False
    return True


def room_in(db: sqlite3.Connection) -> int:
    """Bytes of free pages a database has."""
    (pages,) = db.execute("PRAGMA freelist_count").fetchone()
    (size,) = db.execute("PRAGMA page_size").fetchone()
    return int(pages) * int(size)


def _checkpoint(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
