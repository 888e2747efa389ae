"""The devices: which are not online and why, which come and go, whose clocks are wrong."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from cambus.cli.device_status import NOBODY, DeviceStatus
from cambus.cli.doctor.finding import Finding, note, ok, problem
from cambus.cli.formatting import ago, duration, plural
from cambus.client.received import ReceivedEvent
from cambus.schemas.events.device import OFFLINE, DeviceOffline
from cambus.schemas.state.presence import DeviceState, Presence

SHOWN: Final = 20
"""More devices with one and the same trouble are counted only."""

FLAPPING: Final = 3
"""So often offline within the time looked at is no accident."""

OWNERSHIP_LOST: Final = "ownership-lost"
NOT_ITS_FAULT: Final = {"handed-over", OWNERSHIP_LOST, "record-changed", "removed", "rebooting"}
"""Ends of sessions that we wanted, or that come from a connector that went: they say nothing of the device."""

LOOKED_BACK: Final = timedelta(hours=1)
STARTING: Final = timedelta(minutes=2)
DRIFT_S: Final = 60.0

OFFLINE_EVENTS: Final = OFFLINE.name

_TODO: Final = {
    NOBODY: "start the connector of its protocol, and see `cambusctl services`",
    DeviceState.OFFLINE: "is it on, and does the connector's machine reach {address}?",
    DeviceState.CONNECTING: "is {address} right, and does it speak {protocol}?",
    DeviceState.AWAITED: "is it on, and is it told to dial the connector? see `cambusctl devices --pending`",
    DeviceState.CREDENTIALS_REJECTED: "correct its credentials in the devices file, and apply it",
    DeviceState.LOCKED: "the device locked the account: wait, or unlock it there; then correct the credentials",
    DeviceState.NOT_ACTIVATED: "activate it: set a password on the device, and apply that",
    DeviceState.UNSUPPORTED: "it wants something this connector cannot do; see its last error",
    DeviceState.PENDING: "it asks to be let in: add it to the devices file, and apply it",
    DeviceState.DEGRADED: "see what does not work: cambusctl device get {device}",
}
_BEGINNING: Final = frozenset({DeviceState.CONNECTING, DeviceState.AWAITED})
"""For the first minutes no trouble: a device that dials in does so in its own time."""

_PASSING: Final = frozenset({DeviceState.UPGRADING, DeviceState.REBOOTING})


def check_states(devices: Sequence[DeviceStatus], now: datetime) -> list[Finding]:
    """Whether every device that is to be online is."""
    wanted = [each for each in devices if each.state != DeviceState.DISABLED.value]
    if not wanted:
        return [note("devices", "there are none", "cambusctl apply -f devices.yaml")]
    online = sum(1 for each in wanted if each.online)
    troubles: dict[str, list[Finding]] = defaultdict(list)
    for each in wanted:
        finding = _trouble(each, now)
        if finding is not None:
            troubles[each.state].append(finding)
    findings = [ok("devices", f"{online} of {len(wanted)} online")]
    for state, found in troubles.items():
        findings += _some(found, state, "cambusctl devices --offline")
    return findings


def _some(found: Sequence[Finding], what: str, todo: str) -> list[Finding]:
    """As many of one kind as can be read, and how many more there are."""
    if len(found) <= SHOWN:
        return list(found)
    rest = f"{plural(len(found) - SHOWN, 'more device')} {what}"
    return [*found[:SHOWN], Finding("devices", found[0].level, rest, todo)]


def _trouble(status: DeviceStatus, now: datetime) -> Finding | None:
    presence, state = status.presence, status.state
    if presence is None or status.record is None:
        if status.record is None:
            return note(
                status.device, f"{state}, and not in the devices file", "the connector forgets it in time"
            )
        return problem(status.device, "no connector looks after it", _TODO[NOBODY])
    if presence.state in _PASSING:
        return note(status.device, f"{state} for {ago(presence.since, now=lambda: now)}")
    if presence.state is DeviceState.DEGRADED:
        return problem(status.device, f"degraded: {', '.join(presence.degraded)}", _todo(status))
    if presence.online or (presence.state in _BEGINNING and now - presence.since < STARTING):
        return None
    error = presence.last_error
    why = f": {error.text}" if error is not None else ""
    since = ago(presence.since, now=lambda: now)
    return problem(status.device, f"{state} for {since}{why}{_again(presence, now)}", _todo(status))


def _again(presence: Presence, now: datetime) -> str:
    if presence.retry_at is None or presence.retry_at <= now:
        return ""
    return f"; tried again in {duration((presence.retry_at - now).total_seconds())}"


def _todo(status: DeviceStatus) -> str:
    record, presence = status.record, status.presence
    error = presence.last_error if presence is not None else None
    if error is not None and error.reason == OWNERSHIP_LOST and status.state == DeviceState.OFFLINE.value:
        return "it is not the device: see what is said of NATS, JetStream and its connector"
    return _TODO.get(status.state, "cambusctl device get {device}").format(
        device=status.device,
        address=(record.address if record is not None else None) or "it",
        protocol=record.protocol if record is not None else "it",
    )


def check_clocks(devices: Iterable[DeviceStatus]) -> list[Finding]:
    """Whose clock is so wrong that its recordings and alarms carry wrong times."""
    findings = []
    for each in devices:
        drift_s = each.presence.drift_s if each.presence is not None else None
        if drift_s is not None and abs(drift_s) > DRIFT_S:
            which = "ahead" if drift_s > 0 else "behind"
            text = f"its clock is {duration(abs(drift_s))} {which}"
            findings.append(
                note(
                    each.device, text, f"cambusctl call {each.device} device.time.set, or switch NTP on in it"
                )
            )
    return _some(findings, "with a wrong clock", "let them follow a time server")


async def check_flapping(events: AsyncIterator[ReceivedEvent]) -> list[Finding]:
    """Which devices went offline again and again; the events are those of the time looked at."""
    ends: dict[str, list[DeviceOffline]] = defaultdict(list)
    async for received in events:
        if isinstance(received.event, DeviceOffline) and received.event.reason not in NOT_ITS_FAULT:
            ends[received.device].append(received.event)
    findings = [
        problem(
            device,
            f"went offline {len(found)} times in the last {duration(LOOKED_BACK.total_seconds())}, "
            f"last: {found[-1].reason} {found[-1].text}".rstrip(),
            "look at its network and power; something else may hold its connections",
        )
        for device, found in sorted(ends.items())
        if len(found) >= FLAPPING
    ]
    return _some(findings, "came and went", "cambusctl events --type device.offline --since -1h")
