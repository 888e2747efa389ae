"""Running one campaign: begin devices as the concurrency allows, attend to those that have gone silent."""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from cambus.bus.client import BusClient
from cambus.bus.connection import Bus
from cambus.bus.errors import BusError
from cambus.bus.kv import KeyValue
from cambus.bus.tasks import end
from cambus.schemas import assets
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.upgrades import CampaignState, UpgradeAttempt, UpgradeCampaign
from cambus.schemas.upgrades import UpgradeState
from cambus.upgrade_manager.book import AttemptBook
from cambus.upgrade_manager.device import DeviceUpgrades
from cambus.upgrade_manager.settings import UpgradeManagerSettings
from cambus.upgrade_manager.sightings import Sightings
from cambus.upgrade_manager.store import CampaignStore
from cambus.upgrade_manager.verdict import FAILURES, ended

logger = logging.getLogger(__name__)

STEP_PAUSE_S = 0.05


class CampaignRunner:
    """Carries one campaign out. All state is in the store: it may be ended and run again anywhere.

    Args:
        campaign: what was ordered.
        store: where everything is remembered.
        bus: the connection.
        client: speaks to the devices' connectors.
        settings: intervals and deadlines.
        may_act: whether this process still holds the campaign; asked right before anything is sent.
    """

    def __init__(
        self,
        campaign: UpgradeCampaign,
        store: CampaignStore,
        bus: Bus,
        client: BusClient,
        settings: UpgradeManagerSettings,
        may_act: Callable[[], bool],
    ) -> None:
        self.id = campaign.id
        self._campaign = campaign
        self._store = store
        self._settings = settings
        self._may_act = may_act
        self._changed = asyncio.Event()
        self._book = AttemptBook(store, campaign, self._changed.set)
        self._sightings = Sightings(bus, campaign.devices, self._changed.set)
        self._upgrades = DeviceUpgrades(campaign, self._book, self._sightings, client, settings, may_act)
        self._watch = store.watch_campaign(campaign.id)
        self._registry = KeyValue(bus, assets.KV_DEVICES, DeviceRecord)
        self._registry_read_at = -math.inf
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._attended_at: dict[str, float] = {}

    async def run(self) -> None:
        """Until the campaign is over or gone; outages of NATS are waited out."""
        async with asyncio.TaskGroup() as group:
            followers = [
                group.create_task(follow())
                for follow in (self._book.follow, self._sightings.follow, self._follow)
            ]
            await asyncio.gather(
                self._book.synced.wait(), self._sightings.synced.wait(), self._watch.synced.wait()
            )
            while not await self._step_safely(group):
                await self._pause()
            await end(*followers, *self._busy.values())

    async def _follow(self) -> None:
        async for _, entry in self._watch:
            if entry is None:
                self._campaign = self._campaign.model_copy(update={"finished_at": datetime.now(UTC)})
            else:
                self._campaign = entry.value
            self._upgrades.campaign = self._campaign
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
        if self._campaign.finished_at is not None:
            return True
        open_ = [each for each in self._book.attempts.values() if not each.state.final]
        queued = [each for each in open_ if each.state is UpgradeState.QUEUED]
        active = [each for each in open_ if each.state is not UpgradeState.QUEUED]
        if self._is_winding_up:
            await self._skip(queued)
            queued = []
        queued = await self._without_removed(queued)
        self._attend(group, active)
        self._begin(group, queued, len(active))
        if queued or active or self._busy:
            return False
        await self._finish()
        return True

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

    def _begin(self, group: asyncio.TaskGroup, queued: list[UpgradeAttempt], active: int) -> None:
        """Begin the first queued devices that are there, as many as may be under way."""
        now = datetime.now(UTC)
        beginning = sum(attempt.device in self._busy for attempt in queued)
        room = self._campaign.concurrency - active - beginning
        for attempt in queued:
            if room <= 0:
                return
            if attempt.device not in self._busy and self._upgrades.can_begin(attempt, now):
                self._deal_with(group, attempt.device, self._upgrades.begin(attempt.device))
                room -= 1

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

    @property
    def _is_winding_up(self) -> bool:
        """Whether no more devices are to be begun."""
        return self._campaign.state is not CampaignState.RUNNING or self._too_many_failed

    @property
    def _too_many_failed(self) -> bool:
        most = self._campaign.max_failures
        failures = sum(attempt.state in FAILURES for attempt in self._book.attempts.values())
        return most is not None and failures >= most

    async def _skip(self, queued: list[UpgradeAttempt]) -> None:
        now = datetime.now(UTC)
        cancelled = self._campaign.state is CampaignState.CANCELLED
        text = "the campaign was cancelled" if cancelled else "too many devices failed before"

        def skip(attempt: UpgradeAttempt) -> UpgradeAttempt:
            if attempt.state is not UpgradeState.QUEUED:
                return attempt
            return ended(attempt, now, UpgradeState.CANCELLED, reason="not-begun", text=text)

        for attempt in queued:
            if attempt.device not in self._busy:
                await self._book.change(attempt.device, skip)

    async def _without_removed(self, queued: list[UpgradeAttempt]) -> list[UpgradeAttempt]:
        """Those that may have their turn one day; a device that is no more is not waited for."""
        unseen = [attempt.device for attempt in queued if not self._sightings.knows(attempt.device)]
        clock = time.monotonic()
        if not unseen or clock - self._registry_read_at < self._settings.silence_s:
            return queued
        self._registry_read_at = clock
        removed = set(unseen) - set(await self._registry.keys())
        for device in removed:
            await self._book.change(device, _removed)
        return [attempt for attempt in queued if attempt.device not in removed]

    async def _finish(self) -> None:
        now, stopped = datetime.now(UTC), self._too_many_failed

        def finish(campaign: UpgradeCampaign) -> UpgradeCampaign:
            changes: dict[str, Any] = {"finished_at": campaign.finished_at or now}
            if campaign.state is CampaignState.RUNNING:
                changes["state"] = CampaignState.STOPPED if stopped else CampaignState.FINISHED
                changes["note"] = "too many devices failed" if stopped else campaign.note
            return campaign.model_copy(update=changes)

        await self._store.change_campaign(self.id, finish)
        logger.info("a campaign is over", extra={"campaign": self.id})


def _removed(attempt: UpgradeAttempt) -> UpgradeAttempt:
    if attempt.state is not UpgradeState.QUEUED:
        return attempt
    now = datetime.now(UTC)
    return ended(attempt, now, UpgradeState.CANCELLED, reason="removed", text="the device was removed")
