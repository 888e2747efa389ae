"""The index: one row for each segment, one for each gap, in SQLite beside the files.

A row of an open segment grows with each fragment that is durable, never before: what a search reports can be
played. Commits are not synced one by one (WAL, `synchronous=NORMAL`): after a crash the rows may lag behind the
files, and `cambus.recorder.recovery` brings both together before anything is reported.

All methods block; the recorder calls them from its writer threads. Instants are microseconds since 1970, UTC.
"""

import errno
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Self

from cambus.bus.sqlite_room import make_room, room_in
from cambus.recorder.extent import Extent
from cambus.recorder.layout import SegmentName, StreamKey
from cambus.schemas.spans import RecordingTrigger

FILE_NAME = "index.sqlite3"
ROOM_BYTES = 2 << 20
"""Room inside the files of the index for rows that are to be written while the disk is full."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS segments (
    id TEXT PRIMARY KEY, device TEXT NOT NULL, channel INTEGER NOT NULL, stream TEXT NOT NULL,
    start_us INTEGER NOT NULL, end_us INTEGER NOT NULL, bytes INTEGER NOT NULL,
    codec TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL, audio_codec TEXT,
    open INTEGER NOT NULL, cause TEXT NOT NULL DEFAULT 'continuous', locked INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS segments_by_time ON segments (device, channel, stream, start_us);
CREATE INDEX IF NOT EXISTS segments_by_age ON segments (start_us);
CREATE TABLE IF NOT EXISTS gaps (
    device TEXT NOT NULL, channel INTEGER NOT NULL, stream TEXT NOT NULL, start_us INTEGER NOT NULL,
    end_us INTEGER NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (device, channel, stream, start_us)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unannounced (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS doomed (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alarms (kind TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_ADDED = {
    "cause": "TEXT NOT NULL DEFAULT 'continuous'",
    "locked": "INTEGER NOT NULL DEFAULT 0",
}
"""Columns the first indexes did not have."""
_SEGMENT = (
    "id, device, channel, stream, start_us, end_us, bytes, codec, width, height, audio_codec, open, "
    "cause, locked"
)
_PUT_SEGMENT = (
    f"INSERT INTO segments ({_SEGMENT}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?) "  # noqa: S608  # constant
    "ON CONFLICT (id) DO UPDATE SET start_us = excluded.start_us, end_us = excluded.end_us, "
    "bytes = excluded.bytes, codec = excluded.codec, width = excluded.width, height = excluded.height, "
    "audio_codec = excluded.audio_codec, open = excluded.open, locked = max(locked, excluded.locked)"
)
"""A row that grows keeps its lock, which a search may have set meanwhile."""
_GAP = "device, channel, stream, start_us, end_us, reason"
_IN_SPAN = "device = :device AND end_us > :start AND start_us < :end"
_OF_STREAM = "device = ? AND channel = ? AND stream = ?"


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of recorded media."""

    name: SegmentName
    end_us: int
    extent: Extent
    open: bool
    locked: bool = False

    @property
    def id(self) -> str:
        """The segment's ULID."""
        return self.name.id

    @property
    def key(self) -> StreamKey:
        """The stream it is of."""
        return self.name.key

    @property
    def start_us(self) -> int:
        """When its first picture was received."""
        return self.name.start_us


@dataclass(frozen=True, slots=True)
class Gap:
    """A time that should have been recorded and was not."""

    key: StreamKey
    start_us: int
    end_us: int
    reason: str


class IndexFailedError(OSError):
    """The index does not take or give rows: the disk is full (`ENOSPC`) or broken (`EIO`)."""

    def __init__(self, error: sqlite3.Error) -> None:
        full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        super().__init__(errno.ENOSPC if full else errno.EIO, f"index: {error}")


