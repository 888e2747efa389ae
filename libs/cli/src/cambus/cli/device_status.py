"""How a device is, put together from what it is to be (its record) and what is known of it (its presence)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from rich.text import Text

from cambus.cli.formatting import ago, clean, duration
from cambus.client.connection import Connection
from cambus.client.kv import KeyValue
from cambus.schemas.assets import KV_DEVICES, KV_PRESENCE
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.presence import DeviceState, Presence

COLUMNS: Final = ("id", "name", "state", "model", "channels", "since", "replica", "last error")

NOBODY: Final = "no connector"
"""The state of a device that no connector has looked at yet."""

_STYLES: Final = {
    DeviceState.ONLINE: "green",
    DeviceState.DEGRADED: "yellow",
    DeviceState.CONNECTING: "yellow",
    DeviceState.AWAITED: "yellow",
    DeviceState.REBOOTING: "yellow",
    DeviceState.UPGRADING: "yellow",
    DeviceState.DISABLED: "dim",
}


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """One device; either half may be missing."""

    device: str
    record: DeviceRecord | None = None
    presence: Presence | None = None

    @property
    def state(self) -> str:
        """The state of the session, or why there is none."""
        if self.record is not None and not self.record.enabled:
            return DeviceState.DISABLED.value
        return NOBODY if self.presence is None else self.presence.state.value

    @property
    def online(self) -> bool:
        """Whether it takes commands."""
        return self.presence is not None and self.presence.online

    def row(self, now: datetime) -> list[Any]:
        """The cells under `COLUMNS`."""
        record, presence = self.record, self.presence
        name = record.name if record is not None else ""
        if presence is None:
            return [self.device, name, Text(self.state, "red"), "", "", "", "", ""]
        return [
            self.device,
            name,
            self._state_cell(now),
            presence.model,
            _channels(presence),
            ago(presence.since, now=lambda: now),
            presence.replica,
            _error(presence, now),
        ]

    def as_json(self) -> dict[str, Any]:
        """What `--json` shows."""
        return {
            "device": self.device,
            "state": self.state,
            "online": self.online,
            "record": self.record,
            "presence": self.presence,
        }

    def _state_cell(self, now: datetime) -> Text:
        presence = self.presence
        if presence is None or self.state == DeviceState.DISABLED.value:
            return Text(self.state, "dim")
        text = Text(self.state, _STYLES.get(presence.state, "red"))
        if presence.retry_at is not None and presence.retry_at > now and not presence.online:
            text.append(f" (again in {duration((presence.retry_at - now).total_seconds())})", "dim")
        return text


class DeviceBoard:
    """The devices of one NATS, kept up to date by `record` and `presence`."""

    def __init__(self) -> None:
        self._records: dict[str, DeviceRecord] = {}
        self._presence: dict[str, Presence] = {}

    @classmethod
    async def read(cls, bus: Connection) -> "DeviceBoard":
        """Read everything. Raises BusError."""
        board = cls()
        records, presences = device_buckets(bus)
        for name, entry in (await records.items()).items():
            board.record(name, entry.value)
        for name, seen in (await presences.items()).items():
            board.presence(name, seen.value)
        return board

    def record(self, device: str, record: DeviceRecord | None) -> None:
        """A record came, changed or (None) went."""
        _put(self._records, device, record)

    def presence(self, device: str, presence: Presence | None) -> None:
        """What is known of a device came, changed or (None) went."""
        _put(self._presence, device, presence)

    def get(self, device: str) -> DeviceStatus:
        """One device, known or not."""
        return DeviceStatus(device, self._records.get(device), self._presence.get(device))

    def all(self) -> list[DeviceStatus]:
        """Every device, by id."""
        return [self.get(device) for device in sorted(self._records.keys() | self._presence.keys())]


def device_buckets(bus: Connection) -> tuple[KeyValue[DeviceRecord], KeyValue[Presence]]:
    """The two buckets a board is made of."""
    return KeyValue(bus, KV_DEVICES, DeviceRecord), KeyValue(bus, KV_PRESENCE, Presence)


def _put(where: dict[str, Any], name: str, value: Any) -> None:
    if value is None:
        where.pop(name, None)
    else:
        where[name] = value


def _channels(presence: Presence) -> str:
    total = presence.channels_total or len(presence.channels)
    away = sum(1 for channel in presence.channels if channel.enabled and not channel.online)
    return "" if not total else f"{total} ({away} away)" if away else str(total)


def _error(presence: Presence, now: datetime) -> Text | str:
    error = presence.last_error
    if error is None:
        return ""
    text = f"{clean(error.text)} ({ago(error.at, now=lambda: now)} ago)"
    return Text(text, "dim" if presence.online else "red")


def utc_now() -> datetime:
    """The present, aware."""
    return datetime.now(UTC)
