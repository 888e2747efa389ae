"""One GB/T 28181 device, over all its registrations."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

from cambus.client.errors import BusError
from cambus.connector.context import DeviceContext
from cambus.connector.errors import EndReason, SessionEnd
from cambus.connector.upgrades import MarkBegun, OnState, Upgrades
from cambus.connector_gb28181.alarms import DeviceAlarms
from cambus.connector_gb28181.channels import ChannelTable
from cambus.connector_gb28181.hub import Hub
from cambus.connector_gb28181.known import Known
from cambus.connector_gb28181.link import GbLink
from cambus.connector_gb28181.options import Gb28181Options
from cambus.connector_gb28181.session import GbSession
from cambus.connector_gb28181.upgrade_run import UpgradeRun
from cambus.connector_gb28181.upgrade_steps import Step, UpgradeSteps
from cambus.connector_gb28181.watch_requests import WatchRequests
from cambus.gb28181.manscdp.notices import UpgradeResult
from cambus.gb28181.subscriptions import Topic
from cambus.schemas.commands.upgrade import UpgradeStartRequest
from cambus.schemas.errors import CambusError, Conflict
from cambus.schemas.state.credentials import Credentials
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.registrations import KnownDevice

logger = logging.getLogger(__name__)


class GbDevice:
    """A device of a record.

    Args:
        record: its record.
        context: its surroundings.
        hub: what all devices share.

    Attributes:
        id: on the bus.
        code: its code.
        options: of its record.
        known: what it has said of itself, None before it was read.
        channels: what is behind it, None before that was read.
        memory: what of that is kept.
        listing: held while its channels are listed anew.
        alarms: its alarms.
        watch_requests: its wishes to be watched.
        unsupported: until when it is not asked to report something again, by the clock of the event loop.
        session: the present one, None without one.
        upgrades: its firmware upgrades.
        upgrade: the one that is watched now.

    Raises:
        InvalidRecord: the record can not work.
    """

    def __init__(self, record: DeviceRecord, context: DeviceContext, hub: Hub) -> None:
        self.id = record.id
        self.options = Gb28181Options.of(record.options)
        self.code = self.options.code_of(record.id)
        self.context = context
        self.hub = hub
        self.known: KnownDevice | None = None
        self.channels: ChannelTable | None = None
        self.memory = hub.known.of(self.id)
        self.listing = asyncio.Lock()
        self.alarms = DeviceAlarms(self)
        self.watch_requests = WatchRequests(self)
        self.unsupported: dict[Topic, float] = {}
        self.session: GbSession | None = None
        self.upgrades = Upgrades(context, self._upgrade_run, may_begin=self._not_downloading)
        self.upgrade: UpgradeRun | None = None
        self._looked_for_upgrade = False

    async def connect(self, credentials: Credentials | None) -> GbSession:  # noqa: ARG002 - the contract's
        """Nobody can be called: devices register."""
        raise SessionEnd(EndReason.UNSUPPORTED, "GB/T 28181 devices are not dialled; they register")

    async def accept(self, link: GbLink, credentials: Credentials) -> GbSession:  # noqa: ARG002 - the contract's
        """Make a session of a registration; what the device is, is asked once it is up."""
        if link.over.done():
            raise link.over.result()
        await self._remember()
        assert self.known is not None and self.channels is not None  # noqa: S101, PT018 - read by now
        self.session = GbSession(self, link, self.known, self.channels)
        if self.upgrade is not None:
            self.upgrade.came()
        elif not self._looked_for_upgrade:
            self._looked_for_upgrade = True
            self.context.hooks.spawn(self._take_up_upgrade(), "take up upgrade")
        return self.session

    def upgrade_told(self, result: UpgradeResult) -> None:
        """The device has told how an upgrade went; one we know nothing of changes nothing."""
        if self.upgrade is None or not self.upgrade.told(result):
            logger.info("a result of an upgrade nobody waits for", extra={"device": self.id})

    def left(self, session: GbSession) -> None:
        """A session is over."""
        if self.session is session:
            self.session = None
            if self.upgrade is not None:
                self.upgrade.left()

    async def close(self) -> None:
        """Nobody here will hear when its alarms are over: they are now; one that lasts is told again and is another."""
        await self.alarms.close()

    def known_now(self) -> Known:
        """What is known of it, to be kept."""
        assert self.known is not None and self.channels is not None  # noqa: S101, PT018 - read before a session
        known = self.known if self.session is None else self.session.known
        self.known = known.model_copy(update={"numbers": dict(self.channels.numbers)})
        return self.known, self.channels.channels

    # --- upgrades ---------------------------------------------------------------------------------------

    def _upgrade_run(
        self, request: UpgradeStartRequest, on_state: OnState, _mark_begun: MarkBegun
    ) -> UpgradeRun:
        before = self.known.software_version if self.known is not None else ""
        steps = self._upgrade_steps(before, request.expected_version, self.options.upgrade_timeout_s)
        return UpgradeRun(self, request.job, request, steps, on_state)

    def _upgrade_steps(
        self, before: str, expected: str | None, left_s: float, **already: Any
    ) -> UpgradeSteps:
        return UpgradeSteps(
            version_before=before,
            expected=expected,
            deadline=asyncio.get_running_loop().time() + left_s,
            return_s=self.options.upgrade_return_s,
            **already,
        )

    def _not_downloading(self) -> None:
        if self.session is not None and self.session.slot.holder is not None:
            raise Conflict("the device is sending a download", reason="download-under-way")

    async def _take_up_upgrade(self) -> None:
        """Go on watching an upgrade that was begun before this process, or by another replica."""
        try:
            last = await self.upgrades.begun.last()
        except BusError as error:
            self._looked_for_upgrade = False
            logger.warning(
                "not known whether an upgrade is under way", extra={"device": self.id, "reason": str(error)}
            )
            return
        if last is None or last.state.final or last.job is None or last.started_at is None:
            return
        job, began_s = last.job, (datetime.now(UTC) - last.started_at).total_seconds()
        left_s = max(self.options.upgrade_timeout_s - began_s, 0.0)
        steps = self._upgrade_steps(
            last.version_before,
            last.expected_version,
            left_s,
            step=Step.FETCHING,
            image_sent=last.image_sent,
        )
        self.upgrades.take_up(job, steps.state, lambda on_state: UpgradeRun(self, job, None, steps, on_state))

    async def _remember(self) -> None:
        """Read what it has said before, perhaps to another replica: its channels would get other numbers without."""
        try:
            news = await self.memory.read()
        except BusError as error:
            if self.known is None:
                raise SessionEnd(
                    EndReason.INTERNAL, f"what is known of the device was not read: {error}"
                ) from None
            return
        except CambusError as error:
            logger.error("what was known is unreadable", extra={"device": self.id, "reason": error.text})
            news = KnownDevice(device=self.id), ()
        if news is not None:
            self.known, channels = news
            self.channels = ChannelTable(self.code, self.known.numbers, channels)