class Index:
    """The rows of one recorder's disk; safe to use from several threads.

    Every method raises `IndexFailedError` where the disk fails.

    Attributes:
        is_new: whether there was none before.
        deciding: held by whoever locks a segment or deletes one, so that what was just locked is not deleted.
    """

    def __init__(self, root: Path) -> None:
        """Open the index, and make it if it is not there.

        Raises:
            sqlite3.DatabaseError: It is damaged.
        """
        root.mkdir(parents=True, exist_ok=True)
        self.deciding = threading.Lock()
        self._lock = threading.Lock()
        self.is_new = not (root / FILE_NAME).exists()
        self._db = sqlite3.connect(root / FILE_NAME, isolation_level=None, check_same_thread=False)
        try:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            _check(self._db)
            self._db.executescript(_SCHEMA)
            known = {row[1] for row in self._db.execute("PRAGMA table_info(segments)")}
            for column in _ADDED.keys() - known:
                self._db.execute(f"ALTER TABLE segments ADD COLUMN {column} {_ADDED[column]}")
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _transaction(self, *, durably: bool = False) -> Iterator[sqlite3.Connection]:
        with self._lock, _mapped():
            self._db.execute(f"PRAGMA synchronous={'FULL' if durably else 'NORMAL'}")
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # SQLite ends some that fail by itself
                    self._db.execute("ROLLBACK")
                raise

    def _rows(self, query: str, values: Any = ()) -> list[tuple[Any, ...]]:
        with self._lock, _mapped():
            return self._db.execute(query, values).fetchall()

    def make_room(self, *, at_least: int = 0) -> None:
        """Keep room for rows inside the files, as far as there is any; `at_least`: only if less is left."""
        with self._lock, _mapped():
            if not at_least or room_in(self._db) < at_least:
                make_room(self._db, ROOM_BYTES)

    # --- segments ---------------------------------------------------------------------------------------

    def put(self, segments: Iterable[Segment], *, announce: bool = False) -> None:
        """Write rows, replacing those of the same segments; what is locked stays so."""
        rows = [_row(segment) for segment in segments]
        with self._transaction() as db:
            db.executemany(_PUT_SEGMENT, rows)
            if announce:
                db.executemany("INSERT OR IGNORE INTO unannounced VALUES (?)", [row[:1] for row in rows])

    def close_segment(self, segment: Segment) -> None:
        """Write the row of a segment that is complete now and is to be announced."""
        self.put([segment], announce=True)

    def announced(self, id_: str) -> None:
        """Note that a segment was announced."""
        with self._transaction() as db:
            db.execute("DELETE FROM unannounced WHERE id = ?", (id_,))

    def unannounced(self) -> list[Segment]:
        """The complete segments that are still to be announced, oldest first."""
        query = f"SELECT {_SEGMENT} FROM segments NATURAL JOIN unannounced WHERE NOT open ORDER BY start_us"  # noqa: S608  # constant
        return [_segment(row) for row in self._rows(query)]

    def remove(self, ids: Iterable[str]) -> None:
        """Forget segments."""
        with self._transaction() as db:
            gone = [(each,) for each in ids]
            db.executemany("DELETE FROM segments WHERE id = ?", gone)
            db.executemany("DELETE FROM unannounced WHERE id = ?", gone)
            db.executemany("DELETE FROM doomed WHERE id = ?", gone)

    def doom(self, id_: str) -> None:
        """Note, durably, that the file of a segment is about to be deleted: when it is gone it is not missing."""
        with self._transaction(durably=True) as db:
            db.execute("INSERT OR IGNORE INTO doomed VALUES (?)", (id_,))

    def spare(self) -> None:
        """Forget what was about to be deleted: it was, or is still there."""
        with self._transaction() as db:
            db.execute("DELETE FROM doomed")

    def doomed(self) -> set[str]:
        """The segments whose files were about to be deleted."""
        return {id_ for (id_,) in self._rows("SELECT id FROM doomed")}

    def is_locked(self, id_: str) -> bool:
        """Whether a segment is locked at present."""
        return bool(self._rows("SELECT 1 FROM segments WHERE id = ? AND locked", (id_,)))

    def set_locked(self, ids: Iterable[str], *, locked: bool) -> None:
        """Note that segments are locked, or no longer."""
        with self._transaction() as db:
            db.executemany(
                "UPDATE segments SET locked = ? WHERE id = ?", [(int(locked), each) for each in ids]
            )

    def all_segments(self) -> list[Segment]:
        """Every row, by stream and time."""
        query = f"SELECT {_SEGMENT} FROM segments ORDER BY device, channel, stream, start_us"  # noqa: S608  # constant
        return [_segment(row) for row in self._rows(query)]

    def find(
        self,
        device: str,
        start_us: int,
        end_us: int,
        *,
        channel: int | None = None,
        stream: str | None = None,
        limit: int | None = None,
    ) -> list[Segment]:
        """The segments that have media between two instants: by stream and time, or the first `limit` by time."""
        where, values = _question(device, start_us, end_us, channel, stream)
        order = "channel, stream, start_us" if limit is None else f"start_us LIMIT {limit:d}"
        query = f"SELECT {_SEGMENT} FROM segments WHERE {where} ORDER BY {order}"  # noqa: S608  # constant parts
        return [_segment(row) for row in self._rows(query, values)]

    def next_from(self, key: StreamKey, at_us: int) -> Segment | None:
        """The segment that has media at an instant, or the first one behind it."""
        query = (
            f"SELECT {_SEGMENT} FROM segments WHERE {_OF_STREAM} AND end_us > ? "  # noqa: S608  # constant parts
            "ORDER BY start_us LIMIT 1"
        )
        rows = self._rows(query, (key.device, key.channel, key.stream, at_us))
        return _segment(rows[0]) if rows else None

    def last_before(self, key: StreamKey, at_us: int) -> Segment | None:
        """The last segment that begins before an instant."""
        query = (
            f"SELECT {_SEGMENT} FROM segments WHERE {_OF_STREAM} AND start_us < ? "  # noqa: S608  # constant parts
            "ORDER BY start_us DESC LIMIT 1"
        )
        rows = self._rows(query, (key.device, key.channel, key.stream, at_us))
        return _segment(rows[0]) if rows else None

    def oldest(
        self, key: StreamKey | None = None, limit: int = 100, *, locked: bool = False
    ) -> list[Segment]:
        """The oldest closed segments of a stream, or of all: those that are locked, or those that are not."""
        where, values = ("1", ()) if key is None else (_OF_STREAM, (key.device, key.channel, key.stream))
        query = f"SELECT {_SEGMENT} FROM segments WHERE {where} AND NOT open AND locked = ? ORDER BY start_us LIMIT ?"  # noqa: S608  # constant parts
        return [_segment(row) for row in self._rows(query, (*values, int(locked), limit))]

    def last_closed(self, key: StreamKey) -> Segment | None:
        """The newest complete segment of a stream."""
        query = (
            f"SELECT {_SEGMENT} FROM segments WHERE {_OF_STREAM} AND NOT open ORDER BY start_us DESC LIMIT 1"  # noqa: S608  # constant parts
        )
        rows = self._rows(query, (key.device, key.channel, key.stream))
        return _segment(rows[0]) if rows else None

    def bytes_of(self, key: StreamKey) -> int:
        """Bytes recorded of a stream."""
        query = f"SELECT coalesce(sum(bytes), 0) FROM segments WHERE {_OF_STREAM}"  # noqa: S608  # constant parts
        return int(self._rows(query, (key.device, key.channel, key.stream))[0][0])

    def total_bytes(self) -> int:
        """Bytes of everything recorded."""
        return int(self._rows("SELECT coalesce(sum(bytes), 0) FROM segments")[0][0])

    def last_end_us(self, key: StreamKey) -> int | None:
        """When the newest segment of a stream ends; None if there is none."""
        query = f"SELECT max(end_us) FROM segments WHERE {_OF_STREAM}"  # noqa: S608  # constant parts
        found = self._rows(query, (key.device, key.channel, key.stream))[0][0]
        return None if found is None else int(found)

    def streams(self) -> list[StreamKey]:
        """Every stream that has segments."""
        return [
            StreamKey(*row) for row in self._rows("SELECT DISTINCT device, channel, stream FROM segments")
        ]

    # --- gaps -------------------------------------------------------------------------------------------

    def put_gap(self, gap: Gap) -> None:
        """Write a gap; one that begins at the same instant is replaced, as it grows."""
        self.put_gaps([gap])

    def remove_gap(self, gap: Gap) -> None:
        """Forget the gap that begins where this one does."""
        with self._transaction() as db:
            query = f"DELETE FROM gaps WHERE {_OF_STREAM} AND start_us = ?"  # noqa: S608  # constant
            db.execute(query, (*astuple(gap.key), gap.start_us))

    def put_gaps(self, gaps: Iterable[Gap]) -> None:
        """Write gaps, in one transaction."""
        rows = [(*astuple(gap.key), gap.start_us, gap.end_us, gap.reason) for gap in gaps]
        with self._transaction() as db:
            db.executemany(f"INSERT OR REPLACE INTO gaps ({_GAP}) VALUES (?,?,?,?,?,?)", rows)  # noqa: S608  # constant

    def gaps(
        self,
        device: str,
        start_us: int,
        end_us: int,
        *,
        channel: int | None = None,
        stream: str | None = None,
        limit: int | None = None,
    ) -> list[Gap]:
        """The gaps between two instants: by stream and time, or the first `limit` by time."""
        where, values = _question(device, start_us, end_us, channel, stream)
        order = "channel, stream, start_us" if limit is None else f"start_us LIMIT {limit:d}"
        query = f"SELECT {_GAP} FROM gaps WHERE {where} ORDER BY {order}"  # noqa: S608  # constant parts
        return [Gap(StreamKey(*row[:3]), *row[3:]) for row in self._rows(query, values)]

    def last_gap(self, key: StreamKey) -> Gap | None:
        """The newest gap of a stream; None if there is none."""
        query = f"SELECT {_GAP} FROM gaps WHERE {_OF_STREAM} ORDER BY end_us DESC LIMIT 1"  # noqa: S608  # constant
        found = self._rows(query, (key.device, key.channel, key.stream))
        return Gap(key, *found[0][3:]) if found else None

    def all_gaps(self) -> list[Gap]:
        """Every gap."""
        query = f"SELECT {_GAP} FROM gaps"  # noqa: S608  # constant
        return [Gap(StreamKey(*row[:3]), *row[3:]) for row in self._rows(query)]

    def prune_gaps(self, before_us: int) -> None:
        """Forget gaps that ended before an instant."""
        with self._transaction() as db:
            db.execute("DELETE FROM gaps WHERE end_us < ?", (before_us,))

    # --- alarms -----------------------------------------------------------------------------------------

    def alarms(self) -> set[str]:
        """The alarms about the disk that were raised and not cleared."""
        return {kind for (kind,) in self._rows("SELECT kind FROM alarms")}

    def note_alarm(self, kind: str, *, raised: bool) -> None:
        """Note that an alarm about the disk was raised, or cleared."""
        with self._transaction() as db:
            query = (
                "INSERT OR IGNORE INTO alarms VALUES (?)" if raised else "DELETE FROM alarms WHERE kind = ?"
            )
            db.execute(query, (kind,))


