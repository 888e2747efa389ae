"""The service: campaigns in, orders to connectors out, their events written down."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import ClassVar

from cambus.bus.consumer import EventConsumer
from cambus.bus.errors import BusError
from cambus.bus.kv import KeyValue
from cambus.bus.leases import LeaseKeeper
from cambus.bus.objects import ObjectStore
from cambus.bus.received import ReceivedEvent
from cambus.bus.service import Runtime, Service
from cambus.schemas import assets, keys, subjects
from cambus.schemas.commands import upgrade_manager as commands
from cambus.schemas.events.upgrade import UpgradeFinished, UpgradeProgressed
from cambus.schemas.state.presence import Presence
from cambus.schemas.state.upgrades import UpgradeCampaign
from cambus.upgrade_manager.campaign import CampaignRunner
from cambus.upgrade_manager.handlers import UpgradeCommands
from cambus.upgrade_manager.jobs import campaign_of, job_of
from cambus.upgrade_manager.settings import UpgradeManagerSettings
from cambus.upgrade_manager.store import CampaignStore
from cambus.upgrade_manager.verdict import finished, progressed

logger = logging.getLogger(__name__)

WANTED = [f"{subjects.PREFIX}.evt.*.upgrade.{past}" for past in ("progressed", "finished")]


class UpgradeManager(Service[UpgradeManagerSettings]):
    """Upgrades fleets; a campaign is run by the replica that holds its lease, and goes on after a restart."""

    name: ClassVar[str] = commands.SERVICE
    summary: ClassVar[str] = "Upgrades the firmware of devices on the bus, never sending an image twice."

    def __init__(self, runtime: Runtime[UpgradeManagerSettings]) -> None:
        super().__init__(runtime)
        bus = runtime.bus
        self._store = CampaignStore(bus)
        self._presence: KeyValue[Presence] = KeyValue(bus, assets.KV_PRESENCE, Presence)
        self._leases = LeaseKeeper(bus, on_lost=self._end)
        self._runners: dict[str, tuple[CampaignRunner, asyncio.Task[None]]] = {}
        self._changed = asyncio.Event()
        self._consumer = EventConsumer(bus, commands.SERVICE, WANTED, self._note)
        firmware = ObjectStore(bus, assets.OBJECTS_FIRMWARE)
        UpgradeCommands(self._store, firmware, self._on_change).register(runtime.endpoints)

    async def start(self) -> None:
        """Go on with the campaigns that are not over."""
        for work in (self._leases.run, self._consumer.run, self._run_campaigns):
            self.runtime.spawn(work(), name=work.__qualname__)

    async def release(self) -> None:
        """Leave the campaigns to other replicas."""
        self._consumer.stop()
        for campaign in list(self._runners):
            self._end(keys.campaign(campaign))
        await self._leases.release_all()

    async def _run_campaigns(self) -> None:
        while not self.runtime.stopping.is_set():
            self._changed.clear()
            try:
                for campaign in await self._store.campaigns():
                    await self._take(campaign)
            except BusError as error:
                logger.warning("cannot look at campaigns", extra={"reason": str(error)})
            try:
                async with asyncio.timeout(self.runtime.settings.look_interval_s):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _take(self, campaign: UpgradeCampaign) -> None:
        """Run a campaign that is not over, unless another replica does."""
        running = self._runners.get(campaign.id)
        if campaign.finished_at is not None or (running is not None and not running[1].done()):
            return
        key = keys.campaign(campaign.id)
        if await self._leases.acquire(key) is None:
            return
        settings = self.runtime.settings
        runner = CampaignRunner(
            campaign,
            self._store,
            self.runtime.client,
            self._presence,
            settings,
            lambda: self._leases.valid(key),
        )
        task = self.runtime.spawn(self._run(runner), name=f"campaign {campaign.id}")
        self._runners[campaign.id] = (runner, task)

    async def _run(self, runner: CampaignRunner) -> None:
        try:
            await runner.run()
        finally:
            self._runners.pop(runner.id, None)
        await self._leases.release(keys.campaign(runner.id))

    def _end(self, lease: str) -> None:
        running = self._runners.pop(lease.removeprefix(keys.CAMPAIGNS), None)
        if running is not None:
            running[1].cancel()

    def _on_change(self, campaign: str) -> None:
        self._changed.set()
        if campaign in self._runners:
            self._runners[campaign][0].wake()

    async def _note(self, received: ReceivedEvent) -> None:
        """Write down what a device's connector tells of a job of ours."""
        event = received.event
        if not isinstance(event, UpgradeProgressed | UpgradeFinished):
            return
        campaign_id = campaign_of(event.job)
        if campaign_id is None or event.job != job_of(campaign_id, event.device):
            return
        campaign = await self._store.campaign(campaign_id)
        if campaign is None or event.device not in campaign.devices:
            return
        now = datetime.now(UTC)
        if isinstance(event, UpgradeProgressed):
            step = event
            await self._store.change_attempt(
                campaign_id, event.device, lambda attempt: progressed(attempt, step, now)
            )
        else:
            end, expected = event, campaign.firmware.version
            await self._store.change_attempt(
                campaign_id, event.device, lambda attempt: finished(attempt, end, expected, now)
            )
        self._on_change(campaign_id)
