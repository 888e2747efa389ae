"""What is shown of one device: its presence, changed step by step and compared with what was shown before."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from cambus.connector.driver import DeviceDescription
from cambus.connector.errors import CredentialsRefused, EndReason, SessionEnd
from cambus.schemas.channels import ChannelInfo
from cambus.schemas.errors import ErrorCode
from cambus.schemas.events.device import FieldChange
from cambus.schemas.state.presence import DeviceState, Presence, PresenceError

MAX_CHANNELS: Final = 512
MAX_TEXT: Final = 500
LASTING: Final = ("vendor", "model", "serial", "software_version", "channels_total")
"""The facts whose change is an event."""

_CODES: Final = {
    EndReason.UNREACHABLE: ErrorCode.OFFLINE,
    EndReason.CONNECTION_LOST: ErrorCode.OFFLINE,
    EndReason.TIMEOUT: ErrorCode.DEADLINE,
    EndReason.KEEPALIVE_LOST: ErrorCode.DEADLINE,
    EndReason.PROTOCOL_ERROR: ErrorCode.DEVICE_PROTOCOL,
    EndReason.CONNECTION_LIMIT: ErrorCode.OVERLOADED,
    EndReason.DEVICE_ERROR: ErrorCode.DEVICE_REFUSED,
    EndReason.UNSUPPORTED: ErrorCode.UNSUPPORTED,
    EndReason.CREDENTIALS_REFUSED: ErrorCode.UNAUTHORIZED,
    EndReason.CREDENTIALS_MISSING: ErrorCode.UNAUTHORIZED,
    EndReason.INVALID_RECORD: ErrorCode.BAD_REQUEST,
    EndReason.INTERNAL: ErrorCode.INTERNAL,
}
_STATES: Final = {
    EndReason.CREDENTIALS_REFUSED: DeviceState.CREDENTIALS_REJECTED,
    EndReason.CREDENTIALS_MISSING: DeviceState.CREDENTIALS_REJECTED,
    EndReason.UNSUPPORTED: DeviceState.UNSUPPORTED,
    EndReason.REBOOTING: DeviceState.REBOOTING,
}
_NO_ERROR: Final = frozenset(
    {EndReason.HANDED_OVER, EndReason.REMOVED, EndReason.RECORD_CHANGED, EndReason.REPLACED}
)


class DevicePresence:
    """The presence of one device.

    Args:
        device: its id.
        protocol: its protocol.
        replica: the name of this replica.
        show: takes every new state, to be written.
        away: the state without a session and without a finer reason: `awaited` for a device that dials in.

    Attributes:
        current: what is shown now.
        upgrading: whether an upgrade is under way.
    """

    def __init__(
        self,
        device: str,
        protocol: str,
        replica: str,
        show: Callable[[Presence], None],
        *,
        away: DeviceState = DeviceState.OFFLINE,
    ) -> None:
        self._show = show
        self._replica = replica
        self._away = away
        self.upgrading = False
        self.current = Presence(
            device=device,
            protocol=protocol,
            online=False,
            state=DeviceState.CONNECTING,
            since=datetime.now(UTC),
            replica=replica,
        )

    def adopt(self, last: Presence | None) -> None:
        """Go on from what was shown before, perhaps by a replica that is no more."""
        if last is not None:
            self.current = last.model_copy(update={"protocol": self.current.protocol})

    def connecting(self, epoch: int) -> None:
        """The first attempt under this epoch; a device that was online stays so until the attempt fails."""
        if not self.current.online:
            self._change(state=DeviceState.CONNECTING, epoch=epoch, replica=self._replica)

    def online(self, description: DeviceDescription, epoch: int, address: str | None) -> list[FieldChange]:
        """A session is up; return what is different from what was known before."""
        before = self.current
        self._change(
            online=True,
            state=self._state_online,
            since=datetime.now(UTC),
            seen_at=None,
            replica=self._replica,
            epoch=epoch,
            connection=description.connection,
            address=address,
            retry_at=None,
            **_facts(description),
        )
        return self._differences(before)

    def described(self, description: DeviceDescription) -> list[FieldChange]:
        """The session found out something new; return what is different."""
        before = self.current
        self._change(**_facts(description))
        return self._differences(before)

    def offline(self, end: SessionEnd, epoch: int, retry_at: datetime | None) -> None:
        """There is no session, and this is why."""
        now = datetime.now(UTC)
        fields: dict[str, Any] = {}
        if self.current.online:
            fields = {"since": now, "seen_at": now}
        if end.reason not in _NO_ERROR:
            fields["last_error"] = PresenceError(
                code=_CODES.get(end.reason, ErrorCode.OFFLINE),
                reason=slug(end),
                text=end.text[:MAX_TEXT],
                at=now,
            )
        self._change(
            online=False,
            state=self._state_after(end),
            epoch=epoch,
            replica=self._replica,
            retry_at=retry_at,
            **fields,
        )

    def awaited(self, epoch: int) -> None:
        """It is for the device to dial in; `seen_at` and the last error stay what they were."""
        error = self.current.last_error
        stale = error is not None and error.reason == EndReason.INVALID_RECORD.value
        self._change(
            online=False,
            state=DeviceState.AWAITED,
            since=datetime.now(UTC) if self.current.online else self.current.since,
            epoch=epoch,
            replica=self._replica,
            connection="registered",
            retry_at=None,
            last_error=None if stale else error,
        )

    def disabled(self, epoch: int) -> None:
        """The record says to leave the device alone."""
        since = datetime.now(UTC) if self.current.online else self.current.since
        self._change(
            online=False,
            state=DeviceState.DISABLED,
            since=since,
            epoch=epoch,
            replica=self._replica,
            retry_at=None,
            last_error=None,
        )

    def drifted(self, drift_s: float | None) -> None:
        """The device's clock is so many seconds ahead of ours."""
        self._change(drift_s=drift_s)

    def upgrade(self, *, active: bool) -> None:
        """An upgrade has begun or ended."""
        self.upgrading = active
        if self.current.online:
            self._change(state=self._state_online)

    def renewed(self, epoch: int) -> None:
        """The device is held under a new epoch."""
        self._change(epoch=epoch, replica=self._replica)

    @property
    def _state_online(self) -> DeviceState:
        return DeviceState.UPGRADING if self.upgrading else DeviceState.ONLINE

    def _state_after(self, end: SessionEnd) -> DeviceState:
        if self.upgrading:
            return DeviceState.UPGRADING
        if isinstance(end, CredentialsRefused) and end.detail == "locked":
            return DeviceState.LOCKED
        return _STATES.get(end.reason, self._away)

    def _change(self, **fields: Any) -> None:
        changed = self.current.model_copy(update=fields)
        if changed != self.current:
            self.current = changed
            self._show(changed)

    def _differences(self, before: Presence) -> list[FieldChange]:
        """The lasting facts that differ; a fact that was not known before is no change."""
        return [
            FieldChange(field=name, before=getattr(before, name), after=getattr(self.current, name))
            for name in LASTING
            if getattr(before, name) and getattr(before, name) != getattr(self.current, name)
        ]


