"""Records for devices that nobody configured, and that showed the common password (GB-039)."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Final

from cambus.bus.connection import Bus
from cambus.client.errors import BusError, WrongRevision
from cambus.client.kv import KeyValue
from cambus.connector.credentials import CredentialStore
from cambus.connector.errors import SessionEnd
from cambus.schemas.assets import KV_DEVICES
from cambus.schemas.errors import CambusError
from cambus.schemas.state.devices import CredentialsRef, DeviceRecord

logger = logging.getLogger(__name__)

MAX_WAITING: Final = 1024
TAG: Final = "enrolled"


class Enrolments:
    """Makes records.

    Args:
        bus: the connection.
        protocol: of the devices.
        credentials: the store.
        name: of the common credentials; empty for none.

    Attributes:
        waiting: codes of devices whose record is being made.
    """

    def __init__(self, bus: Bus, protocol: str, credentials: CredentialStore, name: str) -> None:
        self._bucket = KeyValue(bus, KV_DEVICES, DeviceRecord)
        self._protocol = protocol
        self._credentials = credentials
        self._name = name
        self._work: asyncio.Queue[str] = asyncio.Queue(MAX_WAITING)
        self._waiting: dict[str, None] = {}

    @property
    def waiting(self) -> tuple[str, ...]:
        """Codes of devices whose record is being made."""
        return tuple(self._waiting)

    @property
    def password(self) -> str:
        """The common password; empty, which admits nobody, if there is none."""
        if not self._name:
            return ""
        try:
            password = self._credentials.open(self._name).password
        except SessionEnd as problem:
            logger.error("the common credentials can not be used", extra={"reason": problem.text})
            return ""
        return "" if password is None else password.get_secret_value()

    def enrol(self, code: str) -> None:
        """Make a record for a device."""
        if code in self._waiting or self._work.full():
            return
        self._waiting[code] = None
        self._work.put_nowait(code)

    def settled(self, code: str) -> None:
        """It has its record, or is gone."""
        self._waiting.pop(code, None)

    async def run(self) -> None:
        """Write records until cancelled."""
        while True:
            code = await self._work.get()
            record = DeviceRecord(
                id=code,
                protocol=self._protocol,
                tags=[TAG],
                credentials=CredentialsRef(name=self._name),
                updated_at=datetime.now(UTC),
            )
            try:
                await self._bucket.create(code, record)
            except WrongRevision:
                continue  # there is one already
            except (BusError, CambusError) as error:
                self.settled(code)
                logger.warning("a device was not enrolled", extra={"code": code, "reason": str(error)})
            else:
                logger.info("device enrolled", extra={"device": code})
