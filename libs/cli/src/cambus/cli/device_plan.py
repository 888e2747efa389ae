"""What has to change on the bus for its devices to be those of a file. Pure: it reads and writes nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import ValidationError

from cambus.bus.sealing import KeyRing, SealError
from cambus.cli.devices_file import DeviceEntry, DevicesFileError, Problem
from cambus.client.kv import Entry
from cambus.schemas.state.credentials import Credentials, SealedCredentials
from cambus.schemas.state.devices import CredentialsRef, DeviceRecord


class Action(StrEnum):
    """What happens to a device."""

    CREATE = "created"
    CHANGE = "changed"
    KEEP = "unchanged"
    REMOVE = "removed"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One device as the file wants it; `credentials` in clear, so it is not shown."""

    record: DeviceRecord
    credentials: Credentials | None


@dataclass(frozen=True, slots=True)
class Step:
    """What to do about one device.

    Attributes:
        device: its id.
        action: what happens to it.
        fields: what is different, for a change; `credentials` if they are.
        record: what to write; None to leave the record alone, or to remove it.
        revision: of the record that is there; None if there is none.
        seal: the credentials to seal and write.
        drop: the name of the credentials to delete.
    """

    device: str
    action: Action
    fields: tuple[str, ...] = ()
    record: DeviceRecord | None = None
    revision: int | None = None
    seal: Credentials | None = None
    drop: str | None = None


@dataclass(frozen=True, slots=True)
class Present:
    """What is on the bus now."""

    records: Mapping[str, Entry[DeviceRecord]]
    sealed: Mapping[str, SealedCredentials]


def wanted_devices(path: Path, entries: Iterable[DeviceEntry]) -> list[Wanted]:
    """Return what the entries of a file mean.

    Raises:
        DevicesFileError: an entry is no device record.
    """
    found: list[Wanted] = []
    problems: list[Problem] = []
    for entry in entries:
        try:
            found.append(_wanted(entry))
        except ValidationError as error:
            problems += [
                Problem(1, f"{entry.id}.{'.'.join(map(str, each['loc']))}: ", each["msg"])
                for each in error.errors()
            ]
    if problems:
        raise DevicesFileError(path, problems)
    return found


def _wanted(entry: DeviceEntry) -> Wanted:
    login = entry.credentials
    record = DeviceRecord(
        id=entry.id,
        protocol=entry.protocol,
        address=entry.address,
        name=entry.name,
        tags=entry.tags,
        credentials=None if login is None else CredentialsRef(name=entry.id),
        options=entry.options,
        enabled=entry.enabled,
    )
    if login is None:
        return Wanted(record, None)
    return Wanted(record, Credentials(username=login.username, password=login.password))


def plan(wanted: Iterable[Wanted], present: Present, keys: KeyRing | None, *, prune: bool) -> list[Step]:
    """Return the steps, in the order of the file, removals last; what is to stay as it is has a step too.

    Args:
        wanted: the devices of the file.
        present: what is there.
        keys: open what is sealed, to compare it; needed if a device of the file has credentials.
        prune: remove devices that are not in the file.
    """
    devices = list(wanted)
    steps = [_step(each, present, keys) for each in devices]
    if prune:
        named = {each.record.id for each in devices}
        steps += [
            Step(name, Action.REMOVE, revision=entry.revision, drop=_own_credentials(entry.value))
            for name, entry in sorted(present.records.items())
            if name not in named
        ]
    return steps


def not_in_file(wanted: Iterable[Wanted], present: Present) -> list[str]:
    """The devices on the bus that the file does not name."""
    return sorted(set(present.records) - {each.record.id for each in wanted})


def _step(device: Wanted, present: Present, keys: KeyRing | None) -> Step:
    record, name = device.record, device.record.id
    entry = present.records.get(name)
    seal = None if _same_credentials(device, present, keys) else device.credentials
    if entry is None:
        return Step(name, Action.CREATE, record=record, seal=seal)
    fields = _differences(entry.value, record)
    dropped = _own_credentials(entry.value) if record.credentials is None else None
    if seal is not None and "credentials" not in fields:
        fields = (*fields, "credentials")
    if not fields:
        return Step(name, Action.KEEP)
    rewrite = record if _differences(entry.value, record) else None
    return Step(name, Action.CHANGE, fields, rewrite, entry.revision, seal, dropped)


def _differences(before: DeviceRecord, after: DeviceRecord) -> tuple[str, ...]:
    names = (name for name in DeviceRecord.model_fields if name != "updated_at")
    return tuple(name for name in names if getattr(before, name) != getattr(after, name))


def _same_credentials(device: Wanted, present: Present, keys: KeyRing | None) -> bool:
    """Whether what is sealed opens and says the same; what cannot be opened is to be sealed anew."""
    if device.credentials is None:
        return True
    sealed = present.sealed.get(device.record.id)
    if sealed is None or keys is None:
        return False
    try:
        opened = keys.open(sealed, device.record.id)
    except SealError:
        return False
    return (opened.username, opened.password) == (device.credentials.username, device.credentials.password)


def _own_credentials(record: DeviceRecord) -> str | None:
    """The credentials that go with a device: those that `apply` names after it; others may be shared."""
    named = record.credentials
    return named.name if named is not None and named.name == record.id else None
