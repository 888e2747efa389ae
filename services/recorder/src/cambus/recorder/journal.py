"""The gap ledger's own files, so that what is missing stays explained when the index is lost.

    <root>/<device>/<channel>/<stream>/journal.jsonl

Each line is a JSON object with one member:

    {"gap": [start_us, end_us, reason]}     the last line of a beginning counts: a gap grows, or
                                            is taken back by one that ends where it begins
    {"duty": since_us}                      from when on the stream is to be recorded here; null: no longer

A line that was cut short by a crash is passed over. All methods block and raise OSError where the disk fails.
"""

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cambus.recorder.disk import DISK, Disk, write_all
from cambus.recorder.index import Gap
from cambus.recorder.layout import StreamKey

logger = logging.getLogger(__name__)

FILE_NAME = "journal.jsonl"
MAX_BYTES = 64 << 20
COMPACT_BYTES = 256 << 10


@dataclass(slots=True)
class Entries:
    """What the journal of one stream says."""

    gaps: dict[int, Gap] = field(default_factory=dict)
    duty_since_us: int | None = None


class Journal:
    """The journals of all streams below a root; safe to use from several threads."""

    def __init__(self, root: Path, disk: Disk = DISK) -> None:
        self._root = root
        self._disk = disk
        self._lock = threading.Lock()

    def gap(self, gap: Gap) -> None:
        """Write a gap down, durably."""
        self._append(gap.key, {"gap": [gap.start_us, gap.end_us, gap.reason]})

    def duty(self, key: StreamKey, since_us: int | None) -> None:
        """Write down, durably, from when on a stream is to be recorded; None: it no longer is."""
        self._append(key, {"duty": since_us})

    def duty_from(self, key: StreamKey, since_us: int) -> None:
        """Write down that a stream that is to be recorded need not hold what was before an instant."""
        if self.read(key).duty_since_us is not None:
            self.duty(key, since_us)

    def streams(self) -> Iterator[StreamKey]:
        """Every stream that has a journal."""
        for path in self._root.glob(f"*/*/*/{FILE_NAME}"):
            device, channel, stream = path.relative_to(self._root).parts[:3]
            key = StreamKey(device, int(channel) if channel.isdecimal() else -1, stream)
            with suppress(ValueError):
                if self._path(key) == path:
                    yield key

    def read(self, key: StreamKey) -> Entries:
        """What is written down of a stream."""
        entries = Entries()
        try:
            with self._path(key).open("rb") as lines:
                data = lines.read(MAX_BYTES)
        except FileNotFoundError:
            return entries
        for line in filter(None, data.splitlines()):
            try:
                _take(entries, key, json.loads(line))
            except (ValueError, TypeError, KeyError):
                logger.debug("a line of a journal cannot be read", extra={"stream": str(key)})
        return entries

    def forget(self, before_us: int) -> None:
        """Drop gaps that ended before an instant, and lines that no longer count, from journals that have grown."""
        for key in list(self.streams()):
            path = self._path(key)
            if path.stat().st_size >= COMPACT_BYTES:
                with self._lock:
                    self._rewrite(key, path, before_us)

    def _rewrite(self, key: StreamKey, path: Path, before_us: int) -> None:
        entries = self.read(key)
        lines = [_line({"duty": entries.duty_since_us})]
        lines += [
            _line({"gap": [gap.start_us, gap.end_us, gap.reason]})
            for gap in entries.gaps.values()
            if gap.end_us >= before_us
        ]
        new = path.with_name(f"{FILE_NAME}.new")
        self._disk.remove(new)
        descriptor = self._disk.create(new)
        try:
            write_all(self._disk, descriptor, b"".join(lines))
            self._disk.sync(descriptor)
        finally:
            self._disk.close(descriptor)
        self._disk.rename(new, path)
        self._disk.sync_folder(path.parent)

    def _path(self, key: StreamKey) -> Path:
        return key.folder(self._root) / FILE_NAME

    def _append(self, key: StreamKey, entry: dict[str, Any]) -> None:
        path = self._path(key)
        with self._lock:
            missing = [each for each in (path, *path.parents) if not each.exists()]
            for folder in reversed(missing[1:]):
                self._disk.make_folder(folder)
            descriptor = self._disk.open(path)
            try:
                # The line begins with a line feed: what a crash left of the one before stays a line of its own.
                write_all(self._disk, descriptor, b"\n" + _line(entry))
                self._disk.sync(descriptor)
            finally:
                self._disk.close(descriptor)
            for each in missing:
                self._disk.sync_folder(each.parent)


def _line(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"


def _take(entries: Entries, key: StreamKey, entry: dict[str, Any]) -> None:
    if "duty" in entry:
        entries.duty_since_us = None if entry["duty"] is None else int(entry["duty"])
    elif "gap" in entry:
        start_us, end_us, reason = entry["gap"]
        gap = Gap(key, int(start_us), int(end_us), str(reason))
        entries.gaps[gap.start_us] = gap
        if gap.end_us <= gap.start_us:
            del entries.gaps[gap.start_us]
