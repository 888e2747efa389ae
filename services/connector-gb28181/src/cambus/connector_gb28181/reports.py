"""What a device says on its own: alarms, positions, changes of its catalog, keepalives of broken parts.

The platform hands messages over without waiting; they are dealt with one after the other.
"""

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from cambus.gb28181.errors import GbError
from cambus.gb28181.manscdp import catalog as catalogs
from cambus.gb28181.manscdp.envelope import Envelope
from cambus.gb28181.manscdp.notices import SnapshotsFinished, UpgradeResult
from cambus.gb28181.manscdp.presence import Keepalive
from cambus.gb28181.platform import Told

if TYPE_CHECKING:
    from cambus.connector_gb28181.session import GbSession

logger = logging.getLogger(__name__)

MAX_WAITING: Final = 1024


class Reports:
    """Deals with what one device says.

    Args:
        session: of the device.
    """

    def __init__(self, session: "GbSession") -> None:
        self._session = session
        self._waiting: asyncio.Queue[Told] = asyncio.Queue(MAX_WAITING)

    def told(self, told: Told) -> None:
        """The device has told something; too much at once is dropped, and said."""
        try:
            self._waiting.put_nowait(told)
        except asyncio.QueueFull:
            logger.warning("reports of a device dropped", extra={"device": self._session.device.id})

    async def run(self) -> None:
        """Deal with reports until cancelled."""
        while True:
            told = await self._waiting.get()
            try:
                await self._report(told.envelope)
            except GbError as error:
                extra = {"device": self._session.device.id, "reason": error.text}
                logger.info("a report of a device is unreadable", extra=extra)

    async def _report(self, envelope: Envelope) -> None:
        command = envelope.command.lower()
        if command == "catalog":
            await self._catalog(envelope)
        elif command == "keepalive":
            await self._keepalive(envelope)
        elif command == "uploadsnapshotfinished":
            self._session.pictures.finished(SnapshotsFinished.parse(envelope))
        elif command == "deviceupgraderesult":
            self._session.device.upgrade_told(UpgradeResult.parse(envelope))
        else:
            extra = {"device": self._session.device.id, "command": envelope.command}
            logger.debug("a report nobody deals with", extra=extra)

    async def _catalog(self, envelope: Envelope) -> None:
        """Changes it was subscribed to, and parts that came late."""
        session = self._session
        believe = session.device.options.notified_status
        if session.channels.changed(catalogs.changes(envelope), believe_status=believe):
            await session.survey.remember()
            session.described()

    async def _keepalive(self, envelope: Envelope) -> None:
        """Parts of it that do not work (GB-052)."""
        keepalive = Keepalive.parse(envelope)
        faulty = () if keepalive.faulty is None else keepalive.faulty.codes
        if self._session.channels.faulty(faulty):
            self._session.described()
