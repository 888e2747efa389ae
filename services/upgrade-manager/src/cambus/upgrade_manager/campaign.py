"""Running one campaign: begin devices as the concurrency allows, attend to those that have gone silent."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from cambus.bus.connection import Bus
from cambus.client.calling import BusClient
from cambus.client.errors import BusError
from cambus.client.tasks import end
from cambus.schemas.state.upgrades import CampaignState, UpgradeAttempt, UpgradeCampaign
from cambus.schemas.upgrades import UpgradeState
from cambus.upgrade_manager.bandwidth import Bandwidth, NoRoom
from cambus.upgrade_manager.book import AttemptBook
from cambus.upgrade_manager.course import OVER, Course
from cambus.upgrade_manager.device import DeviceUpgrades
from cambus.upgrade_manager.images import ImageGone, Images
from cambus.upgrade_manager.roster import Roster
from cambus.upgrade_manager.settings import UpgradeManagerSettings
from cambus.upgrade_manager.sightings import Sightings
from cambus.upgrade_manager.store import CampaignStore
from cambus.upgrade_manager.telling import tell
from cambus.upgrade_manager.turns import Room
from cambus.upgrade_manager.verdict import ended
from cambus.upgrade_manager.windows import is_open

logger = logging.getLogger(__name__)

STEP_PAUSE_S = 0.05


class CampaignRunner:
    """Carries one campaign out. All state is in the store: it may be ended and run again anywhere.

    Args:
        campaign: what was ordered.
        store: where everything is remembered.
        bus: the connection.
        client: speaks to the devices' connectors.
        images: looks at the image before each use.
        settings: intervals and deadlines.
        may_act: whether this process still holds the campaign; asked right before anything is sent.
    """

    def __init__(
        self,
        campaign: UpgradeCampaign,
        store: CampaignStore,
        bus: Bus,
        client: BusClient,
        images: Images,
        settings: UpgradeManagerSettings,
        may_act: Callable[[], bool],
    ) -> None:
        self.id = campaign.id
        self._campaign = campaign
        self._store = store
        self._bus = bus
        self._settings = settings
        self._may_act = may_act
        self._changed = asyncio.Event()
        self._book = AttemptBook(store, campaign, self._changed.set)
        self._sightings = Sightings(bus, campaign.devices, self._changed.set)
        self._roster = Roster(bus, campaign.devices, self._changed.set)
        self._upgrades = DeviceUpgrades(
            campaign, self._book, self._sightings, self._roster, images, client, settings, may_act
        )
        self._bandwidth = Bandwidth(
            bus, settings.upgrade_max_bytes_per_s, campaign.id, settings.look_interval_s
        )
        self._course = Course(campaign, store, self._book, self._sightings, bus.metrics, self._learn)
        self._watch = store.watch_campaign(campaign.id)
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._attended_at: dict[str, float] = {}

    async def run(self) -> None:
        """Until the campaign is over or gone; outages of NATS are waited out."""
        async with asyncio.TaskGroup() as group:
            followers = [
                group.create_task(follow())
                for follow in (
                    self._book.follow,
                    self._sightings.follow,
                    self._roster.follow,
                    self._follow,
                )
            ]
            followed = (self._book, self._sightings, self._roster, self._watch)
            await asyncio.gather(*(each.synced.wait() for each in followed))
            while not await self._step_safely(group):
                await self._pause()
            await end(*followers, *self._busy.values())

    async def _follow(self) -> None:
        async for _, entry in self._watch:
            if entry is None:  # forgotten: there is nothing left to be done, or told
                last = max(self._campaign.told, *(step.number for step in self._campaign.untold), 0)
                gone = {"finished_at": datetime.now(UTC), "told": last}
                self._learn(self._campaign.model_copy(update=gone))
            else:
                self._learn(entry.value)

    def _learn(self, campaign: UpgradeCampaign) -> None:
        """Take over what is stored; what the watch brings may be older than what was written here since."""
        if _age(campaign) < _age(self._campaign):
            return
        self._campaign = campaign
        self._upgrades.campaign = campaign
        self._changed.set()

    async def _pause(self) -> None:
        """Wait for news, at most for the time between two looks; many news at once are one."""
        try:
            async with asyncio.timeout(self._settings.look_interval_s):
                await self._changed.wait()
                await asyncio.sleep(STEP_PAUSE_S)
        except TimeoutError:
            pass
        self._changed.clear()

    # --- one look at everything -------------------------------------------------------------------------

    async def _step_safely(self, group: asyncio.TaskGroup) -> bool:
        try:
            return await self._step(group)
        except BusError as error:
            logger.warning("a campaign waits for NATS", extra={"campaign": self.id, "reason": str(error)})
            return False

    async def _step(self, group: asyncio.TaskGroup) -> bool:
        """Look at everything once; whether the campaign is over."""
        attempts = self._book.attempts.values()
        await tell(self._bus, self._store, self._campaign, attempts)
        if self._campaign.finished_at is not None:
            return True
        await self._course.go_on(self._campaign)
        open_ = [each for each in self._book.attempts.values() if not each.state.final]
        queued = [each for each in open_ if each.state is UpgradeState.QUEUED]
        active = [each for each in open_ if each.state is not UpgradeState.QUEUED]
        if self._campaign.state in OVER:
            await self._skip(queued)
            queued = []
        queued = await self._without_removed(queued)
        self._attend(group, active)
        await self._bandwidth.keep({each.device for each in active if not each.image_sent} | set(self._busy))
        if self._campaign.state is CampaignState.RUNNING and is_open(self._campaign, datetime.now(UTC)):
            self._begin(group, queued, active)
        if not (queued or active or self._busy):
            await self._course.finish()
        return False

    def _attend(self, group: asyncio.TaskGroup, active: list[UpgradeAttempt]) -> None:
        """Attend to devices that are silent, and once to each that was under way when this process took over."""
        now, clock = datetime.now(UTC), time.monotonic()
        cancelled = self._campaign.state is CampaignState.CANCELLED
        for attempt in active:
            last = self._attended_at.get(attempt.device)
            cancel = cancelled and not attempt.image_sent
            if last is None or (
                clock - last >= self._settings.look_interval_s
                and (cancel or self._upgrades.needs_attention(attempt, now))
            ):
                self._deal_with(group, attempt.device, self._attend_to(attempt, cancel=cancel))

    async def _attend_to(self, attempt: UpgradeAttempt, *, cancel: bool) -> None:
        if cancel:
            await self._upgrades.cancel(attempt)
        await self._upgrades.attend(attempt)

    def _begin(
        self, group: asyncio.TaskGroup, queued: list[UpgradeAttempt], active: list[UpgradeAttempt]
    ) -> None:
        """Begin the first queued devices that are there and have their turn, as many as there is room for."""
        now = datetime.now(UTC)
        beginning = [attempt.device for attempt in queued if attempt.device in self._busy]
        under_way = [*beginning, *(attempt.device for attempt in active)]
        room = Room(self._campaign, under_way, self._roster.tags)
        allowed = self._course.may_begin(self._campaign)
        for attempt in queued:
            if room.is_full or self._bandwidth.is_full:
                return
            device = attempt.device
            if device in self._busy or device not in allowed or not self._upgrades.can_begin(attempt, now):
                continue
            if room.take(device):
                self._deal_with(group, device, self._begin_one(device))

    async def _begin_one(self, device: str) -> None:
        try:
            share = await self._bandwidth.take(self._campaign, device)
            await self._upgrades.begin(device, share)
        except NoRoom:
            return  # it keeps its place
        except ImageGone as error:
            await self._course.hold_up(str(error))

    def _deal_with(self, group: asyncio.TaskGroup, device: str, work: Coroutine[Any, Any, None]) -> None:
        """Do something about one device, unless something is being done already."""
        if device in self._busy or not self._may_act():
            work.close()
            return
        self._attended_at[device] = time.monotonic()
        self._busy[device] = group.create_task(self._finish_with(device, work))

    async def _finish_with(self, device: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except BusError as error:
            facts = {"campaign": self.id, "device": device, "reason": str(error)}
            logger.warning("a device of a campaign waits for NATS", extra=facts)
            await asyncio.sleep(self._settings.look_interval_s)
        finally:
            del self._busy[device]
            self._changed.set()

    # --- the end ----------------------------------------------------------------------------------------

    async def _skip(self, queued: list[UpgradeAttempt]) -> None:
        now = datetime.now(UTC)
        cancelled = self._campaign.state is CampaignState.CANCELLED
        text = "the campaign was cancelled" if cancelled else "the campaign was stopped before its turn"

        def skip(attempt: UpgradeAttempt) -> UpgradeAttempt:
            if attempt.state is not UpgradeState.QUEUED:
                return attempt
            return ended(attempt, now, UpgradeState.CANCELLED, reason="not-begun", text=text)

        for attempt in queued:
            if attempt.device not in self._busy:
                await self._book.change(attempt.device, skip)

    async def _without_removed(self, queued: list[UpgradeAttempt]) -> list[UpgradeAttempt]:
        """Those that may have their turn one day; a device that is no more is not waited for."""
        removed = {
            attempt.device
            for attempt in queued
            if not self._sightings.knows(attempt.device) and self._roster.of(attempt.device) is None
        }
        for device in removed:
            await self._book.change(device, _removed)
        return [attempt for attempt in queued if attempt.device not in removed]


def _age(campaign: UpgradeCampaign) -> tuple[int, int]:
    """Grows with every change of a campaign: each is a step of its history, or tells of one."""
    return (campaign.steps[-1].number if campaign.steps else 0, campaign.told)


def _removed(attempt: UpgradeAttempt) -> UpgradeAttempt:
    if attempt.state is not UpgradeState.QUEUED:
        return attempt
    now = datetime.now(UTC)
    return ended(attempt, now, UpgradeState.CANCELLED, reason="removed", text="the device was removed")
