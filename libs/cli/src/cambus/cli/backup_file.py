"""The file of a backup: what people have set up, as JSON, with a digest over all of it.

What is kept is what nobody could say again: devices, their sealed credentials, policies, rules, links to upper
platforms, and the numbers that channels of GB/T 28181 devices have for ever. What services find out by themselves
(presence, leases, tokens, alarms that are raised) is not in it, and neither is where a campaign of upgrades is: an old
record of that could have an image sent a second time.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pydantic import ConfigDict

from cambus.cli.failures import UsageError
from cambus.cli.files import replacing
from cambus.schemas import assets, keys
from cambus.schemas.codec import JSON, decode
from cambus.schemas.errors import CambusError
from cambus.schemas.model import Message
from cambus.schemas.state.alarm_rule import AlarmRule
from cambus.schemas.state.cascade import CascadeLink, CascadeNumbers
from cambus.schemas.state.credentials import SealedCredentials
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.recording_policy import RecordingPolicy
from cambus.schemas.state.registrations import KnownChannels, KnownDevice

FORMAT: Final = 1
MAX_BYTES: Final = 1 << 30

Buckets = dict[str, dict[str, dict[str, Any]]]
"""Values as they are stored, by bucket and by key."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One kind of value that is backed up: where it lies, and what people call it."""

    bucket: str
    prefix: str
    model: type[Message]
    called: str


KEPT: Final = (
    Kept(assets.KV_CREDENTIALS, "", SealedCredentials, "sealed secrets"),
    Kept(assets.KV_REGISTRATIONS, keys.KNOWN_DEVICES, KnownDevice, "known devices"),
    Kept(assets.KV_REGISTRATIONS, keys.KNOWN_CHANNELS, KnownChannels, "lists of channels"),
    Kept(assets.KV_POLICIES, keys.CASCADE_NUMBERS, CascadeNumbers, "numbers of cascade links"),
    Kept(assets.KV_POLICIES, keys.CASCADE_LINKS, CascadeLink, "cascade links"),
    Kept(assets.KV_POLICIES, keys.RECORDING_POLICIES, RecordingPolicy, "recording policies"),
    Kept(assets.KV_POLICIES, keys.ALARM_RULES, AlarmRule, "alarm rules"),
    Kept(assets.KV_DEVICES, "", DeviceRecord, "devices"),
)
"""In the order they are restored: devices come last, when everything they need is there."""


class AnyValue(Message):
    """A stored value with all of its fields, those of another version of Cambus as well."""

    model_config = ConfigDict(extra="allow")


def kind_of(bucket: str, key: str) -> Kept | None:
    """What lies under a key; None if it is nothing that is backed up."""
    return next((kept for kept in KEPT if kept.bucket == bucket and key.startswith(kept.prefix)), None)


def write(path: Path, made_at: datetime, version: str, buckets: Buckets) -> str:
    """Write a backup that nobody else may read; returns its digest."""
    digest = _digest(buckets)
    document = {
        "cambus_backup": FORMAT,
        "made_at": made_at.isoformat(),
        "version": version,
        "sha256": digest,
        "buckets": buckets,
    }
    with replacing(path, mode=0o600) as file:
        file.write(json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True).encode() + b"\n")
    return digest


def read(path: Path) -> Buckets:
    """Read a backup, all of it checked.

    Raises:
        UsageError: it is none, was changed or cut, or has a value that Cambus does not understand.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{path} is no backup: it is larger than {MAX_BYTES >> 20} MiB")
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except ValueError:
        raise UsageError(f"{path} is no backup, or only a part of one") from None
    if not isinstance(document, dict) or document.get("cambus_backup") != FORMAT:
        raise UsageError(f"{path} is no backup that this version of Cambus reads")
    buckets = document.get("buckets")
    if not isinstance(buckets, dict) or _digest(buckets) != document.get("sha256"):
        raise UsageError(f"{path} was changed or damaged: its digest is another")
    _check(path, buckets)
    return buckets


def _check(path: Path, buckets: Buckets) -> None:
    for bucket, values in buckets.items():
        for key, value in values.items():
            kept = kind_of(bucket, key)
            if kept is None:
                raise UsageError(f"{path}: {bucket} {key} is nothing that is restored")
            try:
                decode(kept.model, json.dumps(value).encode(), JSON)
            except CambusError as error:
                raise UsageError(f"{path}: {bucket} {key}: {error.text}") from None


def _digest(buckets: Any) -> str:
    """SHA-256 over the values, however the file is laid out."""
    plain = json.dumps(buckets, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()
