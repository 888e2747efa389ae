"""The device's log (DVRIP §7.4, 1442)."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from cambus.dvrip.values import format_time

#: Entry types by filter of a query, with or without the prefix "Log".
_FILTERS: Final = {
    "Config": {"SaveConfig", "SetTime"},
    "Data": {"SaveSystemState"},
    "Alarm": {"EventStart", "EventStop"},
    "Record": {"Record"},
    "Account": {"LogIn", "LogOut", "AddUser", "DeleteUser", "ModifyPassword"},
    "FileAccess": {"FileAccess"},
    "System": {"Reboot", "ShutDown"},
}
#: Entries per answer: about 13 KB of JSON.
PAGE: Final = 128
_KEPT: Final = 2048
_HISTORY: Final = 300


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line: its number, when (device time), what and details."""

    position: int
    time: datetime
    type: str
    data: str

    def as_json(self) -> dict[str, Any]:
        """As 1443 carries it; the profile `classic` names every user "System"."""
        return {
            "Data": self.data,
            "Position": self.position,
            "Time": format_time(self.time),
            "Type": self.type,
            "User": "System",
        }


class DeviceLog:
    """A ring of entries, oldest first; it starts with a plausible past before ``started`` (device time)."""

    def __init__(self, started: datetime) -> None:
        self.enabled = True
        self._entries: deque[LogEntry] = deque(maxlen=_KEPT)
        self._next = 1
        kinds = (
            ("EventStart", "MotionDetect,0"),
            ("EventStop", "MotionDetect,0"),
            ("LogIn", "admin,DVRIP-Web:192.168.1.20"),
            ("SaveConfig", "General.General"),
            ("LogOut", "admin,DVRIP-Web:192.168.1.20"),
        )
        for index in range(_HISTORY):
            kind, data = kinds[index % len(kinds)]
            self.add(started - timedelta(minutes=_HISTORY - index), kind, data)
        self.add(started, "SaveSystemState", "StartUp")

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, time: datetime, kind: str, data: str) -> None:
        """Write an entry."""
        if self.enabled:
            self._entries.append(LogEntry(self._next, time, kind, data))
            self._next += 1

    def clear(self) -> None:
        """Remove every entry; positions go on."""
        self._entries.clear()

    def find(self, begin: datetime, end: datetime, position: int, kind: str) -> list[LogEntry]:
        """Up to `PAGE` entries of a time range from a position on; ``kind`` is ``LogAll`` or a filter."""
        wanted = _FILTERS.get(kind.removeprefix("Log"))
        found = []
        for entry in self._entries:
            if entry.position < position or not begin <= entry.time <= end:
                continue
            if wanted is None or entry.type in wanted:
                found.append(entry)
                if len(found) == PAGE:
                    break
        return found

    def tail(self, count: int = 50) -> list[LogEntry]:
        """The last entries."""
        return list(self._entries)[-count:]
