"""What happened to every lease of a process, appended to a file: who owned what, and when, can be told afterwards.

One JSON object a line. `at` and `until` are seconds on the clock leases are kept by, comparable between all processes
of one boot of one machine (`boot`); `wall` is for people, and for comparing machines.

    taken         the lease is ours, under `epoch`, certainly until `until`
    renewed       it is, until a later `until`
    lost          it ended against our will, or ran out: from `until` on nothing was done under it
    released      it was given back; nothing was done under it any more
    dialled       a connector is about to open a session with `device`
    session-began, session-ended
    command       a command to `device` is about to be carried out

`at` of what needs the lease (`dialled`, `command`) was read before the lease was looked at: the lease was certainly
ours at that instant. A process that is killed or frozen writes nothing; whoever judges must be told of it.
"""

import json
import logging
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

logger = logging.getLogger(__name__)

MAX_BYTES: Final = 64 * 1024 * 1024
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class LeaseHistory:
    """Appends to the file of one process; where it can not, it says so once and leaves it.

    A file that has grown to `max_bytes` is renamed to `<name>.1`, over the one before, so that both together are
    bounded. Every line is handed to the system at once: what was written survives the process.

    Args:
        path: the file; None: nothing is kept.
        holder: name of the replica.
        run: which run of it.
        clock: the one the leases are kept by.
        max_bytes: size at which a new file is begun.

    Attributes:
        now: that clock.
    """

    def __init__(
        self,
        path: Path | None = None,
        holder: str = "",
        run: str = "",
        *,
        clock: Callable[[], float] = time.monotonic,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self.now = clock
        self._path = path
        self._max_bytes = max_bytes
        self._who = {"holder": holder, "run": run, "pid": os.getpid(), "boot": _boot()}

    def __bool__(self) -> bool:
        """Whether anything is kept."""
        return self._path is not None

    def write(self, what: str, key: str, at: float, **facts: Any) -> None:
        """Append one line. Never raises.

        Args:
            what: as in the table above.
            key: of the lease.
            at: when, on the clock of the leases.
            facts: what else is known.
        """
        if self._path is None:
            return
        wall = datetime.now(UTC).isoformat()
        line = {"at": at, "wall": wall, **self._who, "what": what, "key": key, **facts}
        try:
            self._append(self._path, json.dumps(line) + "\n")
        except OSError as error:
            logger.error("no history of leases", extra={"file": str(self._path), "reason": str(error)})
            self._path = None

    def _append(self, path: Path, line: str) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(line)
            full = file.tell() >= self._max_bytes
        if full:
            path.replace(path.with_name(path.name + ".1"))


def _boot() -> str:
    """Which boot of which machine this is; "" where that can not be known."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return ""