def epoch_after(last: Presence | None, epoch: int) -> int:
    """Return the epoch to speak under of a device whose shard is held under `epoch`.

    A device that dialled in was shown under the epoch of its hold, which is newer than a lease taken before; whoever
    holds the shard now speaks after that.
    """
    return max(epoch, last.epoch) if last is not None and last.connection == "registered" else epoch


def slug(end: SessionEnd) -> str:
    """Return the finest reason of an end."""
    return end.detail if isinstance(end, CredentialsRefused) else end.reason.value


def changed_channels(
    before: tuple[ChannelInfo, ...], after: tuple[ChannelInfo, ...]
) -> list[tuple[int, str, ChannelInfo | None, list[FieldChange]]]:
    """Return which channels differ: number, what happened, the channel as it is now, the fields."""
    old = {channel.channel: channel for channel in before}
    new = {channel.channel: channel for channel in after}
    changes: list[tuple[int, str, ChannelInfo | None, list[FieldChange]]] = []
    for number in sorted(old.keys() | new.keys()):
        was, now = old.get(number), new.get(number)
        if was == now:
            continue
        if was is None or now is None:
            changes.append((number, "removed" if now is None else "added", now, []))
            continue
        fields = [
            FieldChange(field=name, before=value, after=now.model_dump(mode="json")[name])
            for name, value in was.model_dump(mode="json").items()
            if value != now.model_dump(mode="json")[name]
        ]
        what = "updated" if was.online == now.online else ("online" if now.online else "offline")
        changes.append((number, what, now, fields))
    return changes


def _facts(description: DeviceDescription) -> dict[str, Any]:
    return {
        "vendor": description.vendor,
        "model": description.model,
        "serial": description.serial,
        "software_version": description.software_version,
        "channels": list(description.channels[:MAX_CHANNELS]),
        "channels_total": len(description.channels),
        "encrypted": description.encrypted,
    }
