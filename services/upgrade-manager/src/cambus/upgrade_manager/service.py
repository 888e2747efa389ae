"""The service: campaigns in, orders to connectors out, their events written down."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import ClassVar

from cambus.bus.jetstream_watch import JetStreamWatch
from cambus.bus.leases import LeaseKeeper
from cambus.bus.service import Runtime, Service
from cambus.client.consumer import EventConsumer, TryLater
from cambus.client.errors import BusError
from cambus.client.received import ReceivedEvent
from cambus.schemas import keys, subjects
from cambus.schemas.commands import upgrade_manager as commands
from cambus.schemas.events.base import Event
from cambus.schemas.events.upgrade import UpgradeFinished, UpgradeProgressed
from cambus.schemas.state.upgrades import UpgradeCampaign
from cambus.upgrade_manager.bandwidth import Bandwidth
from cambus.upgrade_manager.campaign import CampaignRunner
from cambus.upgrade_manager.control import CampaignControl
from cambus.upgrade_manager.course import stop_counts
from cambus.upgrade_manager.images import Images
from cambus.upgrade_manager.jobs import campaign_of
from cambus.upgrade_manager.ordering import Ordering
from cambus.upgrade_manager.planning import Planner
from cambus.upgrade_manager.reporting import Reporting
from cambus.upgrade_manager.retention import CROWDED, outdated
from cambus.upgrade_manager.settings import UpgradeManagerSettings
from cambus.upgrade_manager.store import CampaignStore
from cambus.upgrade_manager.verdict import Wanted, learned

logger = logging.getLogger(__name__)

WANTED = [f"{subjects.PREFIX}.evt.*.upgrade.{past}" for past in ("progressed", "finished")]
NATS_DELAY_S = 5.0
MAX_DELIVER = 1000
"""Writing down fails only while NATS does: no event is to be given up because of that."""
LEASE_MARGIN_S = 3.0


class UpgradeManager(Service[UpgradeManagerSettings]):
    """Upgrades fleets; a campaign is run by the replica that holds its lease, and goes on after a restart."""

    name: ClassVar[str] = commands.SERVICE
    summary: ClassVar[str] = "Upgrades the firmware of devices on the bus, never sending an image twice."

    def __init__(self, runtime: Runtime[UpgradeManagerSettings]) -> None:
        super().__init__(runtime)
        bus, ttl_s = runtime.bus, runtime.settings.lease_ttl_s
        self._store = CampaignStore(bus)
        self._leases = LeaseKeeper(
            bus, ttl_s=ttl_s, margin_s=min(LEASE_MARGIN_S, ttl_s / 5), on_lost=self._end
        )
        self._runners: dict[str, asyncio.Task[None]] = {}
        self._running = runtime.metrics.gauge("upgrade_campaigns_running", "Campaigns this replica runs")()
        stop_counts(
            runtime.metrics
        )  # at 0 from the start: an alert does not see the first of what was not there
        self._changed = asyncio.Event()
        self._consumer = EventConsumer(bus, commands.SERVICE, WANTED, self._note, max_deliver=MAX_DELIVER)
        self._jetstream = JetStreamWatch(bus)
        self._images = Images(bus, runtime.settings.firmware_keys_file)
        planner = Planner(bus, runtime.client, self._store)
        Ordering(self._store, self._images, planner, self._changed.set).register(runtime.endpoints)
        self._bandwidth = Bandwidth(bus, runtime.settings.upgrade_max_bytes_per_s)
        Reporting(bus, self._store, self._bandwidth).register(runtime.endpoints)
        CampaignControl(self._store, self._changed.set).register(runtime.endpoints)

    async def start(self) -> None:
        """Go on with the campaigns that are not over."""
        for work in (self._leases.run, self._consumer.run, self._run_campaigns, self._jetstream.run):
            self.runtime.spawn(work(), name=work.__qualname__)

    async def release(self) -> None:
        """Leave the campaigns to other replicas."""
        self._consumer.stop()
        for campaign in list(self._runners):
            self._end(keys.campaign(campaign))
        await self._leases.release_all()

    @property
    def running(self) -> frozenset[str]:
        """The campaigns this replica runs."""
        return frozenset(self._runners)

    # --- campaigns --------------------------------------------------------------------------------------

    async def _run_campaigns(self) -> None:
        while not self.runtime.stopping.is_set():
            self._changed.clear()
            try:
                await self._look()
            except BusError as error:
                logger.warning("cannot look at campaigns", extra={"reason": str(error)})
            try:
                async with asyncio.timeout(self.runtime.settings.look_interval_s):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _look(self) -> None:
        """Take what nobody runs, and drop what nobody will ask for any more."""
        known = await self._bandwidth.shares()  # before the campaigns: of what is read here, those are all
        campaigns = await self._store.campaigns()
        await self._bandwidth.prune(known, {each.id for each in campaigns if each.finished_at is None})
        for campaign in campaigns:
            await self._take(campaign)
        crowded = await self._store.fullness() > CROWDED
        for campaign in outdated(campaigns, crowded=crowded):
            logger.info("forgetting a campaign", extra={"campaign": campaign.id, "crowded": crowded})
            await self._store.forget(campaign.id)

    async def _take(self, campaign: UpgradeCampaign) -> None:
        """Run a campaign that is not over, unless another replica does."""
        over = campaign.finished_at is not None and not campaign.untold
        if over or campaign.id in self._runners or self.runtime.stopping.is_set():
            return
        key = keys.campaign(campaign.id)
        if await self._leases.acquire(key) is None:
            return
        if self.runtime.stopping.is_set():  # since: it was not among those given back
            await self._leases.release(key)
            return
        runner = CampaignRunner(
            campaign,
            self._store,
            self.runtime.bus,
            self.runtime.client,
            self._images,
            self.runtime.settings,
            lambda: self._leases.valid(key),
        )
        logger.info("running a campaign", extra={"campaign": campaign.id})
        self._runners[campaign.id] = self.runtime.spawn(self._run(runner), name=f"campaign {campaign.id}")
        self._running.set(len(self._runners))

    async def _run(self, runner: CampaignRunner) -> None:
        try:
            await runner.run()
        except Exception:  # a defect in one campaign stops no other; it is tried again at the next look
            logger.exception("a campaign failed", extra={"campaign": runner.id})
        await self._leases.release(keys.campaign(runner.id))
        if self._runners.get(runner.id) is asyncio.current_task():
            del self._runners[runner.id]
            self._running.set(len(self._runners))

    def _end(self, lease: str) -> None:
        running = self._runners.pop(lease.removeprefix(keys.CAMPAIGNS), None)
        self._running.set(len(self._runners))
        if running is not None:
            running.cancel()

    # --- events -----------------------------------------------------------------------------------------

    async def _note(self, received: ReceivedEvent) -> None:
        """Write down what a device's connector tells of a job of ours; whoever runs it sees it there.

        Raises:
            TryLater: NATS does not take it; waited for there, an outage does not use up the event's tries.
        """
        try:
            await self._write_down(received.event)
        except BusError as error:
            raise TryLater(str(error), delay_s=NATS_DELAY_S) from error

    async def _write_down(self, event: Event) -> None:
        if not isinstance(event, UpgradeProgressed | UpgradeFinished):
            return
        campaign_id = campaign_of(event.job)
        campaign = None if campaign_id is None else await self._store.campaign(campaign_id)
        if campaign is None or event.device not in campaign.devices:
            return
        now, told = datetime.now(UTC), event
        wanted = Wanted.of(campaign, campaign.firmware.version)

        await self._store.change_attempt(
            campaign.id, event.device, lambda attempt: learned(attempt, told, wanted, now)
        )
