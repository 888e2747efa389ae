"""A durable queue on disk: what was put is there after a crash or a power cut, until it is discarded.

SQLite with a write-ahead log and `synchronous=FULL`, used by one thread of its own so that no fsync ever
holds up the event loop. Everything that waits when the thread gets to it goes into one transaction: a
thousand events a second need a few dozen fsyncs, not a thousand.
"""

import asyncio
import json
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, TypeVar

from cambus.bus.sqlite_room import make_room
from cambus.client.errors import BusError

logger = logging.getLogger(__name__)

T = TypeVar("T")
Report = Callable[[Any, BaseException | None], None]

MAX_ROWS = 100_000
MAX_BYTES = 256 * 1024 * 1024
MAX_WAITING = 10_000
ROOM_BYTES = 4 * 1024 * 1024
"""What an outbox of evidence should be able to take while nothing is free on the disk: some thousand events."""
DISCARD_DELAY_S = 0.05
CLOSE_TIMEOUT_S = 10.0

_SCHEMA = """
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA auto_vacuum = INCREMENTAL;
CREATE TABLE IF NOT EXISTS outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    subject TEXT NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    held_back INTEGER NOT NULL DEFAULT 0
);
"""
_ADD_HELD_BACK = "ALTER TABLE outbox ADD COLUMN held_back INTEGER NOT NULL DEFAULT 0"


class OutboxFull(BusError):
    """The outbox has reached its bound, or the disk is full: the event was not taken."""


class OutboxFailed(BusError):
    """The outbox cannot be used: another process has it, or the disk fails."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to be sent; `seq` is its place in the queue, 0 before it was put.

    `held_back` is 0 unless something had to come before it when it was put: then it tells since when that was so.
    Whether it is over the reader knows.
    """

    id: str
    subject: str
    headers: Mapping[str, str]
    body: bytes
    seq: int = 0
    held_back: int = 0


@dataclass(frozen=True, slots=True)
class HeldBack:
    """How many letters are held back, and since when the first."""

    letters: int
    since: int


@dataclass(frozen=True, slots=True)
class _Found:
    """What a file holds when it is opened."""

    rows: int
    size: int
    last: int
    last_free: int
    held_back: Mapping[str, HeldBack]


@dataclass(frozen=True, slots=True)
class _Job:
    """Something for the thread to do inside the next transaction."""

    run: Callable[[sqlite3.Connection], Any]
    done: Report
    urgent: bool


