"""What a device says on its own: alarms, positions, changes of its catalog, keepalives of broken parts.

The platform hands messages over without waiting. Alarms are dealt with apart from the rest, one after the other: a
device is told that one was heard as soon as it is durable, whatever else goes on.
"""

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from cambus.connector_gb28181.alarms import wants_reset
from cambus.connector_gb28181.mapping.text import text
from cambus.connector_gb28181.positions import report_positions, report_view
from cambus.connector_gb28181.strangeness import UnknownMessages
from cambus.gb28181.errors import GbError
from cambus.gb28181.manscdp import catalog as catalogs
from cambus.gb28181.manscdp.alarms import is_alarm
from cambus.gb28181.manscdp.catalog import CatalogChange
from cambus.gb28181.manscdp.control import DeviceControl
from cambus.gb28181.manscdp.envelope import Envelope, Root
from cambus.gb28181.manscdp.notices import SnapshotsFinished, UpgradeResult
from cambus.gb28181.manscdp.presence import Keepalive
from cambus.gb28181.platform import Told
from cambus.schemas.alarms import Severity
from cambus.sip.errors import SipError

if TYPE_CHECKING:
    from cambus.connector_gb28181.session import GbSession

logger = logging.getLogger(__name__)

MAX_ALARMS: Final = 256
MAX_OTHERS: Final = 1024
MAX_NAMED: Final = 20


class Reports:
    """Deals with what one device says.

    Args:
        session: of the device.
    """

    def __init__(self, session: "GbSession") -> None:
        self._session = session
        self._alarms: asyncio.Queue[Told] = asyncio.Queue(MAX_ALARMS)
        self._others: asyncio.Queue[Told] = asyncio.Queue(MAX_OTHERS)
        self._resets: asyncio.Queue[str] = asyncio.Queue(MAX_ALARMS)
        self._unknown = UnknownMessages(session.device.context.events)
        self._unwell = False

    def told(self, told: Told) -> None:
        """The device has told something; too much at once is dropped, and said; an alarm is then not acknowledged."""
        queue = self._alarms if is_alarm(told.envelope) else self._others
        try:
            queue.put_nowait(told)
        except asyncio.QueueFull:
            logger.warning("reports of a device dropped", extra={"device": self._session.device.id})
            _acknowledge(told, kept=False)

    async def run(self) -> None:
        """Deal with reports until cancelled; alarms that wait then are left to the device to tell again."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._deal_with_alarms(), name=f"alarms {self._session.device.id}")
                tasks.create_task(self._deal_with_others(), name=f"notices {self._session.device.id}")
                tasks.create_task(self._reset_alarms(), name=f"alarm resets {self._session.device.id}")
        finally:
            while not self._alarms.empty():
                _acknowledge(self._alarms.get_nowait(), kept=False)

    # --- alarms -----------------------------------------------------------------------------------------

    async def _deal_with_alarms(self) -> None:
        while True:
            told = await self._alarms.get()
            kept = True  # what can not be read will not be better when it is told again
            try:
                kept = await self._session.device.alarms.heard(told.envelope)
                if kept and self._session.device.options.reset_alarms and wants_reset(told.envelope):
                    self._reset(told.envelope.code)
            except GbError as error:
                self._unreadable(error)
            except asyncio.CancelledError:
                _acknowledge(told, kept=False)
                raise
            except Exception:
                logger.exception("alarm not understood", extra={"device": self._session.device.id})
            _acknowledge(told, kept=kept)

    def _reset(self, code: str) -> None:
        if not self._resets.full():
            self._resets.put_nowait(code or self._session.code)

    async def _reset_alarms(self) -> None:
        """Let inputs tell their next alarm (GB-206)."""
        while True:
            code = await self._resets.get()
            try:
                await self._session.remote.control(DeviceControl(alarm="ResetAlarm"), code)
            except GbError as error:
                extra = {"device": self._session.device.id, "reason": error.text}
                logger.info("an alarm was not reset", extra=extra)

    # --- everything else --------------------------------------------------------------------------------

    async def _deal_with_others(self) -> None:
        """Changes of the catalog that came together are one: it is listed once for all of them."""
        while True:
            waiting = [await self._others.get()]
            while not self._others.empty():
                waiting.append(self._others.get_nowait())
            changes: list[CatalogChange] = []
            for told in waiting:
                try:
                    await self._report(told.envelope, changes)
                except GbError as error:
                    self._unreadable(error)
                except Exception:
                    logger.exception("report not understood", extra={"device": self._session.device.id})
            if changes:
                await self._catalog(changes)

    async def _report(self, envelope: Envelope, changes: list[CatalogChange]) -> None:
        command = envelope.command.lower()
        if envelope.root is Root.RESPONSE or command == "mediastatus":
            extra = {"device": self._session.device.id, "command": text(envelope.command, 64)}
            logger.debug("a report nobody waits for", extra=extra)  # too late, to nothing we have asked
        elif envelope.root is not Root.NOTIFY:
            await self._unknown.heard(envelope)
        elif command == "catalog":
            changes += catalogs.changes(envelope)
        elif command == "keepalive":
            await self._keepalive(envelope)
        elif command == "mobileposition":
            await report_positions(self._session, envelope)
        elif command == "ptzposition":
            await report_view(self._session, envelope)
        elif command == "uploadsnapshotfinished":
            self._session.pictures.finished(SnapshotsFinished.parse(envelope))
        elif command == "deviceupgraderesult":
            self._session.device.upgrade_told(UpgradeResult.parse(envelope))
        else:
            await self._unknown.heard(envelope)

    async def _catalog(self, changes: list[CatalogChange]) -> None:
        """It was subscribed to changes, or tells them unasked (GB-110)."""
        session = self._session
        if session.channels.unheard_of(changes):
            session.survey.again()
        believe, size = session.device.options.notified_status, len(session.channels.channels)
        if await session.survey.take(lambda: session.channels.changed(changes, believe_status=believe), size):
            session.described()
            await session.survey.remember()

    async def _keepalive(self, envelope: Envelope) -> None:
        """Parts of it do not work, or it does not as a whole (GB-052)."""
        session = self._session
        keepalive = Keepalive.parse(envelope)
        faulty = () if keepalive.faulty is None else keepalive.faulty.codes
        size = len(session.channels.channels)
        news = await session.survey.take(lambda: session.channels.faulty(faulty), size)
        unwell = keepalive.ok is False or bool(faulty)
        if news:
            session.described()
        if unwell and (news or not self._unwell):
            named = [text(code, 64) for code in faulty[:MAX_NAMED]]
            await session.device.context.events.exception(
                "device-report",
                f"the device says that {', '.join(named) or 'it'} does not work",
                severity=Severity.MAJOR,
                codes=named,
            )
        self._unwell = unwell

    def _unreadable(self, error: GbError) -> None:
        extra = {"device": self._session.device.id, "reason": error.text}
        logger.info("a report of a device is unreadable", extra=extra)


def _acknowledge(told: Told, *, kept: bool) -> None:
    if told.taken is None:
        return
    try:
        told.taken(kept)
    except SipError as error:
        logger.debug("an alarm was not acknowledged", extra={"code": told.device, "reason": str(error)})