@contextmanager
def _mapped() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise IndexFailedError(error) from error


def _check(db: sqlite3.Connection) -> None:
    if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise sqlite3.DatabaseError("the check of the file fails")


def _question(
    device: str, start_us: int, end_us: int, channel: int | None, stream: str | None
) -> tuple[str, dict[str, Any]]:
    where = _IN_SPAN
    where += " AND channel = :channel" if channel is not None else ""
    where += " AND stream = :stream" if stream is not None else ""
    return where, {"device": device, "start": start_us, "end": end_us, "channel": channel, "stream": stream}


def _row(segment: Segment) -> tuple[Any, ...]:
    key, extent = segment.key, segment.extent
    return (
        *(segment.id, key.device, key.channel, key.stream, segment.start_us, segment.end_us, extent.bytes),
        *(extent.codec, extent.width, extent.height, extent.audio_codec, int(segment.open)),
        *(segment.name.trigger.value, int(segment.locked)),
    )


def _segment(row: tuple[Any, ...]) -> Segment:
    (
        id_,
        device,
        channel,
        stream,
        start_us,
        end_us,
        size,
        codec,
        width,
        height,
        audio,
        is_open,
        cause,
        locked,
    ) = row
    extent = Extent(size, end_us - start_us, codec, width, height, audio)
    name = SegmentName(StreamKey(device, channel, stream), id_, start_us, RecordingTrigger(cause))
    return Segment(name, end_us, extent, bool(is_open), bool(locked))
