"""Which devices are to be: the records of one protocol in `cambus-devices`, followed as they change.

A record somebody broke is not lost from sight: it is a device that can not work, and its presence says why.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, ValidationError

from cambus.bus.connection import Bus
from cambus.client.kv import Entry, KeyValue
from cambus.schemas.assets import KV_DEVICES
from cambus.schemas.ids import is_token
from cambus.schemas.model import Message
from cambus.schemas.state.devices import DeviceRecord

logger = logging.getLogger(__name__)

RESYNC_S = 300.0


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record of this protocol that can not be read; `problem` names the field and what was wanted."""

    id: str
    problem: str


Desired = DeviceRecord | BadRecord
"""A device that is to be, or the remains of one."""

OnChange = Callable[[str, Desired | None], None]
"""Told of a device and its new record; None: it is no longer to be."""


class StoredRecord(Message):
    """A record as it is stored, whatever it holds: what is wrong with it is found out later."""

    model_config = ConfigDict(extra="allow", strict=False)


class Registry:
    """The desired devices of one protocol.

    Args:
        bus: the connection.
        protocol: only records of this one.
        on_change: told of every record that comes, changes or goes, in order.

    Attributes:
        devices: the records as known now, by device id.
    """

    def __init__(self, bus: Bus, protocol: str, on_change: OnChange) -> None:
        self.devices: dict[str, Desired] = {}
        self._protocol = protocol
        self._on_change = on_change
        self._bucket = KeyValue(bus, KV_DEVICES, StoredRecord)
        self._watch = self._bucket.watch(resync_s=RESYNC_S)

    async def run(self) -> None:
        """Follow the bucket until cancelled."""
        async for key, entry in self._watch:
            self.apply(key, entry)

    async def synced(self) -> None:
        """Wait until everything that was there at the start is known."""
        await self._watch.synced.wait()

    def apply(self, key: str, entry: Entry[StoredRecord] | None) -> None:
        """Take one change of the bucket."""
        record = None if entry is None else read_record(key, entry.value.model_extra or {}, self._protocol)
        before = self.devices.get(key)
        if record == before:
            return
        if record is None:
            del self.devices[key]
        else:
            self.devices[key] = record
        self._on_change(key, record)


def read_record(key: str, fields: Mapping[str, Any], protocol: str) -> Desired | None:
    """Return the record stored under `key` if it is of this protocol, or what is wrong with it."""
    if fields.get("protocol") != protocol:
        return None
    if not is_token(key):
        logger.error("no device id", extra={"entry": key})
        return None
    try:
        record = DeviceRecord.model_validate(dict(fields))
    except ValidationError as error:
        return BadRecord(key, _explain(error))
    if record.id != key:
        return BadRecord(key, "id: wanted the key it is stored under")
    return record


def connection_facts(record: DeviceRecord) -> tuple[Any, ...]:
    """Return what a session depends on: if it changes, the device is connected anew."""
    return record.protocol, record.address, record.credentials, record.options


def _explain(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    named = [
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}" for problem in problems[:3]
    ]
    return "; ".join(named)
