"""What a device says on its own: alarms, positions, changes of its catalog, keepalives of broken parts.

The platform hands messages over without waiting. Alarms are dealt with apart from the rest, one after the other: a
device is told that one was heard as soon as it is durable, whatever else goes on.
"""

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Final

from cambus.connector.lane import Lane
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
        device = session.device.id
        self._alarms = Lane[Told](f"alarms {device}", MAX_ALARMS, self._deal_with_alarm)
        self._others = Lane[Told](f"notices {device}", MAX_OTHERS, self._deal_with_others)
        self._resets = Lane[str](f"alarm resets {device}", MAX_ALARMS, self._reset_alarm)
        self._unknown = UnknownMessages(session.device.context.events)
        self._unwell = False

    def told(self, told: Told) -> None:
        """The device has told something; too much at once is dropped, and said; an alarm is then not acknowledged."""
        lane = self._alarms if is_alarm(told.envelope) else self._others
        if not lane.put(told):
            logger.warning("reports of a device dropped", extra={"device": self._session.device.id})
            _acknowledge(told, kept=False)

    def begin(self) -> None:
        """Deal with what was told, and with what will be."""
        for lane in (self._alarms, self._others, self._resets):
            lane.begin()

    async def close(self) -> None:
        """End; alarms that wait are left to the device to tell again."""
        for told in await self._alarms.close():
            _acknowledge(told, kept=False)
        await self._others.close()
        await self._resets.close()

    # --- alarms -----------------------------------------------------------------------------------------

    async def _deal_with_alarm(self, waiting: deque[Told]) -> None:
        told = waiting.popleft()
        kept = True  # what can not be read will not be better when it is told again
        try:
            kept = await self._session.device.alarms.heard(told.envelope)
            if kept and self._session.device.options.reset_alarms and wants_reset(told.envelope):
                self._resets.put(told.envelope.code or self._session.code)
        except GbError as error:
            self._unreadable(error)
        except asyncio.CancelledError:
            _acknowledge(told, kept=False)
            raise
        except Exception:
            logger.exception("alarm not understood", extra={"device": self._session.device.id})
        _acknowledge(told, kept=kept)

    async def _reset_alarm(self, waiting: deque[str]) -> None:
        """Let an input tell its next alarm (GB-206)."""
        try:
            await self._session.remote.control(DeviceControl(alarm="ResetAlarm"), waiting.popleft())
        except GbError as error:
            extra = {"device": self._session.device.id, "reason": error.text}
            logger.info("an alarm was not reset", extra=extra)

    # --- everything else --------------------------------------------------------------------------------

    async def _deal_with_others(self, waiting: deque[Told]) -> None:
        """Changes of the catalog that came together are one: it is listed once for all of them."""
        changes: list[CatalogChange] = []
        for _ in range(len(waiting)):
            try:
                await self._report(waiting.popleft().envelope, changes)
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
        elif command == "videouploadnotify":
            await self._session.device.watch_requests.heard(self._session, envelope)
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