class Outbox:
    """The queue in one file. Open it with `async with`.

    Args:
        path: the file; its folder is created. A damaged file is set aside and a new one begun.
        max_rows: most letters it holds.
        max_bytes: most bytes of bodies it holds.
        room_bytes: how much it can take, in its files, while nothing is free on the disk.

    Attributes:
        rows: letters in the queue, those being put included.
        bytes: bytes of their bodies.
        found: the place of the last letter in the file when it was opened; 0: there was none.
        found_free: the same of the last that was not held back.
        found_held_back: how many of those were held back, and since when, by subject.
        empty: set while there are none.
        on_stored: called with every letter that was put, in order, even if whoever put it has gone.
    """

    def __init__(
        self, path: Path, *, max_rows: int = MAX_ROWS, max_bytes: int = MAX_BYTES, room_bytes: int = 0
    ) -> None:
        self.path = path
        self._room_bytes = room_bytes
        self.rows = 0
        self.bytes = 0
        self.found = 0
        self.found_free = 0
        self.found_held_back: Mapping[str, HeldBack] = {}
        self.empty = asyncio.Event()
        self.on_stored: Callable[[Letter], None] = _ignore
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._waiting = 0

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Open the file and start the thread.

        Raises:
            OutboxFailed: another process uses it, or it cannot be written.
        """
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[_Found] = loop.create_future()
        report = _in_loop(loop, lambda result, error: _complete(opened, result, error))
        self._thread = threading.Thread(target=self._work, args=(report,), name="outbox", daemon=True)
        self._thread.start()
        self.rows, self.bytes = 0, 0
        there = await opened
        self.found, self.found_free, self.found_held_back = there.last, there.last_free, there.held_back
        self._account(there.rows, there.size)

    async def close(self) -> None:
        """Finish what is under way and close the file; what is in it stays."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._jobs.put(None)
            await asyncio.to_thread(thread.join, CLOSE_TIMEOUT_S)

    async def put(self, letter: Letter) -> int:
        """Append a letter; returns its place once it would survive a power cut.

        A letter with the id of one in the queue is that one.

        Raises:
            OutboxFull: the bound is reached, or the disk is full.
            OutboxFailed: the disk fails.
        """
        size = len(letter.body)
        if self.rows >= self._max_rows or self.bytes + size > self._max_bytes or self._waiting >= MAX_WAITING:
            raise OutboxFull(f"the outbox holds {self.rows} events, {self.bytes} bytes")
        self._waiting += 1
        self._account(1, size)
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def stored(result: tuple[int, bool] | None, error: BaseException | None) -> None:
            self._waiting -= 1
            seq, is_new = result or (0, False)
            if not is_new:
                self._account(-1, -size)
            if error is None:
                self.on_stored(replace(letter, seq=seq))
            _complete(future, seq, error)

        self._submit(lambda db: _insert(db, letter), stored)
        return await future

    async def read(self, after: int, limit: int) -> list[Letter]:
        """Return letters in order, those behind place `after`.

        Raises:
            OutboxFailed: the disk fails.
        """
        future: asyncio.Future[list[Letter]] = asyncio.get_running_loop().create_future()
        self._submit(
            lambda db: _select(db, after, limit), lambda result, error: _complete(future, result, error)
        )
        return await future

    def discard(self, letters: Iterable[Letter]) -> None:
        """Remove letters that were delivered. A crash right after this may bring them back."""
        places = [letter.seq for letter in letters]

        def removed(result: tuple[int, int] | None, error: BaseException | None) -> None:
            if error is None and result is not None:
                self._account(-result[0], -result[1])

        self._submit(lambda db: _delete(db, places), removed, urgent=False)

    def _account(self, rows: int, size: int) -> None:
        self.rows += rows
        self.bytes += size
        if self.rows:
            self.empty.clear()
        else:
            self.empty.set()

    def _submit(
        self,
        run: Callable[[sqlite3.Connection], Any],
        done: Report,
        *,
        urgent: bool = True,
    ) -> None:
        if self._thread is None:
            raise OutboxFailed("the outbox is not open")
        self._jobs.put(_Job(run, _in_loop(asyncio.get_running_loop(), done), urgent))

    # --- in the thread ----------------------------------------------------------------------------------

    def _work(self, opened: Report) -> None:
        try:
            db = _connect(self.path)
            if self._room_bytes and not make_room(db, self._room_bytes):
                logger.warning("there is no room to keep free in the outbox")
            found = _find(db)
        except (sqlite3.Error, OSError) as error:
            opened(None, OutboxFailed(f"{self.path}: {error}"))
            return
        opened(found, None)
        jobs: list[_Job] = []
        while True:
            job = self._jobs.get()
            open_end = job is not None
            if job is not None:
                jobs.append(job)
                open_end = self._collect(jobs)
            _transact(db, jobs)
            jobs.clear()
            if not open_end:
                db.close()
                return

    def _collect(self, jobs: list[_Job]) -> bool:
        """Gather what waits into one transaction; a removal alone may wait a little for company."""
        until = time.monotonic() + DISCARD_DELAY_S
        while True:
            patience = 0.0 if any(job.urgent for job in jobs) else until - time.monotonic()
            try:
                job = self._jobs.get(timeout=patience) if patience > 0 else self._jobs.get_nowait()
            except queue.Empty:
                return True
            if job is None:
                return False
            jobs.append(job)


def _ignore(letter: Letter) -> None:
    del letter


def _connect(path: Path) -> sqlite3.Connection:
    """Open the file; set a damaged one aside, for a human to look at, and begin a new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return _open(path)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):  # locked, or not writable: not damaged
            raise
        aside = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
        logger.error("a damaged outbox was set aside", extra={"file": str(aside), "reason": str(error)})
        path.rename(aside)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        return _open(path)


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, timeout=0.5, check_same_thread=False)
    try:
        db.executescript(_SCHEMA)
        _check(db)
        if "held_back" not in {column[1] for column in db.execute("PRAGMA table_info(outbox)")}:
            db.execute(_ADD_HELD_BACK)
    except BaseException:
        db.close()
        raise
    return db


def _check(db: sqlite3.Connection) -> None:
    if db.execute("PRAGMA quick_check").fetchone()[0] != "ok":
        raise sqlite3.DatabaseError("the check of the file fails")


def _transact(db: sqlite3.Connection, jobs: list[_Job]) -> None:
    """Run jobs in one transaction and report to each; a failed commit is every job's failure."""
    results: list[Any] = []
    failure: BaseException | None = None
    try:
        db.execute("BEGIN IMMEDIATE")
        results = [job.run(db) for job in jobs]
        db.execute("COMMIT")
    except sqlite3.Error as error:
        full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        failure = (OutboxFull if full else OutboxFailed)(f"outbox: {error}")
        if db.in_transaction:
            db.execute("ROLLBACK")
        logger.error("the outbox could not be written", extra={"reason": str(error)})
    for index, job in enumerate(jobs):
        job.done(None if failure else results[index], failure)


def _find(db: sqlite3.Connection) -> _Found:
    rows, size = db.execute("SELECT count(*), coalesce(sum(length(body)), 0) FROM outbox").fetchone()
    (last,) = db.execute("SELECT coalesce(max(seq), 0) FROM outbox").fetchone()
    (free,) = db.execute("SELECT coalesce(max(seq), 0) FROM outbox WHERE held_back = 0").fetchone()
    held_back = db.execute(
        "SELECT subject, count(*), min(held_back) FROM outbox WHERE held_back <> 0 GROUP BY subject"
    )
    return _Found(
        rows, size, last, free, {subject: HeldBack(letters, since) for subject, letters, since in held_back}
    )


def _insert(db: sqlite3.Connection, letter: Letter) -> tuple[int, bool]:
    headers = json.dumps(dict(letter.headers))
    cursor = db.execute(
        "INSERT OR IGNORE INTO outbox (id, subject, headers, body, held_back) VALUES (?, ?, ?, ?, ?)",
        (letter.id, letter.subject, headers, letter.body, letter.held_back),
    )
    if cursor.rowcount:
        return int(cursor.lastrowid or 0), True
    return int(db.execute("SELECT seq FROM outbox WHERE id = ?", (letter.id,)).fetchone()[0]), False


def _select(db: sqlite3.Connection, after: int, limit: int) -> list[Letter]:
    rows = db.execute(
        "SELECT id, subject, headers, body, seq, held_back FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?",
        (after, limit),
    )
    return [
        Letter(key, subject, json.loads(headers), body, seq, held_back)
        for key, subject, headers, body, seq, held_back in rows
    ]


def _delete(db: sqlite3.Connection, places: list[int]) -> tuple[int, int]:
    """Delete rows; returns how many there were, and the bytes of their bodies."""
    gone = [
        row[0]
        for seq in places
        for row in db.execute("DELETE FROM outbox WHERE seq = ? RETURNING length(body)", (seq,))
    ]
    return len(gone), sum(gone)


def _complete(future: asyncio.Future[T], result: T, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)


def _in_loop(loop: asyncio.AbstractEventLoop, done: Report) -> Report:
    """A function for another thread that has `done` called in the loop."""

    def report(result: Any, error: BaseException | None) -> None:
        try:
            loop.call_soon_threadsafe(done, result, error)
        except RuntimeError:  # the loop was closed meanwhile; nobody waits any more
            logger.debug("an answer of the outbox came too late")

    return report
